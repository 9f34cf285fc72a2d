"""The strip of stages and the map of a training."""

import numpy as np
from matplotlib.collections import QuadMesh

from bench.probes.gradient.figures.training import flow_heatmap, flow_strip

from .drawn import diverge, fill, lines, of, panel, words


class TestTraining:
    def test_the_strip_has_a_panel_for_each_of_four_stages(self, records):
        figure = flow_strip(records)
        assert [here.get_title() for here in figure.axes] == [
            "T = 32, at initialisation", "T = 32, after step 1", "T = 32, after step 3",
            "T = 32, after step 4",
        ]  # fmt: skip
        (bold,) = lines(figure.axes[2], "lstm", width=1.6)
        expected = np.median([r["samples"]["norm"][3] for r in of(records, length=32)], axis=0)
        np.testing.assert_allclose(bold.get_ydata(), expected)

    def test_the_longest_training_is_drawn_not_the_longest_window(self, records):
        for record in records:
            if record["cell"]["length"] == 32:
                record["cell"]["protocol"] = record["cell"]["protocol"] | {"steps": 3}
        for figure in (flow_strip(records), flow_heatmap(records)):
            assert "T = 16" in figure.axes[0].get_title()

    def test_the_map_has_each_measurement_at_its_steps(self, records):
        figure = flow_heatmap(records)
        (mesh,) = panel(figure, "LSTM, T = 32").findobj(QuadMesh)
        assert mesh.get_coordinates()[0, :, 0].tolist() == [0, 0.5, 1.5, 2.5, 3.5, 4]
        assert mesh.get_coordinates()[[0, -1], 0, 1].tolist() == [-0.5, 31.5]
        seeds = [np.transpose(r["samples"]["norm"]) for r in of(records, length=32)]
        np.testing.assert_allclose(mesh.get_array(), np.median(seeds, axis=0))
        scales = {m.norm for here in figure.axes[:2] for m in here.findobj(QuadMesh)}
        assert len(scales) == 1, "one colour bar for all panels"

    def test_distances_of_a_long_window_stand_for_the_runs_they_end(self, records):
        for record in of(records, length=32):
            record["samples"]["distance"] = [*range(8), *range(11, 108, 4)][:32]
        (mesh,) = panel(flow_heatmap(records), "LSTM, T = 32").findobj(QuadMesh)
        assert mesh.get_coordinates()[7:10, 0, 1].tolist() == [6.5, 7.5, 11.5]
        assert mesh.get_coordinates()[-1, 0, 1] == 103.5

    def test_the_map_has_colours_for_zero_and_for_what_is_no_number(self, records):
        for record in of(records, length=32):
            fill(record, lambda d: 0.0 if d > 25 else 1.0, stage=1)
            fill(record, lambda d: None, stage=2)
        figure = flow_heatmap(records)
        assert {"exactly 0", "not finite"} <= set(words(figure).splitlines())
        zero, lost, rest = panel(figure, "LSTM, T = 32").findobj(QuadMesh)
        assert (~np.ma.getmaskarray(zero.get_array())).sum() == 6
        assert (~np.ma.getmaskarray(lost.get_array())).sum() == 32
        assert np.ma.getmaskarray(rest.get_array()).sum() == 38

    def test_the_map_says_where_a_training_ended(self, records):
        diverge(of(records, length=32)[0], stages=4)
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
