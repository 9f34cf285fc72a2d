"""Processes that are stopped, as SIGSTOP does: the sweep waits for none of them for ever."""

import os
import signal

import psutil
import pytest

from bench import outcome, told
from bench.execute import bodies, processes
from bench.store import Store, StoreError

from .groups import THREADS, cells_of


@pytest.fixture
def stopping(server, monkeypatch):
    """Every worker that is forked is stopped before it is given its job."""
    forked = []

    class Worker(processes.Worker):
        def __init__(self, server, pid, channel):
            super().__init__(server, pid, channel)
            os.kill(pid, signal.SIGSTOP)
            forked.append(pid)

    monkeypatch.setattr(processes, "Worker", Worker)
    yield server
    assert forked
    assert not any(map(psutil.pid_exists, forked)), "all are gone"


def test_a_stopped_preparing_worker_is_given_up(stopping, fingerprint):
    cells = cells_of("speed")[0]
    with pytest.raises(processes.CellFailed, match="silent for 1 s, and killed") as failure:
        processes.prepare(stopping, cells, fingerprint, THREADS, 1.0)
    assert failure.value.status == outcome.TIMEOUT


def test_a_stopped_measurement_of_ceilings_leaves_its_cells_without_a_share(stopping, tmp_path):
    with Store(tmp_path, write=True) as store:
        told.measure_ceilings(store, stopping, cells_of("speed")[0], 1.0)
        assert store.meta("ceilings") == {"cpu": {"failed": "silent for 1 s, and killed"}}


def test_a_stopped_pretraining_fails_the_cells_of_its_body(stopping, fingerprint):
    class Told:
        def pretrained(self, body, made, reason):
            self.reason = reason

    cell = cells_of("speed")[0][0]
    job = {"job": "pretrain", "cell": cell.model_dump(mode="json"), "config": {}}
    body = {"arm": cell.arm, "job": job, "cells": [cell.key]}
    decided, heard = {cell.key: {}}, Told()
    bodies.run(stopping, [body], decided, heard, corpus=fingerprint, threads=THREADS, timeout_s=1.0)
    assert heard.reason == "silent for 1 s, and killed"
    assert decided[cell.key]["failed"] == outcome.TIMEOUT


def test_a_worker_that_does_not_end_is_made_to(server, monkeypatch):
    monkeypatch.setattr(processes, "_SERVER_S", 0.5)
    worker = server.start({"job": "cell"})
    os.kill(worker.pid, signal.SIGSTOP)
    assert worker.end() == -signal.SIGKILL


def test_a_stopped_server_ends_the_sweep(tmp_path, monkeypatch):
    with processes.Server(tmp_path / "log") as server:
        worker = server.start({"job": "ceilings"})
        monkeypatch.setattr(processes, "_SERVER_S", 0.5)
        os.kill(server._process.pid, signal.SIGSTOP)
        for action in (lambda: server.start({"job": "devices", "names": []}), worker.end):
            with pytest.raises(processes.ServerError, match="has not answered for 0 s; see "):
                action()
        pid = server._process.pid
    assert not psutil.pid_exists(pid)


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "workers.log").mkdir()
    with (
        pytest.raises(StoreError, match=r"cannot write .*workers\.log: Is a directory"),
        processes.Server(tmp_path / "workers.log"),
    ):
        pass
