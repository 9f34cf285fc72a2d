"""``rvt cite``: a claim with everything that a citation needs, printed or as files."""

import filecmp
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import registry, signs
from bench.page.numbers import listed
from bench.report import answers, citation, located, quote
from bench.report.answers import AnswersError
from bench.report.citation import FORMATS, Cited
from bench.report.quote import Claim, Report
from bench.report.text import plain

#: A figure's files: behind its name, light and dark, as lines and as pixels.
FIGURES = (".svg", "-dark.svg", ".png", "-dark.png")


def read(place: Path, url: str = "") -> tuple[Path, Report]:
    """A report's folder and what it says, from the folder or a file in it.

    Args:
        place: the folder, or one of its pages.
        url: where the report can be read.

    Raises:
        AnswersError: it is no report, or the address is none.
    """
    folder = located.folder(place)
    address = located.address(url) if url else ""
    return folder, quote.report(answers.read(folder), located.spoken(folder), address)


def scope_of(parts: list[str]) -> dict[str, str]:
    """``["arm=lstm"]`` as coordinates.

    Raises:
        AnswersError: a part is no coordinate with a value.
    """
    scope = {}
    for part in parts:
        name, equals, value = part.partition("=")
        if not (name and equals and value):
            raise AnswersError(f"expected --scope coordinate=value, such as arm=lstm. Got {part!r}")
        scope[name] = value
    return scope


def shown(
    place: Path,
    claim_id: str | None,
    form: str | None = None,
    scope: Mapping[str, str] | None = None,
    url: str = "",
) -> str:
    """What ``rvt cite`` prints.

    Args:
        place: a report's folder, or one of its pages.
        claim_id: the claim's name; None for the report, with a list of its claims.
        form: one of ``FORMATS``; None for the text with the BibTeX entry below it.
        scope: coordinates of the settings that are quoted.
        url: where the report can be read.

    Raises:
        AnswersError: no such report, claim, form, coordinate or value.
    """
    folder, report = read(place, url)
    cited = _cited(folder, report, claim_id, scope)
    if form is not None:
        if form not in FORMATS:
            raise AnswersError(registry.unknown("form", form, FORMATS))
        return FORMATS[form][0](cited)
    top = "".join(_line(claim) for claim in report.claims) if claim_id is None else ""
    return "\n".join(part for part in (top, citation.text(cited), citation.entry(cited)) if part)


def write(
    place: Path,
    claim_id: str | None,
    folder: Path,
    scope: Mapping[str, str] | None = None,
    url: str = "",
    *,
    force: bool = False,
) -> list[Path]:
    """Write a citation in every form, a claim's figure, cards and answers too; returns the files.

    Args:
        place: a report's folder, or one of its pages.
        claim_id: the claim's name; None for the report.
        folder: written to; made where it is not there.
        scope: coordinates of the settings that are quoted.
        url: where the report can be read.
        force: replace files that say something else.

    Raises:
        AnswersError: no such report, claim, coordinate or value; or files of these names are there
            that say something else.
        OSError: a file cannot be written.
    """
    source, report = read(place, url)
    cited = _cited(source, report, claim_id, scope)
    with tempfile.TemporaryDirectory() as made_in:
        made = _made(source, report, cited, claim_id, Path(made_in))
        there = [path.name for path in made if _differs(path, folder / path.name)]
        if there and not force:
            raise AnswersError(
                f"expected a folder in which nothing is replaced. Got {folder}, whose "
                f"{listed(there)} would be: name another one, or replace them with --force"
            )
        folder.mkdir(parents=True, exist_ok=True)
        return [Path(shutil.copyfile(path, folder / path.name)) for path in made]


def _differs(made: Path, there: Path) -> bool:
    """Whether another file is there."""
    return there.exists() and not filecmp.cmp(made, there, shallow=False)


def _made(
    source: Path, report: Report, cited: Cited, claim_id: str | None, folder: Path
) -> list[Path]:
    """The files of a citation, in a folder that has none."""
    name = citation.slug(claim_id or report.raw["study"])
    made = [] if cited.claim is None else _pictures(source, cited, folder, name)
    drawn = folder / f"{name}.png"
    cited = Cited(report, cited.claim, drawn.name if drawn in made else "")
    for make, ending in FORMATS.values():
        path = folder / f"{name}.{ending}"
        path.write_text(signs.plain(make(cited)), "utf-8")
        made.append(path)
    if cited.claim is not None:
        path = folder / answers.FILE
        answers.write({**report.raw, "claims": [cited.claim.raw]}, path)
        made.append(path)
    return made


def figure(folder: Path, claim: Claim, ending: str = ".svg") -> Path | None:
    """The file of the figure that shows a claim on the report's first page, if there is one."""
    stem = claim.raw.get("figure")
    if not isinstance(stem, str) or not stem or Path(stem).name != stem:
        return None
    path = folder / "figures" / f"{stem}{ending}"
    return path if path.is_file() else None


def copied(
    folder: Path, claim: Claim, to: Path, name: str, endings: Sequence[str] = FIGURES
) -> list[Path]:
    """Copy the files of a claim's figure, of these endings; returns those that there are."""
    made = []
    for ending in endings:
        if (source := figure(folder, claim, ending)) is not None:
            made.append(to / f"{name}{ending}")
            shutil.copyfile(source, made[-1])
    return made


def _cited(
    folder: Path, report: Report, claim_id: str | None, scope: Mapping[str, str] | None
) -> Cited:
    if claim_id is None:
        if scope:
            raise AnswersError("expected a claim, of which --scope picks settings. Got none")
        return Cited(report)
    claim = quote.one(report, claim_id, scope)
    drawn = figure(folder, claim, ".png") or figure(folder, claim)
    return Cited(report, claim, "" if drawn is None else drawn.as_posix())


def _pictures(source: Path, cited: Cited, folder: Path, name: str) -> list[Path]:
    """The claim's figure, and a card of it, light and dark."""
    from bench.report import card

    assert cited.claim is not None
    made = copied(source, cited.claim, folder, name)
    for dark in (False, True):
        ending = "-dark" if dark else ""
        made.append(folder / f"{name}-card{ending}.png")
        card.save(cited, figure(source, cited.claim, f"{ending}.png"), made[-1], dark=dark)
    return made


def _line(claim: Claim) -> str:
    """A claim of a report's list: its name, its verdict, and what it rests on."""
    said = plain(claim.headline or claim.sentence)
    return f"{claim.id}: {plain(claim.verdict)}\n  {said}\n"
