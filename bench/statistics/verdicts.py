"""What the rounds of a group say: who is faster, by how much, and beyond which noise.

A group's reference runs twice, in two processes. Whatever lies between the two is noise, so
another arm is called faster or slower only where its ratio lies wholly outside that.

Where a group keeps subnormal floats and flushes them, arms are compared under one setting, with the
reference and the noise of that setting. An arm is also compared with itself under the other, in the
same rounds; both settings are in that ratio, so it has to lie outside the wider noise of the two.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.outcome import MEASURED, UNSTABLE
from bench.statistics import decisions, intervals
from bench.store.records import Record

#: A round is flagged in which a larger share of processor time was stolen by the hypervisor, or of
#: wall time was spent with something waiting for a processor.
STEAL = 0.02
PSI = 0.10


@dataclass(frozen=True)
class Verdict:
    """One arm beside its group's reference, timed in the same rounds; or beside itself.

    Args:
        record: of the arm.
        reference: of what it is compared with: another arm, or the same with subnormals kept.
        controls: records that were timed twice in these rounds, which says what is noise.
    """

    record: Record
    reference: Record
    controls: tuple[Record, ...]

    @cached_property
    def ratio(self) -> intervals.Estimate:
        """How many times as fast as the reference."""
        return self._ratio(self.record["samples"]["seconds"])

    @cached_property
    def quiet_ratio(self) -> intervals.Estimate:
        """The same without the rounds in which other work took part of the machine."""
        return self._ratio(self.record["samples"]["seconds"], flagged(self.reference))

    @cached_property
    def canary(self) -> intervals.Estimate | None:
        """A reference's ratio to itself, the widest of several; None without a second process."""
        found = [ratio for r in self.controls if (ratio := control(r["samples"])) is not None]
        return max(found, key=lambda e: (math.isnan(e.low), decisions.band(e)), default=None)

    @property
    def unstable(self) -> bool:
        """Whether either was not measured precisely enough for a claim."""
        return UNSTABLE in (self.record["status"], self.reference["status"])

    @cached_property
    def difference(self) -> str | None:
        """``faster`` or ``slower``, None where that may be noise or nothing may be claimed."""
        if self.unstable or self.canary is None:
            return None
        return decisions.differs(self.ratio, self.canary)

    def _ratio(
        self, seconds: Sequence[float], without: Sequence[bool] | None = None
    ) -> intervals.Estimate:
        samples = self.reference["samples"]
        return intervals.paired_ratio(samples["seconds"], seconds, 2, samples["launch"], without)


def control(samples: Mapping[str, Any]) -> intervals.Estimate | None:
    """How many times as fast a reference's second process was as its first, as ratios of arms are.

    Returns:
        None where it had no second process.
    """
    seconds = samples.get("canary_seconds")
    if seconds is None:
        return None
    return intervals.paired_ratio(samples["seconds"], seconds, 2, samples["launch"])


def of(records: Sequence[Record]) -> list[Verdict]:
    """Every arm beside the reference of the rounds that it was timed in, under the same setting.

    The reference is the arm that set the budget; without it in the group, there is no verdict.
    """
    timed = _timed(records)
    bases: dict[tuple[str, str, str], Record] = {}
    for record in timed:
        if record["cell"]["arm"] == record["cell"]["model"]["match_to"]:
            bases.setdefault((*_rounds(record), record["cell"]["denormals"]), record)
    found = []
    for record in timed:
        base = bases.get((*_rounds(record), record["cell"]["denormals"]))
        if base is not None and base["key"] != record["key"]:
            found.append(Verdict(record, base, (base,)))
    return found


def of_settings(records: Sequence[Record]) -> list[Verdict]:
    """Every arm with subnormals flushed beside itself with them kept, timed in the same rounds."""
    kept: dict[tuple[str, ...], Record] = {}
    controls: dict[tuple[str, str], list[Record]] = {}
    timed = _timed(records)
    for record in timed:
        if "canary_seconds" in record["samples"]:
            controls.setdefault(_rounds(record), []).append(record)
        if record["cell"]["denormals"] == "keep":
            kept[_itself(record)] = record
    return [
        Verdict(record, kept[_itself(record)], tuple(controls.get(_rounds(record), ())))
        for record in timed
        if record["cell"]["denormals"] != "keep" and _itself(record) in kept
    ]


def _timed(records: Sequence[Record]) -> list[Record]:
    return [r for r in records if r["status"] in MEASURED and "launch" in r["samples"]]


def _rounds(record: Record) -> tuple[str, str]:
    """The same for records of the same rounds."""
    return record["alike"], record["together"]


def _itself(record: Record) -> tuple[str, ...]:
    """The same for an arm under every setting of the same rounds."""
    return (*_rounds(record), record["cell"]["arm"], record["cell"]["kernel"])


def flagged(record: Record) -> list[bool]:
    """Rounds in which other work took more than its share of the machine."""
    samples = record["samples"]
    return [
        (steal or 0.0) > STEAL or (psi or 0.0) > PSI
        for steal, psi in zip(samples["steal"], samples["psi"], strict=True)
    ]
