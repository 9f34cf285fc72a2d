"""A machine's ceilings, as far as they can be checked without asserting a speed."""

import time

import pytest
import torch

from bench import devices
from bench.execute import ceilings
from bench.outcome import Unsupported

ACCELERATOR = devices.current()


def test_rates_of_every_dtype_and_of_copying(monkeypatch):
    monkeypatch.setattr(ceilings, "_GEMM_S", 0.05)
    monkeypatch.setattr(ceilings, "_COPY_S", 0.05)
    threads = torch.get_num_threads()
    found = ceilings.measure("cpu", ["float32", "float64"], threads=1)
    assert torch.get_num_threads() == threads
    assert set(found["gemm_flops_per_s"]) == {"float32", "float64"}
    assert min(found["gemm_flops_per_s"].values()) > 0
    assert set(found["gemm_size"].values()) <= set(ceilings._SIZES)
    assert found["copy_bytes_per_s"] > 0
    assert 64 * 2**20 <= found["copy_array_bytes"] <= 256 * 2**20
    assert found["absent"] == {}
    assert found["capability"] == torch.backends.cpu.get_cpu_capability()
    assert found["threads"] == 1


def test_a_ceiling_is_the_fastest_call():
    naps = iter([0.03, 0.0, 0.03])
    fastest = ceilings._fastest(lambda: time.sleep(next(naps)), "cpu", 0.0)
    assert fastest < 0.03


def test_a_dtype_without_a_product_says_why(monkeypatch):
    monkeypatch.setattr(ceilings, "_GEMM_S", 0.01)
    monkeypatch.setattr(ceilings, "_COPY_S", 0.01)
    found = ceilings.measure("cpu", ["bool", "float32"], threads=1)
    assert set(found["gemm_flops_per_s"]) == {"float32"}
    assert "not implemented" in found["absent"]["bool"]


def test_an_absent_device_is_refused():
    absent = "cuda" if ACCELERATOR != "cuda" else "xpu"
    with pytest.raises(Unsupported, match=f"no {absent} device"):
        ceilings.measure(absent, ["float32"], threads=1)


@pytest.mark.gpu
@pytest.mark.skipif(ACCELERATOR is None, reason="no accelerator on this machine")
def test_on_the_accelerator():
    found = ceilings.measure(ACCELERATOR, ["float32", "float16"], threads=1)
    assert found["gemm_flops_per_s"]["float16"] > 0
    assert found["copy_bytes_per_s"] > 0
