"""The memory probe's two numbers, each against what is known without it."""

import gc
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench import registry, study
from bench.execute import sizing
from bench.measure import devices
from bench.measure.subject import Subject
from bench.probes.memory import measure as memory

from ....conftest import TINY
from ..subjects import ARMS

LITERALS = registry.probes()["memory"].literals
MIB = 2**20
ACCELERATOR = devices.current()
RESETTABLE = Path("/proc/self/clear_refs").exists()
needs_proc = pytest.mark.skipif(not RESETTABLE, reason="no /proc/self/clear_refs on this system")


def measure(corpus, arm, phase="training", **changes):
    """The result of the probe on the tiny study's model of an arm."""
    cell = next(c for c in study.load(str(TINY)).cells if c.probe == "gradient" and c.arm == arm)
    protocol = {name: field["default"] for name, field in LITERALS["PROTOCOL"].items()}
    protocol["batch_size"] = 2
    update = {"probe": "memory", "axes": {"phase": phase}, "protocol": protocol} | changes
    cell = cell.model_copy(update=update)
    subject = Subject(cell, sizing.sized(cell, corpus)["config"], corpus)
    measurement = memory.Measurement(subject, lambda share: None)
    measurement.round()
    return measurement, measurement.result()


ALONE = """
import json, re, torch
from bench.probes.memory.measure import _status, peak_rss

def take(mib):
    return torch.zeros(mib * 2**20, dtype=torch.uint8).fill_(1)

take(1)  # the code that fills a tensor is read from its file, and counted, where it first runs
found = {"64": peak_rss(lambda: take(64)), "high": _status("VmHWM")}
take(256)
found["high after"] = _status("VmHWM")
found["16"] = peak_rss(lambda: take(16))
small = [torch.zeros(4096, dtype=torch.uint8).fill_(1) for _ in range(16 * 1024)]
last = small.pop()
del small
found["held"] = _status("VmRSS")
found["trimmed"] = peak_rss(lambda: None)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def alone():
    """What was measured in a process of its own, whose memory no test has touched."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE], capture_output=True, text=True, timeout=300, check=True
    )
    return json.loads(done.stdout)


@needs_proc
class TestResidentPeak:
    def test_equals_a_known_allocation(self, alone):
        before, peak = alone["64"]
        assert 62 * MIB < peak - before < 68 * MIB

    def test_a_larger_peak_before_does_not_show(self, alone):
        before, peak = alone["16"]
        assert alone["high after"] > peak + 200 * MIB
        assert 14 * MIB < peak - before < 20 * MIB

    def test_memory_freed_before_is_given_back_first(self, alone):
        """Blocks too small to be mapped by themselves stay with malloc until it is trimmed."""
        before, _ = alone["trimmed"]
        assert before < alone["held"] - 48 * MIB

    def test_of_a_model(self, corpus):
        _, result = measure(corpus, "lstm")
        metrics, samples = result.metrics, result.samples
        assert metrics["rss_unavailable"] is None
        assert len(samples["peak_rss_bytes_step"]) == LITERALS["PROTOCOL"]["repeats"]["default"]
        assert metrics["peak_rss_bytes_step"] in samples["peak_rss_bytes_step"]
        assert metrics["peak_rss_bytes_step"] > metrics["held_tensor_bytes"]


