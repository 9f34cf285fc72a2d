"""The gradient at the states in between."""

import numpy as np

from bench.probes.gradient.figures.states import state_flow

from .drawn import of, panel, untrained, words


class TestStates:
    def test_a_line_a_kind_and_layer_before_and_after(self, records):
        figure = state_flow(records)
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
        figure = state_flow(records)
        rows = of(records, "transformer", 32)[0]["samples"]["state_norm"][-1]
        assert set(rows[-1][1:]) == {0.0}
        assert "residual, layer 1: everywhere but at the loss" in words(figure)

    def test_zeros_beyond_the_axis_are_not_called_zeros(self, records):
        for record in of(records, length=32):
            for stage in record["samples"]["state_norm"]:
                stage[:] = [[1e-10**d if d < 20 else 0.0 for d in range(32)]] * len(stage)
        assert "from 20" not in words(state_flow(of(records, length=32)))

    def test_what_is_no_number_is_said(self, records):
        for record in of(records, length=32):
            for stage in record["samples"]["state_norm"]:
                stage[0] = [None] * 32
        assert "LSTM: h, layer 1: not finite" in words(state_flow(records)).splitlines()

    def test_initialisation_only_is_no_figure(self, records):
        assert state_flow([untrained(r) for r in records]) is None
