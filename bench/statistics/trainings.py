"""When a training has ended: by one rule, whichever probe watches it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from bench.outcome import CEILING, CONVERGED, SOLVED

_SOLVED = 2  # validations in a row, as one may be luck
_GAIN = 1e-3  # of the loss: what a validation has to bring


def of_end(
    curve: Sequence[Sequence[Any]],
    protocol: Mapping[str, Any],
    reached: Callable[[float], bool],
) -> dict[str, Any]:
    """How a training ended, and which of its validations counts; nothing where it had its steps.

    Args:
        curve: step, loss and metric of every validation so far.
        protocol: of its cell.
        reached: whether a metric solves the task.

    Returns:
        ``ended``: ``solved``, the last two validations do; ``converged``, in the last ``patience``
        of them the loss has not fallen by a thousandth, those at a learning rate that was still
        rising not counted, nor any at one that falls, which brings little of itself; ``ceiling``,
        neither was so when the steps were over; None while it goes on. ``best_step``: the
        validation of the lowest loss.
    """
    patience = protocol.get("patience", 0)
    if not patience:
        return {}
    constant = protocol.get("schedule", "constant") == "constant"
    counted = 0  # the last one whose loss has fallen far enough, or which is not counted
    for index, (step, loss, _) in enumerate(curve):
        rising = step <= protocol.get("warmup_steps", 0)
        if rising or loss < curve[counted][1] * (1 - _GAIN):
            counted = index
    ended = None
    if len(curve) > _SOLVED and all(reached(metric) for *_, metric in curve[-_SOLVED:]):
        ended = SOLVED
    elif constant and len(curve) - 1 - counted >= patience:
        ended = CONVERGED
    elif curve[-1][0] >= protocol["steps"]:
        ended = CEILING
    return {"ended": ended, "best_step": kept(curve, protocol)[0]}


def kept(curve: Sequence[Sequence[Any]], protocol: Mapping[str, Any]) -> Sequence[Any]:
    """The validation whose weights are tested: of the lowest loss, or the last without patience."""
    return min(curve, key=lambda point: point[1]) if protocol.get("patience", 0) else curve[-1]
