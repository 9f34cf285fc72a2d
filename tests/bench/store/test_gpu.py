"""What a GPU says of itself, from a program that prints what NVIDIA's does."""

import os

import pytest

from bench.store import gpu

IDLE = "NVIDIA H100, 580.1, 345, 2619, 71.2, 700.0, 31, 0x0000000000000001"
FIELDS = ("name", "driver", "sm_mhz", "memory_mhz", "power_w", "power_limit_w", "temperature_c")


@pytest.fixture
def smi(tmp_path, monkeypatch):
    """Make ``nvidia-smi`` print lines, or fail."""

    def says(*lines, code=0):
        text = "\n".join(lines)
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    return says


def test_clocks_power_and_heat(smi):
    smi(IDLE, IDLE.replace("71.2", "[N/A]"))
    first, second = gpu.states()
    assert [first[name] for name in FIELDS] == ["NVIDIA H100", "580.1", 345, 2619, 71.2, 700, 31]
    assert second["power_w"] is None
    assert first["slowed_by"] == 1
    assert gpu.trouble(first) is None


def test_no_driver_is_no_gpu(smi, tmp_path, monkeypatch):
    smi("NVIDIA-SMI has failed", code=9)
    assert gpu.states() == []
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert gpu.states() == []


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        ("0x0000000000000004", None),  # a cap on power is how some cards always run
        ("0x0000000000000048", "NVIDIA H100 slows itself down: hardware slowdown, heat, by hard"),
        ("0x0000000000000024", "NVIDIA H100 slows itself down: heat, by software"),
    ],
)
def test_a_gpu_that_slows_itself_is_no_measurement(smi, mask, why):
    smi(IDLE.replace("0x0000000000000001", mask))
    (state,) = gpu.states()
    said = gpu.trouble(state)
    assert said is None if why is None else said.startswith(why)
