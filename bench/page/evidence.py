"""What a report rests on: records, and the tables made from them when they are asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import pandas as pd

from bench import phases, registry
from bench.statistics import verdicts as judging
from bench.statistics.verdicts import Verdict
from bench.store.records import Record


class Evidence(Mapping[str, pd.DataFrame]):
    """Records, and every registered probe's tables of them, by name.

    A table is made once, when it is first asked for, so tables may rest on one another's. One that
    no probe here makes is empty.

    Args:
        records: of a store.
        ceilings: device and threads to what these can do at most, as the store keeps them.
        published: what others report, as studies state it.
    """

    def __init__(
        self,
        records: Sequence[Record],
        ceilings: dict[str, dict[str, Any]] | None = None,
        published: Sequence[dict[str, Any]] = (),
    ) -> None:
        self.records = list(records)
        self.ceilings = ceilings or {}
        self.published = published
        self._makers = {
            name: make
            for probe in registry.probes()
            for name, make in registry.part(probe, "tables").TABLES.items()
        }
        self._made: dict[str, pd.DataFrame] = {}

    def __getitem__(self, name: str) -> pd.DataFrame:
        if name not in self._made:
            make = self._makers.get(name)
            self._made[name] = pd.DataFrame() if make is None else make(self)
        return self._made[name]

    def __contains__(self, name: object) -> bool:
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    @cached_property
    def by_key(self) -> dict[str, Record]:
        """The records by their keys."""
        return {record["key"]: record for record in self.records}

    @cached_property
    def compared(self) -> list[Verdict]:
        """Every timed arm beside the reference of its rounds, each as if it were the only one."""
        return judging.of(self._timed)

    @cached_property
    def settings(self) -> list[Verdict]:
        """The same of every arm with subnormals flushed, beside itself with them kept."""
        return judging.of_settings(self._timed)

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Of ``compared`` what stands among all of its claim's comparisons."""
        return self.standing(self.compared)

    def standing(self, found: Sequence[Verdict]) -> list[Verdict]:
        """What claims say of comparisons: by the table ``directions``, corrected for their number.

        Args:
            found: of ``compared`` or ``settings``.
        """
        rows = {
            (row["record"], row["reference_record"]): row
            for row in self["directions"].to_dict("records")
            if row["phase"] != phases.FIRST
        }
        return [_standing(v, rows[v.record["key"], v.reference["key"]]) for v in found]

    @cached_property
    def _timed(self) -> list[Record]:
        return [r for r in self.records if _timed(r)]


def _standing(verdict: Verdict, row: Mapping[Any, Any]) -> Verdict:
    if row["direction"] == "same":
        return replace(verdict, alike=True)
    return replace(verdict, veto=verdict.veto or row["why"]) if verdict.difference else verdict


def _timed(record: Record) -> bool:
    entry = registry.probes().get(record["cell"]["probe"])
    return entry is not None and bool(entry.literals["INTERLEAVED"])
