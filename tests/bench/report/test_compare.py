"""Two runs beside one another: real records, told otherwise where something is to have changed."""

import io
import json
from collections import Counter

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bench.cli import app
from bench.report import compare, pairs
from bench.report.changes import CHANGED, SAME, UNTOLD

from .runs import PUBLISHED, opened, read, retold, timed, write


@pytest.fixture(scope="module")
def records():
    """Of the published gradients: timed cells, and gradients of six seeds at two lengths."""
    return [r for r in read("gradients") if "launch" in r["samples"] or usual(r["cell"])]


def usual(cell):
    return (
        (cell["comparison"], cell["task"]) == ("scratch", "package")
        and cell["length"] in (64, 256)
        and cell["protocol"]["clip_norm"] == 1.0
    )


@pytest.fixture(scope="module")
def gradients(records):
    return [r for r in records if "launch" not in r["samples"]]


@pytest.fixture
def compared(tmp_path):
    def run(before, after):
        sources = opened(before, tmp_path / "before"), opened(after, tmp_path / "after")
        return compare.compare(*sources, ("before", "after"))

    return run


def told(found):
    """What is printed."""
    text = io.StringIO()
    compare.show(found, Console(file=text, width=400))
    return text.getvalue()


def changed(found):
    """Cells that changed, each with its numbers that did."""
    return {
        unit.name: [change for change in unit.changes if change.state == CHANGED]
        for unit in found.cells.units
        if unit.state == CHANGED
    }


def of_code(name):
    def change(record):
        record["provenance"]["code"] = name

    return change


def on_machine(name):
    def change(record):
        record["environment"]["cpu"] = record["provenance"]["cpu"] = name

    return change


class TestTimed:
    """Ratios to the reference, never times."""

    def test_two_runs_of_the_same_thing_have_not_changed(self, records, compared):
        found = compared(timed(records, 0), timed(records, 1))
        assert not changed(found)
        assert {unit.state for unit in found.cells.units} == {SAME}
        assert "A/A controls: 0 of 6 changed." in told(found)

    def test_an_arm_that_became_slower_is_named_and_nothing_else(self, records, compared):
        found = changed(compared(timed(records, 0), timed(records, 1, {"lstm": 1.5})))
        assert len(found) == 6
        for name, (change,) in found.items():
            assert " lstm/" in name
            assert change.quantity == "speed ratio to transformer"
            assert change.shift.value == pytest.approx(-0.405, abs=0.12), "1.5 times slower"

    def test_a_machine_that_became_slower_is_no_change(self, records, compared):
        all_arms = {r["cell"]["arm"]: 3.0 for r in records}
        assert not changed(compared(timed(records, 0), timed(records, 1, all_arms)))

    def test_where_the_controls_change_nothing_is_claimed(self, records, compared):
        found = compared(timed(records, 0), timed(records, 1, {"lstm": 1.5}, control=1.2))
        assert not changed(found)
        assert "6 of 6 A/A controls changed as well" in told(found)

    def test_without_controls_nothing_is_claimed(self, records, compared):
        def without(record):
            record["samples"].pop("canary_seconds", None)

        after = retold(timed(records, 1, {"lstm": 1.5}), without)
        found = compared(timed(records, 0), after)
        assert not changed(found)
        assert "cannot be told (no A/A control)" in told(found)

    @pytest.mark.parametrize("where", ["machine", "threads", "device"])
    def test_faster_and_slower_are_refused_elsewhere(self, where, records, compared):
        def move(record):
            if where == "machine":
                on_machine("another")(record)
            else:
                record["cell"][where] = {"threads": 2, "device": "cuda"}[where]

        after = retold(timed(records, 1, {"lstm": 3.0}), move)
        found = compared(timed(records, 0), after)
        assert not changed(found)
        assert found.cells.refused == len(after)
        assert "Times are not compared: " in told(found)
        assert "ratio" not in told(found)


