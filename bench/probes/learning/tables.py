"""What trainings left: by seed, by task, by length tested, and beside what others published."""

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import numpy as np
import pandas as pd

from bench.drawing.palette import rank
from bench.frames import scores
from bench.frames.columns import interval
from bench.outcome import (
    CEILING,
    CONVERGED,
    DIVERGED,
    DONE,
    LOST,
    SOLVED,
    STOPPED,
)
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.words import lost_to
from bench.probes.learning import costs, published
from bench.statistics.exact import holm, sign_flip
from bench.statistics.intervals import Estimate, of_rounds, share
from bench.statistics.seeds import better, interquartile_mean, paired_difference
from bench.store.records import Record, coordinates, of, tokenizer

_NONE = Estimate(math.nan, math.nan, math.nan)


def learning(evidence: Evidence) -> pd.DataFrame:
    """One row for every seed; divergences stay in, with the step, and lost ones with the status.

    ``target_steps``, ``target_tokens`` and ``target_s`` are what it took until a validation first
    reached the task's threshold, infinite where none did; see :mod:`bench.probes.learning.costs`.
    Where some bodies were pretrained here, the rows say which, and how large each is, so that one
    is set beside its like from random weights.
    """
    rows = []
    seeds = _trained(evidence, *LOST)
    told = any(trained.cell["model"].get("pretraining") for trained in seeds)
    for trained in seeds:
        metrics = trained.record["metrics"]
        rows.append(
            _training(trained)
            | {
                "seed": trained.cell["seed"],
                "missing": trained.missing,
                "learning_rate": metrics.get("learning_rate"),
                "learning_rate_trials": metrics.get("learning_rate_trials"),
                "at_edge": _at_edge(trained),
                "metric": trained.metric.name,
                "higher_is_better": trained.metric.higher_is_better,
                "initial_metric": trained.initial,
                "validation_metric": trained.validation,
                "test_metric": trained.test,
                "test_loss": metrics.get("test_loss"),
                **trained.others,
                "floor": trained.floor,
                "solved_at": trained.solved_at,
                "solved": None if trained.missing else trained.solves(trained.test),
                **_target(None if trained.missing else costs.to_target(trained)),
                "tokens": metrics.get("tokens"),
                "train_s": metrics.get("train_s"),
                "tokens_per_s": metrics.get("tokens_per_s"),
                "diverged_at_step": metrics.get("step") if trained.diverged else None,
                "trained_steps": len(trained.record["samples"].get("loss") or ()),
                "best_step": metrics.get("best_step"),
                "ended": metrics.get("ended"),
                "record": trained.record["key"],
                **(_pretraining(trained.record) if told else {}),
            }
        )
    return pd.DataFrame(rows)


def tasks(evidence: Evidence) -> pd.DataFrame:
    """What each arm makes of each task: one row for all seeds of a training.

    ``seeds`` are all that were to be trained, ``missing`` those of them that were lost, and
    ``missing_why`` to what; everything else is of the rest. Median, interquartile mean and range
    are of the seeds that did not diverge; one that did has not solved the task. ``cut_off`` are
    those that stopped while still learning: that they have not solved it says nothing of the arm.
    ``reached`` are those of which a validation reached the threshold, ``target_*`` the medians of
    what it took, infinite where most never did.
    """
    rows = []
    for lot in _lots(evidence):
        seeds = [s for s in lot if not s.missing]
        first = (seeds or lot)[0]
        found = [s.test for s in seeds if s.test is not None]
        known = [s.initial for s in seeds if s.initial is not None]
        solved = None if first.solved_at is None else sum(bool(s.solves(s.test)) for s in seeds)
        ended = Counter(s.record["metrics"].get("ended") for s in seeds)
        lost = Counter(s.missing for s in lot if s.missing)
        rows.append(
            _training(first)
            | {
                "head": first.literals.get("HEAD"),
                "metric": first.metric.name,
                "higher_is_better": first.metric.higher_is_better,
                "floor": math.nan if first.floor is None else first.floor,
                "solved_at": first.solved_at,
                "seeds": len(lot),
                "missing": sum(lost.values()),
                "missing_why": lost_to(lost),
                "diverged": sum(s.diverged for s in seeds),
                **{f"ended_{how}": ended[how] for how in (SOLVED, CONVERGED, CEILING)},
                "cut_off": sum(map(_cut_off, seeds)),
                "learning_rates": ", ".join(f"{rate:g}" for rate in _rates(first)),
                "rates_tried": len(_rates(first)),
                "trial_steps": _trial_steps(first),
                "at_edge": sum(bool(_at_edge(s)) for s in seeds),
                "initial_median": np.median(known) if known else None,
                **interval("median", _median(found)),
                **interval("iqm", interquartile_mean(found) if found else _NONE),
                "least": min(found, default=None),
                "most": max(found, default=None),
                "solved": solved,
                **interval("solve_rate", _NONE if solved is None else share(solved, len(seeds))),
                "reached": None if solved is None else sum(map(_reached, seeds)),
                **_target(_median_target(seeds)),
                "expected": first.literals.get("EXPECTED"),
            }
        )
    return pd.DataFrame(rows)


