"""How often the rule of directions is wrong on one machine: pairs whose true ratio is known.

An arm beside itself has the ratio 1, so a direction is a false alarm; one that does six steps where
the other does five has 1.2. Each pair is looked at as a group is, at all looks that it lasted for,
with what launches add to its error pooled over all of them, and a direction at any look counts.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binom

from bench.statistics import changes
from bench.statistics.decisions import LOOKS
from bench.statistics.directions import ALPHA, Direction, Pair, directions
from bench.statistics.intervals import Estimate, share

#: The size of a ratio is known once its 95% interval is as narrow as this on either side.
SIZE = 0.05


@dataclass(frozen=True)
class Trial:
    """One pair, timed in rounds.

    Args:
        true: how many times as long the second takes, by construction.
        logs: of that ratio as it was measured, one a round.
        launches: the launch of each round, from 0.
        seconds: of wall time, from the first process to the last round.
        trouble: why it is no measurement; None where nothing speaks against it.
    """

    true: float
    logs: tuple[float, ...]
    launches: tuple[int, ...]
    seconds: float
    trouble: str | None = None


@dataclass(frozen=True)
class Calibration:
    """What pairs of known ratios say of a machine.

    Attributes:
        same, known: pairs of an arm with itself, and those with another true ratio.
        fired: of ``same``, those called different; ``false_alarms`` is their share.
        allowed: how many of them may be, at 5% each, in 95 of 100 such series.
        right, wrong: of ``known``, those of which the true direction was found, or the other one.
        direction_s: median wall seconds until the true direction of ``known`` was found; infinite
            where it was not in half of them, NaN without any.
        size_s: median wall seconds, of all pairs, that it takes to know a ratio within ±5% at 95%,
            from a pair's last interval, as it narrows with the root of its rounds.
        within, between: standard deviation of a log-ratio over the rounds of one launch, and what
            launches add to it; NaN where nothing tells.
        decided: whether there are launches enough for any interval.
    """

    same: int
    known: int
    fired: int
    false_alarms: Estimate
    allowed: int
    right: int
    wrong: int
    direction_s: float
    size_s: float
    within: float
    between: float
    decided: bool

    @property
    def silent(self) -> bool:
        """Whether there are no more wrong directions than chance allows."""
        return self.fired <= self.allowed and self.wrong <= _allowed(self.known)


def calibration(trials: Sequence[Trial]) -> Calibration:
    """What the pairs say that were measured; one with ``trouble`` says nothing."""
    measured = [trial for trial in trials if trial.trouble is None and trial.logs]
    looks = [directions([pair(trial, look) for trial in measured]) for look in LOOKS]
    seen = [
        [found[n] for look, found in zip(LOOKS, looks, strict=True) if look in _lasted(trial)]
        for n, trial in enumerate(measured)
    ]
    calls = [_called(each) for each in seen]
    same = [call for trial, call in zip(measured, calls, strict=True) if trial.true == 1]
    fired = sum(call is not None for call in same)
    known = [
        (trial, found, call)
        for trial, found, call in zip(measured, seen, calls, strict=True)
        if trial.true != 1
    ]
    right = [call == (trial.true > 1) for trial, _, call in known if call is not None]
    within, between = _spread(measured)
    return Calibration(
        same=len(same),
        known=len(known),
        fired=fired,
        false_alarms=share(fired, len(same)),
        allowed=_allowed(len(same)),
        right=sum(right),
        wrong=len(right) - sum(right),
        direction_s=_median(
            _seconds(trial, [_points(d) == (trial.true > 1) for d in found])
            for trial, found, _ in known
        ),
        size_s=_median(
            trial.seconds * (_half_width(found[-1]) / SIZE) ** 2
            for trial, found in zip(measured, seen, strict=True)
            if not found[-1].why
        ),
        within=within,
        between=between,
        decided=any(not d.why for found in looks for d in found),
    )


def _lasted(trial: Trial) -> set[int]:
    """The looks of a trial, the last of which has all its rounds."""
    return {
        look for look, before in zip(LOOKS, (0, *LOOKS), strict=False) if before < len(trial.logs)
    }


def pair(trial: Trial, rounds: int = LOOKS[-1]) -> Pair:
    """What the rule sees of a trial's first rounds."""
    return Pair(np.array(trial.logs[:rounds]), trial.launches[:rounds], group=id(trial))


def _points(found: Direction) -> bool | None:
    """Whether the second takes longer, None where no direction is found."""
    return found.ratio.low > 1 if found.excludes_one else None


def _called(looks: Sequence[Direction]) -> bool | None:
    """What is said at the first look that says anything."""
    return next((call for found in looks if (call := _points(found)) is not None), None)


def _half_width(found: Direction) -> float:
    return float(stdtrit(found.freedom, 0.975)) * found.log_se


def _seconds(trial: Trial, reached: Sequence[bool]) -> float:
    """Wall seconds until the first look that has reached something; infinite without one.

    A pair that went on after it is taken to have spent its time evenly over its rounds.
    """
    look = next((look for look, yes in zip(LOOKS, reached, strict=False) if yes), math.inf)
    return trial.seconds * min(1.0, look / len(trial.logs)) if look < math.inf else math.inf


def _median(seconds: Iterable[float]) -> float:
    values = list(seconds)
    return statistics.median(values) if values else math.nan


def _allowed(pairs: int) -> int:
    return int(binom.ppf(1 - ALPHA, pairs, ALPHA)) if pairs else 0


def _spread(trials: Sequence[Trial]) -> tuple[float, float]:
    """Standard deviation of logs within launches, and what launches add."""
    series = [changes.Series(np.array(t.logs), t.launches, group=id(t)) for t in trials]
    squares, freedom = 0.0, 0
    for one in series:
        for launch in set(one.launches):
            own = one.rounds[np.equal(one.launches, launch)]
            squares += float(((own - own.mean()) ** 2).sum())
            freedom += len(own) - 1
    launches = changes.spread(series)
    return (
        math.sqrt(squares / freedom) if freedom else math.nan,
        math.nan if launches is None else math.sqrt(launches.variance),
    )