class TestSeeds:
    """Trainings and gradients, each seed beside itself."""

    def test_the_same_code_must_make_the_same_numbers(self, gradients, compared):
        again = retold(gradients, lambda record: None)
        again[0]["samples"]["loss"][17] += 1e-6
        ((change,),) = changed(compared(gradients, again)).values()
        assert change.quantity == "loss"
        assert "not made again in 1 of 6" in change.why

    def test_clocks_need_not_say_the_same(self, gradients, compared):
        def later(record):
            record["metrics"]["build_s"] *= 2
            record["metrics"]["peak_rss_bytes"] += 4096

        assert not compared(gradients, retold(gradients, later)).changed

    def test_rounding_of_other_code_is_no_change(self, gradients, compared):
        def rounded(record):
            of_code("b" * 64)(record)
            record["metrics"]["test_loss"] *= 1 + 1e-6

        found = compared(gradients, retold(gradients, rounded))
        assert {unit.state for unit in found.cells.units} == {SAME}
        assert "measuring code" in told(found)

    def test_what_all_seeds_show_is_a_change(self, gradients, compared):
        def worse(record):
            of_code("b" * 64)(record)
            if record["cell"]["arm"] == "gru":
                record["metrics"]["test_loss"] *= 1.2 + 0.001 * record["cell"]["seed"]

        found = changed(compared(gradients, retold(gradients, worse)))
        assert [" gru/" in name for name in found] == [True, True]
        for (change,) in found.values():
            assert (change.quantity, change.shift.n) == ("test_loss", 6)
            assert 0.18 < change.shift.value < 0.2, "the log of 1.2"

    def test_what_one_seed_shows_is_none(self, gradients, compared):
        def worse(record):
            of_code("b" * 64)(record)
            if record["cell"]["seed"] == 3:
                record["metrics"]["test_loss"] *= 1.2

        assert not changed(compared(gradients, retold(gradients, worse)))

    def test_of_few_seeds_nothing_can_be_told(self, gradients, compared):
        def worse(record):
            of_code("b" * 64)(record)
            record["metrics"]["test_loss"] *= 1.2

        few = [r for r in gradients if r["cell"]["seed"] < 3]
        found = compared(few, retold(few, worse))
        assert not changed(found)
        assert Counter(u.state for u in found.cells.units) == {UNTOLD: 8}
        assert "cannot be told (fewer than 6 seeds). Farthest apart: test loss of " in told(found)

    def test_tables_count_too(self, gradients, compared):
        def nearer(record):
            of_code("b" * 64)(record)
            norms = record["samples"]["norm"]
            record["samples"]["norm"] = [[n / (1 + d) for d, n in enumerate(of)] for of in norms]

        found = changed(compared(gradients, retold(gradients, nearer)))
        quantities = {change.quantity for changes in found.values() for change in changes}
        assert "reach_tokens at when init" in quantities

    def test_counted_sizes_are_equal_or_changed_on_every_machine(self, gradients, compared):
        def wider(record):
            on_machine("another")(record)
            record["model"]["parameters"]["body"] += 1

        found = changed(compared(gradients, retold(gradients, wider)))
        assert len(found) == 8
        assert {c.quantity for changes in found.values() for c in changes} == {"parameters.body"}


