"""What trainings left: by seed, by task, by length tested, and beside what others published."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd

from bench.frames import scores
from bench.outcome import DIVERGED, STOPPED
from bench.page.evidence import Evidence
from bench.probes.learning import published
from bench.store.records import Record, coordinates, of, tokenizer


def learning(evidence: Evidence) -> pd.DataFrame:
    """One row for every seed; divergences stay in, with the step.

    Where some bodies were pretrained here, the rows say which, and how large each is, so that one
    is set beside its like from random weights.
    """
    rows = []
    told = any(trained.cell["model"].get("pretraining") for trained in _trained(evidence))
    for trained in _trained(evidence):
        metrics = trained.record["metrics"]
        rows.append(
            _training(trained)
            | {
                "seed": trained.cell["seed"],
                "learning_rate": metrics.get("learning_rate"),
                "learning_rate_trials": metrics.get("learning_rate_trials"),
                "metric": trained.metric.name,
                "higher_is_better": trained.metric.higher_is_better,
                "initial_metric": trained.initial,
                "validation_metric": trained.validation,
                "test_metric": trained.test,
                "test_loss": metrics.get("test_loss"),
                **trained.others,
                "floor": trained.floor,
                "solved_at": trained.solved_at,
                "solved": trained.solves(trained.test),
                "tokens": metrics.get("tokens"),
                "train_s": metrics.get("train_s"),
                "tokens_per_s": metrics.get("tokens_per_s"),
                "diverged_at_step": metrics.get("step"),
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

    The median and the range are of the seeds that did not diverge; one that did has not solved it.
    ``cut_off`` are those that stopped while still learning: that they have not solved it says
    nothing of the arm.
    """
    groups: dict[str, list[scores.Scores]] = {}
    for trained in _trained(evidence):
        alike = json.dumps([_training(trained), trained.cell["protocol"]], sort_keys=True)
        groups.setdefault(alike, []).append(trained)
    rows = []
    for seeds in groups.values():
        first = seeds[0]
        found = [s.test for s in seeds if s.test is not None]
        known = [s.initial for s in seeds if s.initial is not None]
        solved = [first.solves(s.test) for s in seeds]
        rows.append(
            _training(first)
            | {
                "head": first.literals.get("HEAD"),
                "metric": first.metric.name,
                "higher_is_better": first.metric.higher_is_better,
                "floor": math.nan if first.floor is None else first.floor,
                "solved_at": first.solved_at,
                "seeds": len(seeds),
                "diverged": sum(s.diverged for s in seeds),
                "cut_off": sum(map(_cut_off, seeds)),
                "initial_median": np.median(known) if known else None,
                "median": np.median(found) if found else None,
                "least": min(found, default=None),
                "most": max(found, default=None),
                "solve_rate": math.nan if None in solved else sum(map(bool, solved)) / len(solved),
                "expected": first.literals.get("EXPECTED"),
            }
        )
    return pd.DataFrame(rows)


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
    "out_of_distribution": out_of_distribution,
    "published": beside_published,
}


def _trained(evidence: Evidence) -> list[scores.Scores]:
    """Trainings that ended, and those that diverged."""
    records = evidence.records
    return scores.of(of(records, "learning") + of(records, "learning", DIVERGED))


def _pretraining(record: Record) -> dict[str, Any]:
    """What a body was pretrained on here, if it was, and how large it is."""
    made = record["model"].get("pretraining") or {}
    return {
        "pretraining": made.get("objective"),
        "pretraining_tokens": made.get("tokens"),
        "pretraining_loss": made.get("loss"),
        "body_parameters": record["model"]["parameters"]["body"],
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
