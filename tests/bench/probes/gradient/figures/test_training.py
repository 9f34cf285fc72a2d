"""The strip of stages and the map of a training."""

import numpy as np
from matplotlib.collections import QuadMesh

from bench.probes.gradient.figures.training import flow_heatmap, flow_strip

from .drawn import diverge, drawn, fill, lines, of, panel, words


class TestTraining:
    def test_the_strip_has_a_panel_a_stage(self, records):
        figure = flow_strip(records)
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
        figure = flow_strip(records)
        titles = [here.get_title() for here in figure.axes]
        assert titles[:5] == ["initialisation", "step 1", "step 2", "step 3", "step 4"]
        assert titles[5:] == ["initialisation", "step 10", "step 20", "step 30", "step 40"]
        assert all(drawn(here, "lstm") for here in figure.axes)

    def test_the_map_has_each_measurement_at_its_steps(self, records):
        figure = flow_heatmap(records)
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
        (mesh,) = panel(flow_heatmap(records), "LSTM, T = 16").findobj(QuadMesh)
        assert mesh.get_coordinates()[7:10, 0, 1].tolist() == [6.5, 7.5, 11.5]
        assert mesh.get_coordinates()[-1, 0, 1] == 39.5

    def test_the_map_has_colours_for_zero_and_for_what_is_no_number(self, records):
        for record in of(records):
            fill(record, lambda d: 0.0 if d > 9 else 1.0, stage=1)
            fill(record, lambda d: None, stage=2)
        figure = flow_heatmap(records)
        assert {"exactly 0", "not finite"} <= set(words(figure).splitlines())
        zero, lost, rest = panel(figure, "LSTM, T = 16").findobj(QuadMesh)
        assert (~np.ma.getmaskarray(zero.get_array())).sum() == 6
        assert (~np.ma.getmaskarray(lost.get_array())).sum() == 16
        assert np.ma.getmaskarray(rest.get_array()).sum() == 22

    def test_the_map_says_where_a_training_ended(self, records):
        diverge(of(records)[0], stages=4)
        figure = flow_heatmap(records)
        assert "LSTM: 1 of 2 seeds diverged at step 3" in words(figure)

    def test_few_stages_are_no_map(self, records):
        for record in records:
            diverge(record, stages=3)
        assert flow_heatmap(records) is None
        assert flow_strip(records) is None

    def test_all_zero_everywhere_is_a_map_too(self, records):
        figure = flow_heatmap([fill(r, lambda d: 0.0) for r in records])
        assert "exactly 0" in words(figure)
