"""Files of trainings that last: of the cells that have not ended, and of no others."""

import pytest

from bench.store.trainings import Trainings


@pytest.fixture
def trainings(tmp_path):
    (tmp_path / "trainings").mkdir()
    found = Trainings(tmp_path)
    for key in ("a", "b"):
        found.path(key).touch()
    found.path("a").with_suffix(".part").touch()
    return found


def names(folder):
    return sorted(path.name for path in folder.rglob("*"))


def test_the_last_one_dropped_takes_the_folder_with_it(trainings, tmp_path):
    trainings.clear({"a"})
    assert names(tmp_path) == ["b.safetensors", "trainings"]
    for key in ("never there", "b", "b"):
        trainings.drop(key)
    assert names(tmp_path) == []


def test_all_are_cleared_where_none_is_named(trainings, tmp_path):
    trainings.clear()
    assert names(tmp_path) == []
    trainings.clear()
