"""What a page says of trainings: sentences, pictures by facet, captions, columns."""

import re

import matplotlib.pyplot as plt
import pytest

from bench.data.metrics import METRICS
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.probes.learning import contrasts, section, sentences, tables

from ....records import elsewhere
from .trainings import ADDING, BEYOND, LANGUAGE, PARITY, cut_short, lost, retold, seeded

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
        (line,) = [line for line in lines if line.startswith("T=16") and "solved by" in line]
        assert "2 seeds (median and range, exploratory), lower is better" in line
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
        assert {name for name, _ in drawn(trained)} == {"learning_curves", "learning_costs"}
        for record in trained:
            record["samples"]["validation"] = []
        assert drawn(trained) == {}

    def test_captions_say_how_it_is_scored_and_what_is_not_said(self, trained):
        made = retold(trained, LANGUAGE, SCORES, {arm: {32: 0.5} for arm in SCORES})
        captions = drawn(made)
        assert len(captions) == 3
        for caption in captions.values():
            assert re.search(r"\bnot\b", caption)
        (curves,) = [text for (name, _), text in captions.items() if name == "learning_curves"]
        assert "learning rates tried: 2. " in curves
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


def test_lost_seeds_are_not_among_those_that_solved(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 0.5], "transformer": [0.5, 0.6]})
    at = next(n for n, r in enumerate(made) if r["cell"]["arm"] == "lstm" and r["cell"]["seed"])
    made[at] = lost(made[at], "timeout")
    frame = tables.tasks(Evidence(made))
    told = "1 of 2 seeds is missing: timed out"
    assert f"LSTM 1.00, solved by 1 of 1, {told}; transformer" in sentences.learned(frame)[0]
    assert f"LSTM: {told}. Every arm had" in contrasts.ended(frame)[0]
    for n, record in enumerate(made):
        if record["cell"]["arm"] == "lstm":
            made[n] = lost(record, "killed")
    line, *_ = sentences.learned(tables.tasks(Evidence(made)))
    assert "LSTM 2 of 2 seeds are missing: killed; transformer 0.55" in line


def test_what_it_took_is_said_of_who_got_there(trained):
    says = PARITY | {"solved_at": 0.7}
    made = retold(trained, says, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.6]})
    for record in made:
        record["samples"]["validation"] = [
            [0, 0.7, 0.5],
            [12_000, 0.1, record["metrics"]["test_metric"]],
        ]
        record["samples"]["loss"] = [0.5] * 12_000
        record["samples"]["seconds"] = [34 / 12_000] * 12_000
        record["cell"]["protocol"]["steps"] = 12_000
        record["metrics"]["tokens"] = 1_200_000
    (line,) = contrasts.took(tables.tasks(Evidence(made)))
    assert line.endswith(
        "accuracy 0.7 on validation: LSTM after a median of 12,000 steps, 1.2M tokens, 34 s "
        "(2 of 2 seeds); never in 12,000 steps: transformer."
    )
    made[0]["samples"]["validation"][1][2] = 0.6
    (line,) = contrasts.took(tables.tasks(Evidence(made)))
    assert "LSTM in 1 of 2 seeds only, so that its median is never; never in" in line
    nobody = retold(trained, LANGUAGE, {"lstm": [2, 2], "transformer": [2, 2]})
    assert contrasts.took(tables.tasks(Evidence(nobody))) == []


def test_how_trainings_ended_and_were_tuned(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.6]})
    for record in made:
        record["cell"]["protocol"]["learning_rates"] = [1e-3]
        record["samples"]["trials"] = []
    (line,) = contrasts.ended(tables.tasks(Evidence(made)))
    assert line.endswith(
        ": 4 trainings of 3 steps, whether or not still learning then. Every arm had the learning "
        "rate 0.001, without trials of others."
    )
    ends = iter(["solved", "converged", "ceiling", "ceiling"])
    for record in made:
        record["cell"]["protocol"] |= {"patience": 3, "trial_steps": 2}
        record["samples"]["trials"] = [[1e-3, 0.5], [3e-3, 0.4], [1e-2, 0.6]]
        record["metrics"] |= {"ended": next(ends), "learning_rate": 3e-3}
    (line,) = contrasts.ended(tables.tasks(Evidence(made)))
    assert line.endswith(
        ": of 4 trainings, 1 stopped once the task was solved, 1 had converged, 2 used up the 3 "
        "steps allowed, still learning. Every arm had 3 learning rates tried, 0.001 to 0.01, for "
        "2 steps each; no best one was the least or the largest."
    )
    at = next(r for r in made if r["cell"]["arm"] == "lstm")
    at["metrics"]["learning_rate"] = 1e-2
    (line,) = contrasts.ended(tables.tasks(Evidence(made)))
    assert line.endswith(
        "the best was the least or the largest, so that others may be better, for LSTM (1 of 2 "
        "seeds)."
    )


def test_how_far_apart_arms_are_is_said_of_six_seeds(trained):
    scores = {"lstm": [0.6, 0.8, 0.6, 0.8, 0.6, 0.8], "transformer": [0.9] * 6}
    made = retold(seeded(trained, 6), PARITY, scores)
    line, holm = contrasts.apart(tables.differences(Evidence(made)))
    assert "mean accuracy beside the transformer's on the same seeds: LSTM 0.2 [0.1" in line
    assert "worse (6 seeds, exact p 0.031, after Holm 0.031), and better in 0% [0%, 31%]" in line
    assert holm == "After Holm: for 1 comparison, over all tasks and lengths."
    few = tables.differences(Evidence(made[:5] + made[6:11]))
    assert contrasts.apart(few) == [
        "Fewer than six seeds, so exploratory and without a test: T=16 (scratch, task package, "
        "1 thread, corpus tokenizer), batch 4."
    ]
