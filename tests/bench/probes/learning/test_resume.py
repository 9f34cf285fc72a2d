"""A training that was cut off and goes on ends as one that never was."""

import math

import pytest
import torch

from bench.measure import resume
from bench.probes.learning.measure import Measurement
from models.heads import set_dropout

from ..subjects import subjects

#: Of metrics, those that hang on how long a step takes, and what only the one cut off has.
TIMED = ("step_s", "tokens_per_s", "train_s", "resumed_at_steps")


class Cut(Exception):
    """Where a training is cut off."""


@pytest.fixture(autouse=True)
def at_every_validation(monkeypatch, one_thread):
    monkeypatch.setattr(resume, "EVERY_S", 0.0)
    monkeypatch.setattr(resume, "SHARE", math.inf)


def measured(corpus, arm, file=None, until=1.0, dtype="float32", dropout=0.2, **protocol):
    """A training, cut off where a share of its steps is over."""
    own = subjects(corpus, "learning")["lstm"].cell.protocol
    small = {"steps": 8, "eval_every": 2, "eval_rows": 8, "learning_rates": [3e-3]}
    kernel = "sdpa" if arm == "transformer" else "fused"
    changes = {"arm": arm, "kernel": kernel, "dtype": dtype, "protocol": own | small | protocol}
    subject = subjects(corpus, "learning", **changes)[arm]
    set_dropout(subject.config, dropout)

    def progress(share):
        if share > until:
            raise Cut

    measurement = Measurement(subject, progress)
    if file is not None:
        measurement.keep_in(file)
    measurement.round()
    return measurement, measurement.result()


def cut_off_and_whole(corpus, tmp_path, arm, **protocol):
    """The same training in two processes' worth of pieces, and in one."""
    path = tmp_path / "training.safetensors"
    with pytest.raises(Cut):
        measured(corpus, arm, resume.File(path, {}), until=0.6, **protocol)
    resumed = measured(corpus, arm, resume.File(path, {}), **protocol)
    return resumed, measured(corpus, arm, **protocol)


def assert_same(resumed, whole):
    (one, result), (other, expected) = resumed, whole
    assert result.metrics.keys() - expected.metrics.keys() == {"resumed_at_steps"}
    for name in expected.metrics.keys() - set(TIMED):
        assert result.metrics[name] == expected.metrics[name], name
    for name in expected.samples.keys() - {"seconds"}:
        assert result.samples[name] == expected.samples[name], name
    assert len(result.samples["seconds"]) == len(expected.samples["seconds"])
    ours, theirs = (m.trainer.model.state_dict() for m in (one, other))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize("arm", ["rnn", "lstm", "gru", "transformer"])
def test_a_training_that_goes_on_ends_to_the_bit_as_one_never_cut_off(own_corpus, tmp_path, arm):
    protocol = {"schedule": "cosine", "warmup_steps": 2, "shortest": 4}
    resumed, whole = cut_off_and_whole(own_corpus, tmp_path, arm, **protocol)
    assert resumed[1].metrics["resumed_at_steps"] == [4]
    assert_same(resumed, whole)


@pytest.mark.parametrize(
    "protocol",
    [
        ({"patience": 3, "learning_rates": [3e-1]}),  # the best weights were of before
        ({"dtype": "pure_bfloat16"}),
        ({"dtype": "float16"}),
    ],
)
def test_whatever_else_a_training_keeps(own_corpus, tmp_path, protocol):
    resumed, whole = cut_off_and_whole(own_corpus, tmp_path, "transformer", **protocol)
    assert resumed[1].metrics["resumed_at_steps"] == [4]
    assert resumed[1].metrics.get("best_step", 0) < 4
    assert_same(resumed, whole)


def test_a_training_at_another_rate_is_not_gone_on_with(own_corpus, tmp_path):
    """Further trials may have been made since, and another rate be the best."""
    path = tmp_path / "training.safetensors"
    with pytest.raises(Cut):
        measured(own_corpus, "lstm", resume.File(path, {}), until=0.6)
    _, result = measured(own_corpus, "lstm", resume.File(path, {}), learning_rates=[1e-3])
    assert "resumed_at_steps" not in result.metrics


def test_there_is_dropout_in_these_trainings(own_corpus):
    """Or the comparisons above would not miss a generator that was lost."""
    some, none = (measured(own_corpus, "lstm", dropout=p, steps=2)[1] for p in (0.2, 0.0))
    assert some.samples["loss"] != none.samples["loss"]


def test_one_cut_off_twice_says_so(own_corpus, tmp_path):
    path = tmp_path / "training.safetensors"
    for until in (0.3, 0.6):
        with pytest.raises(Cut):
            measured(own_corpus, "gru", resume.File(path, {}), until=until)
    _, result = measured(own_corpus, "gru", resume.File(path, {}))
    assert result.metrics["resumed_at_steps"] == [2, 4]
