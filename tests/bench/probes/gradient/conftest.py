"""Real small records of gradients, and copies to be spoilt."""

import copy

import pytest

from bench import study
from bench.execute import channel, sizing
from bench.measure import contract
from bench.measure.subject import Subject

from ....conftest import TINY


@pytest.fixture(scope="session")
def measured(corpus):
    """Two arms, two lengths and two seeds, as the probe records them."""
    cells = {c.arm: c for c in study.load(str(TINY)).cells if c.probe == "gradient"}
    protocol = cells["lstm"].protocol | {
        "steps": 4, "stages": [0.25, 0.5, 0.75, 1.0], "rows": 2, "batch_size": 2, "eval_rows": 4,
        "clip_norm": 1.0,
    }  # fmt: skip
    found = []
    for arm, cell in cells.items():
        for length in (16, 32):
            for seed in (0, 1):
                changed = cell.model_copy(
                    update={
                        "length": length, "seed": seed, "task": "adding",
                        "protocol": protocol,
                    }
                )  # fmt: skip
                subject = Subject(changed, sizing.sized(changed, corpus)["config"], corpus)
                measurement = contract.load("gradient").Measurement(subject, lambda share: None)
                measurement.round()
                result = measurement.result()
                found.append(
                    {
                        "key": f"{arm}-{length}-{seed}",
                        "status": "done",
                        "cell": changed.model_dump(mode="json"),
                        "metrics": channel.finite(result.metrics),
                        "samples": channel.finite(result.samples),
                    }
                )
    return found


@pytest.fixture
def records(measured):
    return copy.deepcopy(measured)
