"""Pairs of known ratios through the real engine, very few of them."""

import json
import math
import signal
import subprocess
import sys

import pytest
from rich.console import Console

from bench import study
from bench.tools import trust
from bench.tools.display import Display

SMALL = """\
title = "Trust"
summary = "x"

[comparison.lstm]
summary = "an LSTM against itself"
match_to = "lstm"
hidden_size = 16

[[grid]]
probe = "speed"
comparison = "lstm"
task = "package"
length = 16
arm = "lstm"
phase = "forward"
batch_size = 2
threads = 1
rounds = 2
warmup_steps = 2
warmup_s = 0.01
block_ms = 1.0
"""


@pytest.fixture(autouse=True, scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("trust") / "trust.toml"
    path.write_text(SMALL)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trust, "_STUDY", str(path))
        yield


class Pressed(Display):
    """Whoever reads this presses Ctrl-C at the line of the second pair."""

    def say(self, text):
        super().say(text)
        if text.startswith("pair 2 "):
            signal.raise_signal(signal.SIGINT)


@pytest.fixture(scope="module")
def screen():
    return Console(width=160, record=True, quiet=False)


@pytest.fixture(scope="module")
def found(screen):
    """Three pairs were wanted, the second of them of fifty steps beside five."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(trust, "MORE", 10 * trust.STEPS)
        found = trust.examine(2, Pressed(screen))
    signal.signal(signal.SIGINT, before)
    return found


def test_a_ctrl_c_leaves_what_is_known(found, screen):
    said = screen.export_text()
    assert "3 pairs, 1 of them with the known ratio: about " in said
    assert "pair 1 of 3, 1.0 in truth: " in said
    assert said.count(" left\n") == 2
    assert found.interrupted
    assert next(found.lines()) == "interrupted after 2 pairs"


def test_pairs_are_timed_by_the_engine(found):
    same, known = found.trials
    assert (same.true, known.true) == (1.0, 10.0)
    assert min(known.logs) > math.log(2), "what is known by construction is there when measured"
    for trial in found.trials:
        assert len(trial.launches) == len(trial.logs) == 2
        assert all(map(math.isfinite, trial.logs))
        assert trial.seconds > 0
        assert trial.trouble is None


def test_few_pairs_are_said_to_be_few(found):
    assert not found.trusted
    (*_, last) = found.lines()
    assert "is not known from 1 pairs: nothing speaks against it; 20 are the least" in last


def test_a_document_of_it_is_strict_json(found):
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert (document["trusted"], document["interrupted"]) == (False, True)
    assert (document["same"], document["known"], document["fired"]) == (1, 1, 0)
    assert [trial["true"] for trial in document["trials"]] == [1.0, 10.0]
    assert document["machine"]["threads"] >= 1


def test_the_known_ratio_is_that_of_the_goal():
    cell = study.load("trust").cells[0]
    pairs = list(trust._plan(cell, 8))
    ratios = [second.protocol["repeats"] / first.protocol["repeats"] for first, second in pairs]
    assert ratios == [1, 1.2, 1, 1, 1, 1, 1.2, 1, 1, 1]
    assert len({cell.group for pair in pairs for cell in pair}) == 20, "each in an order of its own"


def test_as_json_only_json_is_on_standard_output():
    """Ctrl-C before the first pair has ended."""
    command = [sys.executable, "-m", "bench", "doctor", "--trust", "--pairs", "1", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as running:  # fmt: skip
        told = next(line for line in running.stderr if "with the known ratio: about" in line)
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=120)
    assert told.startswith("2 pairs, ")
    document = json.loads(out)
    assert (document["interrupted"], document["trusted"], document["trials"]) == (True, False, [])
    assert document["direction_s"] is None
    assert running.returncode == 130


def trial(true, log, trouble=None, rounds=20):
    logs = tuple(log + 0.01 * (-1) ** n for n in range(rounds))
    return trust.Trial(true, logs, tuple(n // 5 for n in range(rounds)), 20.0, trouble)


def told(*trials):
    found = trust.Found(trials, trust.calibration(trials), interrupted=False)
    (*_, last) = found.lines()
    return found.trusted, last


class TestVerdict:
    """Nothing is timed here: rounds as they would be."""

    def test_trusted(self):
        trusted, said = told(*[trial(1.0, 0.0)] * 20, *[trial(1.2, math.log(1.2))] * 5)
        assert trusted
        assert said.startswith("claims from this machine can be trusted: ")
        assert said.endswith("false alarms in more than 16% are excluded")

    def test_an_arm_that_differs_from_itself(self):
        trusted, said = told(*[trial(1.0, 0.1)] * 20)
        assert not trusted
        assert "cannot be trusted: it calls two different that are the same" in said

    def test_a_throttled_processor(self):
        trusted, said = told(*[trial(1.0, 0.0)] * 20, trial(1.0, 0.0, "it is hot"))
        assert not trusted
        assert said == "claims from this machine cannot be trusted now: it is hot"
