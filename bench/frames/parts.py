"""The parts of a step as columns: seconds, and shares of a step."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from bench import registry
from bench.frames.columns import interval
from bench.statistics.intervals import median
from bench.statistics.rounds import by_round, middle, together
from bench.statistics.summaries import PER_ROUND
from bench.store.records import Record

#: Parts that add up to a step, in its order; of each the part of the layers, and what is left.
SHARES = (
    "body_forward_share", "body_backward_share", "body_update_share", "other_passes_share",
    "other_update_share",
)  # fmt: skip
_STEP = ("forward_seconds", "backward_seconds", "update_seconds")
_BODY = ("body_seconds", "body_forward_seconds", "body_update_seconds")


def columns(record: Record) -> dict[str, Any]:
    """Seconds of a step and of its parts with their intervals, and shares; none without parts.

    A share is the median over rounds of a part over the whole of the same block; those that add up
    to a step are taken as shares of their sum.
    """
    samples = record["samples"]
    row: dict[str, Any] = {}
    for metric, sample in _parts(record["cell"]["probe"]).items():
        if samples.get(sample):
            (timed,), launches = together(samples["launch"], PER_ROUND, samples[sample])
            row |= interval(metric, median(timed, PER_ROUND, launches))
    if not row:
        return {}
    step = median(samples["seconds"], PER_ROUND, samples["launch"])
    return interval("step_s", step) | row | _shares(samples)


@cache
def _parts(probe: str) -> Mapping[str, str]:
    found: dict[str, str] = registry.probes()[probe].literals.get("PARTS", {})
    return found


def _shares(samples: Mapping[str, Any]) -> dict[str, float]:
    """Of a training step; of a pass alone what the layers take of it."""
    if not samples.get("body_seconds"):
        return {}
    names = [name for name in (*_STEP, *_BODY) if samples.get(name)]
    timed, _ = together(samples["launch"], PER_ROUND, *(samples[name] for name in names))
    part = {
        name: by_round(one, PER_ROUND).mean(axis=1) for name, one in zip(names, timed, strict=True)
    }
    whole = sum(part[name] for name in _STEP if name in part)
    found = {"body_share": middle(part["body_seconds"] / whole)}
    if not set(names) >= {*_STEP, *_BODY}:
        return found
    forward, backward, update = (part[name] for name in _STEP)
    body, body_forward, body_update = (part[name] for name in _BODY)
    each = (
        body_forward, body - body_forward, body_update, forward + backward - body,
        update - body_update,
    )  # fmt: skip
    shares = [middle(one / whole) for one in each]
    return found | {name: share / sum(shares) for name, share in zip(SHARES, shares, strict=True)}
