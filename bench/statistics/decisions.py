"""When to stop measuring, and what may be said: looks, the A/A band, faster and slower.

Who looks after every round stops at a lucky one, so the intervals are looked at a few times only.
"""

import math
from typing import Literal

from bench.statistics.intervals import Estimate

#: Rounds after which a group may stop.
LOOKS = (10, 20, 40, 80)
#: A ratio is known well enough when its interval is within this share of it.
PRECISION = 0.025


def next_look(rounds: int, *, precise: bool, most: int = LOOKS[-1]) -> int | None:
    """Rounds to have before looking again; None to stop, since all is known or looks are used up.

    Args:
        rounds: measured so far.
        precise: whether every ratio that will be reported, the canary's among them, is
            `Estimate.within` what is wanted. Between looks it decides nothing.
        most: rounds after which to stop in any case.
    """
    if rounds >= most or (precise and rounds in LOOKS):
        return None
    return min(most, next((look for look in LOOKS if look > rounds), most))


def band(canary: Estimate) -> float:
    """The factor, at least 1, within which differences are noise; NaN without an interval.

    It is the end of the canary's interval that is furthest from 1, in either direction.

    Args:
        canary: ratio of an arm to itself, measured in the same rounds as the arms compared.
    """
    return math.nan if math.isnan(canary.low) else max(canary.high, 1 / canary.low)


def differs(speed: Estimate, canary: Estimate) -> Literal["faster", "slower"] | None:
    """What may be said of an arm: its interval lies beyond the A/A band, or nothing is said.

    Args:
        speed: seconds of the reference over seconds of the arm, so more than 1 is faster.
        canary: as for `band`.
    """
    factor = band(canary)
    if speed.low > factor:
        return "faster"
    return "slower" if speed.high < 1 / factor else None
