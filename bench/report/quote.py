"""What is quoted of a report: its source, or one claim with its verdict and number.

Everything is read from ``claim.json``, so that nothing is quoted which ``rvt verify`` does not
compare with the records.
"""

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, TypeVar

from bench import registry
from bench.page.judgement import STATES, UNDECIDED, Effect, Judgement, overall
from bench.report import answers
from bench.report.amounts import held, listed, spoken, value_of, written
from bench.report.answers import AnswersError

T = TypeVar("T")

_MOST = 5  # settings whose numbers are quoted together

#: Where the project can be read by anybody; empty as long as no address is known.
URL = ""


@dataclass(frozen=True)
class Claim:
    """A claim as a report grades it, within the scopes asked for.

    Args:
        raw: as ``claim.json`` has it.
        judgements: of these scopes.
        within: the coordinates that were asked for; empty where all scopes are quoted.
    """

    raw: Mapping[str, Any]
    judgements: Sequence[Judgement]
    within: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.raw["id"])

    @property
    def sentence(self) -> str:
        """As people say it, without the stop at its end."""
        return str(self.raw["sentence"]).rstrip(".")

    @property
    def state(self) -> str:
        """What these scopes say together."""
        return overall(self.judgements) if self.within else str(self.raw["state"])

    @property
    def verdict(self) -> str:
        """The state; of what is undecided, what it lacks too."""
        if self.state != UNDECIDED:
            return self.state
        if not self.judgements:
            return f"{UNDECIDED}: needs {self.raw['needs']}"
        reasons = Counter(j.why or "no reason given" for j in self.judgements)
        return f"{UNDECIDED}: " + ", ".join(f"{why} ({n})" for why, n in reasons.most_common())

    @property
    def leading(self) -> Judgement | None:
        """The one whose number speaks for all: the first of the commonest decided state."""
        decided = [j for j in self.judgements if j.state != UNDECIDED]
        if not decided:
            return None
        said = next((j for j in decided if j.sentence == self.raw["headline"]), None)
        commonest = Counter(j.state for j in decided).most_common(1)[0][0]
        return said or next(j for j in decided if j.state == commonest)

    @property
    def headline(self) -> str:
        """One sentence with number, interval and scope; empty where nothing is decided."""
        if self.leading is None:
            return ""
        return self.leading.sentence if self.within else str(self.raw["headline"])

    @property
    def effect(self) -> Effect | None:
        """The number to quote, if one alone is."""
        return None if self.leading is None else self.number_of(self.leading)

    def number_of(self, judgement: Judgement) -> Effect | None:
        """One with its interval that the headline has, else of what it tells.

        Where several are told it is that of the longest window, and the first of these.
        """
        if not judgement.effects:
            return None
        first = judgement.effects[0].quantity
        sure = [effect for effect in judgement.effects if effect.low is not None]
        same = [effect for effect in sure if effect.quantity == first]
        tries = (
            [effect for effect in sure if spoken(written(effect), self.headline)],
            [effect for effect in same if spoken(value_of(effect), self.headline)],
            same,
            judgement.effects,
        )
        return max(next(found for found in tries if found), key=_length)

    @property
    def named(self) -> dict[str, Judgement]:
        """The settings that the headline names, at most five, by the words that tell them apart.

        Beside the leading one these are such as differ from it in one coordinate: ``LSTM``.
        """
        first = self.leading
        if first is None or self.headline == first.sentence:
            return {} if first is None else {"": first}
        found: list[dict[str, Judgement]] = [{"": first}]
        for name in first.scope:
            alike = (j for j in self.judgements if _but(name, j) == _but(name, first))
            words = {held({name: j.scope.get(name)}): j for j in alike if j.state != UNDECIDED}
            said = {text: j for text, j in words.items() if text and _says(self.headline, text)}
            if first in said.values():
                found.append(said)
        return dict(list(max(found, key=len).items())[:_MOST])

    @property
    def tally(self) -> str:
        """In how many scopes it is what: ``supported in 4 of 38 scopes, undecided in 34``."""
        counts = Counter(j.state for j in self.judgements)
        told = [f"{state} in {counts[state]}" for state in STATES if counts[state]]
        if not told or len(self.judgements) == 1:
            return ""
        told[0] += f" of {len(self.judgements)} scopes"
        return listed(told)


@dataclass(frozen=True)
class Report:
    """A report as it is cited.

    Args:
        raw: what ``claim.json`` says.
        place: its folder, as the command that verifies it names it.
        url: where it can be read, empty if nowhere.
        claims: all that it grades.
        day: on which the last record was made; None where the records do not say.
    """

    raw: Mapping[str, Any]
    place: str
    url: str
    claims: Sequence[Claim]
    day: date | None

    @property
    def title(self) -> str:
        """Of the study."""
        return str(self.raw["title"])

    @property
    def digest(self) -> str:
        """SHA-256 of the records."""
        return str(self.raw["records"]["sha256"])

    @property
    def machines(self) -> str:
        """Each that took part."""
        return "; ".join(self.raw["machines"]) or "no machine recorded"

    @property
    def code(self) -> str:
        """Each commit that measured; what was measured from an unclean tree says so."""
        return listed(_commit(code) for code in self.raw["code"]) or "no commit recorded"

    @property
    def recomputed(self) -> str:
        """How many metrics follow from their raw samples; empty where none were looked at."""
        found = self.raw.get("recomputed")
        if not found or not found["of"]:
            return ""
        return f"{found['agreeing']:,} of {found['of']:,} metrics follow from their raw samples"

    @property
    def measured(self) -> str:
        """The day in words, or that none is known."""
        return in_words(self.day) if self.day else "undated"

    @property
    def verify(self) -> str:
        """The command that compares every number with the records."""
        return f"rvt verify {shlex.quote(self.place)}"


