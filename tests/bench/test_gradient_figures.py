"""What figures of gradients draw and say, of real small records and of spoilt ones."""

import copy
import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, QuadMesh

from bench import study
from bench.drawing import palette
from bench.execute import channel, sizing
from bench.measure import contract
from bench.measure.subject import Subject
from bench.probes.gradient import figures, reach_figures, tables

from ..conftest import TINY

FLOWS = ("gradient_flow", "flow_strip", "flow_heatmap", "state_flow")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def measured(corpus):
    """Two arms, two lengths and two seeds, as the probe records them."""
    cells = {c.arm: c for c in study.load(str(TINY)).cells if c.probe == "gradient"}
    protocol = cells["lstm"].protocol | {
        "steps": 4, "stages": [0.25, 0.5, 0.75, 1.0], "rows": 2, "batch_size": 2, "eval_rows": 4,
        "clip_norm": 1.0,
    }  # fmt: skip
    found = []
    for arm, cell in cells.items():
        for length in (16, 32):
            for seed in (0, 1):
                changed = cell.model_copy(
                    update={
                        "length": length, "seed": seed, "task": "adding",
                        "protocol": protocol,
                    }
                )  # fmt: skip
                subject = Subject(changed, sizing.sized(changed, corpus)["config"], corpus)
                measurement = contract.load("gradient").Measurement(subject, lambda share: None)
                measurement.round()
                result = measurement.result()
                found.append(
                    {
                        "key": f"{arm}-{length}-{seed}",
                        "status": "done",
                        "cell": changed.model_dump(mode="json"),
                        "metrics": channel.finite(result.metrics),
                        "samples": channel.finite(result.samples),
                    }
                )
    return found


@pytest.fixture
def records(measured):
    return copy.deepcopy(measured)


def of(records, arm="lstm", length=16):
    return [r for r in records if r["cell"]["arm"] == arm and r["cell"]["length"] == length]


def words(figure):
    """Everything that a figure says."""
    return "\n".join(text.get_text() for text in figure.findobj(plt.Text))


def panel(figure, title):
    return next(here for here in figure.axes if here.get_title() == title)


def lines(here, arm, width=None, dash=None):
    """An arm's lines in a panel."""
    return [
        line
        for line in here.lines
        if line.get_color() == palette.colour(arm)
        and (width is None or line.get_linewidth() == width)
        and (dash is None or line.get_linestyle() == dash)
    ]


def fill(record, curve, stage=None, double=None):
    """Replace a record's curves, of one stage or all, by a function of the distance."""
    samples = record["samples"]
    for number in range(len(samples["steps"])) if stage is None else [stage]:
        norm = [curve(d) for d in samples["distance"]]
        for name in ("norm", "norm_low", "norm_high"):
            samples[name][number] = norm
        if double is not None:
            samples["norm_float64"][number] = [double(d) for d in samples["distance"]]
    return record


def falling(decay):
    """Of a float32: what is below its smallest number is zero."""
    return lambda d: n if (n := decay**d) > 1.4e-45 else 0.0


def drawn(here, arm, axis_floor=0.0):
    """All points of an arm that a panel shows."""
    return [
        (x, y)
        for line in lines(here, arm)
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if np.isfinite(y) and y > axis_floor
    ]


