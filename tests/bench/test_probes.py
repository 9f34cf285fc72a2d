"""What every registered probe provides, and where it may run."""

import pytest
import torch

from bench import registry, study
from bench.measure import contract, devices
from bench.outcome import Unsupported

from .probes.subjects import subjects


@pytest.fixture(params=["lstm", "transformer"])
def arm(request):
    return request.param


@pytest.mark.parametrize("name", registry.probes())
def test_contract(name):
    module, literals = contract.load(name), registry.probes()[name].literals
    assert registry.probes()[name].summary
    assert {"HEADS", "AXES", "PROTOCOL", "TIMED", "INTERLEAVED"} <= set(literals)
    defaults = {key: field["default"] for key, field in literals["PROTOCOL"].items()}
    axes = {key: axis["default"][0] for key, axis in literals["AXES"].items()}
    if not literals["INTERLEAVED"]:
        assert sum(module.work(defaults, axes)) > 0
        return
    quick, slow = (module.pace(defaults, axes, lambda _, s=s: s) for s in (0.01, 10.0))
    assert 0 < quick[0] < slow[0]
    assert 0 < quick[1] < slow[1]
    assert slow[1] >= 10.0


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
