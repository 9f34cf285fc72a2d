"""The seam between the suite and its devices."""

import subprocess
import sys

import pytest
import torch

from bench import study
from bench.measure import devices
from bench.outcome import Unsupported

ACCELERATOR = devices.current()
needs_accelerator = pytest.mark.skipif(ACCELERATOR is None, reason="no accelerator on this machine")


def test_an_absent_device_is_refused_not_replaced():
    devices.check("cpu")
    for device in set(study.DEVICES) - {"cpu", ACCELERATOR}:
        with pytest.raises(Unsupported, match=f"no {device} device on this machine"):
            devices.check(device)


def test_the_cpu_has_a_capability_and_no_counters():
    devices.synchronize("cpu")
    devices.reset_peak("cpu")
    assert devices.peak("cpu") == devices.Peak(None, None, None)
    assert devices.allocated("cpu") is None
    assert devices.name("cpu") is None
    assert devices.capability("cpu") == torch.backends.cpu.get_cpu_capability()


def test_importing_starts_no_device():
    code = (
        "import torch; from bench.measure import devices; "
        "assert not torch.cuda.is_initialized(); assert not torch.xpu.is_initialized()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.gpu
@needs_accelerator
def test_counters_follow_an_allocation():
    size = 64 * 2**20
    torch.zeros(1, device=ACCELERATOR)
    devices.reset_peak(ACCELERATOR)
    before = devices.allocated(ACCELERATOR)
    large = torch.zeros(size, dtype=torch.uint8, device=ACCELERATOR)
    assert devices.allocated(ACCELERATOR) - before == size
    del large
    peak = devices.peak(ACCELERATOR)
    assert peak.used > 0
    if ACCELERATOR != "mps":
        assert peak.allocated - before == size
        assert peak.reserved >= peak.allocated
    devices.reset_peak(ACCELERATOR)
    if ACCELERATOR != "mps":
        assert devices.peak(ACCELERATOR).allocated == before
    assert devices.name(ACCELERATOR)