class TestFlow:
    def test_a_column_a_length_and_a_row_a_stage(self, records):
        figure = figures.gradient_flow(records)
        titles = [here.get_title() for here in figure.axes]
        assert titles == [
            "T = 16, at initialisation", "T = 32, at initialisation",
            "T = 16, after 4 steps", "T = 32, after 4 steps",
        ]  # fmt: skip
        assert len({here.get_ylim() for here in figure.axes}) == 1

    def test_the_median_of_seeds_is_bold_and_each_is_thin(self, records):
        here = panel(figures.gradient_flow(records), "T = 16, after 4 steps")
        (bold,) = lines(here, "lstm", width=1.8)
        seeds = [r["samples"]["norm"][-1] for r in of(records)]
        np.testing.assert_allclose(bold.get_ydata(), np.median(seeds, axis=0))
        thin = lines(here, "lstm", width=0.6)
        np.testing.assert_allclose([line.get_ydata() for line in thin], seeds)

    def test_one_seed_has_a_band_of_its_rows(self, records):
        (record, _) = of(records)
        here = figures.gradient_flow([record]).axes[0]
        (band,) = here.collections
        corners = band.get_paths()[0].vertices[:, 1]
        assert corners.max() == pytest.approx(max(record["samples"]["norm_high"][0]))
        assert not lines(here, "lstm", width=0.6)

    def test_zeros_are_drawn_in_their_strip_and_float64_goes_on(self, records):
        for record in of(records, length=32):
            fill(record, falling(1e-3), double=lambda d: 1e-3**d)
        figure = figures.gradient_flow(of(records, length=32))
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
        near = figures.gradient_flow(records)
        assert "far below: float32's smallest normal, 1.2e-38" in words(near)
        fill(records[0], falling(1e-3))
        far = figures.gradient_flow(records)
        heights = {line.get_ydata()[0] for line in far.axes[0].lines}
        assert {2.0**-126, 2.0**-149} <= heights

    def test_without_float64_there_is_no_dotted_line(self, records):
        for record in records:
            fill(record, falling(1e-3))
            del record["samples"]["norm_float64"], record["samples"]["log_decay_float64"]
        figure = figures.gradient_flow(records)
        assert not [line for here in figure.axes for line in lines(here, "lstm", dash=":")]
        assert "in float64" not in words(figure)

    def test_an_explosion_is_on_the_axis(self, records):
        for record in of(records):
            fill(record, lambda d: 10.0 ** (d * 20 / 15))
        here = panel(figures.gradient_flow(records), "T = 16, at initialisation")
        assert max(y for _, y in drawn(here, "lstm")) == pytest.approx(1e20)
        assert here.get_ylim()[1] > 1e20

    def test_one_token_is_a_point_that_is_named(self, records):
        for record in of(records):
            samples = record["samples"]
            samples["distance"] = [0]
            for name in ("norm", "norm_low", "norm_high", "norm_float64", "zero_by_distance"):
                samples[name] = [row[:1] for row in samples[name]]
        figure = figures.gradient_flow(of(records))
        assert "LSTM: one token, no distance" in words(figure)
        (bold,) = lines(figure.axes[0], "lstm", width=1.8)
        assert bold.get_marker() == "o"

    def test_all_zero_is_said_and_drawn(self, records):
        for record in of(records):
            fill(record, lambda d: 0.0, double=lambda d: 0.0)
        figure = figures.gradient_flow(of(records))
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
        figure = figures.gradient_flow(records)
        assert said in words(figure).splitlines()
        shown = {x for x, _ in drawn(figure.axes[0], "lstm")}
        assert shown == {d for d in range(16) if not lost(d)}

    def test_a_training_that_diverged_is_drawn_as_far_as_it_went(self, records):
        first, second = of(records)
        diverge(first)
        figure = figures.gradient_flow(of(records))
        here = panel(figure, "T = 16, after 4 steps")
        assert "LSTM: 1 of 2 seeds diverged at step 3" in words(figure)
        (bold,) = lines(here, "lstm", width=1.8)
        np.testing.assert_allclose(bold.get_ydata(), second["samples"]["norm"][-1])
        (last,) = lines(here, "lstm", dash="--")
        np.testing.assert_allclose(last.get_ydata(), first["samples"]["norm"][2])

    def test_a_training_that_diverged_at_once_has_no_end(self, records):
        for record in of(records):
            diverge(record, stages=1)
        figure = figures.gradient_flow(of(records))
        assert "LSTM: 2 of 2 seeds diverged at step 3" in words(figure)
        assert not drawn(panel(figure, "T = 16, after 4 steps"), "lstm")

    def test_what_was_not_trained_has_a_panel_that_says_so(self, records):
        for record in of(records, "lstm", 32) + of(records, "transformer", 32):
            untrained(record)
        assert "T = 32: measured at\ninitialisation only" in words(figures.gradient_flow(records))

    def test_many_lengths_are_wrapped(self, records):
        many = []
        for length in range(17, 23):
            many += [relabelled(r, length) for r in of(records)]
        figure = figures.gradient_flow(many)
        panels = [here for here in figure.axes if here.get_title()]
        assert len(panels) == 12
        assert figure.get_figwidth() < 16

    def test_a_seed_that_two_trainings_start_from_is_drawn_once(self, records):
        first, second = of(records)
        again = untrained(copy.deepcopy(first))
        here = figures.gradient_flow([first, second, again]).axes[0]
        assert len(lines(here, "lstm", width=0.6)) == 2


