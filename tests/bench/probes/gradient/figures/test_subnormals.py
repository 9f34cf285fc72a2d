"""What subnormal floats cost, by how many of them there are."""

import math

import numpy as np
import pandas as pd
import pytest

from bench.drawing import colours
from bench.probes.gradient.figures.subnormals import subnormals

from .drawn import points, words


class TestCost:
    def rows(self, **changes):
        rows = pd.DataFrame(
            {
                "arm": ["lstm", "lstm", "transformer"],
                "length": [64, 256, 256],
                "status": ["done", "done", "undecided"],
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
        figure = subnormals(self.rows())
        embeddings, states = figure.axes
        assert (25.0, 8.0) in points(embeddings)
        assert (50.0, 8.0) in points(states)
        assert len(points(embeddings)) == 3
        hollow = [line for line in embeddings.lines if line.get_markerfacecolor() == colours.PAPER]
        assert [line.get_ydata()[0] for line in hollow] == [0.98]
        assert {"undecided", "A/A control"} <= set(words(figure).splitlines())
        (band,) = [patch for patch in embeddings.patches if patch.get_height() > 0]
        assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((0.95, 1.06))

    def test_points_of_one_share_do_not_hide_one_another(self):
        (here, _) = subnormals(self.rows(subnormal_share=0.0)).axes
        xs = [x for x, _ in points(here)]
        assert len(set(xs)) == 3
        assert np.mean(xs) == pytest.approx(0, abs=1e-12)
        assert here.get_xticks().tolist() == [0.0]

    def test_without_states_there_is_one_panel(self):
        figure = subnormals(self.rows(state_subnormal_share=math.nan))
        assert len(figure.axes) == 1
        assert subnormals(pd.DataFrame()) is None
