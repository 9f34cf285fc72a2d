"""Whether a report says what its records say: everything is made again from them, and compared.

The records must be what was written, their metrics must follow from their samples, and every page,
table, figure and verdict from the records. Where the same versions draw, the same bytes come out;
where others do, words and numbers are compared, and that the files are as they were written.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.report import answers, pages, placing, printed, recompute, render
from bench.report.printed import Difference
from bench.store import StoreError, archive
from bench.store.archive import Archive

CONSISTENT, INCONSISTENT = "consistent", "inconsistent"
DECISION = "decision-inconsistent"

_FOLDERS = (pages.FOLDER, "figures", "tables")
_ENDINGS = (".md", ".html", ".json", ".csv", ".svg", ".png")
_PIXELS = ".png"
_MOST = 20  # differences that are shown
_DRAWN_BY = re.compile(r'"drawn_by": \{[^}]*\}')


class NoReportError(Exception):
    """A place that is no report."""


@dataclass(frozen=True)
class Reference:
    """A report as it should be.

    Args:
        folder: of its files.
        again: how many metrics of its records follow from their samples.
        numbers: that a reader finds in it.
    """

    folder: Path
    again: recompute.Recomputed
    numbers: int


@dataclass(frozen=True)
class Verified:
    """What came of it.

    Args:
        counts: of what was compared, in words.
        differences: none where all agree.
        note: what could not be compared, and why; empty where all was.
    """

    counts: str
    differences: list[Difference]
    note: str = ""

    @property
    def state(self) -> str:
        """One of the three."""
        if not self.differences:
            return CONSISTENT
        return DECISION if any(d.decides for d in self.differences) else INCONSISTENT

    def lines(self) -> Iterator[str]:
        """What a person is told: the counts, then what does not agree."""
        found = self.differences
        yield f"{self.counts}: " + ("all agree" if not found else f"{len(found):,} do not agree")
        if self.note:
            yield self.note
        # What changes a verdict is told first.
        ordered = sorted(found, key=lambda difference: not difference.decides)
        yield from map(str, ordered[:_MOST])
        if len(found) > _MOST:
            yield f"and {len(found) - _MOST:,} more"
        if found:
            yield self.state


def verify(folder: Path) -> Verified:
    """Make a report again from its records and compare.

    Raises:
        NoReportError: there is none.
        StoreError: its records are damaged; the line is named.
    """
    source = records(folder)
    with drawn(source) as reference:
        return against(folder, source, reference)


def records(folder: Path) -> Archive:
    """The records of a report, each line proven.

    Raises:
        NoReportError: there is no page, or there are no records beside it.
        StoreError: the records are damaged, or nothing proves them.
    """
    found = [folder / name for name in (archive.PACKED, archive.PLAIN)]
    file = next((path for path in found if path.is_file()), None)
    lacks = [name for name in (render.PAGE, answers.FILE) if not (folder / name).is_file()]
    lacks += [] if file else [f"{archive.PACKED} or {archive.PLAIN}"]
    if file is None or len(lacks) > 1:
        raise NoReportError(
            f"{folder} is no report: it lacks {', '.join(lacks)}; rvt report writes one from "
            "records"
        )
    source = Archive(file)
    if source.lacks:
        raise StoreError(
            f"{source.path}: {source.lacks} rvt report {folder} writes a file that can be verified."
        )
    return source


@contextmanager
def drawn(source: Archive) -> Iterator[Reference]:
    """The report that follows from records, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="report-") as place:
        folder = Path(place)
        with suppress(render.Incomplete):  # then the pages say what they lack, as they did
            render.write(source, folder)
        texts = [name for name in _files(folder) if not name.endswith(_PIXELS)]
        found = sum(printed.numbers(name, _text(folder / name)) for name in texts)
        yield Reference(folder, recompute.check(source.records()), found)


def against(folder: Path, source: Archive, reference: Reference) -> Verified:
    """Compare a report with what it should be.

    Args:
        folder: of the report.
        source: its records.
        reference: made from them.
    """
    said, exact = _answers(folder), True
    if isinstance(said.get("drawn_by"), dict):
        exact = said["drawn_by"] == answers.drawn_by()
    found = [*_of_records(folder, said, source, reference), *_verdicts(said, reference.folder)]
    here, there = set(_files(folder)), set(_files(reference.folder))
    for name in sorted(here | there):
        if name not in here or name not in there:
            found.append(_lacking(name, name in here))
        elif (folder / name).read_bytes() != (reference.folder / name).read_bytes():
            found += _compared(folder, reference.folder, name, exact)
    if not exact:
        found += _edited(folder, here & there)
    return Verified(_counts(reference, source), found, "" if exact else _note(said["drawn_by"]))