def diverge(record, stages=3):
    """A training that broke after so many measurements, the last but not the least lost."""
    samples = record["samples"]
    for name in list(samples):
        if name not in ("distance", "states", "loss", "gradient_norm", "group_norms", "seconds"):
            samples[name] = samples[name][:stages]
    samples["gradient_norm"] = [*samples["gradient_norm"][:2], None]
    record["status"], record["metrics"] = "diverged", {"step": 3}
    return record


def untrained(record):
    diverge(record, stages=1)
    record["status"] = "done"
    for name in ("gradient_norm", "group_norms", "loss"):
        del record["samples"][name]
    record["cell"]["protocol"] = record["cell"]["protocol"] | {"steps": 0}
    record["key"] += "-untrained"
    return record


def relabelled(record, length):
    changed = copy.deepcopy(record)
    changed["cell"]["length"] = length
    changed["key"] += f"-{length}"
    return changed


class TestTraining:
    def test_the_strip_has_a_panel_a_stage(self, records):
        figure = figures.flow_strip(records)
        titles = [here.get_title() for here in figure.axes]
        assert titles == ["initialisation", "step 1", "step 2", "step 3", "step 4"] * 2
        (bold,) = lines(figure.axes[3], "lstm", width=1.8)
        expected = np.median([r["samples"]["norm"][3] for r in of(records)], axis=0)
        np.testing.assert_allclose(bold.get_ydata(), expected)

    def test_lengths_that_were_trained_otherwise_have_stages_of_their_own(self, records):
        """No panel stays empty where another length was measured."""
        for record in records:
            if record["cell"]["length"] == 32:
                record["samples"]["steps"] = [0, 10, 20, 30, 40]
        figure = figures.flow_strip(records)
        titles = [here.get_title() for here in figure.axes]
        assert titles[:5] == ["initialisation", "step 1", "step 2", "step 3", "step 4"]
        assert titles[5:] == ["initialisation", "step 10", "step 20", "step 30", "step 40"]
        assert all(drawn(here, "lstm") for here in figure.axes)

    def test_the_map_has_each_measurement_at_its_steps(self, records):
        figure = figures.flow_heatmap(records)
        (mesh,) = panel(figure, "LSTM, T = 16").findobj(QuadMesh)
        assert mesh.get_coordinates()[0, :, 0].tolist() == [0, 0.5, 1.5, 2.5, 3.5, 4]
        assert mesh.get_coordinates()[[0, -1], 0, 1].tolist() == [-0.5, 15.5]
        seeds = [np.transpose(r["samples"]["norm"]) for r in of(records)]
        np.testing.assert_allclose(mesh.get_array(), np.median(seeds, axis=0))
        scales = {m.norm for here in figure.axes[:4] for m in here.findobj(QuadMesh)}
        assert len(scales) == 1, "one colour bar for all panels"

    def test_distances_of_a_long_window_stand_for_the_runs_they_end(self, records):
        for record in of(records):
            record["samples"]["distance"] = [*range(8), *range(11, 32, 4), 31, 40][:16]
            record["samples"]["distance"][-2:] = [35, 39]
        (mesh,) = panel(figures.flow_heatmap(records), "LSTM, T = 16").findobj(QuadMesh)
        assert mesh.get_coordinates()[7:10, 0, 1].tolist() == [6.5, 7.5, 11.5]
        assert mesh.get_coordinates()[-1, 0, 1] == 39.5

    def test_the_map_has_colours_for_zero_and_for_what_is_no_number(self, records):
        for record in of(records):
            fill(record, lambda d: 0.0 if d > 9 else 1.0, stage=1)
            fill(record, lambda d: None, stage=2)
        figure = figures.flow_heatmap(records)
        assert {"exactly 0", "not finite"} <= set(words(figure).splitlines())
        zero, lost, rest = panel(figure, "LSTM, T = 16").findobj(QuadMesh)
        assert (~np.ma.getmaskarray(zero.get_array())).sum() == 6
        assert (~np.ma.getmaskarray(lost.get_array())).sum() == 16
        assert np.ma.getmaskarray(rest.get_array()).sum() == 22

    def test_the_map_says_where_a_training_ended(self, records):
        diverge(of(records)[0], stages=4)
        figure = figures.flow_heatmap(records)
        assert "LSTM: 1 of 2 seeds diverged at step 3" in words(figure)

    def test_few_stages_are_no_map(self, records):
        for record in records:
            diverge(record, stages=3)
        assert figures.flow_heatmap(records) is None
        assert figures.flow_strip(records) is None

    def test_all_zero_everywhere_is_a_map_too(self, records):
        figure = figures.flow_heatmap([fill(r, lambda d: 0.0) for r in records])
        assert "exactly 0" in words(figure)


