"""What the rounds of a run say: who is faster, by how much, and where nothing can be told.

Arms are told apart by the rule of :mod:`bench.statistics.directions`, launches of all groups taken
together. A group's reference runs twice, in two processes, where nothing differs: the same test
must stay silent on these pairs, or it is believed nowhere in the run. They are part of no other
arm's bar, which would count the same noise twice.

Where a group keeps subnormal floats and flushes them, arms are compared under one setting, with the
reference of that setting, and each arm with itself under the other, in the same rounds.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.outcome import MEASURED
from bench.statistics import intervals
from bench.statistics.directions import Direction, Pair, directions, silent
from bench.statistics.rounds import numbered, together
from bench.statistics.summaries import PER_ROUND
from bench.store.records import Record

#: A round is flagged in which a larger share of processor time was stolen by the hypervisor, or of
#: wall time was spent with something waiting for a processor.
STEAL = 0.02
PSI = 0.10
NO_CONTROL = "no A/A control"
CONTROL_DIFFERS = "A/A controls differ as well"


@dataclass(frozen=True)
class Verdict:
    """One arm beside its group's reference, timed in the same rounds; or beside itself.

    Args:
        record: of the arm.
        reference: of what it is compared with: another arm, or the same with subnormals kept.
        controls: records that were timed twice in these rounds.
        time: of the arm over that of the reference.
        veto: why nothing is told in this run, whatever the ratio; empty where something may be.
        alike: whether the two are the same within the share that counts as none.
    """

    record: Record
    reference: Record
    controls: tuple[Record, ...]
    time: Direction
    veto: str
    alike: bool = False

    @cached_property
    def ratio(self) -> intervals.Estimate:
        """How many times as fast as the reference, with the interval that decides."""
        return self.time.ratio.map(lambda value: 1 / value if value else math.inf)

    @cached_property
    def quiet_ratio(self) -> intervals.Estimate:
        """The same without the rounds in which other work took part of the machine: medians."""
        samples = self.reference["samples"]
        return intervals.paired_ratio(
            samples["seconds"],
            self.record["samples"]["seconds"],
            PER_ROUND,
            samples["launch"],
            flagged(self.reference),
        )

    @cached_property
    def canary(self) -> intervals.Estimate | None:
        """A reference's ratio to itself, the widest of several; None without a second process."""
        found = [ratio for r in self.controls if (ratio := control(r["samples"])) is not None]
        return max(found, key=lambda e: (math.isnan(e.low), e.high / e.low), default=None)

    @property
    def why(self) -> str:
        """Why nothing can be told of the two; empty where something can."""
        return self.time.why or self.veto

    @property
    def difference(self) -> str | None:
        """``faster`` or ``slower``, None where that may be noise or nothing can be told."""
        if self.why or self.alike or not self.time.excludes_one:
            return None
        return "slower" if self.time.ratio.low > 1 else "faster"


def control(samples: Mapping[str, Any]) -> intervals.Estimate | None:
    """How many times as fast a reference's second process was as its first, as ratios of arms are.

    Returns:
        None where it had no second process.
    """
    seconds = samples.get("canary_seconds")
    if seconds is None:
        return None
    return intervals.paired_ratio(samples["seconds"], seconds, PER_ROUND, samples["launch"])


def of(records: Sequence[Record]) -> list[Verdict]:
    """Every arm beside the reference of the rounds that it was timed in, under the same setting.

    The reference is the arm that set the budget; without it in the group, there is no verdict.
    """
    return _judged(records)[0]


def of_settings(records: Sequence[Record]) -> list[Verdict]:
    """Every arm with subnormals flushed beside itself with them kept, timed in the same rounds."""
    return _judged(records)[1]


def pairs(records: Sequence[Record]) -> list[Pair]:
    """All pairs timed in the same rounds, controls among them: what launches add is told by all."""
    timed = _timed(records)
    compared = [*_beside_references(timed), *_beside_themselves(timed)]
    return [_compared(*two) for two in compared] + [_again(r) for r in _controls(timed)]


def pair(
    base: Record, record: Record, above: Sequence[float | None], below: Sequence[float | None]
) -> Pair:
    """The log-ratio of an arm's seconds to those of its reference, in the rounds that have both.

    Args:
        base: the reference, whose launches are those of the rounds.
        record: of the arm.
        above, below: seconds of the arm and of its reference, None where they were not measured.
    """
    cell = record["cell"]
    (own, other), launches = together(base["samples"]["launch"], PER_ROUND, above, below)
    logs = intervals.log_ratios(own, other, PER_ROUND)
    return Pair(
        logs, numbered(launches, len(logs)), _rounds(record), (cell["device"], cell["threads"])
    )


def _compared(record: Record, base: Record) -> Pair:
    return pair(base, record, record["samples"]["seconds"], base["samples"]["seconds"])


def _again(record: Record) -> Pair:
    samples = record["samples"]
    return pair(record, record, samples["canary_seconds"], samples["seconds"])


def vetoed(controls: Sequence[Direction]) -> str:
    """Why the A/A controls of a run let nothing be told in it; empty where they do."""
    told = [control for control in controls if not control.why]
    if not told:
        return NO_CONTROL
    return "" if silent(told) else CONTROL_DIFFERS


def _judged(records: Sequence[Record]) -> tuple[list[Verdict], list[Verdict]]:
    """Arms beside their references, and beside themselves."""
    timed = _timed(records)
    arms, settings = list(_beside_references(timed)), list(_beside_themselves(timed))
    both, twice = [*arms, *settings], _controls(timed)
    found = directions([_compared(*two) for two in both] + [_again(r) for r in twice])
    known, again = found[: len(both)], found[len(both) :]
    veto = vetoed(again)
    here: dict[tuple[str, str], list[Record]] = {}
    for record in twice:
        here.setdefault(_rounds(record), []).append(record)
    verdicts = []
    for index, ((record, base), time) in enumerate(zip(both, known, strict=True)):
        controls = here.get(_rounds(record), [])
        if index < len(arms):
            controls = [control for control in controls if control is base]
        verdicts.append(Verdict(record, base, tuple(controls), time, veto))
    return verdicts[: len(arms)], verdicts[len(arms) :]


def _beside_references(timed: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """Every arm with the reference of its rounds and setting."""
    bases: dict[tuple[str, str, str], Record] = {}
    for record in timed:
        if record["cell"]["arm"] == record["cell"]["model"]["match_to"]:
            bases.setdefault((*_rounds(record), record["cell"]["denormals"]), record)
    for record in timed:
        base = bases.get((*_rounds(record), record["cell"]["denormals"]))
        if base is not None and base["key"] != record["key"]:
            yield record, base


def _beside_themselves(timed: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """Every arm with subnormals flushed, with the same where they are kept."""
    kept = {_itself(r): r for r in timed if r["cell"]["denormals"] == "keep"}
    for record in timed:
        if record["cell"]["denormals"] != "keep" and _itself(record) in kept:
            yield record, kept[_itself(record)]


def _controls(timed: Sequence[Record]) -> list[Record]:
    """Records that were timed twice."""
    return [record for record in timed if record["samples"].get("canary_seconds") is not None]


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
