"""Data sets served in place of the hub's, and what is read of them."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from bench import tasks
from bench.data.hub.catalogue import CATALOGUE, find
from bench.data.hub.fetch import DataUnavailable
from bench.data.hub.task import HubTask
from models.checkpoints import MINILM

from .sets import SETS

LENGTHS = {"flickr8k": 256, "cifar10": 256}  # pixels of a square; 32 tokens elsewhere
FOUND = ("stsb", "code_search_net", "flickr8k")  # each row is to be found among the others


class Clock:
    """What the client takes for the time: only its own pauses pass."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


def point(patch, server, home):
    """Let the client of this process speak to a hub, with empty caches of its own."""
    patch.setattr(constants, "ENDPOINT", server.url)
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    patch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    patch.delenv("HF_TOKEN", raising=False)


def serve(server, name, files=None):
    """Serve a tiny data set in the place of the real one; its name at that commit."""
    repo = f"datasets/{CATALOGUE[name].repo}"
    return f"{name}@{server.add(repo, files or SETS[name]())}"


def draw(opened, name, split, length, count, seed=0):
    task, table = opened[name]
    return tasks.draw(task, table, split, length, count, seed)


def most(opened, name, split, count):
    """So many rows, or what a split has of rows that are to be told apart."""
    return min(count, len(opened[name][1].splits[split])) if name in FOUND else count


def lines(opened, name, split, length, column="input_ids"):
    """The rows of a small split as the tokenizer prints them, padding left out; each once."""
    _, table = opened[name]
    ids = draw(opened, name, split, length, len(table.splits[split]))[column]
    return sorted(" ".join(table.symbols(row[row != table.pad_id])) for row in ids)


def open_set(name):
    return HubTask(find(name)).open(MINILM.path())


def refusal(name):
    """The message of the refusal."""
    with pytest.raises(DataUnavailable) as refused:
        open_set(name)
    message = str(refused.value)
    assert message.startswith(f"data '{name}': ")
    assert str(Path.home()) not in message
    return message
