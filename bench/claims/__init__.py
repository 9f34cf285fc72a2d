"""The claims: sentences that people say, one file each, and this folder is their registry.

A claim's file says literally, before anything has been measured:

- ``SENTENCE``: as people say it
- ``QUANTITY``: what is looked at, with its unit
- ``SCOPE``: the coordinates that a judgement is about, names of a cell's
- ``TABLES``: the tables that it rests on; without rows in any of them there is nothing to judge
- ``SUPPORTED``, ``REFUTED``: what would support it, and what would overturn it
- ``DELTA``, if a difference has a size below which it counts as none

and defines ``judge(evidence)``, which returns a judgement for each scope, see
:mod:`bench.page.judgement`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module

from bench import registry
from bench.page.evidence import Evidence
from bench.page.judgement import UNDECIDED, Judgement, overall


@dataclass(frozen=True)
class Judged:
    """A claim, with what these records say of it."""

    name: str
    sentence: str
    refuted: str
    judgements: Sequence[Judgement]

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
        """How many scopes are not, and why, in one sentence; empty where there are none."""
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
        judgements = import_module(entry.module).judge(evidence)
    return Judged(name, entry.literals["SENTENCE"], entry.literals["REFUTED"], judgements)
