"""The records that tests of speed, decoding and memory start from."""

import matplotlib.pyplot as plt
import pytest

from bench.store import Store


@pytest.fixture(autouse=True)
def closed():
    """Whatever a test draws is closed behind it."""
    yield
    plt.close("all")


@pytest.fixture
def costly(costs):
    """What the study of costs left, to be edited."""
    with Store(costs) as store:
        return store.records()
