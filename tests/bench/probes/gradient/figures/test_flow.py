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

    def test_the_median_of_seeds_is_a_line_in_the_band_of_all(self, records):
        here = panel(gradient_flow(of(records)), "T = 16, after 4 steps")
        (bold,) = lines(here, "lstm", width=1.6)
        seeds = [r["samples"]["norm"][-1] for r in of(records)]
        np.testing.assert_allclose(bold.get_ydata(), np.median(seeds, axis=0))
        (band,) = here.collections
        corners = band.get_paths()[0].vertices[:, 1]
        assert (corners.min(), corners.max()) == pytest.approx((np.min(seeds), np.max(seeds)))

    def test_one_seed_has_a_band_of_its_rows(self, records):
        (record, _) = of(records)
        here = gradient_flow([record]).axes[0]
        (band,) = here.collections
        corners = band.get_paths()[0].vertices[:, 1]
        assert corners.max() == pytest.approx(max(record["samples"]["norm_high"][0]))

    def test_zeros_are_drawn_in_their_strip_and_what_is_subnormal_nowhere(self, records):
        for record in of(records, length=32):
            fill(record, falling(1e-3))
        figure = gradient_flow(of(records, length=32))
        here = figure.axes[0]
        assert "exactly 0" in [label.get_text() for label in here.get_yticklabels()]
        strip = {x for x, y in drawn(here, "lstm") if y < 2**-126}
        assert strip == set(range(15, 32)), "1e-45 is the last that is no zero"
        above = {x for x, y in drawn(here, "lstm") if y >= 2**-126}
        assert above == set(range(13)), "1e-36 is the last that is normal"
        assert all(y > here.get_ylim()[0] for _, y in drawn(here, "lstm"))
        assert "from 15" in words(figure)

    def test_the_end_of_the_axis_is_marked_where_something_comes_near(self, records):
        def marked():
            here = gradient_flow(records).axes[0]
            named = {label.get_text() for label in here.get_yticklabels()}
            at = 2.0**-126 in {line.get_ydata()[0] for line in here.lines}
            assert at == ("10⁻³⁸" in named)
            return at, here.get_ylim()[0]

        assert marked()[0] is False
        fill(records[0], falling(1e-3))
        is_marked, bottom = marked()
        assert is_marked
        assert 1e-60 < bottom < 2**-126

    def test_a_long_window_ends_where_the_last_that_vanishes_does(self, records):
        for record in records:
            samples = record["samples"]
            samples["distance"] = list(range(1000))
            for number in range(len(samples["steps"])):
                for name in ("norm", "norm_low", "norm_high"):
                    curve = [max(0.6**d, 0.0 if record["cell"]["arm"] == "lstm" else 0.1)
                             for d in range(1000)]  # fmt: skip
                    samples[name][number] = [n if n > 1e-45 else 0.0 for n in curve]
        here = gradient_flow(records).axes[0]
        left = int(np.log(2**-126) / np.log(0.6))
        assert left < here.get_xlim()[1] < 2 * left
        assert here.get_xlabel() == "distance from the loss (tokens, of 999)"
        (line,) = lines(here, "transformer", width=1.6)
        assert line.get_xdata()[-1] >= here.get_xlim()[1], "it goes on beyond the panel"

    def test_an_explosion_is_on_the_axis(self, records):
        for record in of(records):
            fill(record, lambda d: 10.0 ** (d * 20 / 15))
        here = panel(gradient_flow(records), "T = 16, at initialisation")
        assert max(y for _, y in drawn(here, "lstm")) == pytest.approx(1e20)
        assert here.get_ylim()[1] > 1e20

    def test_one_token_is_no_curve(self, records):
        for record in of(records):
            samples = record["samples"]
            samples["distance"] = [0]
            for name in ("norm", "norm_low", "norm_high", "norm_float64", "zero_by_distance"):
                samples[name] = [row[:1] for row in samples[name]]
        assert gradient_flow(of(records)) is None

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
        (bold,) = lines(here, "lstm", width=1.6)
        np.testing.assert_allclose(bold.get_ydata(), second["samples"]["norm"][-1])
        (last,) = lines(here, "lstm", dash="--")
        np.testing.assert_allclose(last.get_ydata(), first["samples"]["norm"][2])

    def test_a_training_that_diverged_at_once_has_no_end(self, records):
        for record in of(records):
            diverge(record, stages=1)
        figure = gradient_flow(of(records))
        assert "LSTM: 2 of 2 seeds diverged at step 3" in words(figure)
        assert not drawn(panel(figure, "T = 16, after 4 steps"), "lstm")

    def test_what_was_not_trained_has_no_panel_of_its_end(self, records):
        for record in of(records, "lstm", 32) + of(records, "transformer", 32):
            untrained(record)
        titles = [here.get_title() for here in gradient_flow(records).axes]
        assert [title for title in titles if "after" in title] == ["T = 16, after 4 steps"]

    def test_of_many_lengths_the_shortest_and_the_longest_are_drawn(self, records):
        many = []
        for length in range(17, 23):
            many += [relabelled(r, length) for r in of(records)]
        titles = [here.get_title() for here in gradient_flow(many).axes]
        assert [title[:6] for title in titles] == ["T = 17", "T = 22"] * 2
        titles = [here.get_title() for here in gradient_flow(list(map(untrained, many))).axes]
        assert [title[:6] for title in titles] == ["T = 17", "T = 19", "T = 20", "T = 22"]

    def test_the_title_says_whose_gradient_vanishes(self, records):
        for record in records:
            lstm = record["cell"]["arm"] == "lstm"
            fill(record, falling(0.5) if lstm else lambda d: 1.0)
        assert gradient_flow(records).get_suptitle().replace("\n", " ") == (
            "At initialisation the gradient vanishes on its way through an LSTM, not through "
            "a transformer"
        )
        fill(of(records, length=32)[0], lambda d: 1.0)
        assert gradient_flow(records).get_suptitle().endswith("?"), "seeds do not agree"

    def test_a_seed_that_two_trainings_start_from_is_one(self, records):
        first, second = of(records)
        again = untrained(copy.deepcopy(first))
        here = gradient_flow([first, second, again]).axes[0]
        (bold,) = lines(here, "lstm", width=1.6)
        seeds = [r["samples"]["norm"][0] for r in (first, second)]
        np.testing.assert_allclose(bold.get_ydata(), np.median(seeds, axis=0))
