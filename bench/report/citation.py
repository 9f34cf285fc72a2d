"""How a report, or a claim in it, is cited: plain text, Markdown, BibTeX, LaTeX and CSL-JSON."""

import html
import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.page.judgement import UNDECIDED, Judgement
from bench.report import quote
from bench.report.amounts import called, listed, told
from bench.report.quote import Claim, Report
from bench.report.tex import escaped
from bench.report.text import code, plain

#: As CITATION.cff has it.
AUTHOR = "The rnn-vs-transformer developers"
SUITE = "rnn-vs-transformer"
_LONGEST = 60  # letters of a part of a key or a file's name


@dataclass(frozen=True)
class Cited:
    """What is cited: a report, or a claim in it with the picture that shows it.

    Args:
        report: where it stands.
        claim: None for the report itself.
        figure: path of the picture, as who reads the citation reaches it; empty without.
    """

    report: Report
    claim: Claim | None = None
    figure: str = ""

    @property
    def key(self) -> str:
        """The entry's name, the same for the same records and settings only."""
        parts = ["rvt", self.report.raw["study"], self.report.digest[:7]]
        if self.claim is not None:
            parts += [self.claim.id, *self.claim.within.values()]
        return "-".join(slug(part) for part in parts)

    @property
    def title(self) -> str:
        """Of the entry."""
        if self.claim is None:
            return self.report.title
        return f"{self.claim.sentence}: {self.claim.state}"

    @property
    def source(self) -> str:
        """What the title is of: ``Report of rnn-vs-transformer 0.1.0``."""
        of = f" “{self.report.title}”" if self.claim else ""
        return f"Report{of} of {SUITE} {self.report.raw['version']}"

    @property
    def number(self) -> str:
        """The numbers that the headline names, with what they are of and rest on; else empty."""
        numbers: dict[str, list[str]] = {}
        for words, judgement in self._named.items():
            if self.claim and (effect := self.claim.number_of(judgement)):
                numbers.setdefault(called(effect), []).append(f"{words} {told(effect)}".strip())
        return "; ".join(f"{of}: {'; '.join(each)}" for of, each in numbers.items())

    @property
    def holds(self) -> str:
        """Where the numbers hold, in words; empty where there is none."""
        if self.claim is None:
            return ""
        names = listed(words for words in self._named if words)
        where = quote.holds(self.claim, list(self._named.values()))
        return listed(part for part in (names, where) if part)

    @property
    def _named(self) -> dict[str, Judgement]:
        return self.claim.named if self.claim else {}

    @property
    def note(self) -> str:
        """What makes it possible to find these numbers again, and to check them."""
        report = self.report
        records = f"{report.raw['records']['count']} records, SHA-256 {report.digest}"
        lacks = self.claim.verdict if self.claim and not self.number else ""
        parts = [self.number or lacks, report.machines, report.code, records, report.recomputed]
        return " ".join(sentence(part) for part in (*parts, f"verify with {report.verify}") if part)

    @property
    def said(self) -> list[str]:
        """The sentence with its verdict, and the one with its number or what it lacks."""
        if self.claim is None:
            return [sentence(self.title), str(self.report.raw.get("summary") or "")]
        if self.claim.state == UNDECIDED:
            return [sentence(self.claim.sentence), self.claim.verdict]
        return [sentence(self.title), self.claim.headline]


def bibtex(answers: Mapping[str, Any], claim_id: str | None = None) -> str:
    """The BibTeX entry of a report, or of one claim in it.

    Args:
        answers: the content of ``claim.json``.
        claim_id: the claim's name; None for the report.

    Raises:
        AnswersError: there is no such claim, or something is missing of the answers.
    """
    report = quote.report(answers)
    return entry(Cited(report, None if claim_id is None else quote.one(report, claim_id)))


def entry(cited: Cited) -> str:
    """As BibTeX."""
    day = cited.report.day
    fields = {
        "author": f"{{{escaped(AUTHOR)}}}",
        "title": f"{{{escaped(cited.title)}}}",  # twice in braces: its capitals are kept
        "howpublished": escaped(cited.source),
        "year": str(day.year) if day else "",
        "url": cited.report.url,
        "note": escaped(cited.note),
    }
    lines = [_field(name, f"{{{value}}}") for name, value in fields.items() if value]
    if day:
        lines.insert(4, _field("month", f"{day:%b}".lower()))
    return f"@misc{{{cited.key},\n{''.join(lines)}}}\n"


def _field(name: str, value: str) -> str:
    """A field of an entry; what is long goes on in lines of its own, which count as blanks."""
    lines = textwrap.wrap(f"{name} = {value},", 72, break_long_words=False, break_on_hyphens=False)
    return textwrap.indent("\n  ".join(lines), "  ") + "\n"


