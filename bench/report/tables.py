"""The numbers of a report, as data frames made from records; CSV files that are safe to open."""

import json
import math
from collections.abc import Collection, Sequence
from functools import partial
from operator import truediv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench import registry
from bench.frames import scores
from bench.outcome import DIVERGED, DONE, MEASURED, UNSTABLE
from bench.probes.gradient import tables as gradients
from bench.probes.learning import published as anchors
from bench.statistics import intervals as stats
from bench.statistics import verdicts
from bench.store.records import Record, coordinate, coordinates, of

Ceilings = dict[str, dict[str, Any]]
Pairs = list[verdicts.Verdict]
_ENDS = ("", "_low", "_high")


def all_of(
    records: list[Record],
    ceilings: Ceilings | None = None,
    published: Sequence[dict[str, Any]] = (),
) -> dict[str, pd.DataFrame]:
    """Every table that is made from what was measured, by name; some beside published figures."""
    pairs = verdicts.of([r for r in records if r["cell"]["probe"] in ("speed", "decode")])
    flows, set_apart = gradients.gradient(records), settings(records)
    return {
        "gradient": flows,
        "reach": gradients.reach(records),
        "reach_and_learning": gradients.reach_and_learning(records),
        "norms": gradients.norms(records),
        "subnormals": gradients.subnormals(set_apart, flows, ceilings),
        "speed": speed(records, ceilings, pairs),
        "decode": decode(records, ceilings, pairs),
        "decode_positions": decode_positions(records),
        "crossover": crossover(records, pairs),
        "growth": growth(records),
        "settings": set_apart,
        "memory": memory(records),
        "state": state(records),
        "learning": learning(records),
        "tasks": tasks(records),
        "out_of_distribution": out_of_distribution(records),
        "published": beside_published(records, published),
        "models": models(records),
    }


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
        data = coordinate(cell, "data")
        key = cell["comparison"], cell["task"], data, cell["arm"], length
        if key in rows and (cost.get("length") or 0) < (rows[key]["at_length"] or 0):
            continue
        rows[key] = {
            "comparison": cell["comparison"],
            "task": cell["task"],
            "data": data,
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


def speed(
    records: list[Record], ceilings: Ceilings | None = None, pairs: Pairs | None = None
) -> pd.DataFrame:
    """A training step, a forward pass and a prefill: seconds, rate, and verdict.

    Args:
        records: of a store.
        ceilings: device and threads to what these can do at most, as the store keeps them.
        pairs: the records' verdicts, where they are known.
    """
    return _timed(records, "speed", ceilings, pairs)


def decode(
    records: list[Record], ceilings: Ceilings | None = None, pairs: Pairs | None = None
) -> pd.DataFrame:
    """The same of a decoded step, with the time to the first token and what is kept."""
    return _timed(records, "decode", ceilings, pairs)


def _timed(
    records: list[Record], probe: str, ceilings: Ceilings | None, pairs: Pairs | None
) -> pd.DataFrame:
    chosen = of(records, probe, *MEASURED)
    pairs = verdicts.of(chosen) if pairs is None else pairs
    found = {verdict.record["key"]: verdict for verdict in pairs}
    # The reference's own row has the control too.
    noise = {verdict.reference["key"]: verdict for verdict in found.values()}
    rows = []
    for record in chosen:
        metrics, samples = record["metrics"], record["samples"]
        launches = samples.get("launch")
        step = stats.median(samples["seconds"], 2, launches)
        rate = step.map(partial(truediv, metrics["tokens_per_step"]))
        flags = verdicts.flagged(record) if launches else []
        row = _coordinates(record) | {
            "status": record["status"],
            "launches": len(set(launches or [0])),
            "rounds": len(samples["seconds"]) // 2,
            "flagged_rounds": sum(flags),
            **_interval("step_s", step),
            **_spread(samples["seconds"]),
            **_interval("tokens_per_s", rate),
            "first_step_s": metrics.get("first_step_s"),
            "compile_s": metrics.get("compile_s"),
        }
        if "first_token_seconds" in samples:
            first = stats.median(samples["first_token_seconds"], 2, launches)
            row |= _interval("first_token_s", first)
        row |= {name: metrics[name] for name in _OF_DECODING if name in metrics}
        row |= _roofline(record, step.value, ceilings or {})
        if (verdict := found.get(record["key"])) is not None:
            row |= _verdict(verdict)
        elif (verdict := noise.get(record["key"])) is not None and verdict.canary is not None:
            row |= _interval("aa_ratio", verdict.canary)
        rows.append(row)
    return _with(pd.DataFrame(rows), _OPTIONAL)


_OPTIONAL = [
    "reference", "verdict", "sentence", "roofline_share",
    *(name + end for name in ("speed_ratio", "quiet_ratio", "aa_ratio") for end in _ENDS),
]  # fmt: skip
_OF_DECODING = ("late_over_early", "state_bytes", "state_end_bytes", "gate_error")


def _coordinates(record: Record) -> dict[str, Any]:
    """Where a row stands, and the record that it is made from."""
    cell = record["cell"]
    return coordinates(cell) | {
        "seed": cell["seed"],
        "phase": cell["axes"].get("phase", cell["probe"]),
        "batch_size": cell["protocol"]["batch_size"],
        "record": record["key"],
    }


def _with(frame: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The frame with these columns, empty where nothing fills them."""
    for name in columns:
        if name not in frame.columns:
            frame[name] = np.nan
    return frame


def _interval(name: str, estimate: stats.Estimate) -> dict[str, float]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _spread(seconds: list[float]) -> dict[str, Any]:
    """Spread of the samples, and how far they depend on one another."""
    found = stats.describe(seconds, 2)
    return {
        "step_p5_s": found["p5"],
        "step_p95_s": found["p95"],
        "step_iqr_s": found["iqr"],
        "samples": found["n"],
        "effective_samples": found["effective_n"],
        "lag1_autocorrelation": found["lag1"],
    }


def _verdict(verdict: verdicts.Verdict) -> dict[str, Any]:
    """The ratio to the reference, with and without flagged rounds, beside the A/A control."""
    row = {
        "reference": verdict.reference["cell"]["arm"],
        "reference_kernel": verdict.reference["cell"]["kernel"],
        **_interval("speed_ratio", verdict.ratio),
        **_interval("quiet_ratio", verdict.quiet_ratio),
        "verdict": "unstable" if verdict.unstable else verdict.difference or "no difference",
        "sentence": verdict.sentence,
    }
    if verdict.canary is not None:
        row |= _interval("aa_ratio", verdict.canary)
    return row


def _roofline(record: Record, step_s: float, ceilings: Ceilings) -> dict[str, Any]:
    """What was achieved of what the machine can do: FLOP/s, or bytes/s of a decoded step.

    A share above 1 is left as it is: it says that the ceiling is too low.
    """
    cell, cost = record["cell"], record["model"].get("cost") or {}
    limits = (ceilings.get(cell["device"]) or {}).get(str(cell["threads"])) or {}
    rows = cell["protocol"]["batch_size"]
    if cell["probe"] == "decode":
        unit, most = "bytes_per_s", limits.get("copy_bytes_per_s")
        amount = _bytes_read(record["metrics"], cost, rows)
    else:
        unit, most = "flops_per_s", (limits.get("gemm_flops_per_s") or {}).get(cell["dtype"])
        flops = cost.get(f"{cell['axes']['phase']}_flops")
        amount = None if flops is None else rows * flops
    if amount is None:
        return {}
    got = amount / step_s
    shown = {f"achieved_{unit}": got}
    return shown | {f"ceiling_{unit}": most, "roofline_share": got / most} if most else shown


def _bytes_read(metrics: dict[str, Any], cost: dict[str, Any], rows: int) -> float | None:
    """Bytes of a decoded step: the weights that a decoder multiplies with, and what rows keep.

    What is kept grows from the first step to the last, evenly.
    """
    weights = cost.get("step_weight_bytes")
    first, last = metrics.get("state_bytes"), metrics.get("state_end_bytes")
    if weights is None or first is None or last is None:
        return None
    return float(weights + rows * (first + last) / 2)


def decode_positions(records: list[Record]) -> pd.DataFrame:
    """Seconds of a decoded step by how many tokens were read before it.

    A median over the turns of a launch, then over launches.
    """
    rows = []
    for record in of(records, "decode", *MEASURED):
        steps = record["cell"]["protocol"]["new_tokens"] - 1  # the first token ends the prefill
        seconds = record["samples"].get("position_seconds", [])
        if not seconds or len(seconds) % steps:
            continue
        where = _coordinates(record)
        for number, step_s in enumerate(np.median(np.reshape(seconds, (-1, steps)), axis=0)):
            position = where["length"] + 1 + number
            rows.append(
                where | {"status": record["status"], "position": position, "step_s": step_s}
            )
    return pd.DataFrame(rows)


def memory(records: list[Record]) -> pd.DataFrame:
    """Peaks of one step: resident or allocated, and tensors as counted; growth from its start."""
    rows = []
    for record in of(records, "memory"):
        metrics = record["metrics"]
        row = _coordinates(record) | {"status": record["status"]}
        for column, name in _MEMORY.items():
            row[column] = metrics.get(name)
        rows.append(row)
    return pd.DataFrame(rows)


_MEMORY = {
    "peak_tensor_bytes": "peak_tensor_bytes_step",
    "tensor_growth_bytes": "tensor_growth_bytes_step",
    "peak_rss_bytes": "peak_rss_bytes_step",
    "rss_growth_bytes": "rss_growth_bytes_step",
    "peak_allocated_bytes": "peak_allocated_bytes_step",
    "allocated_growth_bytes": "allocated_growth_bytes_step",
    "peak_reserved_bytes": "peak_reserved_bytes_step",
    "device_used_bytes": "device_used_bytes",
    "rss_unavailable": "rss_unavailable",
    "tensors_unavailable": "tensors_unavailable",
}


def state(records: list[Record]) -> pd.DataFrame:
    """What one row keeps in order to read one more token, counted, and measured in decoding.

    Of what was decoded, or whose memory was measured: elsewhere nobody asks.
    """
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in records:
        if record["cell"]["probe"] not in ("decode", "memory"):
            continue
        cell, cost = record["cell"], record["model"].get("cost") or {}
        if cost.get("state_bytes") is None:
            continue
        names = ("comparison", "task", "data", "dtype", "arm", "length")
        key = tuple(coordinate(cell, name) for name in names)
        row = rows.setdefault(
            key,
            dict(zip(names, key, strict=True))
            | {"kernel": "", "seed": 0, "record": record["key"]}
            | {"state_bytes": cost["state_bytes"], "measured_bytes": None},
        )
        if cell["probe"] == "decode" and record["metrics"].get("state_bytes") is not None:
            row |= {"measured_bytes": record["metrics"]["state_bytes"], "record": record["key"]}
    return pd.DataFrame(rows.values())


def growth(records: list[Record]) -> pd.DataFrame:
    """The power of the length that time and memory grow with; of stable measurements only."""
    rows = []
    for probe, sample, quantity in _GROWING:
        for where, by_length in _by_length(of(records, probe)):
            lengths = [n for n in by_length if by_length[n]["samples"].get(sample)]
            if len(lengths) < _LEAST_LENGTHS:
                continue
            traces = {n: by_length[n]["samples"][sample] for n in lengths}
            launches = {n: by_length[n]["samples"].get("launch") for n in lengths}
            known = None if None in launches.values() else launches
            rows.append(
                where
                | {"quantity": quantity, **_span(lengths)}
                | _interval("exponent", stats.growth(traces, 2, known))
            )
    for where, by_length in _by_length(of(records, "memory")):
        for quantity in ("tensor_growth_bytes", "rss_growth_bytes", "allocated_growth_bytes"):
            sizes = {
                n: record["metrics"][_MEMORY[quantity]]
                for n, record in by_length.items()
                if record["metrics"].get(_MEMORY[quantity])
            }
            if len(sizes) >= _LEAST_LENGTHS and min(sizes.values()) > 0:
                rows.append(
                    where
                    | {"quantity": quantity, **_span(sizes)}
                    | _interval("exponent", stats.growth(sizes))
                )
    return pd.DataFrame(rows)


_LEAST_LENGTHS = 3  # a power through two lengths fits anything
_GROWING = (
    ("speed", "seconds", "step_s"),
    ("decode", "seconds", "step_s"),
    ("decode", "first_token_seconds", "first_token_s"),
)


def crossover(records: list[Record], pairs: Pairs | None = None) -> pd.DataFrame:
    """The length at which an arm is as fast as its reference; of stable measurements only.

    ``outcome`` says where it is, that there is none in range, or that it is undecided: a side
    counts only where the verdict at some length is beyond the A/A band.
    """
    if pairs is None:
        pairs = verdicts.of(of(records, "speed", *MEASURED) + of(records, "decode", *MEASURED))
    series: dict[str, list[verdicts.Verdict]] = {}
    for verdict in pairs:
        where = _without_length(verdict.record)
        series.setdefault(json.dumps([where, verdict.reference["cell"]["arm"]]), []).append(verdict)
    rows = []
    for text, group in series.items():
        where, reference = json.loads(text)
        stable = {v.record["cell"]["length"]: v for v in group if not v.unstable}
        rows.append(
            where
            | {
                "reference": reference,
                **_span(stable),
                "unstable_lengths": len(group) - len(stable),
            }
            | _crossing(where["arm"], reference, dict(sorted(stable.items())))
        )
    return _with(pd.DataFrame(rows), ["at_length" + end for end in _ENDS])


def _crossing(arm: str, reference: str, stable: dict[int, verdicts.Verdict]) -> dict[str, Any]:
    """Where two arms are level, in numbers and in words."""
    arm, reference = registry.label(arm), registry.label(reference)
    if len(stable) < _LEAST_CROSSING:
        return {"outcome": "undecided: fewer than two lengths with a stable ratio"}
    span = f"{min(stable)}–{max(stable)}"
    logs = {
        n: stats.log_ratios(v.reference["samples"]["seconds"], v.record["samples"]["seconds"], 2)
        for n, v in stable.items()
    }
    launches = {n: v.record["samples"]["launch"] for n, v in stable.items()}
    # Without a canary everything is noise.
    bands = {n: math.inf if v.canary is None else stats.band(v.canary) for n, v in stable.items()}
    found = stats.crossover(logs, launches, bands)
    sides = [v.difference for v in stable.values()]
    if found.length is not None:
        before = arm if next(filter(None, sides)) == "faster" else reference
        words = f"at T={found.length.value:.0f}; {registry.label(before)} leads below"
        if found.crossings > 1:
            words += f" (the first of {found.crossings})"
        return _interval("at_length", found.length) | {"outcome": words, "leads_below": before}
    if found.state in ("above", "below"):
        ahead = arm if found.state == "above" else reference
        return {"outcome": f"none in {span}: {registry.label(ahead)} leads"}
    return {"outcome": f"undecided in {span}"}


_LEAST_CROSSING = 2


def settings(records: list[Record]) -> pd.DataFrame:
    """What a setting does to an arm's speed: subnormals flushed, all threads, another dtype.

    ``paired``: the two were timed in the same rounds, so the ratio is that of pairs, with the wider
    of the A/A controls of the two settings and a verdict. Where they were measured in different
    groups the interval is made from those of the two medians (MOVER; Donner and Zou 2012,
    doi:10.1177/0962280210389082), and knows nothing of how the machine drifted in between: there
    is no verdict.
    """
    timed = of(records, "speed", *MEASURED) + of(records, "decode", *MEASURED)
    pairs = {verdict.record["key"]: verdict for verdict in verdicts.of_settings(timed)}
    rows = []
    for name, base in _AGAINST.items():
        groups: dict[str, dict[Any, Record]] = {}
        for record in timed:
            where = _coordinates(record) | {name: None, "record": None}
            group = groups.setdefault(json.dumps(where), {})
            group[record["cell"][name]] = record
        for group in groups.values():
            for value, record in group.items():
                pair = pairs.get(record["key"]) if name == "denormals" else None
                against = group.get(base) if pair is None else pair.reference
                if value != base and against is not None:
                    rows.append(_effect(name, record, against, pair))
    optional = (column + end for column in ("quiet_ratio", "aa_ratio") for end in _ENDS)
    return _with(pd.DataFrame(rows), ["verdict", *optional]) if rows else pd.DataFrame()


#: What the other values of a coordinate are compared with.
_AGAINST = {"denormals": "keep", "threads": 1, "dtype": "float32"}


def _effect(
    coordinate: str, record: Record, base: Record, pair: verdicts.Verdict | None
) -> dict[str, Any]:
    stable = record["status"] == base["status"] == DONE
    value, against = (r["cell"][coordinate] for r in (record, base))
    return _coordinates(record) | {
        coordinate: f"{value} / {against}",
        "coordinate": coordinate,
        "setting": str(value),
        "against": str(against),
        "against_record": base["key"],
        "status": DONE if stable else UNSTABLE,
        "paired": pair is not None,
        **(_unpaired(base, record) if pair is None else _paired(pair)),
    }


def _paired(pair: verdicts.Verdict) -> dict[str, Any]:
    """What the same rounds say of a setting, as verdicts say it of two arms."""
    said = _verdict(pair)
    names = [name + end for name in ("quiet_ratio", "aa_ratio") for end in _ENDS]
    return _interval("ratio", pair.ratio) | {n: said[n] for n in (*names, "verdict") if n in said}


def _unpaired(base: Record, record: Record) -> dict[str, Any]:
    """The ratio of two medians that know nothing of one another, on the log scale."""
    above, below = (
        stats.median(r["samples"]["seconds"], 2, r["samples"].get("launch")) for r in (base, record)
    )
    (x, x_low, x_high), (y, y_low, y_high) = (
        (math.log(e.value), math.log(e.low), math.log(e.high)) for e in (above, below)
    )
    ratio = x - y
    low = ratio - math.hypot(x - x_low, y_high - y)
    high = ratio + math.hypot(x_high - x, y - y_low)
    return _interval("ratio", stats.Estimate(ratio, low, high).map(math.exp))


def _by_length(records: list[Record]) -> list[tuple[dict[str, Any], dict[int, Record]]]:
    """Records that differ in length only, by it."""
    series: dict[str, dict[int, Record]] = {}
    for record in sorted(records, key=lambda r: int(r["cell"]["length"])):
        text = json.dumps(_without_length(record))
        series.setdefault(text, {})[record["cell"]["length"]] = record
    return [(json.loads(text), by_length) for text, by_length in series.items()]


def _without_length(record: Record) -> dict[str, Any]:
    where = _coordinates(record)
    return {name: where[name] for name in where if name not in ("length", "record")}


def _span(lengths: Collection[int]) -> dict[str, Any]:
    """Which lengths something is said of."""
    return {
        "lengths": len(lengths),
        "shortest": min(lengths, default=None),
        "longest": max(lengths, default=None),
    }


def learning(records: list[Record]) -> pd.DataFrame:
    """One row for every seed; divergences stay in, with the step."""
    rows = []
    for trained in _trained(records):
        metrics = trained.record["metrics"]
        rows.append(
            _training(trained)
            | {
                "seed": trained.cell["seed"],
                "learning_rate": metrics.get("learning_rate"),
                "learning_rate_trials": metrics.get("learning_rate_trials"),
                "metric": trained.metric.name,
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
            }
        )
    return pd.DataFrame(rows)


def tasks(records: list[Record]) -> pd.DataFrame:
    """What each arm makes of each task: one row for all seeds of a training.

    The median and the range are of the seeds that did not diverge; one that did has not solved it.
    """
    groups: dict[str, list[scores.Scores]] = {}
    for trained in _trained(records):
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
                "initial_median": np.median(known) if known else None,
                "median": np.median(found) if found else None,
                "least": min(found, default=None),
                "most": max(found, default=None),
                "solve_rate": math.nan if None in solved else sum(map(bool, solved)) / len(solved),
                "expected": first.literals.get("EXPECTED"),
            }
        )
    return pd.DataFrame(rows)


def beside_published(records: list[Record], published: Sequence[dict[str, Any]]) -> pd.DataFrame:
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
            for row in anchors.compare(published, records)
        ]
    )


def out_of_distribution(records: list[Record]) -> pd.DataFrame:
    """One row for every seed and length that it was tested on, those trained on among them.

    Without a score the window is longer than the arm can read.
    """
    rows = []
    for trained in _trained(records):
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
                }
            )
    return pd.DataFrame(rows)


def _trained(records: list[Record]) -> list[scores.Scores]:
    """Trainings that ended, and those that diverged."""
    return scores.of(of(records, "learning") + of(records, "learning", DIVERGED))


def _training(trained: scores.Scores) -> dict[str, Any]:
    """Where a training stands, and how long it was: all that its seeds have in common."""
    protocol = trained.cell["protocol"]
    return coordinates(trained.cell) | {
        "shortest": trained.shortest,
        "steps": protocol["steps"],
        "batch_size": protocol["batch_size"],
        "eval_rows": protocol["eval_rows"],
    }


def missing(cells: dict[str, Record], plan: list[str], records: list[Record]) -> pd.DataFrame:
    """Planned cells without a result, each with its reason."""
    known = {record["key"]: record for record in records}
    rows = []
    for key in plan:
        record = known.get(key)
        if record is not None and record["status"] in MEASURED:
            continue
        cell = cells[key]
        rows.append(
            {
                "probe": cell["probe"],
                "phase": cell["axes"].get("phase", ""),
                **coordinates(cell),
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