class TestStates:
    def test_a_line_a_kind_and_layer_before_and_after(self, records):
        figure = figures.state_flow(records)
        here = panel(figure, "LSTM, T = 32")
        states = of(records)[0]["samples"]["states"]
        assert [text.get_text() for text in here.get_legend().get_texts()] == states
        bold = [line.get_ydata() for line in here.lines if line.get_linewidth() == 1.6]
        curves = [r["samples"]["state_norm"] for r in of(records, length=32)]
        expected = np.median([curve[-1] for curve in curves], axis=0)
        np.testing.assert_allclose(bold, expected)
        thin = [line.get_ydata() for line in here.lines if line.get_linewidth() == 0.9]
        for row in np.median([curve[0] for curve in curves], axis=0):
            assert any(np.array_equal(row, y) for y in thin if len(y) == len(row))
        assert {"at initialisation", "after 4 steps"} <= set(words(figure).splitlines())

    def test_structural_zeros_are_in_the_strip(self, records):
        """Behind a transformer's last layer only the loss's own position counts."""
        figure = figures.state_flow(records)
        rows = of(records, "transformer", 32)[0]["samples"]["state_norm"][-1]
        assert set(rows[-1][1:]) == {0.0}
        assert "residual, layer 1: from 1" in words(figure)

    def test_zeros_beyond_the_axis_are_not_called_zeros(self, records):
        for record in of(records, length=32):
            for stage in record["samples"]["state_norm"]:
                stage[:] = [[1e-10**d if d < 20 else 0.0 for d in range(32)]] * len(stage)
        assert "from 20" not in words(figures.state_flow(of(records, length=32)))

    def test_what_is_no_number_is_said(self, records):
        for record in of(records, length=32):
            for stage in record["samples"]["state_norm"]:
                stage[0] = [None] * 32
        assert "LSTM: h, layer 1: not finite" in words(figures.state_flow(records)).splitlines()

    def test_initialisation_only_is_no_figure(self, records):
        assert figures.state_flow([untrained(r) for r in records]) is None


class TestNorms:
    def test_clipped_steps_are_marked_and_counted(self, records):
        series = of(records)
        series[0]["samples"]["gradient_norm"] = [2.0, 3.0, 0.5, 2.0]
        series[1]["samples"]["gradient_norm"] = [0.5, 0.5, 0.5, 1.5]
        figure = figures.gradient_norm(series)
        above, below = figure.axes
        assert "50% clipped" in words(figure)
        assert "clipped\nabove 1" in words(figure)
        marks = [c.get_segments() for c in below.collections if isinstance(c, LineCollection)]
        spans = [[(s[0][0], s[1][0]) for s in segments] for segments in marks]
        assert spans == [[(0.5, 2.5), (3.5, 4.5)], [(3.5, 4.5)]]
        (bold,) = lines(above, "lstm", width=1.8)
        assert bold.get_ydata().tolist() == [1.25, 1.75, 0.5, 1.75]
        assert above.get_xlim() == below.get_xlim()

    def test_a_norm_of_zero_and_an_explosion_are_on_the_axis(self, records):
        (record, _) = of(records)
        record["samples"]["gradient_norm"] = [1.0, 0.0, 1e20, 0.5]
        here = figures.gradient_norm([record]).axes[0]
        low, high = here.get_ylim()
        assert low < 0
        assert high > 1e20

    def test_a_training_that_diverged_is_marked(self, records):
        diverge(of(records)[0])
        figure = figures.gradient_norm(of(records))
        assert "LSTM: 1 of 2 seeds diverged at step 3" in words(figure)
        assert [line for line in figure.axes[0].lines if line.get_marker() == "x"]

    def test_every_group_of_parameters_has_a_line(self, records):
        figure = figures.group_norms(records)
        here = panel(figure, "LSTM, T = 32")
        groups = of(records, length=32)[0]["samples"]["group_norms"]
        assert [line.get_label() for line in here.lines] == [name for name, _ in groups]
        expected = np.median(
            [r["samples"]["group_norms"][1][1] for r in of(records, length=32)], axis=0
        )
        np.testing.assert_allclose(here.lines[1].get_ydata(), expected)


