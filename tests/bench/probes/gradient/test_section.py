"""The page of gradients, from real small records: every picture with its caption, every table."""

import copy
import re

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from bench.page.contract import Facet
from bench.page.facets import facets
from bench.probes.gradient import rows, section
from bench.store.records import coordinates

from .curves import Known, flushed

PICTURES = [(s.title, p) for s in section.SECTIONS for p in s.pictures]
TABLES = [(s.title, view) for s in section.SECTIONS for view in s.tables]


def elsewhere(record, status="done", **changes):
    """A copy of a record that says it was measured otherwise."""
    moved = copy.deepcopy(record)
    moved["cell"] |= changes
    moved["key"] += "-".join(map(str, changes.values()))
    return moved | {"status": status}


@pytest.fixture
def evidence(records):
    """Two tasks, of one of which the need is known, a deeper comparison, another probe."""
    for record in records:
        record["metrics"]["needed_distance"] = 8
    records += [elsewhere(r, task="package") for r in copy.deepcopy(records)]
    for record in records[len(records) // 2 :]:
        record["metrics"]["needed_distance"] = None
    deep = [elsewhere(r, comparison="deep") for r in records]
    for record in deep:
        record["cell"]["model"]["num_layers"] = 4
    trained = [elsewhere(r, probe="learning") for r in records]
    where = coordinates(records[0]["cell"]) | {"denormals": "flush / keep"}
    settings = pd.concat([flushed(**where), flushed(**where | {"length": 32})])
    return Known([*records, *deep, *trained], settings)


def shown(picture, evidence):
    """Facets of a picture, each with the records that it was made from."""
    made = dict(facets(picture.made_from(evidence), picture.by)) if picture.made_from else {}
    for name, part in facets(picture.rows(evidence), picture.by):
        keys = dict.fromkeys(made.get(name, part)["record"])
        yield Facet(
            evidence, part, [evidence.by_key[key] for key in keys if key in evidence.by_key]
        )


@pytest.mark.parametrize(("title", "picture"), PICTURES, ids=lambda x: getattr(x, "name", ""))
def test_every_picture_is_drawn_and_says_what_it_does_not_say(evidence, title, picture):
    drawn = [facet for facet in shown(picture, evidence) if picture.draw(facet)]
    plt.close("all")
    assert drawn
    for facet in drawn:
        assert re.search(r"not |nothing follows", picture.caption(facet), re.IGNORECASE)


def test_a_reach_is_made_from_every_seed(evidence):
    """Its table names one record for all seeds; a caption tells of all of them."""
    (picture,) = (p for _, p in PICTURES if p.name == "reach_by_length")
    for facet in shown(picture, evidence):
        assert {record["cell"]["seed"] for record in facet.records} == {0, 1}


@pytest.mark.parametrize(("title", "view"), TABLES, ids=lambda x: getattr(x, "name", ""))
def test_a_page_shows_columns_of_its_table(evidence, title, view):
    frame = evidence[view.name]
    page = view.rows(frame)
    assert 0 < len(page) <= len(frame)
    assert set(view.columns) - {"seed", "batch_size", "threads"} <= set(frame.columns)


def test_of_a_training_a_page_has_the_first_stage_and_the_last(evidence):
    page = rows.first_and_last(evidence["reach"])
    assert set(page["when"]) == {"init", "100%"}
    assert len(evidence["reach"]) == len(page) / 2 * 5


def test_places_are_its_own():
    places = [part.place for part in (*section.SECTIONS, *section.QUESTIONS)]
    assert all(200 <= place < 300 or place == 690 for place in places)
    for parts in (section.SECTIONS, section.QUESTIONS):
        assert len({part.place for part in parts}) == len(parts)


def test_trainings_of_any_other_probe_have_their_norms_drawn(records):
    """Those that broke too, of which nothing is left but their first steps."""
    learned = [elsewhere(r, probe="learning") for r in records[:1]]
    broken = [elsewhere(r, probe="tuning", status="diverged") for r in records[:1]]
    timed = [elsewhere(r, probe="speed") for r in records[:1]]
    del timed[0]["samples"]["gradient_norm"]
    failed = [elsewhere(r, probe="wrong", status="failed") for r in records[:1]]
    frame = rows.of_other_probes(Known([*records, *timed, *failed, *broken, *learned]))
    assert list(frame["record"]) == [learned[0]["key"], broken[0]["key"]]
    assert rows.of_other_probes(Known(records)).empty


def test_trainings_of_different_lengths_share_a_figure(records):
    """Two grids of one study may train the same arm for different numbers of steps."""
    trained = [elsewhere(r, probe="learning") for r in records]
    shorter = trained[0]
    shorter["cell"]["protocol"] = shorter["cell"]["protocol"] | {"steps": 2}
    for name in ("loss", "gradient_norm"):
        shorter["samples"][name] = shorter["samples"][name][:2]
    (picture,) = (p for _, p in PICTURES if p.name == "gradient_norm")
    (facet,) = shown(picture, Known(trained))
    assert picture.draw(facet) is not None
    plt.close("all")
    assert shorter in facet.records


def test_the_reach_of_a_task_with_a_known_need_is_not_told_twice(evidence):
    assert set(rows.without_known_needs(evidence)["task"]) == {"package"}
    assert set(rows.nothing_varied(evidence)["task"]) == {"adding", "package"}
