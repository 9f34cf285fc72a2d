"""Tables that are of no probe: what was compared, and what has no result."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from bench.outcome import MEASURED
from bench.page.contract import LAST, Section, TableView
from bench.store.records import Record, coordinate, coordinates, tokenizer

#: At the end of a page, behind every probe's.
MODELS = Section(
    LAST + 1,
    "What was compared",
    "Matched means: as many parameters outside the embedding tables (params), forward "
    "FLOPs of a row (flops) or numbers of state (state), within 1%, counted exactly. "
    "FLOPs are those of matrix products, 2 for a multiply-add, at the length given; state "
    "is what reading one more token needs: a recurrence's state, or keys and values.",
    tables=[
        TableView(
            "models",
            [
                "comparison", "task", "data", "arm", "tokenizer", "sized",
                "body_parameters", "embedding_parameters", "positions_parameters",
                "class_token_parameters", "projection_parameters", "total_parameters",
                "matched_to", "match", "target", "match_error", "at_length",
                "forward_flops_per_token", "training_flops_per_token", "state_bytes",
            ],
        )
    ],
)  # fmt: skip
NOT_RUN = "not run"
_PARTS = ("positions", "class_token", "projection")  # of the embedding's, where a model has them
_REASONS = [
    "probe", "phase", "comparison", "task", "data", "length", "arm", "kernel", "dtype", "seed",
    "status", "reason",
]  # fmt: skip


def models(records: Sequence[Record]) -> pd.DataFrame:
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
            **tokenizer(record),
            **_sized(model["match"]),
            "body_parameters": model["parameters"]["body"],
            "embedding_parameters": model["parameters"]["embedding"],
            "total_parameters": model["parameters"]["total"],
            **{f"{name}_parameters": n for name in _PARTS if (n := model["parameters"].get(name))},
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


def _sized(matched: dict[str, Any]) -> dict[str, Any]:
    """The size that was solved for; nothing where nothing was free, nor of before it was kept."""
    if matched.get("size") is None:
        return {}
    return {"sized": f"{matched['dimension']} {matched['size']}"}


def missing(
    cells: Mapping[str, Record], plan: Sequence[str], records: Sequence[Record]
) -> pd.DataFrame:
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
                "kernel": cell["kernel"],
                "status": record["status"] if record else NOT_RUN,
                "reason": record["reason"] if record else "the run ended before this cell",
            }
        )
    return pd.DataFrame(rows)


def without_result(count: int, planned: int) -> Section:
    """The section that names every planned cell without a result."""
    return Section(
        LAST + 2,
        "Cells without a result",
        f"{count} of {planned} planned cells have no result. None is left out:",
        tables=[TableView("missing", _REASONS, always=_REASONS)],
    )