def report(raw: Mapping[str, Any], place: str = "", url: str = "") -> Report:
    """What a ``claim.json`` says, as it is cited.

    Args:
        raw: its content.
        place: of the report, as a reader shall name it; by default the study's name.
        url: where the report can be read.

    Raises:
        AnswersError: something is missing or of another type, as a file edited by hand may have.
    """
    try:
        claims = [_claim(claim) for claim in raw["claims"]]
        for name in ("study", "title", "version"):
            if not isinstance(raw[name], str):
                raise TypeError(f"{name} must be a text. Got {raw[name]!r}.")
        made = Report(raw, place or raw["study"], url or URL, claims, _day(raw))
        # Read once here, what lacks is said here and in no traceback later.
        _ = made.digest, made.machines, made.code, made.recomputed
        _ = raw["rule"]["name"], raw["rule"]["version"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise AnswersError(
            f"{answers.FILE} is not as rvt report writes it: {what}. Write it anew: "
            f"rvt report {shlex.quote(place or 'REPORT')}"
        ) from None
    return made


def one(of: Report, claim_id: str, scope: Mapping[str, str] | None = None) -> Claim:
    """One claim of a report, within a scope.

    Args:
        of: the report.
        claim_id: the claim's name.
        scope: coordinates that a judgement must have, as they are written.

    Raises:
        AnswersError: no such claim, coordinate or value; the nearest are named.
    """
    found = {claim.id: claim for claim in of.claims}
    if claim_id not in found:
        raise AnswersError(registry.unknown("claim", claim_id, found))
    claim = found[claim_id]
    pairs = list(zip(claim.raw["judgements"], claim.judgements, strict=True))
    for name, value in (scope or {}).items():
        values = {text for _, judgement in pairs for text in _written(judgement.scope.get(name))}
        if not values:
            known = {name for judgement in claim.judgements for name in judgement.scope}
            raise AnswersError(registry.unknown("coordinate", name, known))
        if value not in values:
            raise AnswersError(registry.unknown(name, value, values))
        pairs = [pair for pair in pairs if value in _written(pair[1].scope.get(name))]
    if len(pairs) == len(claim.judgements):
        return claim
    raw = {**claim.raw, "judgements": [pair[0] for pair in pairs]}
    return Claim(raw, [pair[1] for pair in pairs], scope or {})


def holds(claim: Claim, of: Sequence[Judgement] = ()) -> str:
    """Where the claim's number holds, in words; empty where there is none.

    Args:
        claim: with it.
        of: settings of which there is a number each: what they have in common is said.
    """
    if claim.leading is None:
        return ""
    where = {} if claim.effect is None else claim.effect.where
    common = {k: v for k, v in claim.leading.scope.items() if k not in where}
    for judgement in of:
        common = {k: v for k, v in common.items() if judgement.scope.get(k) == v}
    return held(common)


def in_words(day: date) -> str:
    """``23 November 2026``."""
    return f"{day.day} {day:%B} {day.year}"


def _written(value: Any) -> Iterator[str]:
    """A coordinate's values as somebody types them."""
    for each in value if isinstance(value, list) else [value]:
        if each is not None:
            yield str(each)


def _claim(raw: Mapping[str, Any]) -> Claim:
    for name in ("id", "sentence", "state", "headline", "undecided", "needs", "refuted_if"):
        if not isinstance(raw[name], str):
            raise TypeError(f"{name} of a claim must be a text. Got {raw[name]!r}.")
    return Claim(raw, [_judgement(judgement) for judgement in raw["judgements"]])


def _judgement(raw: Mapping[str, Any]) -> Judgement:
    effects = [_made(Effect, effect) for effect in raw.get("effects", ())]
    return _made(Judgement, {**raw, "effects": effects})


def _made(kind: type[T], raw: Mapping[str, Any]) -> T:
    """An object of what is known of it; what a later version adds is left out."""
    known = {own.name for own in fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: value for name, value in raw.items() if name in known})


def _says(sentence: str, words: str) -> bool:
    return re.search(rf"\b{re.escape(words)}\b", sentence, re.IGNORECASE) is not None


def _but(name: str, judgement: Judgement) -> dict[str, Any]:
    """The scope without a coordinate, and without the windows, which need not be the same."""
    return {k: v for k, v in judgement.scope.items() if k not in (name, "lengths")}


def _length(effect: Effect) -> float:
    """Of the window that a number is of."""
    length = effect.where.get("length")
    return float(length) if isinstance(length, int | float) else 0.0


def _day(raw: Mapping[str, Any]) -> date | None:
    written = raw.get("ended") or raw.get("begun")
    return date.fromisoformat(written[:10]) if written else None


def _commit(code: Mapping[str, Any]) -> str:
    if not code["commit"]:
        return f"no commit recorded (measuring code {str(code['measuring'])[:12]})"
    return f"commit {code['commit'][:12]}{' with uncommitted changes' if code['dirty'] else ''}"
