"""The flow of gradients against theory and finite differences."""

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from bench.measure.objective import embed
from bench.probes.gradient import flow as curves
from bench.probes.gradient.designated import flow

from .subjects import ROUNDED, measuring, norms_by_distance, subject, under, zero


class TestTheory:
    @pytest.fixture
    def linear(self):
        """A measurement of an Elman classifier whose tanh never bends: W = rho Q, tiny inputs."""
        rho, size = 0.9, 8
        measurement = measuring(
            subject("rnn", length=40, layers=1, size=size, dtype="float64", protocol={"steps": 0})
        )
        model = measurement.model
        stack = model.recurrent.layers
        torch.manual_seed(0)
        recurrent, inward = (torch.linalg.qr(torch.randn(size, size).double()).Q for _ in range(2))
        zero(stack.bias_ih_l0, stack.bias_hh_l0)
        with torch.no_grad():
            stack.weight_hh_l0.copy_(rho * recurrent)
            stack.weight_ih_l0.copy_(inward)
            model.get_input_embeddings().weight.mul_(1e-6)
        return measurement, rho

    def test_linear_recurrence_decays_as_its_spectral_radius(self, linear):
        measurement, rho = linear
        norms = norms_by_distance(measurement.model, measurement.designated)
        expected = rho ** torch.arange(40, dtype=torch.float64)
        torch.testing.assert_close(
            norms / norms[:, :1], expected.expand_as(norms), rtol=1e-6, atol=0
        )

    def test_its_decay_stands_in_the_record(self, linear):
        measurement, rho = linear
        measurement.round()
        samples = measurement.samples
        assert samples["log_decay"] == [[pytest.approx(math.log(rho), rel=1e-6)] * 4]
        assert samples["log_decay_float64"] == samples["log_decay"]
        norm = samples["norm"][0]
        assert norm == pytest.approx([norm[0] * rho**k for k in range(40)], rel=ROUNDED)
        distance = samples["distance"]
        assert curves.log_decay(distance, norm) == pytest.approx(math.log(rho), rel=1e-5)
        assert curves.half_life(samples["log_decay"][0][0]) == pytest.approx(6.5788, rel=1e-4)

    def test_constant_gates_decay_as_the_forget_gate(self):
        """No recurrent weights, and inputs to the candidate alone: dL/dc falls as sigmoid(b_f)."""
        forget, size = 0.5, 8
        of = subject("lstm", length=40, layers=1, size=size, dtype="float64", protocol={"steps": 0})
        measurement = measuring(of)
        stack = measurement.model.recurrent.layers
        candidate = stack.weight_ih_l0.detach()[2 * size : 3 * size].clone()
        zero(*stack.parameters())
        with torch.no_grad():
            stack.weight_ih_l0[2 * size : 3 * size] = candidate
            stack.bias_ih_l0[size : 2 * size] = forget
        measurement.round()
        samples = measurement.samples
        keep = 1 / (1 + math.exp(-forget))
        assert samples["states"] == ["h, layer 1", "c, layer 1"]
        h, c = samples["state_norm"][0]
        assert c == pytest.approx([c[0] * keep**k for k in range(40)], rel=ROUNDED)
        assert c[0] > 0
        assert h[1:] == [0.0] * 39, "nothing passes through h where W is zero"
        (twin,) = measurement.twins.values()
        with of.arm.trace(twin) as gradients:
            flow(twin, measurement.designated)
        norms = measurement.designated.by_distance(gradients()["c"][0]).norm(dim=-1)
        decay = keep ** torch.arange(40, dtype=torch.float64)
        torch.testing.assert_close(norms, norms[:, :1] * decay, rtol=1e-9, atol=0)


def loss_by_hand(model, head, rows, embeds):
    """The sum over rows of what the designated position has to pay."""
    count = range(len(embeds))
    labels = rows["labels"]
    if head == "AutoModelForSequenceClassification":
        return cross_entropy(model(inputs_embeds=embeds).logits, labels, reduction="sum")
    if head == "AutoModelForSeq2SeqLM":
        start = torch.full((len(embeds), 1), model.config.decoder_start_token_id)
        logits = model(inputs_embeds=embeds, decoder_input_ids=start).logits[:, 0]
        return cross_entropy(logits, labels[:, 0], reduction="sum")
    last = [max(np.flatnonzero(row != -100)) for row in labels.numpy()]
    shift = 1 if head == "AutoModelForCausalLM" else 0
    logits = model(inputs_embeds=embeds).logits
    return sum(
        cross_entropy(logits[row, last[row] - shift], labels[row, last[row]]) for row in count
    )


def test_flow_is_that_of_finite_differences(head, arm, corpus):
    """At the nearest position, one between and the farthest, of every row."""
    of = under(head, arm, corpus, dtype="float64", protocol={"rows": 2})
    measurement = measuring(of)
    model, designated = measurement.model, measurement.designated
    got = designated.by_distance(flow(model, designated))
    embeds = embed(model, designated.rows).detach()
    # T5's norm and softmax compute in float32, whose rounding a smaller step would magnify.
    rounded = (head, arm) == ("AutoModelForSeq2SeqLM", "transformer")
    step, tolerance = (1e-2, 1e-2) if rounded else (1e-5, 1e-5)
    torch.manual_seed(0)
    for row in range(2):
        for place in (0, 1, len(designated.distance) // 2, -1):
            position = int(designated._order[row, place])
            way = torch.nn.functional.normalize(torch.randn(8, dtype=torch.float64), dim=0)
            nudge = torch.zeros_like(embeds)
            nudge[row, position] = step * way
            with torch.no_grad():
                high, low = (
                    loss_by_hand(model, head, designated.rows, embeds + sign * nudge)
                    for sign in (1, -1)
                )
            expected = float(high - low) / (2 * step)
            scale = float(got[row, place].norm())
            assert abs(float(got[row, place] @ way) - expected) <= tolerance * scale + 1e-9
