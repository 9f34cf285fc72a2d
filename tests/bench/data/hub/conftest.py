"""A hub on loopback, and every data set opened from one."""

import huggingface_hub
import pytest

from bench.data.hub.catalogue import find
from bench.data.hub.task import HubTask
from models.checkpoints import MINILM
from models.checkpoints import client as hub_client

from ....hub import Hub
from .served import Clock, point, serve
from .sets import SETS


@pytest.fixture(scope="package")
def opened(tmp_path_factory):
    """name -> (its task, what its rows are cut from), all of them."""
    with Hub() as server, pytest.MonkeyPatch.context() as patch:
        point(patch, server, tmp_path_factory.mktemp("home"))
        found = {}
        for name in SETS:
            task = HubTask(find(serve(server, name)))
            found[name] = task, task.open(MINILM.path())
        yield found
        huggingface_hub.close_session()


@pytest.fixture
def hub(monkeypatch, tmp_path):
    with Hub() as server:
        point(monkeypatch, server, tmp_path)
        yield server
        huggingface_hub.close_session()


@pytest.fixture
def clock(monkeypatch):
    """The time as the hub's client sees it."""
    found = Clock()
    monkeypatch.setattr(hub_client, "time", found)
    return found
