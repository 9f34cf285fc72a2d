"""The gradient by distance from the loss: lines, limits, zeros, and what is no number."""

import copy

import numpy as np
import pytest

from bench.probes.gradient.figures.flow import gradient_flow

from .drawn import (
    diverge,
    drawn,
    falling,
    fill,
    lines,
    of,
    panel,
    relabelled,
    untrained,
    words,
)


class TestFlow:
    def test_a_column_a_length_and_a_row_a_stage(self, records):
        figure = gradient_flow(records)
        titles = [here.get_title() for here in figure.axes]
        assert titles == [
            "T = 16, at initialisation", "T = 32, at initialisation",
            "T = 16, after 4 steps", "T = 32, after 4 steps",
        ]  # fmt: skip
        assert len({here.get_ylim() for here in figure.axes}) == 1

    def test_the_median_of_seeds_is_bold_and_each_is_thin(self, records):
        here = panel(gradient_flow(records), "T = 16, after 4 steps")
        (bold,) = lines(here, "lstm", width=1.8)
        seeds = [r["samples"]["norm"][-1] for r in of(records)]
        np.testing.assert_allclose(bold.get_ydata(), np.median(seeds, axis=0))
        thin = lines(here, "lstm", width=0.6)
        np.testing.assert_allclose([line.get_ydata() for line in thin], seeds)

    def test_one_seed_has_a_band_of_its_rows(self, records):
        (record, _) = of(records)
        here = gradient_flow([record]).axes[0]
        (band,) = here.collections
        corners = band.get_paths()[0].vertices[:, 1]
        assert corners.max() == pytest.approx(max(record["samples"]["norm_high"][0]))
        assert not lines(here, "lstm", width=0.6)

    def test_zeros_are_drawn_in_their_strip_and_float64_goes_on(self, records):
        for record in of(records, length=32):
            fill(record, falling(1e-3), double=lambda d: 1e-3**d)
        figure = gradient_flow(of(records, length=32))
        here = figure.axes[0]
        labels = [label.get_text() for label in here.get_yticklabels()]
        assert "exactly 0" in labels
        floor = min(
            y for y in here.get_yticks() if "10^" in labels[list(here.get_yticks()).index(y)]
        )
        strip = {x for x, y in drawn(here, "lstm") if y < floor}
        assert strip == set(range(15, 32)), "1e-45 is the last that is no zero"
        assert all(y > here.get_ylim()[0] for _, y in drawn(here, "lstm"))
        assert "from 15" in words(figure)
        (dotted,) = lines(here, "lstm", dash=":")
        below = np.isfinite(dotted.get_ydata())
        assert 1e-3 ** dotted.get_xdata()[below].min() < 2**-126, (
            "where float32 is normal it is one line"
        )
        assert dotted.get_ydata()[below].min() < 1e-60
        assert "in float64" in words(figure)

    def test_limits_of_float32_are_drawn_or_named(self, records):
        near = gradient_flow(records)
        assert "far below: float32's smallest normal, 1.2e-38" in words(near)
        fill(records[0], falling(1e-3))
        far = gradient_flow(records)
        heights = {line.get_ydata()[0] for line in far.axes[0].lines}
        assert {2.0**-126, 2.0**-149} <= heights

    def test_without_float64_there_is_no_dotted_line(self, records):
        for record in records:
            fill(record, falling(1e-3))
            del record["samples"]["norm_float64"], record["samples"]["log_decay_float64"]
        figure = gradient_flow(records)
        assert not [line for here in figure.axes for line in lines(here, "lstm", dash=":")]
        assert "in float64" not in words(figure)

    def test_an_explosion_is_on_the_axis(self, records):
        for record in of(records):
            fill(record, lambda d: 10.0 ** (d * 20 / 15))
        here = panel(gradient_flow(records), "T = 16, at initialisation")
        assert max(y for _, y in drawn(here, "lstm")) == pytest.approx(1e20)
        assert here.get_ylim()[1] > 1e20

    def test_one_token_is_a_point_that_is_named(self, records):
        for record in of(records):
            samples = record["samples"]
            samples["distance"] = [0]
            for name in ("norm", "norm_low", "norm_high", "norm_float64", "zero_by_distance"):
                samples[name] = [row[:1] for row in samples[name]]
        figure = gradient_flow(of(records))
        assert "LSTM: one token, no distance" in words(figure)
        (bold,) = lines(figure.axes[0], "lstm", width=1.8)
        assert bold.get_marker() == "o"

    def test_all_zero_is_said_and_drawn(self, records):
        for record in of(records):
            fill(record, lambda d: 0.0, double=lambda d: 0.0)
        figure = gradient_flow(of(records))
        assert "LSTM: all zero" in words(figure)
        assert "everywhere" in words(figure)
        assert {x for x, _ in drawn(figure.axes[0], "lstm")} == set(range(16))

    @pytest.mark.parametrize(
        ("lost", "said"),
        [
            (lambda d: True, "LSTM: not finite"),
            (lambda d: d > 8, "LSTM: not finite from 9"),
            (lambda d: d == 3, "LSTM: not finite at 1 of 16 distances"),
        ],
    )
    def test_what_is_no_number_is_said(self, records, lost, said):
        for record in of(records):
            fill(record, lambda d: None if lost(d) else 0.5, double=lambda d: None)
        figure = gradient_flow(records)
        assert said in words(figure).splitlines()
        shown = {x for x, _ in drawn(figure.axes[0], "lstm")}
        assert shown == {d for d in range(16) if not lost(d)}

    def test_a_training_that_diverged_is_drawn_as_far_as_it_went(self, records):
        first, second = of(records)
        diverge(first)
        figure = gradient_flow(of(records))
        here = panel(figure, "T = 16, after 4 steps")
        assert "LSTM: 1 of 2 seeds diverged at step 3" in words(figure)
        (bold,) = lines(here, "lstm", width=1.8)
        np.testing.assert_allclose(bold.get_ydata(), second["samples"]["norm"][-1])
        (last,) = lines(here, "lstm", dash="--")
        np.testing.assert_allclose(last.get_ydata(), first["samples"]["norm"][2])

    def test_a_training_that_diverged_at_once_has_no_end(self, records):
        for record in of(records):
            diverge(record, stages=1)
        figure = gradient_flow(of(records))
        assert "LSTM: 2 of 2 seeds diverged at step 3" in words(figure)
        assert not drawn(panel(figure, "T = 16, after 4 steps"), "lstm")

    def test_what_was_not_trained_has_a_panel_that_says_so(self, records):
        for record in of(records, "lstm", 32) + of(records, "transformer", 32):
            untrained(record)
        assert "T = 32: measured at\ninitialisation only" in words(gradient_flow(records))

    def test_many_lengths_are_wrapped(self, records):
        many = []
        for length in range(17, 23):
            many += [relabelled(r, length) for r in of(records)]
        figure = gradient_flow(many)
        panels = [here for here in figure.axes if here.get_title()]
        assert len(panels) == 12
        assert figure.get_figwidth() < 16

    def test_a_seed_that_two_trainings_start_from_is_drawn_once(self, records):
        first, second = of(records)
        again = untrained(copy.deepcopy(first))
        here = gradient_flow([first, second, again]).axes[0]
        assert len(lines(here, "lstm", width=0.6)) == 2
