"""What the harness costs: its loops against the same written bare, its workers, its waiting.

Same model, same batches, in turn in one process. Run with ``tox -e benchmarks``.
"""

import copy
import time

import numpy as np
import psutil
import pytest
import torch

from bench import study
from bench.data import corpus as library
from bench.execute import processes as local
from bench.execute import sizing
from bench.measure.subject import Subject
from bench.measure.training import Trainer
from bench.plugin import Replay
from bench.probes.speed import measure as speed_probe
from bench.store import environment

from ..conftest import TINY
from .turns import show, speed, take_turns

#: Those of the tiny study: one that takes steps, and the reference.
ARMS = sorted({cell.arm for cell in study.load(str(TINY)).cells})
ROUNDS, STEPS, BATCH, LENGTH = 40, 6, 8, 64
GOAL = 0.98


def bare_loop(model, optimizer, batches):
    for batch in batches:
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


@pytest.fixture(scope="module", params=ARMS)
def measured(request, corpus):
    """Seconds of both loops, round by round, in a random order and its reverse."""
    cell = next(
        c
        for c in study.load("quick").cells
        if (c.probe, c.comparison, c.arm) == ("learning", "scratch", request.param)
    ).model_copy(update={"length": LENGTH})
    subject = Subject(cell, sizing.sized(cell, corpus)["config"], corpus)
    batches = subject.batches(STEPS, BATCH)
    ours = Trainer(subject.build(), subject.head, 1e-5, 1.0)
    model = copy.deepcopy(ours.model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)

    seconds = take_turns(
        {
            "harness": lambda: ours.run(batches),
            "bare": lambda: bare_loop(model, optimizer, batches),
        },
        rounds=ROUNDS,
    )
    per_step = {name: [second / STEPS for second in calls] for name, calls in seconds.items()}
    return request.param, per_step


REPLAYS = {name: Replay() for name in ("harness", "bare")}


@pytest.mark.parametrize(
    "loop",
    [
        pytest.param(name, marks=pytest.mark.benchmark(group="training loop", timer=replay))
        for name, replay in REPLAYS.items()
    ],
)
def test_harness(benchmark, measured, loop):
    arm, seconds = measured
    ratio = speed(seconds, "harness", "bare")
    REPLAYS[loop].load(seconds[loop])
    benchmark.group = f"training loop, {arm}"
    benchmark.extra_info.update(
        arm=arm,
        length=LENGTH,
        device="cpu",
        tokens_per_s=BATCH * LENGTH / float(np.median(seconds[loop])),
        ratio_to_bare=ratio.value,
        ratio_low=ratio.low,
        ratio_high=ratio.high,
    )
    benchmark.pedantic(lambda: None, rounds=len(seconds[loop]), iterations=1)
    show(f"{arm}: training loop over the same loop written bare", ratio, GOAL)
    assert ratio.high >= GOAL


@pytest.mark.parametrize("arm", ARMS)
def test_a_timed_arm_beside_the_same_step_in_a_bare_loop(arm, corpus):
    """Steps of 10 ms and more: the speed probe's blocks against a loop without them."""
    cell = next(
        c
        for c in study.load("quick").cells
        if (c.probe, c.comparison, c.arm) == ("speed", "scratch", arm)
        and (c.axes["phase"], c.length) == ("training", LENGTH)
    )
    subject = Subject(cell, sizing.sized(cell, corpus)["config"], corpus)
    timed = speed_probe.Measurement(subject, lambda share: None)
    model = subject.build().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    batches = subject.batches(4, cell.protocol["batch_size"])
    steps = len(batches)
    seconds = take_turns(
        {"timed": lambda: timed._time(steps), "bare": lambda: bare_loop(model, optimizer, batches)},
        rounds=ROUNDS,
    )
    ratio = speed(seconds, "timed", "bare")
    milliseconds = 1e3 * float(np.median(seconds["bare"])) / steps
    show(
        f"{arm}, steps of {milliseconds:.0f} ms: timed by the harness over a bare loop", ratio, 0.99
    )
    assert milliseconds >= 10, "steps too short for the goal to speak of"
    assert ratio.high >= 0.99


def test_workers_are_ready_soon_and_idle_ones_rest(tmp_path):
    """Processor seconds of a worker until its model is warm but for warm-up, and those at rest."""
    cells = [c for c in study.load(str(TINY)).cells if c.probe == "speed" and c.length == 16]
    cells = [c.model_copy(update={"protocol": c.protocol | {"warmup_s": 1e-9}}) for c in cells]
    identity, threads = library.fingerprint(), environment.threads()
    with local.Server(tmp_path / "log") as server:
        configs = local.prepare(server, cells, identity, threads)["cells"]
        ready, workers = [], []
        for cell in cells * 3:
            job = {"job": "cell", "cell": cell.model_dump(mode="json"), "corpus": identity}
            job |= {"config": configs[cell.key]["config"], "threads": threads}
            worker = server.start(job)
            worker.ask(None, timeout_s=60)
            workers.append(psutil.Process(worker.pid))
            ready.append(sum(workers[-1].cpu_times()[:2]))
        time.sleep(1)
        before = [sum(process.cpu_times()[:2]) for process in workers]
        time.sleep(10)
        spent = [sum(p.cpu_times()[:2]) - b for p, b in zip(workers, before, strict=True)]
    later = sorted(ready[1:])
    typical, idle = later[len(later) // 2], max(spent) / 10
    print(f"\nworker ready: first {ready[0]:.2f} s, then {typical:.2f} s of a core (median), "
          "goal 0.5 s")  # fmt: skip
    print(f"idle worker: at most {idle:.2%} of a core, goal 1%", end="")
    assert typical < 0.5
    assert idle < 0.01
