"""The power of the length that a time or a size grows with, a row for each series of lengths."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.frames.columns import by_length, interval, span
from bench.statistics.growth import growth
from bench.statistics.rounds import together
from bench.statistics.summaries import PER_ROUND
from bench.store.records import Record

LEAST_LENGTHS = 3  # a power through two lengths fits anything


def of_times(records: Sequence[Record], sample: str, quantity: str) -> list[dict[str, Any]]:
    """Of seconds that were sampled twice a round.

    Args:
        records: measured ones.
        sample: the name of the seconds among a record's samples, None in rounds without.
        quantity: what the tables call them.
    """
    rows = []
    for where, found in by_length(records):
        lengths = [n for n in found if found[n]["samples"].get(sample)]
        if len(lengths) < LEAST_LENGTHS:
            continue
        traces, launches = {}, {}
        for n in lengths:
            traces[n], launches[n] = _trace(found[n]["samples"], sample)
        rows.append(
            where
            | {"quantity": quantity, **span(lengths)}
            | interval("exponent", growth(traces, PER_ROUND, launches))
        )
    return rows


def _trace(samples: Mapping[str, Any], name: str) -> tuple[Sequence[float], Sequence[int]]:
    """The samples of the rounds that have them, and these rounds' launches: one, if not known."""
    seconds = samples[name]
    known = samples.get("launch") or [0] * (len(seconds) // PER_ROUND)
    (timed,), launches = together(known, PER_ROUND, seconds)
    return timed, launches


def of_sizes(records: Sequence[Record], quantities: Mapping[str, str]) -> list[dict[str, Any]]:
    """Of metrics, one number a record; where one is not above 0, it has no power.

    Args:
        records: measured ones.
        quantities: what the tables call each, to the name of its metric.
    """
    rows = []
    for where, found in by_length(records):
        for quantity, metric in quantities.items():
            sizes = {
                n: record["metrics"][metric]
                for n, record in found.items()
                if record["metrics"].get(metric)
            }
            if len(sizes) >= LEAST_LENGTHS and min(sizes.values()) > 0:
                rows.append(
                    where
                    | {"quantity": quantity, **span(sizes)}
                    | interval("exponent", growth(sizes))
                )
    return rows
