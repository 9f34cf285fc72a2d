"""What gradients cost: one measurement of the flow, and norms at every step of a training.

Ratios of calls taken in turn in one process. Run with ``tox -e benchmarks``.
"""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from bench import registry, study
from bench.execute import sizing
from bench.measure import objective
from bench.measure.subject import Step, Subject, optimizer
from bench.probes.gradient.designated import flow
from bench.probes.gradient.flow import run_ends
from bench.probes.gradient.measure import Measurement
from tests.models.registered import RANDOM, kernels

from ..conftest import TINY
from .turns import show, speed, take_turns

LENGTHS = (64, 256, 1024, 4096)
MIB = 2**20


def subject(arm, length, batch_size=8, dtype="float32"):
    """A two-layer model of an arm, matched to the transformer."""
    cell = next(cell for cell in study.load(str(TINY)).cells if cell.probe == "gradient")
    settings = registry.probes()["gradient"].literals["PROTOCOL"]
    protocol = {name: field["default"] for name, field in settings.items()}
    protocol |= {"batch_size": batch_size, "rows": batch_size, "steps": 0, "states": 0}
    shape = {"num_layers": 2, "max_positions": 4096}
    cell = cell.model_copy(
        update={
            "arm": arm,
            "task": "parity",
            "length": length,
            "kernel": kernels(arm)[0],
            "dtype": dtype,
            "protocol": protocol,
            "model": cell.model.model_copy(update=shape),
        }
    )
    return Subject(cell, sizing.sized(cell, None)["config"], None)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("arm", RANDOM)
def test_one_flow_beside_one_forward_and_backward(arm, length):
    of = subject(arm, length, batch_size=4 if length == 4096 else 8)
    measurement = Measurement(of, lambda share: None)
    model, rows = measurement.model, measurement.designated.rows

    def bare():
        model.train()
        objective.loss(model, of.head, rows).backward()
        model.zero_grad()

    def measured():
        measurement._flow(flow(model, measurement.designated))

    rounds = {64: 40, 256: 16, 1024: 6, 4096: 6}[length]
    seconds = take_turns({"flow": measured, "bare": bare}, rounds, warm=1)
    slower = speed(seconds, "bare", "flow")
    milliseconds = 1e3 * float(np.median(seconds["bare"]))
    show(
        f"{arm}, T={length}, {milliseconds:.0f} ms: a flow over a forward and backward",
        slower,
        1.15,
    )
    assert slower.low <= 1.15


@pytest.mark.parametrize("arm", RANDOM)
def test_norms_at_every_step(arm):
    """The same step, with torch's own clipping and no norm kept."""
    of = subject(arm, length=16, batch_size=4)
    batch = of.batches(1, 4)[0]
    kept = []

    ours = of.build().train()
    step = Step(ours, of.head, optimizer(ours, 1e-6), 1.0)

    def recorded():
        loss, norms = step(batch)
        kept.append((loss, norms))

    theirs = of.build().train()
    adamw = torch.optim.AdamW(theirs.parameters(), lr=1e-6)

    def bare():
        adamw.zero_grad()
        objective.loss(theirs, of.head, batch).backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
        adamw.step()

    functions = {
        "recorded": lambda: [recorded() for _ in range(4)],
        "bare": lambda: [bare() for _ in range(4)],
    }
    seconds = take_turns(functions, rounds=100)
    slower = speed(seconds, "bare", "recorded")
    milliseconds = 1e3 * float(np.median(seconds["bare"])) / 4
    show(f"{arm}, step of {milliseconds:.1f} ms: with every norm kept over without", slower, 1.02)
    for ours_weight, theirs_weight in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(ours_weight, theirs_weight)
    assert len(kept) == len(seconds["bare"]) * 4 + 2 * 4
    assert slower.low <= 1.02


UNROLLED = """
import json, sys
import torch
from bench.probes.gradient.measure import Measurement
from bench.probes.memory.measure import peak_rss
from tests.benchmarks.test_gradients import subject

torch.set_num_threads(1)
of = subject("lstm", 1024, dtype=sys.argv[1])
of.config.hidden_size = 128
of.cell.protocol["states"] = 1
measurement = Measurement(of, lambda share: None)
before, peak = peak_rss(measurement.round)
shape = [len(measurement.samples["states"]), len(measurement.samples["distance"])]
print(json.dumps({"before": before, "peak": peak, "shape": shape}))
"""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unrolled_states_stay_within_two_gibibytes(dtype):
    """Every state of two layers of 128 at T=1,024, batch 8: the resident peak of its process."""
    done = subprocess.run(
        [sys.executable, "-c", UNROLLED, dtype], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["shape"] == [4, len(run_ends(1024))]
    before, peak = found["before"] / MIB, found["peak"] / MIB
    print(
        f"\nstate flow of two LSTM layers, {dtype}, T=1,024: peak {peak:.0f} MiB, {before:.0f} MiB "
        "of it before, goal 2048 MiB",
        end="",
    )
    assert found["peak"] <= 2048 * MIB
