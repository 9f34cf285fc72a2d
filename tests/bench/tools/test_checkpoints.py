"""``rvt ls checkpoints``, in seconds and without torch."""

import json
import shutil
import threading

import pytest

from bench.tools import inventory, listings
from models.checkpoints import CATALOGUE, CONFIG, WEIGHTS, HubCheckpoint, architectures, find

from ...hub import Hub


@pytest.fixture
def listed(rvt, tmp_path):
    """Run it against a hub; name -> state, or heads as they are printed."""
    for name in ("torch", "transformers"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('too heavy for a list')")

    def run(url, *names, column=-2, **more):
        env = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(tmp_path)}
        done = rvt("ls", "checkpoints", *names, env=env | more)
        assert done.code == 0, done.err
        rows = [line.split("│") for line in done.out.splitlines() if line.count("│") > 3]
        name, found = "", {}
        for row in rows:  # of which one may be folded over several lines
            name = row[1].strip() or name
            found[name] = f"{found.get(name, '')} {row[column].strip()}".strip()
        return found

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


def test_no_network_is_answered(listed):
    with Hub() as hub:
        pass
    for more in ({}, {"HF_HUB_OFFLINE": "1"}):
        states = listed(hub.url, **more)
        assert states["gpt2"] == "unreachable"
        assert states["all-MiniLM-L6-v2"] == "present"


def test_all_are_asked_at_once(monkeypatch):
    """So that no network costs its deadline once: each waits here until all others wait too."""
    everyone = threading.Barrier(
        sum(isinstance(entry, HubCheckpoint) for entry in CATALOGUE.values()), timeout=60
    )
    monkeypatch.setattr(HubCheckpoint, "state", lambda entry: f"number {everyone.wait()}")
    assert next(listings.checkpoints()).row_count == len(CATALOGUE)
    assert not everyone.broken


def test_arms_say_which_checkpoint_to_name():
    for head, words in [
        ("AutoModelForCausalLM", "name a checkpoint: gpt2, distilgpt2"),
        ("AutoProcessor", "name a checkpoint: clip-vit-base-patch32"),
    ]:
        assert inventory._row(head, "pretrained").note.startswith(words)


ENCODER = "AutoModel, SequenceClassification, TokenClassification, QuestionAnswering"


def test_heads_of_what_is_here_and_of_what_is_not(listed, saved, tmp_path):
    """Of a folder by its configuration, of the catalogue by architecture; no hub, no torch."""
    decoder = tmp_path / "decoder"
    shutil.copytree(saved, decoder)
    config = json.loads((decoder / CONFIG).read_text())
    (decoder / CONFIG).write_text(json.dumps(config | {"model_type": "llama"}))
    with Hub() as hub:
        pass
    found = listed(hub.url, str(saved), str(decoder), column=2)
    assert list(found) == [*CATALOGUE, str(saved), str(decoder)]
    assert found["all-MiniLM-L6-v2"] == found["bert-base-uncased"] == ENCODER
    assert found[str(saved)] == ENCODER
    assert found["gpt2"] == found[str(decoder)] == f"{ENCODER}, CausalLM"
    assert found["t5-small"] == "TokenClassification, QuestionAnswering, Seq2SeqLM"
    assert found["clip-vit-base-patch32"] == "AutoProcessor"


def test_what_is_meant_for_a_head_serves_it():
    for entry in CATALOGUE.values():
        assert set(entry.heads) <= set(architectures.heads(entry)), entry.name


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model_type": "vit"}'])
def test_a_folder_that_reads_no_tokens_serves_none(saved, tmp_path, text):
    folder = shutil.copytree(saved, tmp_path / "own")
    (folder / CONFIG).write_text(text)
    assert architectures.heads(find(str(folder))) == ()


def test_the_tables_are_those_of_transformers():
    """Read from its source; what is registered in this process beside them is not in there."""
    import transformers

    tables = architectures._tables()
    assert tables.keys() == {*architectures.TABLES.values(), architectures.MASKED}
    for name, listed in tables.items():
        own = set(getattr(transformers, name)._model_mapping) - {"recurrent"}
        assert listed == own, name


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("checkpoints", "no-such"), "unknown checkpoint 'no-such'"),
        (("checkpoints", "owner/name@main"), "'main' is a moving revision"),
        (("arms", "gpt2"), "expected names behind checkpoints only. Got arms gpt2."),
    ],
)
def test_a_name_that_is_none(rvt, words, said):
    done = rvt("ls", *words)
    assert done.code == 2
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err
