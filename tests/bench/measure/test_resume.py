"""The file of a training: whole or not there, and of nothing else than what is here now."""

import json
import random
import resource

import pytest
import torch
from safetensors.torch import save_file

from bench.measure import resume
from bench.measure.resume import File, State

MADE_WITH = {"cell": "0123456789abcdef", "code": "a" * 64, "torch": "2.13.0"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trainings" / "0123456789abcdef.safetensors"


@pytest.fixture
def state():
    tied = torch.randn(64, 32)
    half = torch.tensor([1.0, -0.0, float("inf")], dtype=torch.bfloat16)
    tensors = {"a": tied, "b": tied.T, "half": half, "count": torch.tensor(7), "none": half[:0]}
    return State(tensors, {"rate": 0.1 + 0.2, "curve": [[0, 1.5, float("nan")]], "tokens": 3})


@pytest.fixture
def saved(path, state):
    File(path, MADE_WITH).save(state)
    return path


def test_what_is_saved_comes_back_to_the_bit(saved, state):
    found = File(saved, MADE_WITH).load()
    assert found.tensors.keys() == state.tensors.keys()
    for name, tensor in state.tensors.items():
        assert found.tensors[name].dtype == tensor.dtype
        assert torch.equal(found.tensors[name], tensor)
    assert json.dumps(found.said) == json.dumps(state.said)
    assert [each.name for each in saved.parent.iterdir()] == [saved.name]


def test_nothing_saved_is_nothing_to_go_on_from(path, capsys):
    assert File(path, MADE_WITH).load() is None
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "other", [{"code": "b" * 64}, {"torch": "2.12.0"}, {"cell": "f" * 16}, {"checkpoint x": "c"}]
)
def test_what_was_made_otherwise_is_named_and_left(saved, other, capsys):
    assert File(saved, MADE_WITH | other).load() is None
    (name,) = other
    assert f"made with other {name} than are here now" in capsys.readouterr().err


def test_a_file_that_was_cut_or_changed_is_begun_anew(saved, capsys):
    whole, choose = saved.read_bytes(), random.Random(0)
    cuts = [0, 1, 7, 8, 9, len(whole) - 1, *(choose.randrange(len(whole)) for _ in range(100))]
    for length in cuts:
        saved.write_bytes(whole[:length])
        assert File(saved, MADE_WITH).load() is None
        assert "begun anew" in capsys.readouterr().err
    begin = 8 + int.from_bytes(whole[:8], "little")  # of the tensors
    for place in (choose.randrange(begin, len(whole)) for _ in range(100)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << choose.randrange(8)
        saved.write_bytes(flipped)
        assert File(saved, MADE_WITH).load() is None
        assert "checksum" in capsys.readouterr().err


@pytest.mark.parametrize(
    "metadata", [None, {}, {"made_with": "1", "said": "[]", "crc32": "0"}, {"made_with": "{"}]
)
def test_somebody_elses_file_is_begun_anew(path, metadata, capsys):
    path.parent.mkdir()
    save_file({"a": torch.zeros(0)}, path, metadata)
    assert File(path, MADE_WITH).load() is None
    assert "begun anew" in capsys.readouterr().err


def test_a_folder_in_its_place_is_begun_anew(path, state, capsys):
    path.mkdir(parents=True)
    file = File(path, MADE_WITH)
    assert file.load() is None
    file.save(state)
    said = capsys.readouterr().err
    assert "begun anew" in said
    assert "goes on without being saved" in said


def test_without_room_a_training_goes_on_and_keeps_what_was_saved(saved, state, capsys):
    """Real: the system lets no file of this process grow beyond so many bytes."""
    before = saved.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (0, 100, len(before) - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
        try:
            File(saved, MADE_WITH).save(State({"a": torch.ones(256, 256)}, {}))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert capsys.readouterr().err.count("goes on without being saved") == 3
    assert saved.read_bytes() == before
    assert [each.name for each in saved.parent.iterdir()] == [saved.name]


def test_it_is_due_in_time_and_later_on_a_slow_disk(path, state, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(resume.time, "monotonic", lambda: now[0])
    file = File(path, MADE_WITH)
    now[0] += resume.EVERY_S - 1
    assert not file.due
    now[0] += 1
    assert file.due
    real = resume._write

    def slow(*arguments):
        real(*arguments)
        now[0] += 2.0

    monkeypatch.setattr(resume, "_write", slow)
    file.save(state)
    now[0] += 2.0 / resume.SHARE - 1
    assert not file.due
    now[0] += 1
    assert file.due
