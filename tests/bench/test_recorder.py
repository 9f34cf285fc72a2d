"""What is being written is written before a Ctrl-C takes effect; what was disturbed is none."""

import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from rich.console import Console

from bench import outcome, study
from bench.interrupts import uninterrupted
from bench.recorder import Recorder
from bench.store import Store, environment, system
from bench.tools.display import Display

from ..conftest import TINY


@pytest.fixture(autouse=True)
def interruptible():
    """Tests that a shell runs in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def interrupted(times, number=signal.SIGINT):
    """What is written where Ctrl-C is pressed so often before it is, or another signal comes."""
    written = []

    def write():
        with uninterrupted():
            for _ in range(times):
                signal.raise_signal(number)
            written.append("record")

    with pytest.raises(KeyboardInterrupt) as stopped:
        write()
    assert stopped.value.code == 128 + number
    return written


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_ctrl_c_waits_for_what_is_inside(number):
    heeded = signal.default_int_handler  # whatever these tests were started to outlive
    before = signal.signal(number, heeded)
    try:
        assert interrupted(1, number) == ["record"]
        assert signal.getsignal(number) is heeded
    finally:
        signal.signal(number, before)


def test_what_is_ignored_stays_ignored():
    """As a hang-up is under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGHUP)
    finally:
        assert signal.signal(signal.SIGHUP, before) == signal.SIG_IGN


def test_a_second_one_does_not_wait():
    assert interrupted(times=2) == []


def test_without_one_nothing_happens():
    with uninterrupted():
        pass


def test_only_the_main_thread_can_hold_one_back():
    def work():
        with uninterrupted():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() is signal.default_int_handler


ENDED = {"metrics": {}, "samples": {}, "seconds": 1.0, "together": None, "reason": None}


@pytest.mark.parametrize(
    ("status", "kept"),
    [(outcome.DONE, False), (outcome.DIVERGED, False), (outcome.KILLED, True)],
)
def test_how_far_a_training_is_is_kept_until_its_record_is_safe(tmp_path, status, kept):
    cell = next(cell for cell in study.load(str(TINY)).cells if cell.probe == "learning")
    with Store(tmp_path, write=True) as store:
        decided = {"cells": {cell.key: {}}}
        made_with = {"code": "a", "checkpoint of another cell": "b"}
        recorder = Recorder(store, decided, Display(Console(quiet=True)), made_with, 1.0, 0.0)
        told = recorder.kept(cell)
        assert told["made_with"] == {"code": "a"}
        path = Path(told["path"])
        path.parent.mkdir()
        path.touch()
        recorder.cell_ended(cell, ENDED | {"status": status})
    assert path.exists() == kept


class TestProcessors:
    """A group that lost one while it was timed is no measurement."""

    @pytest.fixture
    def recorder(self, tmp_path, monkeypatch):
        online = tmp_path / "sys/devices/system/cpu/online"
        online.parent.mkdir(parents=True)
        online.write_text("0-3")
        monkeypatch.setattr(system, "ROOT", tmp_path)
        cells = study.load(str(TINY)).cells
        decided = {"cells": {cell.key: {} for cell in cells}}
        with Store(tmp_path / "store", write=True) as store:
            store.set_meta(plan=[cell.key for cell in cells])
            recorder = Recorder(store, decided, Display(Console(quiet=True)), {}, 1.0, 0.0)
            recorder.group_begins()
            online.write_text("0-2")
            yield recorder, store

    @pytest.mark.parametrize(
        ("probe", "status", "recorded"),
        [
            ("decode", outcome.DONE, outcome.UNAVAILABLE),
            ("decode", outcome.FAILED, outcome.FAILED),
            ("learning", outcome.DONE, outcome.DONE),
        ],
    )
    def test_what_was_timed_meanwhile_is_measured_again(self, recorder, probe, status, recorded):
        recorder, store = recorder
        cell = next(cell for cell in study.load(str(TINY)).cells if cell.probe == probe)
        recorder.cell_ended(cell, ENDED | {"status": status})
        (record,) = store.records()
        assert record["status"] == recorded
        if recorded == outcome.UNAVAILABLE:
            assert record["reason"] == "processor 3 went offline meanwhile, leaving 3 of 4"
            recorder.group_begins()
            recorder.cell_ended(cell, ENDED | {"status": status})
            assert [r["status"] for r in store.records()] == [outcome.DONE], "of the next group"

    @pytest.mark.parametrize(
        ("device", "mask", "recorded"),
        [
            ("cuda", "0x0000000000000040", outcome.UNAVAILABLE),
            ("cuda", "0x0000000000000004", outcome.DONE),
            ("cpu", "0x0000000000000040", outcome.DONE),
        ],
    )
    def test_a_group_after_which_its_gpu_is_slowed_is_none(
        self, recorder, monkeypatch, device, mask, recorded
    ):
        """All its cells alike: the card is looked at once."""
        recorder, store = recorder
        looks = []

        def gpus():
            looks.append({"name": "H100", "clocks_throttle_reasons.active": mask})
            return looks[-1:]

        monkeypatch.setattr(environment, "gpus", gpus)
        recorder.group_begins()
        decoded = [c for c in study.load(str(TINY)).cells if c.probe == "decode"][:2]
        cells = [cell.model_copy(update={"device": device}) for cell in decoded]
        store.set_meta(plan=[cell.key for cell in cells])
        for cell in cells:
            recorder._answers[cell.key] = {}
            recorder.cell_ended(cell, ENDED | {"status": outcome.DONE})
        assert {record["status"] for record in store.records()} == {recorded}
        assert len(looks) == (device == "cuda")
        after = {len(r["metrics"].get("gpus_after", ())) for r in store.records()}
        assert after == {1 if device == "cuda" else 0}
