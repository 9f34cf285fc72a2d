"""Subnormal floats are settled once for a process, before anything has been computed."""

import os
import subprocess
import sys

import pytest

SUBNORMAL = """
import torch
from bench.execute.worker import settle

torch.set_num_threads(2)
if {started}:
    torch.ones(2048, 64) @ torch.ones(64, 2048)
settle({denormals!r}, 2)
small = torch.full((2048, 64), 1e-20)
lstm = torch.nn.LSTM(64, 64, 2)
for weight in lstm.parameters():
    weight.data.fill_(1e-3)
hidden, _ = lstm(torch.randn(32, 16, 64, generator=torch.Generator().manual_seed(0)))
(hidden[-1].sum() * 1e-36).backward()
products = {{
    "product": small @ small.T,
    "scaled": torch.full((4_000_000,), 1e-38) * 1e-3,
    "gradient": lstm.weight_hh_l0.grad,
}}
for name, value in products.items():
    below = (value != 0) & (value.abs() < torch.finfo(value.dtype).tiny)
    print(name, float(below.double().mean()))
"""


@pytest.mark.parametrize("denormals", ["keep", "flush"])
def test_subnormal_floats_are_settled_on_every_thread(denormals):
    """Of the pool, of matrix products and of the fused LSTM's backward pass."""
    said = subnormal_shares(denormals, started=False)
    assert set(said) == {"product", "scaled", "gradient"}
    if denormals == "flush":
        assert set(said.values()) == {0.0}
    else:
        assert said["product"] == said["scaled"] == 1.0
        assert said["gradient"] > 0.5


def test_subnormal_floats_are_settled_before_the_pool_starts():
    """Why it comes first: a pool that is there already goes on as it was."""
    assert 0.0 < subnormal_shares("flush", started=True)["product"] < 1.0


def subnormal_shares(denormals, *, started):
    """Share of subnormal numbers in what a fresh process of two threads computes."""
    code = SUBNORMAL.format(denormals=denormals, started=started)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"},
    )
    return {name: float(share) for name, share in map(str.split, done.stdout.splitlines())}
