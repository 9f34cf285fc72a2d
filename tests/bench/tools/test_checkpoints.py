"""``rvt ls checkpoints``, in seconds and without torch."""

import threading

import pytest

from bench.tools import inventory, listings
from models.checkpoints import CATALOGUE, WEIGHTS, HubCheckpoint

from ...hub import Hub


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
    assert next(listings._checkpoints()).row_count == len(CATALOGUE)
    assert not everyone.broken


def test_arms_say_which_checkpoint_to_name():
    for head, words in [
        ("AutoModelForCausalLM", "name a checkpoint: gpt2, distilgpt2"),
        ("AutoProcessor", "name a checkpoint: clip-vit-base-patch32"),
    ]:
        assert inventory._row(head, "pretrained").note.startswith(words)
