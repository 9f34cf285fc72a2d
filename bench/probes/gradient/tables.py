"""The numbers of gradients, as data frames: flow, reach over seeds, norms, what subnormals cost."""

import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.frames.columns import ENDS, interval
from bench.outcome import DIVERGED, DONE, LOST
from bench.page.evidence import Evidence
from bench.probes.gradient import flow
from bench.probes.gradient.records import clip_norm, of_flow, stage, where
from bench.statistics import intervals
from bench.statistics.rounds import middle
from bench.store.records import Record, coordinates


def gradient(records: Sequence[Record]) -> pd.DataFrame:
    """One row for every measurement of one seed, its interval over rows."""
    rows = []
    for record in of_flow(records):
        place = where(record)
        for number, step in enumerate(record["samples"]["steps"]):
            rows.append(
                place
                | {
                    "seed": record["cell"]["seed"],
                    "status": record["status"],
                    "when": stage(record, number),
                    "steps": step,
                    "ended": record["metrics"].get("ended"),
                }
                | _numbers(record, number)
                | {"record": record["key"]}
            )
    return pd.DataFrame(rows)


def _numbers(record: Record, number: int) -> dict[str, Any]:
    """What the curves of one measurement say."""
    samples = record["samples"]
    distance, norm = samples["distance"], samples["norm"][number]
    precise = samples.get("norm_float64", samples["norm"])[number]
    slopes = samples.get("log_decay_float64", samples["log_decay"])[number]
    known = [slope for slope in slopes if slope is not None]
    slope = intervals.median(known) if known else intervals.Estimate(math.nan, math.nan, math.nan)
    decay = slope.map(math.exp)
    others, beyond = flow.curve(distance, norm)
    reached = flow.reach(distance, norm)
    return {
        "fate": flow.fate(distance, precise),
        "decay_per_token": decay.value,
        "decay_per_token_low": decay.low,
        "decay_per_token_high": decay.high,
        "half_life_tokens": flow.half_life(slope.value, distance[-1], slope.high),
        "reach_tokens": reached,
        "whole_window": bool(len(others)) and reached == others.max(),
        "farthest": distance[-1],
        "far_over_near": flow.far_over_near(distance, precise),
        "norm_at_loss": norm[0] if distance[0] == 0 else None,
        "norm_at_nearest": beyond[0] if len(beyond) else None,
        "norm_at_half": beyond[len(beyond) // 2] if len(beyond) else None,
        "norm_at_end": beyond[-1] if len(beyond) else None,
        "subnormal_share": samples["subnormal_share"][number],
        "zero_share": samples["zero_share"][number],
        "state_subnormal_share": _largest(samples.get("state_subnormal_share"), number),
        "state_zero_share": _largest(samples.get("state_zero_share"), number),
        "zero_from_distance": flow.zero_from(distance, samples["zero_by_distance"][number]),
        "naive_zero_from_distance": samples["naive_zero_from"][number],
        "kernel_difference": samples["kernel_difference"][number]
        if "kernel_difference" in samples
        else None,
    }


def _largest(shares: list[list[float]] | None, number: int) -> float | None:
    """Of the kinds of state and layers, that with the most."""
    return None if shares is None else max(shares[number])


def reach(records: Sequence[Record], frame: pd.DataFrame) -> pd.DataFrame:
    """What seeds have in common: medians over seeds, intervals from six seeds on.

    Where any seed was lost there is a column ``lost_seeds``: how many more were to be measured.

    Args:
        records: of a store.
        frame: the table ``gradient`` of them.
    """
    if frame.empty:
        return pd.DataFrame()
    rows = []
    place = list(where(of_flow(records)[0]))
    lost, by_key = _lost(records), {record["key"]: record for record in records}
    begun = frame.groupby(place, dropna=False)["seed"].transform("nunique")
    keys = [*place, "when", "steps"]
    for values, group in frame.groupby(keys, sort=False, dropna=False):
        fates = group["fate"].value_counts()
        # Where nothing comes beyond the loss's own token, the gradient reaches no token.
        reaches = group["reach_tokens"].mask(group["fate"] == "zero", 0.0).dropna()
        slope = _over_seeds(np.log(group["decay_per_token"].dropna()))
        end = group["farthest"].iloc[0]
        rows.append(
            dict(zip(keys, values, strict=True))
            | {
                "seeds": group["seed"].nunique(),
                "begun_seeds": int(begun[group.index[0]]),
                **_lost_like(by_key[group["record"].iloc[0]], lost),
                "diverged": int((group["status"] == DIVERGED).sum()),
                "fate": ", ".join(
                    str(name) if count == len(group) else f"{name} in {count}"
                    for name, count in fates.items()
                ),
                **interval("decay_per_token", slope.map(math.exp)),
                "half_life_tokens": flow.half_life(slope.value, end, slope.high),
                **interval("reach_tokens", _over_seeds(reaches)),
                "reach_least": reaches.min() if len(reaches) else None,
                "reach_most": reaches.max() if len(reaches) else None,
                "whole_window": bool(group["whole_window"].all()),
                "farthest": end,
                **interval("far_over_near", _over_seeds(group["far_over_near"].dropna())),
                "nearest_over_loss": (group["norm_at_nearest"] / group["norm_at_loss"]).median(),
                "subnormal_share": group["subnormal_share"].median(),
                "zero_share": group["zero_share"].median(),
                "record": group["record"].iloc[0],
            }
        )
    return pd.DataFrame(rows)


def _lost(records: Sequence[Record]) -> Counter[str]:
    """Seeds that were lost, by what all seeds of their cell have in common."""
    own = (record for record in records if record["cell"]["probe"] == "gradient")
    return Counter(_but_for_seed(record) for record in own if record["status"] in LOST)


def _lost_like(record: Record, lost: Counter[str]) -> dict[str, int]:
    """The column of a row that this record is one seed of; none where no seed was lost at all."""
    return {"lost_seeds": lost[_but_for_seed(record)]} if lost else {}


def _but_for_seed(record: Record) -> str:
    cell = {name: value for name, value in record["cell"].items() if name != "seed"}
    return json.dumps(cell, sort_keys=True)


def _over_seeds(values: Any) -> intervals.Estimate:
    found = [float(value) for value in values]
    if not found:
        return intervals.Estimate(math.nan, math.nan, math.nan)
    return intervals.median(found)


def reach_and_learning(records: Sequence[Record]) -> pd.DataFrame:
    """One row for every training of a task whose needed distance is known: reach, and outcome.

    ``inside`` says whether the needed distance lies within the reach, at initialisation and at the
    end; None where the rows that were measured do not go back as far.
    """
    rows = []
    for record in of_flow(records):
        needed, steps = record["metrics"].get("needed_distance"), record["samples"]["steps"]
        if needed is None or record["cell"]["protocol"]["steps"] == 0:
            continue
        distance, norm = record["samples"]["distance"], record["samples"]["norm"]
        ends = {"init": flow.reach(distance, norm[0])}
        if len(steps) > 1:
            ends["end"] = flow.reach(distance, norm[-1])
        row = where(record) | {"seed": record["cell"]["seed"], "status": record["status"]}
        row |= {"needed_distance": needed}
        for when, reached in ends.items():
            inside = reached is not None and reached >= needed
            row |= {
                f"reach_{when}": reached,
                f"inside_{when}": inside if distance[-1] >= needed else None,
            }
        metrics = record["metrics"]
        row |= {name: metrics.get(name) for name in ("metric", "test_metric", "floor", "solved_at")}
        row |= {"solved": bool(metrics.get("solved")), "record": record["key"]}
        rows.append(row)
    return pd.DataFrame(rows)


def norms(records: Sequence[Record]) -> pd.DataFrame:
    """What clipping did to a training, and whose gradient it was: one row a group of parameters."""
    rows = []
    for record in records:
        samples, protocol = record["samples"], record["cell"]["protocol"]
        known = all(samples.get(name) for name in ("gradient_norm", "group_norms"))
        if record["status"] not in (DONE, DIVERGED) or not known:
            continue
        clip = clip_norm(record)
        total = np.asarray(samples["gradient_norm"], dtype=float)  # None is NaN
        place = coordinates(record["cell"])
        clipped = float((total > clip).mean())
        squares = np.maximum(total**2, 1e-300)
        left = np.minimum(1.0, clip / (total + 1e-6))  # as PyTorch scales
        for group, before in [("all", total), *samples["group_norms"]]:
            trace = np.asarray(before[: len(total)], dtype=float)
            rows.append(
                place
                | {
                    "probe": record["cell"]["probe"],
                    "seed": record["cell"]["seed"],
                    "training_steps": protocol.get("steps", len(total)),
                    "batch_size": protocol["batch_size"],
                    "clip_norm": clip,
                    "clipped_share": clipped,
                    "group": group,
                    "norm_median": _over_steps(middle, trace),
                    "norm_most": _over_steps(np.max, trace),
                    "clipped_norm_median": _over_steps(middle, trace * left),
                    "square_share": _over_steps(np.mean, trace**2 / squares),
                    "record": record["key"],
                }
            )
    return pd.DataFrame(rows)


def _over_steps(summary: Callable[[Any], Any], values: Any) -> float:
    """Of the steps that have a number; NaN where none has."""
    known = values[~np.isnan(values)]
    return float(summary(known)) if len(known) else math.nan


_ALIKE = ("comparison", "task", "data", "length", "arm", "device", "dtype")


def subnormals(
    settings: pd.DataFrame,
    frame: pd.DataFrame,
    ceilings: dict[str, dict[str, Any]] | None = None,
) -> pd.DataFrame:
    """What keeping subnormal floats costs in training, beside how many of them there are.

    Args:
        settings: the table of what settings do to the speed; empty where no speed was measured.
        frame: the table ``gradient``, whose shares at initialisation are those of the entries at
            the embeddings and, the larger of the layers', at the states; NaN where the gradient
            was not measured.
        ceilings: device and threads to what these can do, as the store keeps them.

    Returns:
        ``speedup`` is the rate with subnormals flushed over that with them kept; ``..._ratio`` how
        long the processor takes for arithmetic on subnormal numbers, over that on normal ones.
    """
    if settings.empty or frame.empty:
        return pd.DataFrame()
    start = frame[(frame["when"] == "init") & (frame["denormals"] == "keep")]
    shares = start.groupby(list(_ALIKE))[["subnormal_share", "zero_share", "state_subnormal_share"]]
    flushed = settings[(settings["coordinate"] == "denormals") & (settings["phase"] == "training")]
    found = flushed.merge(shares.median().reset_index(), on=list(_ALIKE), how="left")
    renamed = {f"ratio{end}": f"speedup{end}" for end in ENDS}
    found = found.rename(columns=renamed)
    limits = [
        ((ceilings or {}).get(device) or {}).get(str(threads)) or {}
        for device, threads in zip(found["device"], found["threads"], strict=True)
    ]
    for name in ("product", "elementwise", "sigmoid"):
        found[f"{name}_ratio"] = [
            limit.get("subnormal_ratios", {}).get(name, math.nan) for limit in limits
        ]
    return found


TABLES: dict[str, Callable[[Evidence], pd.DataFrame]] = {
    "gradient": lambda evidence: gradient(evidence.records),
    "reach": lambda evidence: reach(evidence.records, evidence["gradient"]),
    "reach_and_learning": lambda evidence: reach_and_learning(evidence.records),
    "norms": lambda evidence: norms(evidence.records),
    "subnormals": lambda evidence: subnormals(
        evidence["settings"], evidence["gradient"], evidence.ceilings
    ),
}