def _of_records(
    folder: Path, said: dict[str, Any], source: Archive, reference: Reference
) -> Iterator[Difference]:
    """Whether the records are those that the report was written from, and right in themselves."""
    of = said.get("records")
    stated = of.get("sha256") if isinstance(of, dict) else None
    file = source.path.relative_to(folder).as_posix()
    if stated != source.digest:
        yield Difference(file, 1, f"a digest of {stated}", source.digest)
    for mistake in reference.again.mistakes:
        yield Difference(
            file, mistake.index + 2, f"{mistake.metric} {mistake.printed}", str(mistake.recomputed)
        )


def _verdicts(said: dict[str, Any], reference: Path) -> Iterator[Difference]:
    """Claims and judgements whose state is another."""
    before, after = _states(said), _states(_answers(reference))
    for what, state in after.items():
        if (other := before.get(what, "nothing")) != state:
            yield Difference(answers.FILE, None, f"{what}: {other}", state, decides=True)


def _states(said: dict[str, Any]) -> dict[str, str]:
    """Each claim, and each scope of it, with its state; nothing of what is no such document."""
    found: dict[str, str] = {}
    with suppress(TypeError, KeyError, AttributeError):
        for claim in said.get("claims", ()):
            found[claim["id"]] = claim["state"]
            for one in claim["judgements"]:
                scope = ", ".join(f"{name} {value}" for name, value in one["scope"].items())
                found[f"{claim['id']} ({scope})"] = one["state"]
    return found


def _compared(folder: Path, reference: Path, name: str, exact: bool) -> Iterator[Difference]:
    """Where two files of a name differ."""
    if name.endswith(_PIXELS):
        if exact:
            yield Difference(name, None, "other pixels", "those of its records")
        return
    texts = [_text(place / name) for place in (folder, reference)]
    if not exact:
        if name == answers.FILE:
            texts = [_DRAWN_BY.sub(lambda m: "\n" * m[0].count("\n"), text) for text in texts]
        before, after = (printed.said(name, text) for text in texts)
        yield from printed.differences(name, before, after, rounded=True)
        return
    before, after = (printed.written(text) for text in texts)
    found = list(printed.differences(name, before, after))
    yield from found or [Difference(name, None, "other line ends", "those of its records")]


def _edited(folder: Path, names: set[str]) -> Iterator[Difference]:
    """Files that are not as they were written, whatever wrote them.

    Where other versions drew them, nothing else proves pictures, links and styles.
    """
    listed = placing.written(folder)
    if lacking := names - listed.keys():
        first = min(lacking)
        yield Difference(placing.LIST, None, f"no digest of {first}", f"one of {len(names)} files")
    for name, digest in listed.items():
        if name in names and digest != placing.digest(folder / name):
            yield Difference(name, None, "another file", "as it was written")


def _lacking(name: str, here: bool) -> Difference:
    there, gone = "a file", "no such file"
    return Difference(name, None, *((there, gone) if here else (gone, there)))


def _files(folder: Path) -> Iterator[str]:
    """Everything of a report but its records."""
    found = [path for path in folder.iterdir() if path.suffix in _ENDINGS]
    found += [path for name in _FOLDERS for path in (folder / name).rglob("*")]
    for path in found:
        if path.is_file() and not path.name.startswith("."):
            yield path.relative_to(folder).as_posix()


def _answers(folder: Path) -> dict[str, Any]:
    """What ``claim.json`` says, whatever it is; nothing where it is no JSON."""
    try:
        found = json.loads(_text(folder / answers.FILE))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _text(path: Path) -> str:
    return path.read_text("utf-8", errors="replace")


def _counts(reference: Reference, source: Archive) -> str:
    names = list(_files(reference.folder))
    count = {
        "page": sum(name.endswith(".md") for name in names),
        "table": sum(name.endswith(".csv") for name in names),
        "picture": sum(n.endswith(".svg") and not n.endswith("-dark.svg") for n in names),
    }
    told = ", ".join(f"{n:,} {what}{'' if n == 1 else 's'}" for what, n in count.items())
    each = ", ".join(f"{probe} {of:,}" for probe, (_, of) in reference.again.probes.items())
    return (
        f"{reference.numbers:,} numbers of {told} and {answers.FILE} recomputed from "
        f"{len(source.records()):,} records, and {reference.again.of:,} metrics from their samples"
        + (f" ({each})" if each else "")
    )


def _note(before: dict[str, Any]) -> str:
    now = answers.drawn_by()
    other = [f"{name} {before.get(name)}, here {now[name]}" for name in now
             if before.get(name) != now[name]]  # fmt: skip
    return (
        f"drawn by other versions ({'; '.join(other)}): words and numbers were compared, the "
        "shapes of pictures were not"
    )
