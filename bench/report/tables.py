"""The numbers of a report, as data frames made from records; CSV files that are safe to open."""

from functools import partial
from operator import truediv
from pathlib import Path
from typing import Any

import pandas as pd

from bench import stats
from bench.outcome import DIVERGED, DONE

COORDINATES = ["comparison", "task", "length", "arm", "kernel", "device", "dtype", "denormals"]

Record = dict[str, Any]


def of(records: list[Record], probe: str, status: str = DONE) -> list[Record]:
    """The records of a probe that ended in this status."""
    return [r for r in records if r["cell"]["probe"] == probe and r["status"] == status]


def models(records: list[Record]) -> pd.DataFrame:
    """What was compared: what every arm costs, at its longest window, and how it is matched."""
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        cell, model = record["cell"], record["model"]
        if model["parameters"] is None:
            continue
        quantity, cost = model["match"].get("quantity", "params"), model.get("cost") or {}
        # FLOPs and state depend on the length, and so do sizes that are matched by them.
        length = None if quantity == "params" else cell["length"]
        key = cell["comparison"], cell["task"], cell["arm"], length
        if key in rows and (cost.get("length") or 0) < (rows[key]["at_length"] or 0):
            continue
        rows[key] = {
            "comparison": cell["comparison"],
            "arm": cell["arm"],
            "body_parameters": model["parameters"]["body"],
            "embedding_parameters": model["parameters"]["embedding"],
            "total_parameters": model["parameters"]["total"],
            "matched_to": cell["model"]["match_to"],
            "match": quantity,
            "target": model["match"]["target"],
            "match_error": model["match"]["error"],
            "at_length": cost.get("length"),
            "forward_flops_per_token": cost.get("forward_flops_per_token"),
            "training_flops_per_token": cost.get("training_flops_per_token"),
            "state_bytes": cost.get("state_bytes"),
        }
    return pd.DataFrame(rows.values())


def speed(records: list[Record]) -> pd.DataFrame:
    """Step time and rate with intervals, and the ratio to the arm that set the budget."""
    done = of(records, "speed")
    # A ratio needs the same rounds: the same settings, measured together.
    reference = {
        (r["alike"], r["together"]): r
        for r in done
        if r["cell"]["arm"] == r["cell"]["model"]["match_to"]
    }
    rows = []
    for record in done:
        cell, seconds = record["cell"], record["samples"]["seconds"]
        step = stats.median(seconds, per_round=2)
        tokens = record["metrics"]["tokens_per_step"]
        rate = step.map(partial(truediv, tokens))
        base = reference.get((record["alike"], record["together"]))
        row = {name: cell[name] for name in COORDINATES} | {
            "phase": cell["axes"]["phase"],
            "batch_size": cell["protocol"]["batch_size"],
            "rounds": len(seconds) // 2,
            "step_s": step.value,
            "step_s_low": step.low,
            "step_s_high": step.high,
            "tokens_per_s": rate.value,
            "tokens_per_s_low": rate.low,
            "tokens_per_s_high": rate.high,
            "first_step_s": record["metrics"]["first_step_s"],
            "peak_rss_bytes": record["metrics"]["peak_rss_bytes"],
        }
        if base is not None and base["key"] != record["key"]:
            ratio = stats.paired_ratio(base["samples"]["seconds"], seconds, per_round=2)
            row |= {
                "reference": base["cell"]["arm"],
                "speed_ratio": ratio.value,
                "speed_ratio_low": ratio.low,
                "speed_ratio_high": ratio.high,
            }
        rows.append(row)
    return pd.DataFrame(rows)


def learning(records: list[Record]) -> pd.DataFrame:
    """One row for every seed; divergences stay in, with the step."""
    rows = []
    for record in of(records, "learning") + of(records, "learning", DIVERGED):
        cell, metrics = record["cell"], record["metrics"]
        rows.append(
            {name: cell[name] for name in COORDINATES}
            | {
                "seed": cell["seed"],
                "steps": cell["protocol"]["steps"],
                "batch_size": cell["protocol"]["batch_size"],
                "learning_rate": metrics.get("learning_rate"),
                "learning_rate_trials": metrics.get("learning_rate_trials"),
                "eval_rows": cell["protocol"]["eval_rows"],
                "test_accuracy": metrics.get("test_accuracy"),
                "test_loss": metrics.get("test_loss"),
                "validation_accuracy": metrics.get("validation_accuracy"),
                "tokens": metrics.get("tokens"),
                "train_s": metrics.get("train_s"),
                "tokens_per_s": metrics.get("tokens_per_s"),
                "diverged_at_step": metrics.get("step"),
            }
        )
    return pd.DataFrame(rows)


def gradient(records: list[Record]) -> pd.DataFrame:
    """One row for every measurement: at initialisation, and after training where there was any."""
    rows = []
    for record in of(records, "gradient"):
        cell, metrics = record["cell"], record["metrics"]
        for when in ("init", "trained"):
            if f"norm_at_loss_{when}" not in metrics:
                continue
            beyond = record["samples"][f"norm_{when}"][1:]
            rows.append(
                {name: cell[name] for name in COORDINATES}
                | {
                    "seed": cell["seed"],
                    "when": when,
                    "steps": cell["protocol"]["steps"] if when == "trained" else 0,
                    "norm_at_loss": metrics[f"norm_at_loss_{when}"],
                    "norm_at_half": metrics[f"norm_at_half_{when}"],
                    "norm_at_end": metrics[f"norm_at_end_{when}"],
                    "norm_least_beyond_0": min(beyond, default=None),
                    "norm_most_beyond_0": max(beyond, default=None),
                    "subnormal_share": metrics[f"subnormal_share_{when}"],
                    "zero_share": metrics[f"zero_share_{when}"],
                    "zero_from_distance": metrics[f"zero_from_distance_{when}"],
                    "float32_norm_zero_from_distance": metrics[
                        f"float32_norm_zero_from_distance_{when}"
                    ],
                }
            )
    return pd.DataFrame(rows)


def missing(cells: dict[str, Record], plan: list[str], records: list[Record]) -> pd.DataFrame:
    """Planned cells without a result, each with its reason."""
    known = {record["key"]: record for record in records}
    rows = []
    for key in plan:
        record = known.get(key)
        if record is not None and record["status"] == DONE:
            continue
        cell = cells[key]
        rows.append(
            {
                "probe": cell["probe"],
                "phase": cell["axes"].get("phase", ""),
                **{name: cell[name] for name in COORDINATES},
                "seed": cell["seed"],
                "status": record["status"] if record else "not run",
                "reason": record["reason"] if record else "the sweep has not come to it yet",
            }
        )
    return pd.DataFrame(rows)


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table; text that a spreadsheet would run as a formula gets an apostrophe."""
    safe = frame.copy()
    for column in safe.columns:
        safe[column] = [guarded(value) for value in safe[column]]
    safe.to_csv(path, index=False, lineterminator="\n")


def guarded(value: Any) -> Any:
    """Text that cannot be taken for a formula; numbers untouched."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return "'" + value
    return value
