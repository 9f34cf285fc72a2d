"""What a store is told beside its records: the study, what they are made of, and ceilings."""

from collections.abc import Sequence
from typing import Any

from bench import registry
from bench.data.contract import OFFLINE
from bench.data.hub import catalogue
from bench.execute import processes
from bench.store import Store, environment, now, provenance
from bench.study import Cell, Study
from bench.study.places import REPORTS, found_from, seen_from, written


class ChangedError(RuntimeError):
    """The records are not of what is here now: other code, versions or data, or another study."""


def refuse_other(store: Store, study: Study) -> None:
    """Refuse a folder with records of another study, which has the same name.

    A study whose file is no longer there has been moved, and may come from anywhere.

    Raises:
        ChangedError: they are of another, which is named.
    """
    before, file = store.meta("source"), store.meta("file")
    if before is None:
        return
    if file is None:  # one that comes with the suite, or a file that nobody wrote down
        shipped = study.file is None
        name = before.removesuffix(".toml") if shipped else before  # as older versions wrote it
        same, other = (name in registry.studies()) == shipped, before
    else:
        same, other = file == _file(store, study) or before == study.source, before
        if (path := found_from(store.folder, file)) is not None:
            gone = not path.exists()
            same = gone or (study.file is not None and path.samefile(study.file))
            other = written(path)
    if not same:
        raise ChangedError(
            f"{written(store.folder)} has the records of the study {other}. Got {study.source}, a "
            "study of the same name: give --output another folder, or rename its file."
        )


def tell(store: Store, study: Study) -> bool:
    """Store what the study is, so that a report is about this plan; whether anything changed."""
    output = store.folder.parent
    usual = output.resolve() == REPORTS.resolve()
    told = {
        "study": study.name,
        "source": study.source,
        "file": _file(store, study),
        "options": [*study.options, *([] if usual else ["--output", written(output)])],
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


def _file(store: Store, study: Study) -> str | None:
    """The study's file as its folder keeps it; None of one that comes with the suite."""
    return None if study.file is None else seen_from(store.folder, study.file)


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
