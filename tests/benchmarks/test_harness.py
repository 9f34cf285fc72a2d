"""What the harness costs: its training loop against the same loop written bare.

Same model, same batches, in turn in one process. Run with ``tox -e benchmarks``.
"""

import copy

import numpy as np
import pytest
import torch

from bench import study
from bench.execute import prepare
from bench.plugin import Replay
from bench.probes.learning import Trainer
from bench.probes.subject import Subject

from .turns import show, speed, take_turns

ROUNDS, STEPS, BATCH, LENGTH = 40, 6, 8, 64
GOAL = 0.98


def bare_loop(model, optimizer, batches):
    for batch in batches:
        optimizer.zero_grad()
        loss = model(input_ids=batch.input_ids, labels=batch.labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()


@pytest.fixture(scope="module", params=["lstm", "transformer"])
def measured(request, corpus):
    """Seconds of both loops, round by round, in a random order and its reverse."""
    cell = next(
        c
        for c in study.load("quick").cells
        if (c.probe, c.comparison, c.arm) == ("learning", "scratch", request.param)
    ).model_copy(update={"length": LENGTH})
    subject = Subject(cell, prepare._match(cell, corpus)["config"], corpus)
    batches = subject.batches(STEPS, BATCH)
    ours = Trainer(subject.build(), 1e-5, 1.0)
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
    assert ratio.value >= GOAL
