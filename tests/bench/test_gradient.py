"""The gradient probe: against theory, finite differences and doctored models, to the record."""

import copy
import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import BertConfig, PreTrainedModel

import models.arms
from bench import study, tasks
from bench.execute import prepare
from bench.execute.channel import finite
from bench.execute.worker import describe
from bench.measure.objective import embed
from bench.measure.subject import Subject
from bench.outcome import DIVERGED, UNSUPPORTED, CellError, Diverged, Unsupported
from bench.probes.gradient import flow as curves
from bench.probes.gradient import measure as gradient
from bench.probes.gradient.measure import Designated, Measurement, flow
from bench.probes.learning import measure as learning
from bench.probes.learning.measure import Trainer
from bench.tasks import parity
from models.groups import parameter_groups
from models.heads import set_dropout

from ..conftest import TINY

ARMS = ("rnn", "lstm", "gru", "transformer")
DEFAULTS = {name: field["default"] for name, field in gradient.PROTOCOL.items()}
SMALL = {"steps": 4, "batch_size": 4, "rows": 4, "eval_rows": 8, "stages": [0.5, 1.0]}
ROUNDED = 1.1e-4  # two numbers of five digits each
#: A task for every head with a designated position, and a window that it has.
TASKS = {
    "AutoModelForSequenceClassification": ("parity", 12),
    "AutoModelForTokenClassification": ("reverse", 12),
    "AutoModelForCausalLM": ("mqar", 32),
    "AutoModelForSeq2SeqLM": ("docstring", 16),
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def digits(monkeypatch):
    """A record keeps few digits; here it keeps enough to be checked against what is known."""
    for module in (gradient, learning):
        monkeypatch.setattr(module, "short", lambda values, digits=4: curves.short(values, 17))


@pytest.fixture(params=ARMS)
def arm(request):
    return request.param


@pytest.fixture(params=TASKS)
def head(request):
    return request.param


def subject(arm, task="parity", length=12, data=None, layers=2, size=8, recurrent=None, **changes):
    """A small model of an arm under a task's head, with ``changes`` of the cell."""
    cell = next(cell for cell in study.load(str(TINY)).cells if cell.probe == "gradient")
    protocol = DEFAULTS | SMALL | changes.pop("protocol", {})
    kernel = "sdpa" if arm == "transformer" else "fused"
    update = {"arm": arm, "task": task, "length": length, "kernel": kernel, "protocol": protocol}
    cell = cell.model_copy(update=update | changes)
    loaded = tasks.load(task)
    vocabulary = tasks.vocabulary(loaded, data)
    shape = models.arms.Shape(
        head=loaded.HEAD,
        num_labels=len(loaded.LABELS) or 1,
        vocab_size=vocabulary.size,
        pad_token_id=vocabulary.pad,
        bos_token_id=vocabulary.bos,
        eos_token_id=vocabulary.eos,
        embedding_size=size,
        num_layers=layers,
        num_heads=2,
        max_positions=64,
        target_length=getattr(loaded, "TARGET_LENGTH", None),
        recurrent=recurrent or {},
    )
    return Subject(cell, models.arms.load(arm).config(shape).to_dict(), data)


def under(head, arm, corpus, **changes):
    """A subject of an arm under a head."""
    task, length = TASKS[head]
    return subject(arm, task, length, corpus if tasks.needs(task) else None, **changes)


def measuring(of):
    return Measurement(of, lambda share: None)


def measured(of):
    """Samples and metrics of a whole measurement."""
    measurement = measuring(of)
    measurement.round()
    result = measurement.result()
    return result.samples, result.metrics


def norms_by_distance(model, designated):
    return designated.by_distance(flow(model, designated)).double().norm(dim=-1)


@torch.no_grad()
def zero(*weights):
    for weight in weights:
        weight.zero_()


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
        assert training.clipped_share(clip) == (1.0 if clip < 1 else 0.0)
        weights = dict(trainer.model.named_parameters())
        for group, names in parameter_groups(trainer.model).items():
            kept = [weights[name].grad for name in names if weights[name].grad is not None]
            after = math.sqrt(sum(float(grad.double().square().sum()) for grad in kept))
            before = training.group_norms[group][-1]
            assert after == pytest.approx(left * before, rel=1e-5, abs=1e-30)

    def test_clipped_steps_are_counted(self):
        of = subject("lstm")
        samples, _ = measured(of)
        between = sorted(samples["gradient_norm"])[1:3]
        clip = sum(between) / 2
        training = Trainer(of.build(), of.head, 1e-3, 1.0)
        training.run(of.batches(4, 4))
        assert training.training().clipped_share(clip) == 0.5
        assert training.training().clipped_share(max(samples["gradient_norm"])) == 0.0


class TestDesignated:
    def rows(self, labels, length=6):
        return {"input_ids": torch.zeros(len(labels), length).long(), "labels": labels}

    def test_a_classifier_that_reads_the_end(self):
        found = Designated(self.rows(torch.zeros(2)), "AutoModelForSequenceClassification", 5)
        assert found.distance.tolist() == [0, 1, 2, 3, 4, 5]
        assert found._order.tolist() == [[5, 4, 3, 2, 1, 0]] * 2

    def test_a_classifier_that_reads_the_start(self):
        found = Designated(self.rows(torch.zeros(2)), "AutoModelForSequenceClassification", 0)
        assert found._order.tolist() == [found.distance.tolist()] * 2 == [[0, 1, 2, 3, 4, 5]] * 2

    def test_the_last_label_of_each_row(self):
        """Distances go as far as those of the row whose label comes first."""
        labels = torch.tensor([[1, -100, -100, 2, -100, -100], [-100, -100, -100, 1, 1, 0]])
        found = Designated(self.rows(labels), "AutoModelForTokenClassification")
        assert found.distance.tolist() == [0, 1, 2, 3]
        assert found._order.tolist() == [[3, 2, 1, 0], [5, 4, 3, 2]]
        assert found._label.tolist() == [2, 0]

    def test_a_language_model_is_asked_one_token_before(self):
        labels = torch.tensor([[1, -100, -100, 2, -100, -100], [-100, -100, -100, 1, 1, 0]])
        found = Designated(self.rows(labels), "AutoModelForCausalLM")
        assert found.distance.tolist() == [0, 1, 2]
        assert found._order.tolist() == [[2, 1, 0], [4, 3, 2]]
        assert found._label.tolist() == [2, 0]

    def test_an_encoder_decoder_answers_behind_the_window(self):
        found = Designated(self.rows(torch.ones(2, 3).long()), "AutoModelForSeq2SeqLM")
        assert found.distance.tolist() == [1, 2, 3, 4, 5, 6]
        assert found._order.tolist() == [[5, 4, 3, 2, 1, 0]] * 2

    @pytest.mark.parametrize("head", ["AutoModelForTokenClassification", "AutoModelForCausalLM"])
    def test_a_row_without_a_label_is_refused(self, head):
        labels = torch.tensor([[1, 1, 1, 1, 1, 1], [-100] * 6])
        with pytest.raises(Unsupported, match="no labelled position"):
            Designated(self.rows(labels), head)

    def test_nothing_predicts_the_first_token(self):
        labels = torch.tensor([[1] + [-100] * 5])
        assert Designated(self.rows(labels), "AutoModelForTokenClassification").distance == 0
        with pytest.raises(Unsupported, match="no labelled position"):
            Designated(self.rows(labels), "AutoModelForCausalLM")

    def test_by_distance_takes_each_row_from_its_own_label(self):
        labels = torch.tensor([[-100, -100, 1, -100], [-100, -100, -100, 1]])
        found = Designated(self.rows(labels, 4), "AutoModelForTokenClassification")
        values = torch.arange(8.0).view(2, 4, 1)
        assert found.by_distance(values).squeeze(-1).tolist() == [[2, 1, 0], [7, 6, 5]]

    def test_a_rows_gradient_does_not_depend_on_its_batch(self, head, arm, corpus):
        of = under(head, arm, corpus, dtype="float64")
        model, rows = of.build(), of.rows("validation", 4, seed=0)
        alone = {name: tensor[2:3] for name, tensor in rows.items()}
        position = None
        if head == "AutoModelForSequenceClassification":
            position = of.arm.loss_position(of.cell.length, head, of.config)
        all_of_them, one = (flow(model, Designated(r, head, position)) for r in (rows, alone))
        torch.testing.assert_close(all_of_them[2:3], one, rtol=1e-6, atol=1e-12)
        assert one.any()


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


def prepared(of):
    """What is decided about a subject's cell before anything runs."""
    decided = prepare.Decisions(lambda cell: of.data)(of.cell)
    return decided.get("failed"), decided.get("reason")


def ended(of):
    """What the worker would report of a cell: of an error whatever a record has of it."""
    try:
        return {"samples": measured(of)[0]}
    except CellError as error:
        return finite(describe(error))


class TestBadInput:
    @pytest.mark.parametrize(
        ("task", "length", "why"),
        [
            ("answers", 64, "AutoModelForQuestionAnswering has none: its loss compares all"),
            ("search", 64, "AutoModel has none: it reads the mean"),
            ("digits", 64, "AutoProcessor has none: its towers read images"),
        ],
    )
    def test_a_head_without_a_designated_position(self, corpus, task, length, why):
        data = tasks.open_data("digits", "offline", "") if task == "digits" else corpus
        of = subject("lstm", "parity")
        of.cell = of.cell.model_copy(update={"task": task, "length": length})
        of.data = data
        status, reason = prepared(of)
        assert status == UNSUPPORTED
        assert why in reason

    def test_a_recurrence_that_reads_both_ends(self):
        found = ended(subject("gru", recurrent={"bidirectional": True}))
        assert found["failed"] == UNSUPPORTED
        assert "gru reads no one position" in found["reason"]

    def test_a_model_that_takes_no_embeddings(self):
        class Takes(PreTrainedModel):
            config_class = BertConfig

            def forward(self, input_ids, labels=None):
                raise AssertionError("it should not have run")

        of = subject("transformer")
        of.build = lambda *_: Takes(BertConfig())
        found = ended(of)
        assert found["failed"] == UNSUPPORTED
        assert found["reason"].startswith("Takes takes no inputs_embeds")

    @pytest.mark.parametrize("task", ["parity", "adding"])
    def test_the_shortest_window(self, arm, task):
        samples = measured(subject(arm, task, 2))[0]
        assert samples["distance"] == [0, 1]
        assert samples["log_decay"] == [[None] * 4] * 3
        for norm in samples["norm"]:
            assert min(norm) > 0
            assert curves.reach(samples["distance"], norm) == 1

    def test_one_token(self, arm, monkeypatch):
        status, reason = prepared(subject(arm, length=1))
        assert (status, "at least 2 tokens" in reason) == (UNSUPPORTED, True)
        monkeypatch.setattr(parity, "LENGTHS", (1, 8192))
        samples = measured(subject(arm, length=1))[0]
        assert samples["distance"] == [0]
        assert curves.fate(samples["distance"], samples["norm"][0]) == "alone"
        assert samples["norm"][0][0] > 0

    def test_an_all_zero_gradient(self, arm):
        measurement = measuring(subject(arm))
        zero(measurement.model.classifier.weight)
        measurement._measure(0)
        samples = measurement.samples
        assert samples["norm"] == samples["norm_float64"] == [[0.0] * 12]
        assert samples["zero_share"] == [1.0]
        assert samples["kernel_difference"] == [0.0]
        assert curves.zero_from(samples["distance"], samples["zero_by_distance"][0]) == 0
        assert finite(samples) == samples

    def test_a_gradient_that_is_no_number(self, arm):
        of = subject(arm)
        measurement = measuring(of)
        with torch.no_grad():
            measurement.model.classifier.weight[0, 0] = math.nan
        with pytest.raises(
            Diverged, match="gradient at the embeddings is not finite at step 0"
        ) as e:
            measurement.round()
        found = finite(describe(e.value))
        assert found["failed"] == DIVERGED
        assert found["details"] == {"step": 0}
        samples = found["samples"]
        assert samples["steps"] == [0]
        assert samples["norm"] == samples["norm_float64"] == [[None] * 12]
        assert curves.fate(samples["distance"], samples["norm"][0]) == "not finite"

    @pytest.mark.parametrize("states", [0, 1])
    def test_a_training_that_diverges_keeps_what_was_before(self, arm, states):
        of = subject(arm, protocol={"steps": 10, "states": states})
        measurement = measuring(of)
        ran = measurement.progress

        def spoil(share):
            ran(share)
            if share == 0.6:
                with torch.no_grad():
                    measurement.model.classifier.weight.fill_(math.nan)

        measurement.progress = spoil
        with pytest.raises(Diverged, match="training loss is not finite at step 7") as error:
            measurement.round()
        samples = finite(describe(error.value))["samples"]
        assert samples["steps"] == [0, 5]
        assert np.shape(samples["norm"]) == (2, 12)
        assert len(samples["loss"]) == 7
        assert samples["loss"][6] is None
        assert None not in samples["loss"][:6]
        assert [len(norms) for _, norms in samples["group_norms"]].count(7) > 2

    def test_an_exploding_learning_rate_ends_as_diverged_or_done(self, arm):
        found = ended(subject(arm, protocol={"learning_rate": 1e30, "clip_norm": 1e30}))
        assert found.get("failed", DIVERGED) == DIVERGED
        assert np.shape(found["samples"]["norm"][0]) == (12,)

    def test_only_rows_that_fill_their_window(self):
        of = subject("lstm", "listops", 32)
        rows = of.rows("validation", tasks.BLOCK, seed=0)
        full = rows["attention_mask"].all(dim=1)
        count = int(full.sum())
        assert 4 < count < 900
        found = gradient._rows(of)
        assert found.keys() == {"input_ids", "labels"}
        assert torch.equal(found["input_ids"], rows["input_ids"][full][:4])
        many = subject("lstm", "listops", 32, protocol={"rows": count + 1})
        said = ended(many)
        assert said["failed"] == UNSUPPORTED
        assert f"of 1000 rows {count} fill T=32, and {count + 1} are asked" in said["reason"]


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


def test_a_copy_is_not_needed(arm):
    """Measuring leaves the model as it was, weight for weight."""
    measurement = measuring(subject(arm))
    before = copy.deepcopy(measurement.model.state_dict())
    measurement._measure(0)
    after = measurement.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("size", [1e-320, 1e-200, 1e-160, 1.0, 1e200])
def test_a_norm_is_not_lost_to_squares_in_float64_either(size):
    entries = torch.tensor([[3.0, 4.0], [0.0, 0.0]], dtype=torch.float64) * size
    found = gradient._norms(entries)
    assert found[0] == pytest.approx(5 * size, rel=1e-3 if size < 1e-300 else 1e-12)
    assert found[1] == 0.0


@pytest.mark.parametrize("entry", [math.nan, math.inf])
def test_a_norm_of_what_is_no_number_is_none(entry):
    assert not gradient._norms(torch.tensor([[1.0, entry]])).isfinite().any()


def test_rows_are_those_that_are_asked_last():
    """Of a thousand rows of recall those with the latest query, which see the farthest value."""
    of = subject("gru", "mqar", 32, protocol={"rows": 16, "steps": 0})
    measurement = measuring(of)
    distance = measurement.designated.distance.tolist()
    assert distance[-1] >= 27, "every one of them sees as far as the task needs"
    labelled = of.rows("validation", tasks.BLOCK, seed=0)["labels"] != -100
    last = labelled.shape[1] - 1 - labelled.flip(1).int().argmax(dim=1)
    assert int(last.sort().values[-16]) == distance[-1] + 1


def test_rows_differ_from_seed_to_seed():
    one, other = (
        measuring(subject("gru", "parity", 12, protocol={"steps": 0}, seed=seed)) for seed in (0, 1)
    )
    ids = [m.designated.rows["input_ids"] for m in (one, other)]
    assert not torch.equal(*ids)
