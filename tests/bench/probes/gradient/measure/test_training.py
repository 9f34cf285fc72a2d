"""Measuring a training changes nothing of it, and its norms are those of its groups."""

import copy
import math

import numpy as np
import pytest
import torch

from bench.measure.training import Trainer
from bench.probes.gradient import recompute
from bench.statistics.summaries import clipped_share
from models.groups import parameter_groups
from models.heads import set_dropout

from .subjects import ROUNDED, measured, measuring, subject


class TestTraining:
    @pytest.mark.parametrize("dropout", [0.0, 0.3])
    def test_probing_changes_no_weight(self, arm, dropout):
        """Random numbers are drawn by both, so that dropout is the same as well."""
        of = subject(arm)
        set_dropout(of.config, dropout)
        measurement = measuring(of)
        measurement.round()
        plain = Trainer(of.build(), of.head, 1e-3, 1.0)
        plain.run(of.batches(4, 4))
        assert measurement.samples["steps"] == [0, 2, 4]
        assert measurement.samples["states"]
        for probed, unprobed in zip(
            measurement.model.parameters(), plain.model.parameters(), strict=True
        ):
            assert torch.equal(probed, unprobed)
        before = of.build().state_dict()
        after = measurement.model.state_dict()
        assert not all(torch.equal(before[name], after[name]) for name in before)
        assert measurement._samples()["loss"] == plain.training().losses

    def test_validating_changes_no_weight_and_says_how_the_training_stands(self, arm):
        of = subject(arm, protocol={"patience": 1, "eval_every": 2})
        measurement = measuring(of)
        measurement.round()
        plain = measuring(subject(arm))
        plain.round()
        assert all(
            torch.equal(one, other)
            for one, other in zip(
                measurement.model.parameters(), plain.model.parameters(), strict=True
            )
        )
        result = measurement.result()
        curve = result.samples["validation"]
        assert [step for step, *_ in curve] == [0, 2, 4]
        gained = curve[2][1] < min(curve[0][1], curve[1][1]) * 0.999
        assert result.metrics["ended"] == ("ceiling" if gained else "converged")
        assert result.metrics["best_step"] == min(curve, key=lambda point: point[1])[0]
        record = {
            "cell": of.cell.model_dump(mode="json"),
            "metrics": result.metrics,
            "samples": result.samples,
        }
        assert recompute.metrics(record).items() <= result.metrics.items()
        assert "ended" not in plain.result().metrics

    def test_dropout_is_the_same_in_every_twin(self):
        of = subject("lstm")
        set_dropout(of.config, 0.3)
        assert max(measured(of)[0]["kernel_difference"]) < 1e-4

    def test_no_gradient_of_a_weight_is_touched(self, arm):
        measurement = measuring(subject(arm, protocol={"steps": 0}))
        measurement.round()
        assert all(weight.grad is None for weight in measurement.model.parameters())

    def test_groups_make_up_the_global_norm(self, arm):
        of = subject(arm)
        samples = measured(of)[0]
        groups = dict(samples["group_norms"])
        assert list(groups) == list(parameter_groups(of.build()))
        assert len(samples["gradient_norm"]) == 4
        together = np.linalg.norm(list(groups.values()), axis=0)
        assert together == pytest.approx(samples["gradient_norm"], rel=ROUNDED)

    @pytest.mark.parametrize("clip", [1e-3, 1e3])
    def test_what_clipping_leaves_is_derived(self, arm, clip):
        of = subject(arm)
        trainer = Trainer(of.build(), of.head, 1e-3, clip)
        trainer.run(of.batches(2, 4))
        training = trainer.training()
        left = min(1.0, clip / (training.norms[-1] + 1e-6))
        assert clipped_share(training.norms, clip) == (1.0 if clip < 1 else 0.0)
        weights = dict(trainer.model.named_parameters())
        for group, names in parameter_groups(trainer.model).items():
            kept = [weights[name].grad for name in names if weights[name].grad is not None]
            after = math.sqrt(sum(float(grad.double().square().sum()) for grad in kept))
            before = training.group_norms[group][-1]
            assert after == pytest.approx(left * before, rel=1e-5, abs=1e-30)

    def test_clipped_steps_are_counted(self):
        samples, _ = measured(subject("lstm"))
        between = sorted(samples["gradient_norm"])[1:3]
        clip = sum(between) / 2
        assert clipped_share(samples["gradient_norm"], clip) == 0.5
        assert clipped_share(samples["gradient_norm"], max(samples["gradient_norm"])) == 0.0


def test_a_copy_is_not_needed(arm):
    """Measuring leaves the model as it was, weight for weight."""
    measurement = measuring(subject(arm))
    before = copy.deepcopy(measurement.model.state_dict())
    measurement._measure(0)
    after = measurement.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