def test_a_system_that_does_not_say_is_none_with_the_reason(corpus, monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_PROC", tmp_path / "self")
    _, result = measure(corpus, "lstm")
    assert result.metrics["peak_rss_bytes_step"] is None
    assert result.metrics["rss_growth_bytes_step"] is None
    assert "No such file" in result.metrics["rss_unavailable"]
    assert result.metrics["peak_tensor_bytes_step"] > 0


class TestTensorBytes:
    def test_counts_a_storage_once_and_until_it_is_freed(self):
        with memory.TensorBytes("cpu", []) as counter:
            one = torch.zeros(1000)
            views = one.view(10, 100), one[3:], one.t()
            assert counter.now == 4000
            two = one + 1
            assert counter.now == 8000
            one.add_(two)
            assert counter.now == 8000
            del one
            assert counter.now == 8000, "its views hold it"
            del views
            assert counter.now == 4000
            two.resize_(2000)
            assert counter.now == 8000
        assert counter.peak == 8000

    def test_what_is_held_counts_from_the_start(self):
        weight = torch.zeros(100)
        with memory.TensorBytes("cpu", [weight, weight.view(10, 10)]) as counter:
            assert counter.now == 400
            weight.mul_(2)
        assert counter.peak == 400

    def test_what_autograd_keeps_lives_until_the_backward(self):
        weight = torch.ones(1000, requires_grad=True)
        with memory.TensorBytes("cpu", [weight]) as counter:
            loss = weight.exp().sum()
            assert counter.now == 4000 + 4000 + 4, "the result of exp is kept"
            loss.backward()
            assert counter.now == 4000 + 4000 + 4, "the gradient is there and the result gone"
            assert counter.peak >= 4000 + 4000 + 4 + 4000

    def test_other_devices_do_not_count(self):
        with memory.TensorBytes("meta", []) as counter:
            torch.zeros(1000)
            kept = torch.zeros(10, device="meta")
        assert counter.peak == kept.nbytes


@pytest.mark.parametrize("phase", LITERALS["AXES"]["phase"]["choices"])
@pytest.mark.parametrize("arm", ARMS)
def test_tensor_bytes_reproduce(corpus, arm, phase):
    """Two runs, to the byte; and what is held is what the formula says."""
    names = ("peak_tensor_bytes_step", "tensor_growth_bytes_step", "held_tensor_bytes")
    measurement, first = measure(corpus, arm, phase)
    weights = sum(p.nbytes for p in measurement.model.parameters())
    copies = 3 if phase == "training" else 1  # AdamW's two moments
    assert first.metrics["held_tensor_bytes"] == pytest.approx(copies * weights, rel=1e-3)
    growth = first.metrics["tensor_growth_bytes_step"]
    assert growth > weights if phase == "training" else growth > 0
    del measurement
    gc.collect()
    _, second = measure(corpus, arm, phase)
    assert [first.metrics[n] for n in names] == [second.metrics[n] for n in names]


def test_growth_with_length(corpus):
    """Written scores grow with the square of the length, a recurrence's states with the length."""

    def growths(arm, kernel, lengths):
        found = []
        for length in lengths:
            _, result = measure(corpus, arm, "forward", kernel=kernel, length=length,
                                model=wide(corpus, max(lengths)))  # fmt: skip
            found.append(result.metrics["tensor_growth_bytes_step"])
        short, middle, long = found
        return (long - middle) / (middle - short)

    lengths = (128, 256, 512)  # the second difference is twice the first where growth is linear
    assert growths("lstm", "fused", lengths) == pytest.approx(2, rel=0.05)
    assert 2.5 < growths("transformer", "eager", lengths) < 4.2


def wide(corpus, positions):
    cell = next(c for c in study.load(str(TINY)).cells if c.probe == "gradient")
    return cell.model.model_copy(update={"max_positions": positions})


def test_a_compiled_program_says_why_its_tensors_are_not_counted(corpus, monkeypatch):
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
    _, result = measure(corpus, "transformer", kernel="compiled")
    assert result.metrics["peak_tensor_bytes_step"] is None
    assert "without PyTorch's dispatcher" in result.metrics["tensors_unavailable"]


def test_the_steps_memory_is_not_the_gradients_of_the_one_before(corpus):
    measurement, _ = measure(corpus, "lstm")
    assert all(weight.grad is None for weight in measurement.model.parameters())


@pytest.mark.gpu
@pytest.mark.skipif(ACCELERATOR is None, reason="no accelerator on this machine")
def test_on_the_accelerator(corpus):
    _, result = measure(corpus, "lstm", device=ACCELERATOR)
    metrics = result.metrics
    assert metrics["device_used_bytes"] >= metrics["held_tensor_bytes"]
    if ACCELERATOR != "mps":
        assert metrics["peak_allocated_bytes_step"] >= metrics["held_tensor_bytes"]
        assert metrics["peak_reserved_bytes_step"] >= metrics["peak_allocated_bytes_step"]
