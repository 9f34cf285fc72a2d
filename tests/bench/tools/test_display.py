"""What is said while a sweep runs."""

import pytest
from rich.console import Console

from bench import registry, study
from bench.outcome import DONE, FAILED, UNDECIDED
from bench.tools.display import Display, duration

from ...conftest import TINY

SAMPLES = {"distance": [0, 1, 2], "norm": [[1.0, 0.5, 0.001], [1.0, 0.5, 0.4]]}
TRAINED = {"metric": "accuracy", "test_metric": 0.25, "solved": True, "tokens_per_s": 19477.4}


class Clock:
    """Stands still until it is moved."""

    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def console():
    return Console(width=200, record=True, quiet=False, force_terminal=False)


def outcome(metrics, status=DONE, reason=""):
    return {"status": status, "reason": reason, "metrics": metrics, "samples": SAMPLES}


def cells(probe):
    """Real cells of the tiny study, told that they are this probe's."""
    return [cell.model_copy(update={"probe": probe}) for cell in study.load(str(TINY)).cells]


def said(console, cell, ended):
    Display(console).ended(cell, ended, 1.0)
    return console.export_text().strip().removeprefix(f"{cell.name}: ")


def test_a_cell_says_what_its_probe_has_to_say(console):
    for probe in registry.probes():
        part = registry.part(probe, "line")
        own = "" if part is None else f", {part.line(TRAINED, SAMPLES)}"
        told = said(console, cells(probe)[0], outcome(TRAINED))
        assert told == "test accuracy 0.25, solved, 19,477 tokens/s" + own, probe


def test_a_training_says_its_score(console):
    told = said(console, cells("learning")[0], outcome(TRAINED))
    assert told == "test accuracy 0.25, solved, 19,477 tokens/s"


def test_a_cell_with_nothing_to_say_is_done(console):
    quiet = [name for name in registry.probes() if registry.part(name, "line") is None]
    for probe in quiet:
        assert said(console, cells(probe)[0], outcome({})) == "done"


def test_a_line_that_raises_stops_nothing(console, monkeypatch):
    class Broken:
        def line(self, metrics, samples):
            raise KeyError("nope")

        __name__ = "mine.line"

    monkeypatch.setattr(registry, "part", lambda probe, name: Broken())
    told = said(console, cells("speed")[0], outcome({"tokens_per_s": 5.0}))
    assert told == "5 tokens/s, (mine.line: KeyError: 'nope')"


def test_what_is_no_result_says_why(console):
    cell = cells("speed")[0]
    assert said(console, cell, outcome({}, FAILED, "no memory")) == "failed: no memory"
    undecided = outcome({"tokens_per_s": 5.0}, UNDECIDED, "±9%")
    assert said(console, cell, undecided) == "5 tokens/s, undecided: ±9%"


def test_time_left_is_the_estimate_at_first_and_then_the_sweeps_own_pace(console, clock):
    """One cell of a hundred says nothing of the pace yet; half of them took twice as long."""
    display, cell = Display(console, clock), cells("speed")[0]
    with display.progress(100.0):
        clock.now = 50.0
        display.ended(cell, outcome({}), 1.0)
        clock.now = 100.0
        display.ended(cell, outcome({}), 49.0)
    first, second = console.export_text().splitlines()
    assert first.endswith("done  [1 min 39 s left]")
    assert second.endswith("done  [1 min 40 s left]")


def test_a_terminal_shows_a_bar_with_the_time_left(clock):
    console = Console(width=120, record=True, force_terminal=True)
    display, cell = Display(console, clock), cells("speed")[0]
    with display.progress(60.0):
        clock.now = 10.0
        display.advance(cell, 20.0)
    shown = console.export_text()
    assert " 33%" in shown
    assert "20 s left" in shown


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (28.5, "29 s"),
        (59.4, "59 s"),
        (75, "1 min 15 s"),
        (3600, "1 h 0 min"),
        (5000, "1 h 23 min"),
    ],
)
def test_durations_are_said_in_two_units_at_most(seconds, text):
    assert duration(seconds) == text