def differences(evidence: Evidence) -> pd.DataFrame:
    """Every arm beside the reference of its training, on the seeds that both have.

    The reference is the arm that the others' sizes are solved for; where it was not trained, the
    first of the legend: neither is chosen by its score. ``difference`` is the mean over seeds,
    more being better, with a BCa interval and ``p`` of all flips of its signs, ``holm_p`` the same
    corrected for all rows here, over tasks and lengths; ``better_share`` is the share of pairs of
    seeds in which the arm scores more. A training that diverged scores what guessing does.
    """
    trainings: dict[str, list[list[scores.Scores]]] = {}
    for lot in _lots(evidence):
        place = {n: v for n, v in _training(lot[0]).items() if n not in ("arm", "kernel")}
        alike = json.dumps([place, lot[0].cell["protocol"]], sort_keys=True)
        trainings.setdefault(alike, []).append(lot)
    rows = []
    for lots in trainings.values():
        base = _reference(lots)
        rows += [_beside(lot, base) for lot in lots if lot is not base]
    rows = [row for row in rows if row["seeds"]]
    corrected = holm([row["p"] for row in rows])
    return pd.DataFrame([row | {"holm_p": p} for row, p in zip(rows, corrected, strict=True)])


def _reference(lots: Sequence[list[scores.Scores]]) -> list[scores.Scores]:
    lots = [lot for lot in lots if _worths(lot)] or lots
    wanted = lots[0][0].cell["model"].get("match_to")
    given = [lot for lot in lots if lot[0].cell["arm"] == wanted]
    return given[0] if given else min(lots, key=lambda lot: rank(lot[0].cell["arm"]))


def _beside(lot: Sequence[scores.Scores], base: Sequence[scores.Scores]) -> dict[str, Any]:
    ours, theirs = _worths(lot), _worths(base)
    apart = np.array([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])
    few = len(apart) < EXPLORATORY
    scored = [*ours.values()], [*theirs.values()]
    return _training(lot[0]) | {
        "reference": base[0].cell["arm"],
        "reference_kernel": base[0].cell["kernel"],
        "metric": lot[0].metric.name,
        "seeds": len(apart),
        "exploratory": few,
        **interval("difference", paired_difference(apart) if len(apart) else _NONE),
        "p": math.nan if few else sign_flip(apart),
        **interval("better_share", better(*scored) if all(scored) else _NONE),
    }


def _worths(lot: Sequence[scores.Scores]) -> dict[int, float]:
    return {s.cell["seed"]: s.worth for s in lot if s.worth is not None}


def out_of_distribution(evidence: Evidence) -> pd.DataFrame:
    """One row for every seed and length that it was tested on, those trained on among them.

    Without a score the window is longer than the arm can read.
    """
    rows = []
    for trained in _trained(evidence):
        for length, score, loss in trained.by_length:
            rows.append(
                _training(trained)
                | {
                    "seed": trained.cell["seed"],
                    "metric": trained.metric.name,
                    "test_length": length,
                    "in_distribution": trained.shortest <= length <= trained.cell["length"],
                    "test_metric": score,
                    "test_loss": loss,
                    "floor": trained.floor_at(length),
                    "solved_at": trained.solved_at,
                    "solved": trained.solves(score),
                    "record": trained.record["key"],
                }
            )
    return pd.DataFrame(rows)


def beside_published(evidence: Evidence) -> pd.DataFrame:
    """One row for every published figure, ours beside it, and what the two say together."""
    return pd.DataFrame(
        [
            {
                "task": row.task,
                "arm": row.arm,
                "comparison": row.comparison,
                "tested": row.tested,
                "metric": row.metric,
                "published": row.published,
                "published_solves": row.solves,
                "ours_median": row.median,
                "ours_best": row.best,
                "seeds": len(row.ours) + row.diverged,
                "solved_seeds": row.solved,
                "verdict": row.verdict,
                "because": row.because,
                "source": row.source,
            }
            for row in published.compare(evidence.published, evidence.records)
        ]
    )


