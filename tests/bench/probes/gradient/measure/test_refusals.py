"""What cannot be measured says so, and what breaks keeps what was before."""

import math

import numpy as np
import pytest
import torch
from transformers import BertConfig, PreTrainedModel

from bench import tasks
from bench.execute import prepare
from bench.execute.channel import finite
from bench.execute.worker import describe
from bench.outcome import DIVERGED, UNSUPPORTED, CellError, Diverged
from bench.probes.gradient import designated
from bench.probes.gradient import flow as curves
from bench.tasks import parity

from .subjects import measured, measuring, subject, zero


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
        found = designated.drawn(of)
        assert found.keys() == {"input_ids", "labels"}
        assert torch.equal(found["input_ids"], rows["input_ids"][full][:4])
        many = subject("lstm", "listops", 32, protocol={"rows": count + 1})
        said = ended(many)
        assert said["failed"] == UNSUPPORTED
        assert f"of 1000 rows {count} fill T=32, and {count + 1} are asked" in said["reason"]
