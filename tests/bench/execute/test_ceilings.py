"""A machine's ceilings, as far as they can be checked without asserting a speed."""

import pytest
import torch

from bench.execute import ceilings
from bench.measure import devices
from bench.outcome import Unsupported
from bench.store import environment
from models.precision import Precision

from ...clock import Clock

ACCELERATOR = devices.current()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    for name in ("_GEMM_S", "_COPY_S", "_REST_S", "_SUBNORMAL_S"):
        monkeypatch.setattr(ceilings, name, 0.01)
    monkeypatch.setattr(ceilings, "_COPY_BYTES", (2**20, 2**22))


def test_rates_of_every_dtype_and_of_copying_by_threads():
    threads = torch.get_num_threads()
    found = ceilings.measure("cpu", ["float32", "float64"], {"all": 2, "1": 1})
    assert torch.get_num_threads() == threads
    assert {name: best["threads"] for name, best in found.items()} == {"all": 2, "1": 1}
    for best in found.values():
        assert set(best["gemm_flops_per_s"]) == {"float32", "float64"}
        assert min(best["gemm_flops_per_s"].values()) > 0
        assert set(best["gemm_size"].values()) <= set(ceilings._SIZES)
        assert best["copy_bytes_per_s"] > 0
        assert 2**20 <= best["copy_array_bytes"] <= 2**22
        assert best["absent"] == {}
        assert set(best["subnormal_ratios"]) == {"product", "elementwise", "sigmoid"}
        assert min(best["subnormal_ratios"].values()) > 0
        assert best["capability"] == torch.backends.cpu.get_cpu_capability()


@pytest.mark.parametrize(
    ("caches", "size"), [({"L2": 2**19}, 2**21), ({"L1": 9}, 2**20), ({"L3": 2**30}, 2**22)]
)
def test_what_is_copied_is_larger_than_the_caches(monkeypatch, caches, size):
    monkeypatch.setattr(environment, "caches", lambda: caches)
    assert ceilings._copy_bytes() == size


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(ceilings, "time", Clock())
    return ceilings.time


def test_arithmetic_is_timed_on_numbers_that_are_subnormal(monkeypatch, clock):
    """A processor that takes a hundred times as long for them is found out."""
    smallest = torch.finfo(torch.float32).smallest_normal

    def slower(factor):
        def operation(numbers, *others, out):
            assert (numbers > 0).all(), "none is flushed to zero"
            clock.pass_by(1e-4 * (factor if (numbers < smallest).all() else 1))

        return operation

    for name, factor in {"mm": 1, "mul": 100, "sigmoid": 20}.items():
        monkeypatch.setattr(torch, name, slower(factor))
    found = ceilings.subnormal_ratios()
    assert found == pytest.approx({"product": 1, "elementwise": 100, "sigmoid": 20})
    assert ceilings.slowed(found)
    assert not ceilings.slowed(dict.fromkeys(found, 1.1))


def test_a_rate_is_that_of_the_fastest_call(clock):
    taken = iter([0.03, 0.01, 0.02])
    assert ceilings._fastest(lambda: clock.pass_by(next(taken)), "cpu", 0.0) == 0.01


def test_calls_go_on_for_as_long_as_is_asked(clock):
    calls = []

    def call():
        calls.append(clock.now_ns)
        clock.pass_by(0.01)

    ceilings._fastest(call, "cpu", 0.095)
    assert len(calls) == 10


def test_a_ceiling_is_the_best_of_tries_that_take_turns(monkeypatch):
    """Work beside it makes some tries slow, of one dtype or of one number of threads."""
    rates = iter([1.0, 7.0, 9.0, 2.0, 3.0, 3.0, 4.0, 8.0, 5.0, 5.0])
    asked = []

    def gemm(device, dtype):
        asked.append(torch.get_num_threads())
        return next(rates), 512

    monkeypatch.setattr(ceilings, "_gemm", gemm)
    found = ceilings.measure("cpu", ["float32"], {"all": 2, "1": 1})
    assert asked == [2, 1] * 5
    assert found["all"]["gemm_flops_per_s"] == {"float32": 9.0}
    assert found["1"]["gemm_flops_per_s"] == {"float32": 8.0}


def test_what_was_measured_before_stands_until_something_is_faster():
    (first,) = ceilings.measure("cpu", ["float32"], {"1": 1}).values()
    known = {"1": first | {"gemm_flops_per_s": {"float32": 1e18}, "copy_bytes_per_s": 1.0}}
    (later,) = ceilings.measure("cpu", ["float32", "float64"], {"1": 1}, known).values()
    assert later["gemm_flops_per_s"]["float32"] == 1e18
    assert later["gemm_flops_per_s"]["float64"] > 0
    assert later["copy_bytes_per_s"] > 1.0


def test_a_dtype_without_a_product_says_why(monkeypatch):
    monkeypatch.setitem(ceilings.PRECISIONS, "bool", Precision(torch.bool, torch.bool))
    (found,) = ceilings.measure("cpu", ["bool", "float32"], {"1": 1}).values()
    assert set(found["gemm_flops_per_s"]) == {"float32"}
    assert "not implemented" in found["absent"]["bool"]


def test_an_absent_device_is_refused():
    absent = "cuda" if ACCELERATOR != "cuda" else "xpu"
    with pytest.raises(Unsupported, match=f"no {absent} device"):
        ceilings.measure(absent, ["float32"], {"1": 1})


@pytest.mark.gpu
@pytest.mark.skipif(ACCELERATOR is None, reason="no accelerator on this machine")
def test_on_the_accelerator():
    (found,) = ceilings.measure(ACCELERATOR, ["float32", "float16"], {"1": 1}).values()
    assert found["gemm_flops_per_s"]["float16"] > 0
    assert found["copy_bytes_per_s"] > 0
