"""``claim.json``: what a report says of each claim, for machines; what quotes a report reads it.

Verdicts, sentences, numbers with their intervals, what they rest on, and where all that comes from.
Nothing here needs pandas or matplotlib, so that a citation is there at once.
"""

import json
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import __version__
from bench.page.judgement import RULE, Judgement
from bench.store.archive import Source
from bench.store.records import Record

if TYPE_CHECKING:
    from bench.claims import Judged

FILE = "claim.json"
_DRAWING = ("jinja2", "matplotlib", "numpy", "pandas", "scipy")
SCHEMA = 1


class AnswersError(Exception):
    """There is no ``claim.json`` that can be read, or no such claim in it."""


def document(
    source: Source,
    judged: Sequence["Judged"],
    file: str,
    digest: str,
    *,
    figures: Mapping[str, str] | None = None,
    recomputed: tuple[int, int] = (0, 0),
) -> dict[str, Any]:
    """What ``claim.json`` says.

    Args:
        source: of the records.
        judged: the claims, those that cannot be judged too, in the order of the page.
        file: name of the file of records beside it.
        digest: of all records, see ``archive.write``.
        figures: by claim, the stem of the first page's figure that shows it.
        recomputed: how many numbers of the records follow from their samples, of how many.
    """
    records = source.records()
    return {
        "schema": SCHEMA,
        "study": source.meta("study"),
        "title": source.meta("title"),
        "question": source.meta("question"),
        "summary": source.meta("summary"),
        "source": source.meta("source"),
        "options": list(source.meta("options") or ()),
        "begun": source.meta("begun"),
        "ended": max((r["ended"] for r in records if r.get("ended")), default=None),
        "version": __version__,
        "drawn_by": drawn_by(),
        "machines": _distinct(_machine(record) for record in records),
        "code": _distinct(_code(record) for record in records),
        "records": {"file": file, "count": len(records), "sha256": digest},
        "recomputed": {"agreeing": recomputed[0], "of": recomputed[1]},
        "rule": RULE,
        "claims": [_claim(claim) | {"figure": (figures or {}).get(claim.name)} for claim in judged],
    }


def drawn_by() -> dict[str, str]:
    """Versions of what a report's numbers, words and figures go through, and kind of processor.

    Where these are the same, the same records give the same bytes.
    """
    return {name: metadata.version(name) for name in _DRAWING} | {"processor": platform.machine()}


def write(answers: Mapping[str, Any], path: Path) -> None:
    """Write them, a line a value, so that a changed number is a changed line."""
    path.write_text(
        json.dumps(answers, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8"
    )


def read(folder: Path) -> dict[str, Any]:
    """What a report's folder says.

    Raises:
        AnswersError: there is none, or it is of another schema.
    """
    path = folder / FILE
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise AnswersError(
            f"no answers in {folder}: expected {FILE} ({error.strerror}); "
            f"rvt report {folder} writes it from the records"
        ) from None
    except ValueError as error:
        raise AnswersError(f"{path}: expected JSON. Got {error}") from None
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise AnswersError(
            f"{path}: expected schema {SCHEMA}, which this version reads; "
            f"rvt report {folder} writes it anew from the records"
        )
    return found


def _claim(claim: "Judged") -> dict[str, Any]:
    say = claim.literals
    return {
        "id": claim.name,
        "sentence": claim.sentence,
        "state": claim.state,
        "headline": claim.headline,
        "undecided": claim.undecided,
        "quantity": say["QUANTITY"],
        "direction": say["DIRECTION"],
        "delta": say["DELTA"],
        "looks": say["LOOKS"],
        "supported_if": say["SUPPORTED"],
        "refuted_if": say["REFUTED"],
        "needs": say["NEEDS"],
        "judgements": [_judgement(judgement) for judgement in claim.judgements],
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    plain: dict[str, Any] = _json(asdict(judgement))
    return plain


def _json(value: Any) -> Any:
    """Plain values: NumPy's are turned into Python's, and what is no number into None."""
    if isinstance(value, Mapping):
        return {str(name): _json(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_json(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _machine(record: Record) -> str:
    where, device = record["environment"], record["cell"]["device"]
    # All that it has: how many a cell used is in the scope of what is said of it.
    has = where["cores"] or where["threads"]
    name = f"CPU {where['cpu']} with {has} hardware thread{'' if has == 1 else 's'}"
    if device != "cpu":
        name = f"{device} {record['metrics'].get('accelerator') or 'device'}, {name}"
    versions = where["versions"]
    return f"{name}; Python {versions['python']}, torch {versions['torch']}, transformers " + str(
        versions["transformers"]
    )


def _code(record: Record) -> dict[str, Any]:
    where = record["environment"]
    return {
        "commit": where["commit"],
        "dirty": where["dirty"],
        "measuring": record["provenance"]["code"],
    }


def _distinct(values: Any) -> list[Any]:
    found: list[Any] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
