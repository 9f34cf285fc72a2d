"""What every registered probe provides, and where it may run."""

import pytest
import torch

from bench import registry, study
from bench.measure import contract, devices
from bench.outcome import Unsupported

from .probes.subjects import ARMS, subjects


@pytest.fixture(params=ARMS)
def arm(request):
    return request.param


def test_an_absent_device_is_refused_not_replaced():
    absent = [d for d in study.DEVICES if d not in ("cpu", _accelerator())]
    for device in absent:
        with pytest.raises(Unsupported, match=f"no {device} device"):
            devices.check(device)


def _accelerator():
    found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return found.type if found else "cpu"


@pytest.mark.gpu
@pytest.mark.skipif(_accelerator() == "cpu", reason="no accelerator on this machine")
@pytest.mark.parametrize("probe", registry.probes())
def test_every_probe_on_the_accelerator(corpus, arm, probe):
    subject = subjects(corpus, probe, device=_accelerator())[arm]
    measurement = contract.load(probe).Measurement(subject, lambda share: None)
    measurement.round()
    if registry.probes()[probe].literals["INTERLEAVED"]:
        measurement.round()
    assert measurement.result().metrics
