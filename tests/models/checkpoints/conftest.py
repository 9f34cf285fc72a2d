"""A hub on loopback, what it serves, and a clock that only sleeping moves."""

from dataclasses import dataclass, field

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save

from models.checkpoints import WEIGHTS, client, find
from tests.hub import Hub
from tests.models.checkpoints.shared import ARCHITECTURES, save_model


@pytest.fixture(scope="module")
def families(tmp_path_factory):
    """architecture -> (model, its files)."""
    torch.manual_seed(0)
    made = {name: make() for name, (make, _) in ARCHITECTURES.items()}
    return {name: (m, save_model(m, tmp_path_factory.mktemp(name))) for name, m in made.items()}


@dataclass
class Clock:
    """Time that passes while somebody sleeps, and never while the machine does other work."""

    now: float = 0.0
    slept: list = field(default_factory=list)

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock(monkeypatch):
    """The clock of our client and of the hub's own, which sleeps before it resumes a download."""
    clock = Clock()
    monkeypatch.setattr(client, "time", clock)
    monkeypatch.setattr(huggingface_hub.file_download, "time", clock)
    return clock


@pytest.fixture
def hub(monkeypatch, tmp_path, clock):
    """A hub to which the client of this process speaks, with an empty cache of its own.

    However busy the machine is, the server's answers are in time.
    """
    monkeypatch.setattr(client, "_REQUEST_SEC", 60.0)
    monkeypatch.setattr(client, "DEADLINE_SEC", 120.0)
    with Hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE",
            server.url + "/{repo_id}/resolve/{revision}/{filename}",
        )  # fmt: skip
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server
        huggingface_hub.close_session()


@pytest.fixture
def small(hub):
    """A checkpoint of a few kilobytes, already served; only a proof of its bytes is asked of it."""
    weights = save({"w": torch.arange(256, dtype=torch.uint8).repeat(8)})
    files = {"config.json": b'{"model_type": "bert"}' + b" " * 200, WEIGHTS: weights}
    return find(f"lab/small@{hub.add('lab/small', files)}")
