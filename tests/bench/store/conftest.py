"""A system whose files say what a test wants."""

import pytest

from bench.store import system


@pytest.fixture
def files(monkeypatch):
    """System files as a dictionary says; all others are missing."""
    texts = {}
    monkeypatch.setattr(system, "read", lambda path: texts.get(str(path)))
    return texts
