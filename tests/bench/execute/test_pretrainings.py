"""Bodies are made before any cell, by workers, and what lies in the cache is not made again."""

import pytest

from bench import study
from bench.data import cache
from bench.execute import bodies, processes
from bench.measure import pretrained
from bench.measure.subject import PRETRAINED
from bench.outcome import FAILED, UNSUPPORTED

from .groups import THREADS

STUDY = """
title = "Here"
summary = "Two arms, pretrained here."
[comparison.self]
summary = "pretrained here"
match_to = "transformer"
hidden_size = 64
num_layers = 1
pretraining = {tokens = 1024, length = 32, batch_size = 8}
[[grid]]
probe = "learning"
comparison = "self"
task = ["package", "roles"]
length = 32
arm = ["lstm", "transformer"]
seed = [0, 1]
threads = 1
steps = 2
eval_rows = 8
"""


class Told:
    """A listener that remembers."""

    def __init__(self):
        self.shares, self.ended = {}, []

    def pretraining(self, body, share):
        self.shares.setdefault(body["key"], []).append(share)

    def pretrained(self, body, made, reason):
        self.ended.append((body["arm"], made, reason))


@pytest.fixture(scope="module")
def own(fingerprint, tmp_path_factory):
    """A server whose cache is its own, but for the corpus."""
    base = tmp_path_factory.mktemp("cache")
    (base / "rnn-vs-transformer").mkdir()
    for path in cache.root().glob("[ct]o*-*"):
        (base / "rnn-vs-transformer" / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base))
        with processes.Server(base / "log") as running:
            yield running


def planned(tmp_path, settings="tokens = 1024"):
    path = tmp_path / "here.toml"
    path.write_text(STUDY.replace("tokens = 1024", settings))
    return study.load(str(path)).cells


def test_each_body_is_made_once_and_again_only_where_it_is_damaged(own, fingerprint, tmp_path):
    cells = planned(tmp_path)
    decided = processes.prepare(own, cells, fingerprint, THREADS)
    missing, answers = decided["pretrainings"], decided["cells"]
    assert sorted((body["arm"], len(body["cells"])) for body in missing) == [
        ("lstm", 2), ("lstm", 2), ("transformer", 4),
    ]  # fmt: skip
    assert all(body["estimate_s"] > 0 for body in missing)
    assert {answers[cell.key]["pretraining"] for cell in cells} == {None}
    told = Told()
    bodies.run(own, missing, answers, told, corpus=fingerprint, threads=2, timeout_s=600)
    assert [(arm, made["tokens"], why) for arm, made, why in told.ended] == [
        (body["arm"], 1024, "") for body in missing
    ]
    assert all(shares[-1] == 1.0 for shares in told.shares.values())
    for cell in cells:
        made = answers[cell.key]["pretraining"]
        assert made == pretrained.read(answers[cell.key]["config"][PRETRAINED])
        assert len(made["sha256"]) == 64
    again = processes.prepare(own, cells, fingerprint, THREADS)
    assert again["pretrainings"] == []
    assert again["cells"][cells[0].key]["pretraining"] == answers[cells[0].key]["pretraining"]
    (pretrained.folder(missing[0]["key"]) / "config.json").unlink()
    (damaged,) = processes.prepare(own, cells, fingerprint, THREADS)["pretrainings"]
    assert damaged["key"] == missing[0]["key"]


def test_cells_of_a_body_that_cannot_be_made_say_why(own, fingerprint, tmp_path):
    cells = planned(tmp_path, "tokens = 32768, learning_rates = [1000.0]")
    decided = processes.prepare(own, cells, fingerprint, THREADS)
    (first, *_), answers = decided["pretrainings"], decided["cells"]
    told = Told()
    bodies.run(own, [first], answers, told, corpus=fingerprint, threads=2, timeout_s=600)
    assert told.ended == [(first["arm"], None, "pretraining diverged at learning rate 1000")]
    for key in first["cells"]:
        assert answers[key] == {
            "failed": FAILED,
            "reason": f"{first['arm']} could not be pretrained: {told.ended[0][2]}",
        }
    assert pretrained.read(first["key"]) is None


def test_other_data_than_the_corpus_is_unsupported(own, fingerprint, tmp_path):
    images = planned(tmp_path)[0].model_copy(update={"task": "digits", "length": 64})
    (answer,) = processes.prepare(own, [images], fingerprint, THREADS)["cells"].values()
    assert answer["failed"] == UNSUPPORTED
    assert "has other text" in answer["reason"]