class TestCells:
    """Which cells are the same, and what of the rest is said."""

    def test_keys_say_nothing(self, gradients):
        def renamed(record):
            record["key"] = record["key"][::-1]

        found = pairs.match(gradients, retold(gradients, renamed))
        assert len(found.pairs) == len(gradients)
        assert not found.before
        assert not found.after

    def test_what_was_asked_for_otherwise_comes_first(self, gradients, compared):
        def longer(record):
            record["cell"]["protocol"]["eval_rows"] = 256

        found = compared(gradients, retold(gradients, longer))
        first = found.differences[0]
        assert (first.kind, first.before, first.after) == ("settings", "128", "256")
        assert first.name == "protocol.eval_rows (gradient)"
        lines = told(found).splitlines()
        assert lines[3].split() == ["differs", "A", "B"]

    def test_lengths_are_never_taken_for_one_another(self, gradients, tmp_path):
        def elsewhere(record):
            record["cell"]["length"] *= 7

        found = pairs.match(gradients, retold(gradients, elsewhere))
        assert not found.pairs
        assert len(found.before) == len(found.after) == len(gradients)

    def test_cells_of_one_run_only_are_counted_by_group(self, records, gradients, compared):
        found = compared(records, gradients)
        assert found.only == ({"speed training scratch package": 24}, {})
        assert "Only in A, 24 cells: speed training scratch package (24)." in told(found)

    def test_an_end_is_a_change_with_its_reason(self, gradients, compared):
        again = retold(gradients, lambda record: None)
        again[0] |= {"status": "oom", "reason": "no [bold]room[/x]"}
        found = compared(gradients, again)
        ((change,),) = changed(found).values()
        assert (change.before, change.after) == ("done", "oom")
        assert "no [bold]room[/x]" in told(found), "no markup"

    def test_names_are_no_markup(self, gradients, compared):
        def odd(record):
            record["cell"]["comparison"] = "[/x] $y$"
            record["name"] = record["name"].replace("scratch", "[/x] $y$")

        before = retold(gradients, odd)
        again = retold(before, lambda record: None)
        again[0]["metrics"]["test_loss"] = 0.0
        assert "gradient [/x] $y$ package" in told(compared(before, again))

    def test_dirty_code_and_versions_are_named(self, gradients, compared):
        def other(record):
            record["environment"]["dirty"] = True
            record["environment"]["versions"]["torch"] = "3.0"

        text = told(compared(gradients, retold(gradients, other)))
        assert "with uncommitted changes" in text
        assert any(line.split()[:2] == ["versions", "torch"] for line in text.splitlines())


def test_a_verdict_that_changed_is_told(gradients, compared):
    found = compared(gradients, [r for r in gradients if r["cell"]["seed"] < 5])
    verdict = next(one for one in found.verdicts if one.name == "gradient_vanishes")
    assert verdict.after == "undecided"
    assert len(verdict.scopes) == 3
    assert found.changed
    assert f"{verdict.before} → undecided" in told(found)


class TestCommand:
    """Exit codes, and JSON."""

    def rvt(self, *arguments):
        return CliRunner().invoke(app, ["compare", *map(str, arguments)])

    def test_json_and_codes(self, gradients, tmp_path):
        def worse(record):
            record["metrics"]["test_loss"] = 9.0

        before = write(gradients[:20], tmp_path / "a")
        after = write(retold(gradients[:20], worse), tmp_path / "b")
        done = self.rvt(before, after, "--json")
        assert done.exit_code == 0, done.output
        found = json.loads(done.stdout)
        assert found["changed"] is True
        assert found["a"]["records"] == found["b"]["records"] == 20
        assert found["counts"][CHANGED] == len(found["cells"])
        assert found["cells"][0]["changes"][0]["after"] == 9.0
        assert self.rvt(before, after, "--fail-on-change").exit_code == 1
        assert self.rvt(before, before, "--fail-on-change").exit_code == 0

    def test_wrong_requests(self, gradients, tmp_path):
        here = write(gradients[:1], tmp_path / "a")
        for place, words in [
            (tmp_path, "no records in"),
            (PUBLISHED / "anchors", "have no cell in common: study a measures gradient and"),
        ]:
            done = self.rvt(here, place)
            assert (done.exit_code, words in done.stderr) == (2, True), done.output

    def test_damaged_records(self, gradients, tmp_path):
        here = write(gradients[:2], tmp_path / "a")
        there = write(gradients[:2], tmp_path / "b") / "records.jsonl.gz"
        there.write_bytes(there.read_bytes()[:-40])
        done = self.rvt(here, there)
        assert done.exit_code == 3
        assert "damaged behind line" in done.stderr


def test_what_records_of_before_do_not_say_is_no_difference(records):
    def says(record):
        record["cell"]["model"]["tokenizer"] = "checkpoint"
        record["cell"]["protocol"]["tokens_per_step"] = 0

    said = retold(records[:3], says)
    assert [pairs.settings(r["cell"]) for r in said] == [
        pairs.settings(r["cell"]) for r in records[:3]
    ]

    def asks(record):
        record["cell"]["model"]["tokenizer"] = "corpus"

    assert all("model.tokenizer" in pairs.settings(r["cell"]) for r in retold(said, asks))
