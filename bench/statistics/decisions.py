"""When rounds are looked at: a few times only, as who looks always stops at a lucky one."""

#: Rounds after which a group may stop.
LOOKS = (10, 20, 40, 80)


def next_look(rounds: int, *, known: bool, most: int = LOOKS[-1]) -> int | None:
    """Rounds to have before looking again; None to stop, since all is known or looks are used up.

    Args:
        rounds: measured so far.
        known: whether what is wanted of every ratio is, see :mod:`bench.statistics.stopping`.
            Between looks it decides nothing.
        most: rounds after which to stop in any case.
    """
    if rounds >= most or (known and rounds in LOOKS):
        return None
    return min(most, next((look for look in LOOKS if look > rounds), most))
