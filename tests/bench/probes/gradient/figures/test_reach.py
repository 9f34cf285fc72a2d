"""Reach by the length of the window, and by what may lengthen it."""

import copy

import numpy as np
import pandas as pd

from bench.page.evidence import Evidence
from bench.probes.gradient.figures.reach import by_length
from bench.probes.gradient.figures.settings import by_setting

from .drawn import diverge, falling, fill, lines, of, words


def table(records):
    return Evidence(records)["reach"]


class TestReach:
    def test_a_line_an_arm_and_stage(self, records):
        for record in of(records, "lstm", 16) + of(records, "lstm", 32):
            fill(record, falling(0.5))
            fill(record, falling(0.6), stage=-1)
        figure = by_length(table(records))
        (here,) = figure.axes
        for dash, reach in (("--", 7), ("-", 10)):
            (line,) = lines(here, "lstm", dash=dash)
            assert line.get_ydata().tolist() == [reach, reach]
        assert {"whole window", "at initialisation", "at the end of training"} <= set(
            words(figure).splitlines()
        )

    def test_a_window_that_is_reached_as_a_whole_is_a_triangle(self, records):
        for record in records:
            fill(record, lambda d: 1.0)
        figure = by_length(table(records))
        markers = {line.get_marker() for line in lines(figure.axes[0], "lstm")}
        assert "^" in markers
        assert "o" not in markers
        assert "at least that far" in words(figure)

    def test_bars_are_the_range_of_few_seeds(self, records):
        one, other = of(records)
        fill(one, falling(0.5))
        fill(other, falling(0.6))
        (here,) = by_length(table(records)).axes
        bars = [c.get_segments()[0][:, 1].tolist() for c in here.collections]
        assert [7.0, 10.0] in bars

    def test_one_length_is_no_curve(self, records):
        assert by_length(table(of(records))) is None
        assert by_length(pd.DataFrame()) is None

    def test_no_reach_is_said(self, records):
        for record in of(records):
            fill(record, lambda d: 0.0, double=lambda d: 0.0)
        figure = by_length(table(records))
        assert "LSTM, T = 16, at initialisation: nothing arrives" in words(figure)

    def test_a_training_that_diverged_has_no_end(self, records):
        for record in of(records):
            diverge(record)
        figure = by_length(table(records))
        assert "LSTM, T = 16: training diverged" in words(figure)
        (line,) = lines(figure.axes[0], "lstm", dash="-")
        assert len(line.get_xdata()) == 1

    def test_settings_are_named_by_what_differs(self, records):
        changed = []
        for record in of(records):
            for layers, start in ((4, "default"), (1, "orthogonal")):
                other = copy.deepcopy(record)
                other["cell"]["comparison"] = f"{layers}{start}"
                other["model"] = {"layers": layers}
                other["cell"]["model"]["recurrent"]["initialization"] = start
                other["key"] += f"{layers}{start}"
                changed.append(fill(other, falling(0.5)))
        rows = table(records + changed)
        figure = by_setting(rows)
        (here,) = figure.axes
        names = [text.get_text() for text in here.get_yticklabels()]
        assert names == [
            "1 layer,\ninitialisation: default", "1 layer,\ninitialisation: orthogonal",
            "4 layers,\ninitialisation: default",
        ]  # fmt: skip
        assert "window of 16 tokens" in figure.get_suptitle(), "the length that most settings have"
        dots = [line for line in here.lines if line.get_marker() == "o" and 7 in line.get_xdata()]
        assert len(dots) == 4, "two settings, before and after training"
        assert by_setting(table(records)) is None


def test_settings_under_which_nothing_arrives_are_said():
    rows = pd.DataFrame(
        [
            {
                "comparison": name, "layers": 2, "initialization": start, "clip_norm": 1.0,
                "arm": "lstm", "kernel": "fused", "length": 16, "steps": 0, "when": "init",
                "seeds": 6, "diverged": 0, "fate": fate, "reach_tokens": reach,
                "reach_tokens_low": np.nan, "reach_tokens_high": np.nan, "reach_least": reach,
                "reach_most": reach, "whole_window": False, "farthest": 15,
            }
            for name, start, fate, reach in (
                ("a", "default", "zero", 0.0), ("b", "chrono", "alone", np.nan),
            )
        ]
    )  # fmt: skip
    figure = by_setting(rows)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said == [
        " at initialisation: one token, no distance",
        " at initialisation: nothing arrives",
    ]
