"""Tables are made when they are asked for, once, and one that no probe makes is empty."""

import pandas as pd
import pytest

from bench import registry
from bench.page.evidence import Evidence


@pytest.fixture
def table():
    """A name of one, with the probe's tables that have it."""
    made = registry.part(next(iter(registry.probes())), "tables").TABLES
    return next(iter(made)), made


def test_a_table_is_made_when_it_is_asked_for_and_once(monkeypatch, table):
    name, made = table
    calls = []

    def make(evidence):
        calls.append(evidence)
        return pd.DataFrame({"a": [1]})

    monkeypatch.setitem(made, name, make)
    evidence = Evidence([])
    assert name in evidence
    assert calls == []
    assert evidence[name] is evidence[name]
    assert calls == [evidence]


def test_its_tables_are_those_of_the_registered_probes():
    evidence = Evidence([])
    names = [n for probe in registry.probes() for n in registry.part(probe, "tables").TABLES]
    assert list(evidence) == names
    assert len(evidence) == len(names)


def test_one_that_no_probe_makes_is_empty():
    evidence = Evidence([])
    assert "nobody's" not in evidence
    assert evidence["nobody's"].empty
    assert evidence.get("nobody's").empty