class TestReach:
    def test_a_line_an_arm_and_stage(self, records):
        for record in of(records, "lstm", 16) + of(records, "lstm", 32):
            fill(record, falling(0.5))
            fill(record, falling(0.6), stage=-1)
        figure = reach_figures.by_length(tables.reach(records))
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
        figure = reach_figures.by_length(tables.reach(records))
        markers = {line.get_marker() for line in lines(figure.axes[0], "lstm")}
        assert "^" in markers
        assert "o" not in markers
        assert "at least that far" in words(figure)

    def test_bars_are_the_range_of_few_seeds(self, records):
        one, other = of(records)
        fill(one, falling(0.5))
        fill(other, falling(0.6))
        (here,) = reach_figures.by_length(tables.reach(records)).axes
        bars = [c.get_segments()[0][:, 1].tolist() for c in here.collections]
        assert [7.0, 10.0] in bars

    def test_one_length_is_no_curve(self, records):
        assert reach_figures.by_length(tables.reach(of(records))) is None
        assert reach_figures.by_length(pd.DataFrame()) is None

    def test_no_reach_is_said(self, records):
        for record in of(records):
            fill(record, lambda d: 0.0, double=lambda d: 0.0)
        figure = reach_figures.by_length(tables.reach(records))
        assert "LSTM, T = 16, at initialisation: nothing arrives" in words(figure)

    def test_a_training_that_diverged_has_no_end(self, records):
        for record in of(records):
            diverge(record)
        figure = reach_figures.by_length(tables.reach(records))
        assert "LSTM, T = 16: training diverged" in words(figure)
        (line,) = lines(figure.axes[0], "lstm", dash="-")
        assert len(line.get_xdata()) == 1

    def test_settings_are_named_by_what_differs(self, records):
        changed = []
        for record in of(records):
            for layers, start in ((4, "default"), (1, "orthogonal")):
                other = copy.deepcopy(record)
                other["cell"]["comparison"] = f"{layers}{start}"
                other["cell"]["model"]["num_layers"] = layers
                other["cell"]["model"]["recurrent"]["initialization"] = start
                other["key"] += f"{layers}{start}"
                changed.append(fill(other, falling(0.5)))
        rows = tables.reach(records + changed)
        figure = reach_figures.by_setting(rows)
        (here,) = figure.axes
        names = [text.get_text() for text in here.get_yticklabels()]
        assert names == [
            "1 layer,\ninitialisation: default", "1 layer,\ninitialisation: orthogonal",
            "4 layers,\ninitialisation: default",
        ]  # fmt: skip
        assert here.get_title() == "T = 16", "the length that most settings have"
        dots = [line for line in here.lines if line.get_marker() == "o" and 7 in line.get_xdata()]
        assert len(dots) == 4, "two settings, before and after training"
        assert reach_figures.by_setting(tables.reach(records)) is None


class TestCost:
    def rows(self, **changes):
        rows = pd.DataFrame(
            {
                "arm": ["lstm", "lstm", "transformer"],
                "length": [64, 256, 256],
                "status": ["done", "done", "unstable"],
                "subnormal_share": [0.0, 0.25, 0.0],
                "state_subnormal_share": [0.0, 0.5, 0.0],
                "speedup": [1.01, 8.0, 0.98],
                "speedup_low": [0.97, 7.5, 0.9],
                "speedup_high": [1.04, 8.5, 1.1],
                "aa_ratio": [1.0, 1.01, 1.0],
                "aa_ratio_low": [0.95, 0.96, 0.97],
                "aa_ratio_high": [1.05, 1.06, 1.02],
            }
        )
        return rows.assign(**changes)

    def test_a_point_an_arm_and_length(self):
        figure = reach_figures.subnormals(self.rows())
        embeddings, states = figure.axes
        assert (25.0, 8.0) in points(embeddings)
        assert (50.0, 8.0) in points(states)
        assert len(points(embeddings)) == 3
        hollow = [line for line in embeddings.lines if line.get_markerfacecolor() == "white"]
        assert [line.get_ydata()[0] for line in hollow] == [0.98]
        assert {"unstable: no claim", "A/A control"} <= set(words(figure).splitlines())
        (band,) = [patch for patch in embeddings.patches if patch.get_height() > 0]
        assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.95, 1.06))

    def test_points_of_one_share_do_not_hide_one_another(self):
        (here, _) = reach_figures.subnormals(self.rows(subnormal_share=0.0)).axes
        xs = [x for x, _ in points(here)]
        assert len(set(xs)) == 3
        assert np.mean(xs) == pytest.approx(0, abs=1e-12)
        assert here.get_xticks().tolist() == [0.0]

    def test_without_states_there_is_one_panel(self):
        figure = reach_figures.subnormals(self.rows(state_subnormal_share=math.nan))
        assert len(figure.axes) == 1
        assert reach_figures.subnormals(pd.DataFrame()) is None


