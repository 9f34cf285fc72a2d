"""Workers, and what happens when they die, hang or run out of memory. All of them are real."""

import itertools
import os
import socket
import subprocess
import sys
import time

import psutil
import pytest

from bench import outcome
from bench.execute import processes
from bench.execute.channel import Channel
from bench.execute.worker import describe

from .groups import THREADS, Heard, cells_of, children_of, run


def test_a_silent_worker_is_killed_and_named(server, decided, fingerprint):
    group = cells_of("learning")[0][:1]
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    heard = run(server, decided, fingerprint, group, Heard(), timeout_s=0.01)
    (ended,) = heard.outcomes.values()
    assert ended["status"] == outcome.TIMEOUT
    assert {c.pid for c in psutil.Process().children(recursive=True)} <= before


def test_a_loss_that_is_not_finite_is_diverged_with_its_step(server, decided, fingerprint):
    cell = cells_of("learning")[0][1]
    wild = cell.model_copy(
        update={"protocol": cell.protocol | {"learning_rates": [1e10], "steps": 12}}
    )
    configs = decided | {wild.key: decided[cell.key]}
    heard = run(server, configs, fingerprint, [wild], Heard())
    ended = heard.outcomes[wild.key]
    assert ended["status"] == outcome.DIVERGED
    assert ended["metrics"]["step"] >= 2
    assert len(ended["samples"]["loss"]) >= ended["metrics"]["step"]
    assert f"step {ended['metrics']['step']}" in ended["reason"]


def test_a_batch_beyond_memory_is_oom(server, fingerprint):
    """Real: the batch would need more bytes than the address space has. Planning survives."""
    cell = cells_of("gradient")[0][0]
    huge = cell.model_copy(update={"protocol": cell.protocol | {"batch_size": 2**40}})
    configs = processes.prepare(server, [huge], fingerprint, THREADS)["cells"]
    heard = run(server, configs, fingerprint, [huge], Heard())
    assert heard.outcomes[huge.key]["status"] == outcome.OOM


def test_workers_die_with_the_sweep(tmp_path):
    """kill -9 of the process that started the server: nothing is left running."""
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from bench import study\nfrom bench.store import environment\n"
        "from bench.execute import processes\n"
        f"with processes.Server(Path({str(tmp_path / 'log')!r})) as server:\n"
        "    worker = server.start({'job': 'cell'})\n"
        "    print('up', worker.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    sweep = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert sweep.stdout.readline().startswith("up")
        left = children_of(psutil.Process(sweep.pid))
        assert left
        sweep.kill()
        sweep.wait()
        _, alive = psutil.wait_procs(left, timeout=60)
        assert not alive
    finally:
        sweep.kill()
        sweep.stdout.close()


VANISHES = """
import os
from pathlib import Path
from bench.measure import devices

def synchronize(device):
    if Path(__file__).with_name(str(os.getpid())).exists():
        raise RuntimeError("CUDA error: unspecified launch failure")

devices.synchronize = synchronize
"""


def test_a_device_that_vanishes_fails_its_cell_and_the_group_goes_on(
    tmp_path, monkeypatch, decided, fingerprint
):
    """In one worker waiting for the device fails from its second round on, as CUDA's does."""
    (tmp_path / "sitecustomize.py").write_text(VANISHES)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    group = cells_of("speed")[0]
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with processes.Server(tmp_path / "log") as server:
        known = {child.pid for child in psutil.Process().children(recursive=True)}

        def vanish(cell):
            if not list(tmp_path.glob("[0-9]*")):
                now = {child.pid for child in psutil.Process().children(recursive=True)}
                (tmp_path / str(min(now - known))).touch()

        heard = run(server, decided, fingerprint, group, Heard(vanish))
        assert {c.pid for c in psutil.Process().children(recursive=True)} == known
    ended = [heard.outcomes[cell.key] for cell in group]
    assert [one["status"] for one in ended] == [outcome.FAILED, outcome.DONE]
    assert ended[0]["reason"] == "RuntimeError: CUDA error: unspecified launch failure"
    assert {c.pid for c in psutil.Process().children(recursive=True)} == before


def test_a_device_that_has_gone_is_a_failure_that_is_tried_again(server, decided, fingerprint):
    """Not one of its absence, which would be final: it was there when the cell was prepared."""
    cell = cells_of("gradient")[0][0]
    gone = cell.model_copy(update={"device": "xpu"})
    heard = run(server, decided | {gone.key: decided[cell.key]}, fingerprint, [gone], Heard())
    assert heard.outcomes[gone.key]["status"] == outcome.FAILED
    assert heard.outcomes[gone.key]["reason"].startswith("the xpu device has gone")


def test_a_worker_that_talks_nonsense_fails_alone(server):
    """A real process of the server's, whose messages are not read from it but put in its mouth."""
    worker = server.start({"job": "devices", "names": []})
    ours, theirs = socket.socketpair()
    worker.channel.close()
    worker.channel = Channel(ours)
    theirs.sendall(b"\xff\x00 Traceback or worse\n")
    with pytest.raises(
        processes.CellFailed, match="talked nonsense: expected a JSON object"
    ) as error:
        worker.ask(None, timeout_s=60)
    theirs.close()
    assert error.value.status == outcome.FAILED
    assert not psutil.pid_exists(worker.pid)


def test_a_wall_clock_that_jumps_changes_no_duration(server, decided, fingerprint, monkeypatch):
    jumps = itertools.cycle([3600.0, -3600.0])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    group = cells_of("speed")[0]
    heard = run(server, decided, fingerprint, group, Heard())
    for ended in heard.outcomes.values():
        assert ended["status"] == outcome.DONE
        assert 0 < ended["metrics"]["step_s"] < ended["seconds"] < 3000


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), outcome.OOM),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), outcome.OOM),
        (ValueError("anything else"), outcome.FAILED),
    ],
)
def test_errors_have_a_status(error, status, capsys):
    assert describe(error)["failed"] == status
    assert type(error).__name__ in capsys.readouterr().err


def test_idle_server_waits_without_polling(server):
    process = psutil.Process(server._process.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(0.5)
    assert sum(process.cpu_times()[:2]) - before < 0.1
