"""What a record keeps: an entry a stage, exact zeros, subnormal numbers, norms of any size."""

import math

import numpy as np
import pytest
import torch

from bench.probes.gradient import flow as curves
from bench.probes.gradient import measure as gradient
from bench.probes.gradient import norms
from bench.probes.gradient.designated import flow

from .subjects import ARMS, DEFAULTS, ROUNDED, SMALL, measured, measuring, subject, under, zero


class TestSamples:
    def test_one_entry_a_stage(self, head, arm, corpus):
        of = under(head, arm, corpus)
        samples, metrics = measured(of)
        assert samples["steps"] == [0, 2, 4]
        count = len(samples["distance"])
        for name in ("norm", "norm_low", "norm_high", "norm_float64"):
            assert np.shape(samples[name]) == (3, count), name
        for share, zeros in zip(samples["zero_share"], samples["zero_by_distance"], strict=True):
            assert len(zeros) == (count if share else 0), "none is kept where none is zero"
        for name in ("log_decay", "log_decay_float64"):
            assert np.shape(samples[name]) == (3, 4), name
        states = len(samples["states"])
        assert states == (4 if arm == "lstm" else 2)
        assert np.shape(samples["state_norm"]) == (3, states, count)
        for name in ("state_zero_share", "state_subnormal_share"):
            assert np.shape(samples[name]) == (3, states), name
        for name in ("zero_share", "subnormal_share", "kernel_difference", "naive_zero_from"):
            assert len(samples[name]) == 3, name
        norms = np.asarray(samples["norm"])
        assert (norms > 0).any(axis=1).all()
        assert (norms[0] != norms[1]).any()
        assert (norms[1] != norms[2]).any()
        low, high = np.asarray(samples["norm_low"]), np.asarray(samples["norm_high"])
        assert (low <= high).all()
        # Float64 starts from the same weights, and where float32 has digits says the same.
        assert samples["norm"] == [
            pytest.approx(stage, rel=1e-3, abs=1e-6 * max(stage))
            for stage in samples["norm_float64"]
        ]
        assert max(samples["kernel_difference"]) < 1e-4
        assert len(samples["loss"]) == len(samples["gradient_norm"]) == 4
        assert 0 <= metrics["clipped_share"] <= 1
        assert metrics["test_loss"] > 0

    def test_what_the_task_needs_stands_beside_it(self):
        assert measured(subject("gru", "mqar", 32))[1]["needed_distance"] == 27
        assert measured(subject("gru"))[1]["needed_distance"] is None

    def test_no_steps_is_initialisation_only(self, arm):
        samples, metrics = measured(subject(arm, protocol={"steps": 0}))
        assert samples["steps"] == [0]
        assert len(samples["norm"]) == len(samples["norm_float64"]) == 1
        assert not {"loss", "gradient_norm"} & samples.keys()
        assert "test_metric" not in metrics

    def test_no_states(self, arm):
        """The flow is then the same, and nothing runs step by step."""
        with_states, without = (
            measured(subject(arm, protocol={"states": states}))[0] for states in (1, 0)
        )
        for name in ("norm", "zero_share", "steps", "loss"):
            assert with_states[name] == without[name]
        assert np.allclose(with_states["norm_float64"], without["norm_float64"], rtol=ROUNDED)
        assert not {"states", "state_norm", "kernel_difference"} & without.keys()

    @pytest.mark.parametrize(
        ("stages", "steps"),
        [([0.1, 0.5, 1.0], [0, 1, 2, 4]), ([0.01, 0.02], [0, 1]), ([], [0]), ([0.0, 9.0], [0, 4])],
    )
    def test_stages_of_a_short_training_are_distinct(self, stages, steps):
        samples = measured(subject("rnn", protocol={"stages": stages, "states": 0}))[0]
        assert samples["steps"] == steps
        assert len(samples["norm"]) == len(steps)
        assert len(samples["loss"]) == 4

    def test_a_cell_in_float64(self, arm):
        samples = measured(subject(arm, dtype="float64"))[0]
        for name in ("norm", "log_decay"):
            for own, twin in zip(samples[name], samples[f"{name}_float64"], strict=True):
                assert np.allclose(own, twin, rtol=ROUNDED)
        assert max(samples["kernel_difference"]) < 1e-4

    def test_a_cell_in_half_precision(self):
        samples = measured(subject("rnn", dtype="bfloat16"))[0]
        assert np.allclose(samples["norm"][0][0], samples["norm_float64"][0][0], rtol=0.1)

    @pytest.mark.parametrize("own", ARMS)
    def test_a_wrong_kernel_is_seen(self, own):
        measurement = measuring(subject(own, protocol={"steps": 0}))
        twin = measurement.twins["float32"]
        twin.classifier.register_forward_pre_hook(lambda _, inputs: (2 * inputs[0],))
        measurement.round()
        assert measurement.samples["kernel_difference"][0] > 0.1


