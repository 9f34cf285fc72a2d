"""What ``pytest --benchmark`` collects: a test for each cell of the study."""

from typing import Any

from pytest_benchmark.fixture import BenchmarkFixture

from bench.plugin import extra_info
from bench.statistics.verdicts import Verdict


def test_timed(
    outcome: dict[str, Any], verdict: Verdict | None, benchmark: BenchmarkFixture
) -> None:
    """Hand a cell's measured times to pytest-benchmark."""
    benchmark.extra_info.update(extra_info(outcome, verdict))
    benchmark.pedantic(lambda: None, rounds=len(outcome["samples"]["seconds"]), iterations=1)


def test_measured(outcome: dict[str, Any]) -> None:
    """A cell whose samples are not times has a result."""
    assert outcome["metrics"]
