"""One thread, and records with all their digits."""

import pytest

from bench.measure import training
from bench.probes.gradient import measure as gradient
from bench.store import records

from .subjects import ARMS, TASKS


@pytest.fixture(autouse=True)
def threads(one_thread):
    """One, in every test of these."""


@pytest.fixture(autouse=True)
def digits(monkeypatch):
    """A record keeps few digits; here it keeps enough to be checked against what is known."""
    for module in (gradient, training):
        monkeypatch.setattr(module, "short", lambda values, digits=4: records.short(values, 17))


@pytest.fixture(params=ARMS)
def arm(request):
    return request.param


@pytest.fixture(params=TASKS)
def head(request):
    return request.param
