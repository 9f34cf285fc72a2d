"""A system whose files say what a test wants."""

import pytest

from bench.store import system


@pytest.fixture
def files(monkeypatch):
    """System files as a dictionary says; all others are missing."""
    texts = {}
    monkeypatch.setattr(system, "read", lambda path: texts.get(str(path)))
    return texts


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file of a system whose root is a folder, where there are no others."""
    monkeypatch.setattr(system, "ROOT", tmp_path)

    def written(path, text):
        place = tmp_path / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    return written
