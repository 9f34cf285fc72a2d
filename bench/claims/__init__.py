"""The claims: sentences that people say, one file each, and this folder is their registry.

A claim's file says literally, before anything has been measured:

- ``SENTENCE``: as people say it
- ``QUANTITY``: what is looked at, with its unit
- ``DIRECTION``: which way it goes where the claim is true
- ``DELTA``: the size below which a difference counts as none; None where every one counts
- ``LOOKS``: when the numbers are looked at, as who looks often finds something
- ``SCOPE``: the coordinates that a judgement is about, names of a cell's
- ``TABLES``: the tables that it rests on; without rows in any of them there is nothing to judge
- ``SUPPORTED``, ``REFUTED``: what would support it, and what would overturn it
- ``NEEDS``: what a study must measure to judge it: ``probe speed at two lengths``
- ``PLACE``, if not last: the order on the page; its hundreds say which part of the sentence it is
  about, see :mod:`bench.page.sentence`, and the rest how much it weighs where there is no room for
  all: 0 stays longest

and defines ``judge(evidence)``, which returns a judgement for each scope, see
:mod:`bench.page.judgement`. It may define ``headline(judgements)``: at most 35 words that sum them
up, with a number, its interval and where it holds. Without it the first decided judgement of the
commonest state speaks for all. What several claims decide alike is in the folder ``rules``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from bench import registry
from bench.page.contract import LAST
from bench.page.evidence import Evidence
from bench.page.judgement import MOST_WORDS, UNDECIDED, Judgement, overall
from bench.store.records import Record, held, tokenizer


@dataclass(frozen=True)
class Judged:
    """A claim, with what these records say of it."""

    name: str
    literals: Mapping[str, Any]
    judgements: Sequence[Judgement]
    headline: str = ""

    @property
    def sentence(self) -> str:
        """As people say it."""
        return str(self.literals["SENTENCE"])

    @property
    def place(self) -> int:
        """The order on the page."""
        return int(self.literals.get("PLACE", LAST))

    @property
    def state(self) -> str:
        """What all scopes say together."""
        return overall(self.judgements)

    @property
    def decided(self) -> list[Judgement]:
        """The scopes in which something can be said."""
        return [j for j in self.judgements if j.state != UNDECIDED]

    @property
    def undecided(self) -> str:
        """How many scopes are not, and why, in one sentence; empty where there are none.

        Of a claim without any judgement, what it needs.
        """
        if not self.judgements:
            return f"Undecided: needs {self.literals['NEEDS']}."
        reasons = Counter(
            j.why or "no reason given" for j in self.judgements if j.state == UNDECIDED
        )
        if not reasons:
            return ""
        told = ", ".join(f"{why} ({count})" for why, count in reasons.most_common())
        return f"Undecided in {sum(reasons.values())} of {len(self.judgements)} scopes: {told}."


def judge(name: str, evidence: Evidence) -> Judged:
    """What these records say of a registered claim; no judgement where its tables have no rows."""
    entry = registry.claims()[name]
    judgements: Sequence[Judgement] = ()
    if not all(evidence[table].empty for table in entry.literals["TABLES"]):
        judgements = list(import_module(entry.module).judge(evidence))
    for judgement in judgements:
        if not isinstance(judgement, Judgement):
            raise TypeError(
                f"{entry.path}: expected judge to return judgements. Got "
                f"{type(judgement).__name__}."
            )
    of = {record["key"]: _asked(record) for record in evidence.records}
    judgements = [replace(j, scope={**j.scope, **_common(j, of)}) for j in judgements]
    return Judged(name, entry.literals, judgements, _headline(entry, judgements))


def _asked(record: Record) -> dict[str, str]:
    """What no record of before says: whose token ids it has, and the tokens held in each step."""
    step = held(record["cell"]["protocol"])
    return tokenizer(record) | ({"step": step} if isinstance(step, str) else {})


def _common(judgement: Judgement, of: Mapping[str, dict[str, str]]) -> dict[str, str]:
    """What all records of a judgement say of these."""
    first, *more = [of.get(key, {}) for key in judgement.records] or [{}]
    return {name: one for name, one in first.items() if all(m.get(name) == one for m in more)}


def _headline(entry: registry.Entry, judgements: Sequence[Judgement]) -> str:
    """At most 35 words for all scopes together; empty where none is decided."""
    decided = [j for j in judgements if j.state != UNDECIDED]
    if not decided:
        return ""
    module = import_module(entry.module)
    if hasattr(module, "headline"):
        text = str(module.headline(judgements))
        if not 0 < len(text.split()) <= MOST_WORDS:
            raise ValueError(
                f"{entry.path}: expected a headline of at most {MOST_WORDS} words. Got {text!r}."
            )
        return text
    commonest = Counter(j.state for j in decided).most_common(1)[0][0]
    return next(j.sentence for j in decided if j.state == commonest)
