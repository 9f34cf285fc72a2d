"""What the harness costs: its loops against the same written bare, its workers, its waiting.

Same model, same batches, in turn in one process; of Hugging Face's Trainer too, which gets batches
that are made beforehand as ours does. Run with ``tox -e benchmarks``.
"""

import copy
import gc
import time

import numpy as np
import psutil
import pytest
import torch
from torch.utils.data import DataLoader
from transformers import PrinterCallback, TrainerCallback, TrainingArguments
from transformers import Trainer as HuggingFaceTrainer

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
GOAL = 0.99  # of steps of 10 ms and more


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Two on cores that others use wait for one another at every operation."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def bare_loop(model, optimizer, batches):
    for batch in batches:
        optimizer.zero_grad()
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


def trained(arm, corpus):
    """The harness's trainer of a model, and batches."""
    cell = next(
        c
        for c in study.load("quick").cells
        if (c.probe, c.comparison, c.arm) == ("learning", "scratch", arm)
    ).model_copy(update={"length": LENGTH})
    subject = Subject(cell, sizing.sized(cell, corpus)["config"], corpus)
    batches = subject.batches(STEPS, BATCH)
    return Trainer(subject.build(), subject.head, 1e-5, 1.0), batches


@pytest.fixture(scope="module", params=ARMS)
def measured(request, own_corpus):
    """Seconds of both loops, round by round, in a random order and its reverse."""
    ours, batches = trained(request.param, own_corpus)
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
    milliseconds = 1e3 * float(np.median(seconds["bare"]))
    show(f"{arm}, steps of {milliseconds:.0f} ms: training loop over the same written bare",
         ratio, GOAL)  # fmt: skip
    assert milliseconds >= 10, "steps too short for the goal to speak of"
    assert ratio.high >= GOAL


class Turns(TrainerCallback):
    """After every few steps of a Trainer, as many of the harness's; seconds of both.

    A Trainer's begin when the harness's have ended, so that all that it does between steps counts,
    and nothing that it does once.
    """

    def __init__(self, harness):
        self._harness, self._steps = harness, 0
        self.seconds = {"harness": [], "Trainer": []}

    def on_train_begin(self, *args, **kwargs):
        self._start = time.perf_counter()

    def on_step_end(self, *args, **kwargs):
        self._steps += 1
        if self._steps % STEPS == 0:
            ended = time.perf_counter()
            self._harness()
            self.seconds["Trainer"].append(ended - self._start)
            self._start = time.perf_counter()
            self.seconds["harness"].append(self._start - ended)


class Given(HuggingFaceTrainer):
    """Trains on batches as they are."""

    def get_train_dataloader(self):
        return DataLoader(self.train_dataset, batch_size=None)


@pytest.mark.parametrize("arm", ARMS)
def test_beside_hugging_faces_trainer(arm, own_corpus, tmp_path):
    """The same model, batches, optimizer and clipping; it logs and saves nothing."""
    ours, batches = trained(arm, own_corpus)
    model, warm = copy.deepcopy(ours.model), 2
    arguments = TrainingArguments(
        str(tmp_path), max_steps=STEPS * (warm + 2 * ROUNDS), max_grad_norm=1.0, use_cpu=True,
        save_strategy="no", logging_strategy="no", report_to="none", disable_tqdm=True,
        dataloader_pin_memory=False,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    schedule = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    turns = Turns(lambda: ours.run(batches))
    theirs = Given(
        model, arguments, train_dataset=batches, optimizers=(optimizer, schedule), callbacks=[turns]
    )
    theirs.remove_callback(PrinterCallback)
    gc.collect()
    gc.freeze()  # a Trainer collects garbage when it begins
    gc.disable()
    try:
        theirs.train()
    finally:
        gc.enable()
        gc.unfreeze()
    seconds = {name: taken[warm:] for name, taken in turns.seconds.items()}
    assert {len(taken) for taken in seconds.values()} == {2 * ROUNDS}
    for one, other in zip(ours.model.parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)  # they have done the same
    ratio = speed(seconds, "harness", "Trainer")
    milliseconds = 1e3 * float(np.median(seconds["Trainer"])) / STEPS
    show(
        f"{arm}, steps of {milliseconds:.0f} ms: training loop over Hugging Face's Trainer",
        ratio,
        1,
    )
    assert ratio.high >= 1


@pytest.mark.parametrize("arm", ARMS)
def test_a_timed_arm_beside_the_same_step_in_a_bare_loop(arm, own_corpus):
    """Steps of 10 ms and more: the speed probe's blocks against a loop without them."""
    cell = next(
        c
        for c in study.load("quick").cells
        if (c.probe, c.comparison, c.arm) == ("speed", "scratch", arm)
        and (c.axes["phase"], c.length) == ("training", LENGTH)
    )
    cell = cell.model_copy(update={"protocol": cell.protocol | {"batch_size": BATCH}})
    subject = Subject(cell, sizing.sized(cell, own_corpus)["config"], own_corpus)
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
        f"{arm}, steps of {milliseconds:.0f} ms: timed by the harness over a bare loop", ratio, GOAL
    )
    assert milliseconds >= 10, "steps too short for the goal to speak of"
    assert ratio.high >= GOAL


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