def latex(cited: Cited) -> str:
    """As LaTeX: the sentence, and a figure where there is one."""
    claim, key = cited.claim, cited.key
    lines = [f"% Needs the BibTeX entry {key}, and \\usepackage{{graphicx}} for a figure."]
    lines.append(f"{escaped(cited.title)}~\\cite{{{key}}}.")
    lines += [escaped(said) for said in cited.said[1:] if said]
    if cited.number:
        lines.append(f"{escaped(sentence(cited.number))}")
    if claim and re.fullmatch(r"[\w./ -]+\.png", cited.figure, re.ASCII):
        lines += [
            "\\begin{figure}",
            "  \\centering",
            f"  \\includegraphics[width=\\linewidth]{{{cited.figure}}}",
            f"  \\caption{{{escaped(claim.headline or claim.sentence)} Source:~\\cite{{{key}}}.}}",
            f"  \\label{{fig:{key}}}",
            "\\end{figure}",
        ]
    elif cited.figure:
        lines.append(f"% LaTeX cannot include its figure by this name: {plain(cited.figure)}")
    return "\n".join(lines) + "\n"


def csl_json(cited: Cited) -> str:
    """As CSL-JSON, which Zotero, Pandoc and Quarto read."""
    day, claim = cited.report.day, cited.claim
    item: dict[str, Any] = {
        "id": cited.key,
        "type": "report",
        "title": cited.title,
        "author": [{"literal": AUTHOR}],
        "genre": cited.source,
        "publisher": SUITE,
        "version": cited.report.raw["version"],
        "note": cited.note,
    }
    if claim and claim.headline:
        item["abstract"] = claim.headline
    if day:
        item["issued"] = {"date-parts": [[day.year, day.month, day.day]]}
    if cited.report.url:
        item["URL"] = cited.report.url
    return json.dumps([item], indent=1, ensure_ascii=False) + "\n"


def markdown(cited: Cited) -> str:
    """As Markdown: a quotation, its figure and its source."""
    claim = cited.claim
    first, *more = (prose(said) for said in cited.said if said)
    lines = [" ".join((f"> **{first}**", *more))]
    if claim and cited.figure:
        address = cited.figure.replace(" ", "%20").replace("(", "%28").replace(")", "%29")
        lines += ["", f"![{prose(claim.headline or claim.sentence)}]({address})"]
    lines += [
        "",
        *(f"- {label.capitalize()}: {_shown(label, value)}" for label, value in _rows(cited)),
    ]
    return "\n".join(lines) + "\n"


def text(cited: Cited) -> str:
    """As plain text: the sentence, and a line for each thing that it rests on."""
    lines = [plain(said) for said in cited.said if said]
    lines += ["", *(f"  {label:<8}  {plain(value)}" for label, value in _rows(cited))]
    return "\n".join(lines) + "\n"


#: name -> what writes it, and how its files end
FORMATS: dict[str, tuple[Callable[[Cited], str], str]] = {
    "text": (text, "txt"),
    "markdown": (markdown, "md"),
    "bibtex": (entry, "bib"),
    "latex": (latex, "tex"),
    "csl-json": (csl_json, "csl.json"),
}


def _rows(cited: Cited) -> Iterator[tuple[str, str]]:
    """What a citation rests on, by name."""
    report, claim = cited.report, cited.claim
    rule = report.raw["rule"]
    rows = [
        ("number", cited.number),
        ("holds", cited.holds),
        ("scopes", claim.tally if claim else ""),
        ("rule", f"{rule['name']}, version {rule['version']}" if claim else ""),
        ("figure", cited.figure),
        ("source", f"{cited.source}, {AUTHOR}, {report.measured}"),
        ("address", report.url),
        ("machine", report.machines),
        ("code", report.code),
        ("records", f"{report.raw['records']['count']} records, SHA-256 {report.digest}"),
        ("checked", report.recomputed),
        ("verify", report.verify),
    ]
    yield from ((label, value) for label, value in rows if value)


def _shown(label: str, value: str) -> str:
    if label == "address":
        return f"<{value}>"
    return code(value) if label in ("verify", "figure") else prose(value)


def prose(text: str) -> str:
    """Text that any Markdown shows as it is, in a paragraph of its own or within one.

    A backslash is read before some signs in some dialects only; an entity is one everywhere.
    """
    escaped = html.escape(plain(text), quote=False)
    return re.sub(r"[\\`*_{}\[\]|~$^!#]", lambda sign: f"&#{ord(sign[0])};", escaped)


def slug(text: str) -> str:
    """A name for files and keys; letters of other scripts by their numbers, none are alike."""
    named = "".join(sign if sign.isascii() else f"-u{ord(sign):x}-" for sign in text.lower())
    return re.sub(r"[^a-z0-9]+", "-", named).strip("-")[:_LONGEST] or "unnamed"


def sentence(text: str) -> str:
    """With a capital at its start and one stop at its end."""
    return text[:1].upper() + text[1:].rstrip(".") + "."
