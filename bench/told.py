"""What a store is told beside its records: the study, what they are made of, and ceilings."""

from collections.abc import Sequence
from typing import Any

from bench import registry
from bench.data.contract import OFFLINE
from bench.data.hub import catalogue
from bench.execute import processes
from bench.store import Store, environment, now, provenance
from bench.study import Cell, Study


def tell(store: Store, study: Study) -> bool:
    """Store what the study is, so that a report is about this plan; whether anything changed."""
    told = {
        "study": study.name,
        "source": study.source,
        "options": list(study.options),
        "title": study.title,
        "question": study.question,
        "summary": study.summary,
        "comparisons": {name: c.model_dump() for name, c in study.comparisons.items()},
        "published": [known.model_dump(mode="json") for known in study.published],
        "data": {
            name: {"repo": entry.repo, "revision": entry.revision}
            for name in sorted({cell.data for cell in study.cells} - {OFFLINE})
            for entry in [catalogue.find(name)]
        },
        "plan": [cell.key for cell in study.cells],
        "cells": {cell.key: cell.model_dump(mode="json") for cell in study.cells},
    }
    changed = any(store.meta(name) != value for name, value in told.items())
    if changed:
        store.set_meta(**told)
    return changed


def begin(
    store: Store,
    made_with: dict[str, str],
    made_of: dict[str, dict[str, Any]],
    library: dict[str, Any] | None,
    estimate_s: float,
) -> None:
    """Write down what the records will belong to, before there are any."""
    before = store.meta("provenance") or {}
    named = {n: digest for n, digest in before.items() if n.startswith(provenance.CHECKPOINT)}
    store.set_meta(
        provenance=named | made_with,  # a part of a study leaves out what other parts were made of
        checkpoints=(store.meta("checkpoints") or {}) | made_of,
        corpus=_both(store.meta("corpus"), library),
        begun=store.meta("begun") or now(),
        estimate_s=store.meta("estimate_s") or estimate_s,
    )


def _both(before: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, Any] | None:
    """What the corpus holds, by every tokenizer that any part of a study read it through."""
    if before is None or now is None:
        return now or before
    known = before.get("tokenizers", {}) | now.get("tokenizers", {})
    return now | ({"tokenizers": known} if known else {})


def measure_ceilings(
    store: Store, server: processes.Server, cells: Sequence[Cell], timeout_s: float
) -> None:
    """What every device of a timed cell can do at most, on as many threads as its cells have.

    The best that any call has found: a run measures before its first cell and after its last, as
    a machine that is busy now may not be then. A measurement that lasts ``timeout_s`` is given up.
    """
    known = dict(store.meta("ceilings") or {})
    timed = [c for c in cells if registry.probes()[c.probe].literals["INTERLEAVED"]]
    for device in dict.fromkeys(cell.device for cell in timed):
        here = [cell for cell in timed if cell.device == device]
        job = {
            "job": "ceilings",
            "device": device,
            "dtypes": list(dict.fromkeys(cell.dtype for cell in here)),
            "threads": {
                str(cell.threads): environment.threads() if cell.threads == "all" else cell.threads
                for cell in here
            },
            "known": known.get(device, {}),
        }
        try:
            known[device] = known.get(device, {}) | processes.ask(server, job, timeout_s)
        except processes.CellFailed as failure:  # out of memory, say: its cells have no share then
            known[device] = {"failed": failure.reason} | known.get(device, {})
    store.set_meta(ceilings=known)
