"""What a page says of trainings: sentences, pictures by facet, captions, columns."""

import re

import matplotlib.pyplot as plt
import pytest

from bench.data.metrics import METRICS
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.probes.learning import section, sentences, tables

from ....records import elsewhere
from .trainings import ADDING, BEYOND, LANGUAGE, PARITY, cut_short, retold

SCORES = {"lstm": [0.9, 1.0], "transformer": [0.6, 0.7]}


def said(records, published=()):
    evidence = Evidence(records, published=published)
    return [line for question in section.QUESTIONS for line in question.answer(evidence)]


def drawn(records):
    """Picture and facet to caption, of what has a figure."""
    evidence, found = Evidence(records), {}
    for part in section.SECTIONS:
        for picture in part.pictures:
            for name, rows in facets(picture.rows(evidence), picture.by):
                facet = Facet(evidence, rows, [evidence.by_key[key] for key in rows["record"]])
                if (figure := picture.draw(facet)) is not None:
                    plt.close(figure)
                    found[picture.name, name] = picture.caption(facet)
    return found


def test_nothing_measured_says_and_draws_nothing():
    assert said([]) == []
    assert drawn([]) == {}


class TestSentences:
    def test_speak_of_the_metric_its_direction_and_who_solved(self, trained):
        lines = said(retold(trained, ADDING, {"lstm": [5e-5, 0.16], "transformer": [0.2, 0.3]}))
        (line,) = [line for line in lines if line.startswith("T=16")]
        assert "test mean squared error on 8 rows after 3 steps" in line
        assert "lower is better: LSTM 0.08 (5e-05–0.16), solved by 1 of 2; transformer 0.25" in line
        assert line.endswith("Floor 0.167.")
        assert any(line.startswith("Expected of package: either") for line in lines)

    def test_name_how_many_diverged(self, trained):
        trained[0] = cut_short(trained[0])
        assert any("1 of 2 seeds diverged" in line for line in said(trained))

    def test_tell_what_is_left_on_longer_windows_and_who_reads_none(self, trained):
        made = retold(trained, PARITY, {"lstm": [1, 1], "transformer": [0.6, 0.7]}, BEYOND, 8)
        (line,) = [line for line in said(made) if line.startswith("Trained at")]
        assert "T=8–16 for 3 steps of batch 4, tested to T=64 on 8 rows" in line
        assert "LSTM 1.00 → 0.80, transformer 0.65 → 0.50 at T=32, and reads none longer" in line
        assert "Floor there 0.5" in line

    def test_name_every_published_figure_that_ours_do_not_agree_with(self, trained):
        made = retold(trained, PARITY, {"lstm": [0.2, 1.0], "transformer": [0.5, 0.6]})
        known = {"task": "package", "length": 16, "tested": None, "comparison": None,
                 "source": "a paper"}  # fmt: skip
        first, *others = said(
            made,
            [
                known | {"arm": "lstm", "score": 0.99},
                known | {"arm": "lstm", "solves": False},
                known | {"arm": "transformer", "score": 0.99},
            ],
        )[:3]
        assert first == (
            "Of 3 published figures, ours agree with 1 and disagree with 1; not comparable: 1."
            " Ours have 2 seeds, so this is exploratory."
        )
        assert others[0].startswith("package, LSTM (scratch, T=16, accuracy): published does not ")
        assert "ours 0.6. Disagrees: 1 of 2 seeds solve it. Source: a paper." in others[0]
        assert "published 0.99, ours 0.55. Not comparable: 0 of 2" in others[1]


class TestPictures:
    def test_a_task_and_each_of_its_data_has_its_own(self, trained):
        beyond = {arm: {32: 0.5, 64: 0.25} for arm in SCORES}
        records = [*trained, *(elsewhere(record, data="sst2") for record in trained)]
        for task, says in (("docstring", PARITY), ("language", LANGUAGE)):
            told = retold(trained, says, SCORES, beyond)
            records += [elsewhere(record, task=task) for record in told]
        curves, longer = (
            {facet for name, facet in drawn(records) if name == wanted}
            for wanted in ("learning_curves", "out_of_distribution")
        )
        end = "cpu, float32, threads 1"
        assert longer == {f"scratch, docstring, {end}", f"scratch, language, {end}"}
        assert curves == longer | {f"scratch, package, {end}", f"scratch, package, sst2, {end}"}
        lines = said(records)
        for expected in ("Expected of language: ", "Expected of package: ", "package on sst2: "):
            assert sum(line.count(expected) for line in lines) == 1
        table = tables.tasks(Evidence(records))
        assert set(zip(table["task"], table["data"], strict=True)) == {
            ("package", "offline"), ("package", "sst2"), ("docstring", "offline"),
            ("language", "offline"),
        }  # fmt: skip

    def test_a_divergence_is_drawn_as_far_as_it_went(self, trained):
        for number, record in enumerate(trained):
            trained[number] = cut_short(record)
        assert len(drawn(trained)) == 1
        for record in trained:
            record["samples"]["validation"] = []
        assert drawn(trained) == {}

    def test_captions_say_how_it_is_scored_and_what_is_not_said(self, trained):
        made = retold(trained, LANGUAGE, SCORES, {arm: {32: 0.5} for arm in SCORES})
        captions = drawn(made)
        assert len(captions) == 2
        for caption in captions.values():
            assert re.search(r"\bnot\b", caption)
        (curves,) = [text for (name, _), text in captions.items() if name == "learning_curves"]
        assert "learning rates tried: 1. " in curves
        assert "exploratory" in curves
        assert "systems" not in curves
        made[0]["cell"]["arm"] = "pretrained"
        made[0]["samples"]["out_of_distribution"] = []
        assert any("compare systems" in caption for caption in drawn(made).values())


@pytest.mark.parametrize("part", section.SECTIONS, ids=lambda part: part.title)
def test_a_page_shows_columns_that_the_table_has(part, trained):
    """A name that is misspelt would never be shown, and nobody would miss it."""
    known = {"task": "package", "arm": "lstm", "length": 16, "score": 0.9, "source": "a paper"}
    for record in trained:
        record["samples"]["out_of_distribution"] = [[32, 0.5, 1.0]]
    evidence = Evidence(trained, published=[known])
    for view in part.tables:
        others = {f"test_{metric.slug}" for metric in METRICS.values()}  # of other heads
        assert set(view.columns) - others <= set(evidence[view.name].columns)
        assert set(view.always) | set(view.once) <= set(view.columns)


def test_who_was_cut_off_has_not_failed(trained):
    made = retold(trained, PARITY, {"lstm": [0.99, 0.5], "transformer": [0.5, 0.6]})
    for record in made:
        record["cell"]["protocol"]["patience"] = 3
        ended = "solved" if record["metrics"]["solved"] else "ceiling"
        record["metrics"]["ended"] = ended
    (line,) = sentences.learned(Evidence(made)["tasks"])[:1]
    assert "rows after at most " in line
    assert "solved by 1 of 2, 1 of 2 stopped while still learning" in line
    assert "solved by 0 of 2, 2 of 2 stopped while still learning" in line
