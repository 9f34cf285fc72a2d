"""``rvt blog``: a draft of a post for MkDocs Material that answers the sentence claim by claim.

Plain Markdown with attribute lists and footnotes; no plugin is needed. Its numbers are those of
``claim.json``.
"""

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from bench import signs
from bench.page.judgement import UNDECIDED
from bench.page.sentence import TEXT
from bench.report import citation, cite
from bench.report.answers import AnswersError
from bench.report.citation import Cited, prose, sentence, slug
from bench.report.quote import Claim, Report
from bench.report.text import code
from bench.study.places import command

_TEMPLATE = "blog.md.jinja"


@dataclass(frozen=True)
class Graded:
    """A claim as the post tells it, its texts as Markdown shows them.

    Args:
        claim: with verdict and judgements.
        light, dark: its figure's files, as the post reaches them; empty without.
        others: a sentence for each state that differs from that of the headline.
        rests: what the number is of, its interval, and where it holds.
        command: that quotes it.
    """

    claim: Claim
    light: str
    dark: str
    others: Sequence[str]
    rests: str
    command: str

    @property
    def anchor(self) -> str:
        """Of its heading."""
        return f"claim-{slug(self.claim.id)}"


def write(place: Path, to: Path, author: str | None = None, url: str = "") -> Path:
    """Write the post of a report, and a folder of its figures; returns the post.

    Args:
        place: the report's folder, or one of its pages.
        to: the folder that gets them.
        author: as ``.authors.yml`` names whose post it is.
        url: where the report can be read.

    Raises:
        AnswersError: it is no report, or there is such a post, which somebody may have edited.
        OSError: a file cannot be written.
    """
    folder, report = cite.read(place, url)
    post = to / f"{slug(report.raw['study'])}.md"
    if post.exists():
        raise AnswersError(
            f"{post} is there, and somebody may have edited it: move it, or write elsewhere (--to)"
        )
    figures = to / post.stem
    figures.mkdir(parents=True, exist_ok=True)
    judged = [_graded(claim, report, folder, figures) for claim in _decided(report)]
    if not any(figures.iterdir()):
        figures.rmdir()
    post.write_text(signs.plain(_page(report, judged, author)), "utf-8")
    return post


def _page(report: Report, judged: Sequence[Graded], author: str | None) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=False,  # noqa: S701  # Markdown: every text goes through md or code
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"md": prose, "code": code, "sentence": sentence, "yaml": _yaml}
    environment.filters["fenced"] = _fenced
    return environment.get_template(_TEMPLATE).render(
        report=report,
        title=_title(report),
        author=author,
        said=TEXT,
        judged=judged,
        counts=_counts(judged),
        unjudged=[_open(claim) for claim in report.claims if claim.leading is None],
        cited=Cited(report),
        bibtex=citation.entry(Cited(report)),
        again=_again(report),
    )


def _title(report: Report) -> str:
    if report.title.endswith("?"):
        return report.title
    return f"{report.title}: what was measured of recurrent networks and transformers"


def _decided(report: Report) -> Iterator[Claim]:
    yield from (claim for claim in report.claims if claim.leading is not None)


def _graded(claim: Claim, report: Report, folder: Path, figures: Path) -> Graded:
    cited = Cited(report, claim)
    rests = [cited.number, cited.holds and f"scope: {cited.holds}"]
    quoting = shlex.join(["rvt", "cite", report.place, claim.id])
    light, dark = _copied(folder, claim, figures)
    return Graded(
        claim,
        light,
        dark,
        [_other(claim, state) for state in _others(claim)],
        " ".join(sentence(text) for text in rests if text),
        quoting,
    )


def _others(claim: Claim) -> list[str]:
    """The states of decided settings in which it is another than the leading one says."""
    assert claim.leading is not None
    states = dict.fromkeys(j.state for j in claim.judgements)
    return [state for state in states if state not in (claim.leading.state, UNDECIDED)]


def _other(claim: Claim, state: str) -> str:
    """The first such setting."""
    first = next(j for j in claim.judgements if j.state == state)
    return f"{state.capitalize()}: {first.sentence}"


def _copied(folder: Path, claim: Claim, figures: Path) -> tuple[str, str]:
    """A figure's light and dark file, as the post reaches them; one of each kind may be all."""
    kinds = (".png", "-dark.png"), (".svg", "-dark.svg")
    tries = (cite.copied(folder, claim, figures, slug(claim.id), endings) for endings in kinds)
    made = next((paths for paths in tries if paths), [])
    names = [f"{figures.name}/{path.name}" for path in made] or [""]
    return names[0], names[-1]


def _counts(judged: Sequence[Graded]) -> str:
    """``2 are supported, 1 is refuted``: of the claims that can be judged."""
    told = []
    for state, one, several in _STATES:
        count = sum(graded.claim.state == state for graded in judged)
        if count:
            told.append(f"{count} {one if count == 1 else several}")
    return ", ".join(told)


_STATES = (
    ("supported", "is supported", "are supported"),
    ("refuted", "is refuted", "are refuted"),
    ("it depends", "depends on the scope", "depend on the scope"),
)


def _open(claim: Claim) -> str:
    """A claim that is left open, and what it lacks."""
    return f"“{claim.sentence}” ({claim.verdict.removeprefix(f'{UNDECIDED}: ')})"


def _again(report: Report) -> str:
    """The commands that make the report again and check it."""
    raw = report.raw
    run = ["rvt", "run", str(raw["source"]), *map(str, raw.get("options") or ()), "--fresh"]
    return f"{command(run)}\n{report.verify}"


def _yaml(value: Any) -> str:
    """A text as YAML reads it: JSON is YAML."""
    return json.dumps(value)


def _fenced(text: str, language: str) -> str:
    """A block of code, whatever it has inside."""
    lines = text.splitlines()
    fence = "```"
    while any(fence in line for line in lines):
        fence += "`"
    return "\n".join([f"{fence}{language}", *lines, fence])
