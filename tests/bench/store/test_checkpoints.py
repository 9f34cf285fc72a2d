"""Checkpoints as studies name them, and ``rvt ls checkpoints``, in seconds and without torch."""

import hashlib
import json
import shutil
import time

import pytest
import torch
from transformers import AutoTokenizer, BertConfig, BertModel

from bench import study
from bench.execute import prepare
from bench.store import Store, checkpoints
from bench.tools import inventory
from models.checkpoints import CATALOGUE, CONFIG, MINILM, WEIGHTS, CheckpointError

from ...conftest import TINY
from ...hub import Hub

TOKENIZER = "tokenizer.json"


@pytest.fixture
def listed(rvt, tmp_path):
    """Run it against a hub; name -> state."""
    for name in ("torch", "transformers"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('too heavy for a list')")

    def run(url, **more):
        env = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
        done = rvt("ls", "checkpoints", env=env | more)
        assert done.code == 0, done.err
        rows = [line.split("│") for line in done.out.splitlines() if line.count("│") > 3]
        return {row[1].strip(): row[-2].strip() for row in rows if row[1].strip()}

    return run


def serve(hub, name):
    """Serve something under a catalogue's name and commit; a list needs no more."""
    entry = CATALOGUE[name]
    hub.repos[entry.repo] = {entry.revision: {"config.json": b"{}", WEIGHTS: b"", "x.bin": b""}}
    return hub.repos[entry.repo][entry.revision]


def test_states(listed):
    with Hub() as hub:
        serve(hub, "gpt2")
        serve(hub, "t5-small").pop(WEIGHTS)
        hub.repos[CATALOGUE["distilgpt2"].repo] = {}
        states = listed(hub.url)
    assert list(states) == list(CATALOGUE)
    assert states["all-MiniLM-L6-v2"] == "present"
    assert states["gpt2"] == "reachable"
    assert states["t5-small"] == "unsafe"
    assert states["distilgpt2"] == "missing"
    assert states["bert-base-uncased"] == "gated"
    unpinned = {name for name, e in CATALOGUE.items() if getattr(e, "revision", "") is None}
    assert {name for name, state in states.items() if state == "unpinned"} == unpinned


def test_no_network_is_answered_soon(listed):
    with Hub() as hub:
        pass
    for more in ({}, {"HF_HUB_OFFLINE": "1"}):
        start = time.monotonic()
        states = listed(hub.url, **more)
        assert time.monotonic() - start < 5 + 5  # the deadline, and an interpreter's start
        assert states["gpt2"] == "unreachable"
        assert states["all-MiniLM-L6-v2"] == "present"


def test_arms_say_which_checkpoint_to_name():
    for head, words in [
        ("AutoModelForCausalLM", "name a checkpoint: gpt2, distilgpt2"),
        ("AutoProcessor", "name a checkpoint: clip-vit-base-patch32"),
    ]:
        assert inventory._row(head, "pretrained").note.startswith(words)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A tiny BERT with the bundled tokenizer, in a folder."""
    folder = tmp_path_factory.mktemp("saved") / "own"
    torch.manual_seed(0)
    BertModel(
        BertConfig(vocab_size=30592, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=16, max_position_embeddings=32)
    ).save_pretrained(folder)  # fmt: skip
    shutil.copy(MINILM.path() / TOKENIZER, folder)
    return folder


class TestTokenizer:
    """The corpus is read through one tokenizer; ids of another would be other tokens."""

    @pytest.fixture
    def folder(self, saved, tmp_path):
        return shutil.copytree(saved, tmp_path / "own")

    def spoil(self, folder, change):
        fields = json.loads((folder / TOKENIZER).read_text())
        change(fields)
        (folder / TOKENIZER).write_text(json.dumps(fields))

    def test_the_same_however_saved(self, folder):
        prepare._refuse_tokenizer(MINILM.name)
        prepare._refuse_tokenizer(str(folder))
        self.spoil(folder, lambda fields: fields.update(truncation=None, padding=None))
        prepare._refuse_tokenizer(str(folder))
        AutoTokenizer.from_pretrained(MINILM.path()).save_pretrained(folder)
        prepare._refuse_tokenizer(str(folder))

    def test_another_is_refused(self, folder):
        for change in (
            lambda fields: fields["normalizer"].update(lowercase=False),
            lambda fields: fields["model"]["vocab"].update(the=1997, of=1996),
        ):
            self.spoil(folder, change)
            with pytest.raises(CheckpointError, match=f"{folder}: .*whose ids mean other tokens"):
                prepare._refuse_tokenizer(str(folder))
            shutil.copy(MINILM.path() / TOKENIZER, folder)

    def test_none_or_a_damaged_one_says_what_to_do(self, folder):
        for text in ("", "{}", "[1]", None):
            (folder / TOKENIZER).write_text(text or "")
            if text is None:
                (folder / TOKENIZER).unlink()
            with pytest.raises(CheckpointError, match=r"tokenizer\.save_pretrained"):
                prepare._refuse_tokenizer(str(folder))


def test_digests_of_what_can_be_had(saved, tmp_path):
    names = [str(saved), "gpt2", "t5-efficient-tiny", "nope", str(tmp_path), MINILM.name]
    made = checkpoints.made_of(names)
    assert made.keys() == {str(saved), "gpt2", MINILM.name}
    assert made["gpt2"]["digest"] == CATALOGUE["gpt2"].revision
    assert made[MINILM.name]["files"] == MINILM.sha256
    weights = hashlib.sha256((saved / WEIGHTS).read_bytes()).hexdigest()
    assert made[str(saved)]["files"][WEIGHTS] == weights
    assert checkpoints.digests(made)["checkpoint gpt2"] == CATALOGUE["gpt2"].revision


def test_a_cell_uses_the_bundled_tokenizer_and_the_weights_it_names():
    cell = study.load(str(TINY)).cells[0]
    assert checkpoints.used(cell) == {MINILM.name}
    named = cell.model_copy(update={"model": cell.model.model_copy(update={"checkpoint": "gpt2"})})
    assert checkpoints.used(named) == {MINILM.name, "gpt2"}


GRID = """
[comparison.{name}]
summary = "x"
match_to = "pretrained"
checkpoint = '{folder}'

[[grid]]
probe = "gradient"
comparison = "{name}"
task = "package"
length = 16
arm = "pretrained"
batch_size = 2
steps = 0
"""


def test_each_checkpoint_answers_for_its_own_cells(saved, rvt, tmp_path):
    """One that is wrong fails its cells alone; one that changed since is not mixed."""
    names = ("own", "foreign", "wrong", "impossible")
    own, foreign, wrong, impossible = (
        shutil.copytree(saved, tmp_path / name, dirs_exist_ok=True) for name in names
    )
    (foreign / TOKENIZER).unlink()
    config = json.loads((own / CONFIG).read_text())
    (wrong / CONFIG).write_text(json.dumps(config | {"hidden_size": "x"}))
    (impossible / CONFIG).write_text(json.dumps(config | {"num_attention_heads": 0}))
    grids = [GRID.format(name=name, folder=tmp_path / name) for name in names]
    (tmp_path / "named.toml").write_text("\n".join(['title = "x"', 'summary = "x"', *grids]))

    def run():
        return rvt("run", str(tmp_path / "named.toml"), "--output", str(tmp_path / "reports"))

    first = run()
    with Store(tmp_path / "reports" / "named") as store:
        records = {record["cell"]["comparison"]: record for record in store.records()}
        held = store.meta("checkpoints")
    assert {name: record["status"] for name, record in records.items()} == {
        "own": "done", "foreign": "unavailable", "wrong": "unavailable", "impossible": "failed",
    }, first.err  # fmt: skip
    assert "tokenizer.save_pretrained" in records["foreign"]["reason"]
    assert "hidden_size" in records["wrong"]["reason"]
    made_with = records["own"]["provenance"]
    assert made_with[f"checkpoint {own}"]
    assert made_with[f"checkpoint {MINILM.name}"] == MINILM.digest()
    assert f"checkpoint {wrong}" not in made_with, "it is another cell's"
    assert held[str(own)]["digest"] == made_with[f"checkpoint {own}"]
    assert held[MINILM.name]["files"] == MINILM.sha256

    shutil.copy(own / CONFIG, wrong)  # nothing was made with it, so nothing would be mixed
    spoiled = bytearray((own / WEIGHTS).read_bytes())
    spoiled[-1] ^= 1
    (own / WEIGHTS).write_bytes(spoiled)
    second = run()
    assert second.code == 2
    assert f"made with other checkpoint {own} (" in second.err
    assert str(wrong) not in second.err
