"""The metrics of the tasks, by name, each from the library that the field uses where there is one.

What a library leaves open is settled here, and never in a model's favour: a tie counts as a wrong
answer, a score that is not a number ranks last, an empty text matches nothing. Nothing heavy is
imported before a metric is computed, so that reports can name metrics.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Scale = Literal["share", "linear", "log"]


@dataclass(frozen=True)
class Metric:
    """How a task is scored.

    Args:
        name, slug: for people, and as part of a column's name.
        higher_is_better: its direction.
        compute: (truth, guess) -> score; None where it is the loss in other units.
        scale: how it is drawn: a share of 1, or a number on a linear or a logarithmic axis.
    """

    name: str
    slug: str
    higher_is_better: bool = True
    compute: Callable[[Any, Any], float] | None = None
    scale: Scale = "share"

    def __call__(self, truth: Any, guess: Any) -> float:
        """The score of a guess.

        Raises:
            ValueError: the metric is a loss in other units; or there is not one guess of the same
                shape for each truth.
        """
        if self.compute is None:
            raise ValueError(f"{self.name} is computed from the loss, not from a guess.")
        _alike(self.name, truth, guess)
        return self.compute(truth, guess)

    def text(self, value: float) -> str:
        """A score as a person reads it: to the hundredth, or to three digits where it grows."""
        return f"{value:.3g}" if self.scale == "log" else f"{value:.2f}"

    def reaches(self, score: float, threshold: float) -> bool:
        """Whether a score is as good as a threshold; one that is not a number never is."""
        return score >= threshold if self.higher_is_better else score <= threshold


def solved(metric: str, score: float, threshold: float | None) -> bool | None:
    """Whether a score solves its task; None where nobody does."""
    return None if threshold is None else METRICS[metric].reaches(score, threshold)


def _alike(name: str, truth: Any, guess: Any) -> None:
    if len(truth) != len(guess) or len(truth) == 0:
        raise ValueError(
            f"{name}: expected a guess for each of at least one truth. "
            f"Got {len(truth)} truths and {len(guess)} guesses."
        )
    # Arrays of unequal shapes would be broadcast, and compared all with all.
    shapes = [part.shape for part in (truth, guess) if isinstance(part, np.ndarray)]
    if len(set(shapes)) > 1:
        raise ValueError(f"{name}: expected guesses of shape {shapes[0]}. Got {shapes[1]}.")


def _accuracy(truth: Any, guess: Any) -> float:
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(truth, guess))


def _macro_f1(truth: Any, guess: Any) -> float:
    """Mean of the classes' F1, over the classes that occur in the truth or in a guess.

    A class in neither has no F1 (0/0). Counting it as 0 would punish a small test for the classes
    that it happens not to hold, counting it as 1 would reward that. A class that is guessed and
    never true has F1 0.
    """
    from sklearn.metrics import f1_score

    return float(f1_score(truth, guess, average="macro", zero_division=0.0))


def _entity_f1(truth: Sequence[Sequence[str]], guess: Sequence[Sequence[str]]) -> float:
    """F1 of whole entities over rows of tags such as ``B-PER``: right only with both its ends.

    Counted as CoNLL-2003's own script does, in which an ``I-`` that follows no entity of its kind
    begins one. Without any entity, true or guessed, it is 0.
    """
    from seqeval.metrics import f1_score

    lengths = [(len(t), len(g)) for t, g in zip(truth, guess, strict=True)]
    if unequal := [pair for pair in lengths if pair[0] != pair[1]]:
        raise ValueError(
            f"entity F1: expected a tag for each of a row's {unequal[0][0]} tokens. "
            f"Got {unequal[0][1]}."
        )
    rows = ([[str(tag) for tag in row] for row in part] for part in (truth, guess))
    return float(f1_score(*rows, zero_division=0))


def _exact_match(truth: Any, guess: Any) -> float:
    """Share of guesses that are the truth: texts without blanks around them, or spans."""

    def alike(one: Any, other: Any) -> bool:
        if isinstance(one, str):
            return bool(one.strip() == other.strip())
        return bool(np.array_equal(one, other))

    return float(np.mean([alike(one, other) for one, other in zip(truth, guess, strict=True)]))


def _span_f1(truth: Any, guess: Any) -> float:
    """Mean F1 of positions; spans (n, 2) are given by their first and last position.

    Positions are compared, not words as in SQuAD's script: the right word at another place is
    wrong. A span whose end is before its start holds nothing and scores 0.
    """
    truth, guess = np.asarray(truth), np.asarray(guess)
    shared = np.minimum(truth[:, 1], guess[:, 1]) - np.maximum(truth[:, 0], guess[:, 0]) + 1
    sizes = truth[:, 1] - truth[:, 0] + 1, guess[:, 1] - guess[:, 0] + 1
    held = np.where(sizes[1] > 0, np.maximum(shared, 0), 0)
    return float(np.mean(2 * held / (sizes[0] + np.maximum(sizes[1], 0))))


def _chrf(truth: Sequence[str], guess: Sequence[str]) -> float:
    """Character n-gram F2 of the whole corpus (chrF2, doi:10.18653/v1/W15-3049), as a share."""
    from sacrebleu.metrics.chrf import CHRF

    return float(CHRF().corpus_score(list(guess), [list(truth)]).score) / 100


def _doubtless(truth: Any, guess: Any) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    """What is relevant, and scores in which NaN ranks a relevant item last, any other first.

    Raises:
        ValueError: a row has no relevant item.
    """
    relevant, scores = np.asarray(truth, dtype=bool), np.asarray(guess, dtype=float)
    if not relevant.any(axis=1).all():
        row = int(np.flatnonzero(~relevant.any(axis=1))[0])
        raise ValueError(f"expected a relevant item for every query. Got none for number {row}.")
    return relevant, np.where(np.isnan(scores), np.where(relevant, -np.inf, np.inf), scores)


def _mrr(truth: Any, guess: Any) -> float:
    """Mean of 1 / rank of the best-ranked relevant item of each row; the worst rank of a tie.

    Args:
        truth: (queries, items), which items are relevant.
        guess: (queries, items), their scores.

    For one relevant item that is scikit-learn's label ranking average precision, which counts all
    items with at least the score; further relevant ones are put last.
    """
    from sklearn.metrics import label_ranking_average_precision_score

    relevant, scores = _doubtless(truth, guess)
    rows = np.arange(len(scores))
    best = np.where(relevant, scores, -np.inf).argmax(axis=1)
    best = np.where(relevant[rows, best], best, relevant.argmax(axis=1))
    others = relevant.copy()
    others[rows, best] = False
    # Ranks in place of scores: scikit-learn takes no infinite ones.
    ranks = np.unique(scores, return_inverse=True)[1].reshape(scores.shape)
    only = relevant & ~others
    return float(label_ranking_average_precision_score(only, np.where(others, -1, ranks)))


def random_mrr(candidates: int) -> float:
    """Mean reciprocal rank of the one right answer in a random order of so many."""
    return float((1 / np.arange(1, candidates + 1)).mean())


def _recall_at_1(truth: Any, guess: Any) -> float:
    """Share of rows whose best item is relevant; one that ties with an irrelevant one is not."""
    relevant, scores = _doubtless(truth, guess)
    right, wrong = (np.where(here, scores, -np.inf).max(axis=1) for here in (relevant, ~relevant))
    return float(np.mean((right > wrong) | relevant.all(axis=1)))


def _squared(truth: Any, guess: Any) -> float:
    return float(np.mean((np.asarray(truth, float) - np.asarray(guess, float)) ** 2))


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", True, _accuracy),
        Metric("macro-F1", "macro_f1", True, _macro_f1),
        Metric("entity F1", "entity_f1", True, _entity_f1),
        Metric("exact match", "exact_match", True, _exact_match),
        Metric("span F1", "span_f1", True, _span_f1),
        Metric("chrF", "chrf", True, _chrf),
        Metric("MRR", "mrr", True, _mrr),
        Metric("recall@1", "recall_at_1", True, _recall_at_1),
        Metric("zero-shot accuracy", "zero_shot_accuracy", True, _accuracy),
        Metric("mean squared error", "mse", False, _squared, "log"),
        Metric("nats", "nats", False, None, "log"),
        Metric("bits per byte", "bits_per_byte", False, None, "linear"),
    )
}
