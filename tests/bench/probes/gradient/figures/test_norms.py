"""The norms of a training by step."""

import numpy as np
import pytest

from bench.probes.gradient.figures.norms import gradient_norm, group_norms

from .drawn import diverge, lines, of, panel, words


class TestNorms:
    def test_clipped_steps_are_marked_and_counted(self, records):
        series = of(records)
        series[0]["samples"]["gradient_norm"] = [2.0, 3.0, 0.5, 2.0]
        series[1]["samples"]["gradient_norm"] = [0.5, 0.5, 0.5, 1.5]
        figure = gradient_norm(series)
        above, below = figure.axes
        assert "50% clipped" in words(figure)
        assert "clipped\nabove 1" in words(figure)
        (image,) = below.images
        assert np.asarray(image.get_array())[..., 3].tolist() == [[1, 1, 0, 1], [0, 0, 0, 1]]
        assert image.get_extent()[:2] == [0.5, 4.5]
        (bold,) = lines(above, "lstm", width=1.6)
        assert bold.get_ydata().tolist() == [1.25, 1.75, 0.5, 1.75]
        assert above.get_xlim() == below.get_xlim()

    def test_a_pixel_of_a_long_training_is_as_full_as_its_steps_were_clipped(self, records):
        (record, _) = of(records)
        record["samples"]["gradient_norm"] = [2.0, 0.5] * 2000 + [0.5] * 2000
        (image,) = gradient_norm([record]).axes[1].images
        shares = np.asarray(image.get_array())[0, :, 3]
        assert len(shares) < 1000
        assert shares.mean() == pytest.approx(2000 / 6000)
        assert set(shares) == {0.5, 0.0}

    def test_a_norm_of_zero_and_an_explosion_are_on_the_axis(self, records):
        (record, _) = of(records)
        record["samples"]["gradient_norm"] = [1.0, 0.0, 1e20, 0.5]
        here = gradient_norm([record]).axes[0]
        low, high = here.get_ylim()
        assert low < 0
        assert high > 1e20

    def test_a_training_that_diverged_is_marked(self, records):
        diverge(of(records)[0])
        figure = gradient_norm(of(records))
        assert "LSTM: 1 of 2 seeds diverged at step 3" in words(figure)
        assert [line for line in figure.axes[0].lines if line.get_marker() == "x"]

    def test_every_group_of_parameters_has_a_line(self, records):
        figure = group_norms(records)
        here = panel(figure, "LSTM, T = 32")
        groups = of(records, length=32)[0]["samples"]["group_norms"]
        assert [line.get_label() for line in here.lines] == [name for name, _ in groups]
        expected = np.median(
            [r["samples"]["group_norms"][1][1] for r in of(records, length=32)], axis=0
        )
        np.testing.assert_allclose(here.lines[1].get_ydata(), expected)