TABLES = {
    "learning": learning,
    "tasks": tasks,
    "learning_differences": differences,
    "out_of_distribution": out_of_distribution,
    "published": beside_published,
}


def _trained(evidence: Evidence, *others: str) -> list[scores.Scores]:
    """Trainings that ended, those that diverged, and those of other statuses that are wanted."""
    records = evidence.records
    found = [of(records, "learning", status) for status in (DONE, DIVERGED, *others)]
    return scores.of(record for each in found for record in each)


def _lots(evidence: Evidence) -> list[list[scores.Scores]]:
    """The seeds of each arm's training, lost ones last."""
    lots: dict[str, list[scores.Scores]] = {}
    for trained in _trained(evidence, *LOST):
        cell = {name: value for name, value in trained.cell.items() if name != "seed"}
        lots.setdefault(json.dumps(cell, sort_keys=True), []).append(trained)
    return list(lots.values())


def _median(found: Sequence[float]) -> Estimate:
    return of_rounds(np.asarray(found, dtype=float), (0,) * len(found))


def _target(found: costs.Target | None) -> dict[str, float | None]:
    """As columns, empty without a threshold."""
    steps, tokens, seconds = (None,) * 3 if found is None else astuple(found)
    return {"target_steps": steps, "target_tokens": tokens, "target_s": seconds}


def _reached(trained: scores.Scores) -> bool:
    return costs.to_target(trained) not in (None, costs.MISSED)


def _median_target(seeds: Sequence[scores.Scores]) -> costs.Target | None:
    """Each by itself over seeds; None without a threshold."""
    found = [target for s in seeds if (target := costs.to_target(s)) is not None]
    if not found:
        return None
    return costs.Target(*np.median([astuple(target) for target in found], axis=0).tolist())


def _rates(trained: scores.Scores) -> list[float]:
    """The learning rates that were tried, ascending."""
    trials = trained.record["samples"].get("trials")
    asked: list[float] = trained.cell["protocol"]["learning_rates"]
    return sorted({rate for rate, *_ in trials} if trials else set(asked))


def _trial_steps(trained: scores.Scores) -> int | None:
    """Steps of each trial; None where one rate needed none."""
    protocol = trained.cell["protocol"]
    return min(protocol["trial_steps"], protocol["steps"]) if len(_rates(trained)) > 1 else None


def _at_edge(trained: scores.Scores) -> bool | None:
    """Whether an arm that solves nothing was best at the least or the largest learning rate tried.

    None where one was tried.
    """
    rates, best = _rates(trained), trained.record["metrics"].get("learning_rate")
    if best is None or len(rates) < 2:
        return None
    trials = trained.record["samples"].get("trials") or []
    return best in (rates[0], rates[-1]) and not any(any(solved) for _, _, *solved in trials)


def _pretraining(record: Record) -> dict[str, Any]:
    """What a body was pretrained on here, if it was, and how large it is."""
    made = record["model"].get("pretraining") or {}
    asked = record["cell"]["model"].get("pretraining") is not None
    return {
        "pretraining": made.get("objective", "not made") if asked else None,
        "pretraining_tokens": made.get("tokens"),
        "pretraining_loss": made.get("loss"),
        "body_parameters": (record["model"]["parameters"] or {}).get("body"),
    }


def _cut_off(trained: scores.Scores) -> bool:
    """Whether a training stopped while still learning, and has not solved the task.

    One that stopped because it solved the validation rows may still miss the test's.
    """
    early = trained.record["metrics"].get("ended") in STOPPED
    return early and not trained.solves(trained.test)


def _training(trained: scores.Scores) -> dict[str, Any]:
    """Where a training stands, and how long it was: all that its seeds have in common."""
    protocol = trained.cell["protocol"]
    return coordinates(trained.cell) | {
        "shortest": trained.shortest,
        "steps": protocol["steps"],
        "patience": protocol.get("patience", 0),
        "warmup_steps": protocol.get("warmup_steps", 0),
        "schedule": protocol.get("schedule", "constant"),
        "batch_size": protocol["batch_size"],
        "eval_rows": protocol["eval_rows"],
        "clip_norm": protocol.get("clip_norm", math.inf),
        **tokenizer(trained.record),
    }
