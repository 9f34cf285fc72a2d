"""How samples spread, and how far they depend on one another."""

from collections.abc import Sequence

import numpy as np

from bench.statistics.rounds import Floats, by_round, middle, percentiles


def describe(samples: Sequence[float], per_round: int = 1) -> dict[str, float | None]:
    """Spread and dependence of samples, in the order of measurement and in their own unit.

    ``median`` is over rounds, of a round's mean; ``p5``, ``p95``, ``iqr``, ``n``, ``effective_n``
    and ``lag1`` are of the samples. ``effective_n`` is n / (1 + 2 Σ r_k), at most n, where r_k is
    the autocorrelation at lag k and Σ ends with Geyer's initial positive sequence, the pairs
    r_2m + r_2m+1 as long as they are positive (Geyer 1992, doi:10.1214/ss/1177011137). What cannot
    be told is None: ``lag1`` of constant samples or of fewer than three, and all of no samples.
    """
    values = by_round(samples, 1)[:, 0]
    if not len(values):
        return dict.fromkeys(("median", "p5", "p95", "iqr", "effective_n", "lag1")) | {"n": 0}
    p5, p25, p75, p95 = percentiles(values, [5, 25, 75, 95])
    correlations = _autocorrelations(values)
    means = by_round(samples, per_round).mean(axis=1)
    return {
        "median": middle(means) if len(means) else None,
        "p5": p5,
        "p95": p95,
        "iqr": p75 - p25,
        "n": len(values),
        "effective_n": _effective_n(correlations, len(values)),
        "lag1": float(correlations[1]) if len(correlations) > 2 else None,
    }


def _autocorrelations(values: Floats) -> Floats:
    """Of every lag from 0; of constant samples only that of lag 0."""
    centred = values - values.mean()
    if not np.any(np.abs(centred) > 1e-12 * np.abs(values).max()):
        return np.ones(1)
    products = np.correlate(centred, centred, mode="full")[len(values) - 1 :]
    return np.asarray(products / products[0])


def _effective_n(correlations: Floats, n: int) -> float:
    pairs = correlations[: len(correlations) // 2 * 2].reshape(-1, 2).sum(axis=1)
    ends = np.flatnonzero(pairs <= 0)
    positive = pairs[: ends[0]] if len(ends) else pairs
    # The pairs begin with lag 0, which is 1: 1 + 2 Σ over k ≥ 1 is 2 Σ over all - 1.
    return float(n / max(1.0, 2 * positive.sum() - 1)) if len(positive) else float(n)