def points(here):
    return [
        (line.get_xdata()[0], line.get_ydata()[0])
        for line in here.lines
        if line.get_marker() == "o" and len(line.get_xdata()) == 1
    ]


class TestLearning:
    def rows(self, records, **changes):
        for record in records:
            record["metrics"] |= {"needed_distance": 8, "solved_at": 0.99}
        return tables.reach_and_learning(records).assign(**changes)

    def test_reach_over_needed_distance_before_and_after(self, records):
        for record in of(records):
            fill(record, falling(0.5))
            fill(record, falling(0.6), stage=-1)
        rows = self.rows(records)
        solved = rows["record"] == "lstm-16-0"
        figure = reach_figures.reach_and_learning(rows.assign(solved=solved))
        start, end = figure.axes
        for here, reach in ((start, 7), (end, 10)):
            xs = [line.get_xdata()[0] for line in lines(here, "lstm") if line.get_marker() == "o"]
            assert xs == pytest.approx([reach / 8] * 2)
            filled = [ln for ln in here.lines if ln.get_markerfacecolor() == palette.colour("lstm")]
            assert len([ln for ln in filled if ln.get_marker() == "o"]) == 1
        assert "solved\n0.99" in words(figure)
        assert "floor\n" in words(figure)
        assert [ln for ln in start.lines if list(ln.get_xdata()) == [1, 1]], "the needed distance"

    def test_a_training_without_a_score_is_counted(self, records):
        diverge(of(records)[0])
        figure = reach_figures.reach_and_learning(self.rows(records))
        assert "1 of 8 trainings diverged: no score" in words(figure)

    def test_nothing_arrives_stands_at_the_edge(self, records):
        fill(of(records)[0], lambda d: 0.0)
        figure = reach_figures.reach_and_learning(self.rows(records))
        assert "nothing arrives" in words(figure)

    def test_nothing_to_draw(self):
        assert reach_figures.reach_and_learning(pd.DataFrame()) is None


@pytest.mark.parametrize("name", [*FLOWS, "gradient_norm", "group_norms"])
def test_nothing_measured_is_no_figure(name):
    assert getattr(figures, name)([]) is None


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("spoilt", [None, 0.0, 1e300, 5e-324])
def test_spoilt_curves_are_drawn(records, name, spoilt):
    for record in records:
        samples = record["samples"]
        fill(record, lambda d: spoilt, double=lambda d: spoilt)
        samples["state_norm"] = [
            [[spoilt] * len(row) for row in stage] for stage in samples["state_norm"]
        ]
    getattr(figures, name)(of(records)).canvas.draw()


@pytest.mark.parametrize("name", ["gradient_norm", "group_norms"])
@pytest.mark.parametrize("spoilt", [None, 0.0, 3e38, 1.4e-45])
def test_spoilt_traces_are_drawn(records, name, spoilt):
    for record in records:
        samples = record["samples"]
        samples["gradient_norm"] = [spoilt] * 4
        samples["group_norms"] = [[g, [spoilt] * 4] for g, _ in samples["group_norms"]]
    getattr(figures, name)(of(records)).canvas.draw()


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
    figure = reach_figures.by_setting(rows)
    said = [text.get_text() for text in figure.axes[0].texts]
    assert said == [
        " at initialisation: one token, no distance",
        " at initialisation: nothing arrives",
    ]
