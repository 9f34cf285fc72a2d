"""What a record says of its own samples: the same when it is measured and when it is verified."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from bench.statistics.rounds import by_round, middle

#: Samples that an arm leaves of a round: it is in the random order once, and in its reverse.
PER_ROUND = 2


def summarised(
    literals: Mapping[str, Any], samples: Mapping[str, Sequence[float | None]]
) -> dict[str, str]:
    """Metric to the sample that it is the median of, of those that a record has.

    Args:
        literals: of the probe.
        samples: of the record.
    """
    known = literals.get("SUMMARIES", {}) | literals.get("PARTS", {})
    return {metric: sample for metric, sample in known.items() if sample in samples}


def of_turns(
    samples: Mapping[str, Sequence[float | None]],
    tokens_per_step: float,
    medians: Mapping[str, str],
) -> dict[str, float]:
    """Metrics of an arm that was taken in turn: medians over rounds.

    Args:
        samples: two a round, ``seconds`` of a step among them; None where one was not measured.
        tokens_per_step: that are no padding.
        medians: metric to the sample that it is the median of, beside those of a step.
    """
    step_s = _median(samples["seconds"])
    return {
        "step_s": step_s,
        "tokens_per_s": tokens_per_step / step_s,
        **{name: _median(samples[sample]) for name, sample in medians.items()},
    }


def clipped_share(norms: Sequence[float | None], clip_norm: float) -> float:
    """The share of a training's steps whose gradient was scaled down to ``clip_norm``.

    A norm that is not finite, None in a record, scales nothing down: it spoils all.
    """
    return sum(n is not None and clip_norm < n < math.inf for n in norms) / max(1, len(norms))


def _median(samples: Sequence[float | None]) -> float:
    measured = [sample for sample in samples if sample is not None]
    return middle(by_round(measured, PER_ROUND).mean(axis=1))


def best_rate(trials: Sequence[Sequence[Any]]) -> float:
    """The learning rate that an arm's trials speak for.

    Of those that solve the task the middle one (the lower of two), as its neighbours do so too: a
    loss that is lower still says more of this trial's luck. Where none does, the one of the lowest
    validation loss; one that diverged has none.

    Args:
        trials: rate, loss and whether it solved its task, of each; records of before have no third,
            and the first of equals wins.
    """
    solving = sorted(rate for rate, _, *solved in trials if any(solved))
    if solving:
        return float(solving[(len(solving) - 1) // 2])
    losses = [math.inf if loss is None else loss for _, loss, *_ in trials]
    return float(trials[losses.index(min(losses))][0])