class TestZeros:
    def test_exact_zeros_are_counted_and_located(self):
        """An LSTM whose forget gates are shut lets nothing through but the last step."""
        measurement = measuring(subject("lstm", layers=1, protocol={"steps": 0}))
        stack = measurement.model.recurrent.layers
        zero(stack.weight_hh_l0)
        with torch.no_grad():
            stack.bias_ih_l0[8:16] = -1e4
        measurement.round()
        samples = measurement.samples
        norm = samples["norm"][0]
        assert norm[0] > 0
        assert norm[1:] == [0.0] * 11
        assert samples["zero_share"][0] == pytest.approx(11 / 12)
        assert samples["zero_by_distance"][0] == [0.0] + [1.0] * 11
        assert curves.zero_from(samples["distance"], samples["zero_by_distance"][0]) == 1
        assert curves.fate(samples["distance"], norm) == "zero"
        assert samples["naive_zero_from"] == [1]
        assert samples["state_zero_share"][0] == pytest.approx([11 / 12] * 2)
        assert samples["log_decay"] == [[None] * 4]

    def test_subnormal_entries_are_counted(self):
        """Weights that scale the gradient to 1e-40, which is no normal number of float32."""
        measurement = measuring(subject("transformer", protocol={"steps": 0}))
        with torch.no_grad():
            measurement.model.classifier.weight.mul_(1e-38)
        measurement.round()
        samples = measurement.samples
        gradient = flow(measurement.model, measurement.designated).double().abs().numpy()
        expected = ((gradient > 0) & (gradient < 2.0**-126)).mean()
        assert samples["subnormal_share"][0] == pytest.approx(expected)
        assert expected > 0.9
        assert 0 < max(samples["norm"][0]) < 1e-36
        assert samples["norm"][0] == pytest.approx(samples["norm_float64"][0], rel=0.1)
        assert all(decay is None for decay in samples["log_decay"][0])
        assert all(decay is not None for decay in samples["log_decay_float64"][0])

    def test_norm_is_not_lost_to_float32s_squares(self):
        """Entries of 1e-30 have a norm, though their squares underflow."""
        measurement = measuring(subject("transformer", protocol={"steps": 0}))
        with torch.no_grad():
            measurement.model.classifier.weight.mul_(1e-28)
        measurement.round()
        samples = measurement.samples
        assert 1e-33 < min(samples["norm"][0]) < max(samples["norm"][0]) < 1e-25
        assert samples["naive_zero_from"] == [0]
        assert samples["zero_share"] == samples["subnormal_share"] == [0.0]

    def test_nothing_is_naive_of_an_ordinary_gradient(self):
        samples = measured(subject("transformer"))[0]
        assert samples["naive_zero_from"] == [None] * 3
        assert samples["zero_share"] == samples["subnormal_share"] == [0.0] * 3


def test_random_numbers_are_kept():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with gradient._random_numbers_kept("cpu"):
        torch.rand(7)
    assert torch.equal(torch.rand(2), expected)


def test_the_plan_counts_what_is_measured():
    least = gradient.work(DEFAULTS | SMALL | {"steps": 0, "states": 0}, {})
    assert least == (1 + gradient._IN_DOUBLE, 0.0)
    steps, passes = gradient.work(DEFAULTS | SMALL, {})
    assert steps == 4 + 3 * (1 + gradient._IN_DOUBLE + gradient._UNROLLED)
    assert passes == 2


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-160, 1.0, 1e200])
def test_a_norm_is_not_lost_to_squares_in_float64_either(size):
    entries = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64) * size
    found = norms.vector_norms(entries)
    assert found[0] == pytest.approx(5 * size, rel=1e-3 if size < 1e-300 else 1e-12)
    assert found[1] == 0.0


@pytest.mark.parametrize("entry", [math.nan, math.inf])
def test_a_norm_of_what_is_no_number_is_none(entry):
    assert not norms.vector_norms(torch.tensor([[1.0, entry]])).isfinite().any()
