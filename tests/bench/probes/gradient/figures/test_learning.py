"""What a reach is worth: scores by how much of the needed distance it has."""

import pandas as pd
import pytest

from bench.drawing import palette
from bench.page.evidence import Evidence
from bench.probes.gradient.figures.learning import reach_and_learning

from .drawn import diverge, falling, fill, lines, of, words


class TestLearning:
    def rows(self, records, **changes):
        for record in records:
            record["metrics"] |= {"needed_distance": 8, "solved_at": 0.99}
        return Evidence(records)["reach_and_learning"].assign(**changes)

    def test_reach_over_needed_distance_before_and_after(self, records):
        for record in of(records):
            fill(record, falling(0.5))
            fill(record, falling(0.6), stage=-1)
        rows = self.rows(records)
        solved = rows["record"] == "lstm-16-0"
        figure = reach_and_learning(rows.assign(solved=solved))
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
        figure = reach_and_learning(self.rows(records))
        assert "1 of 8 trainings diverged: no score" in words(figure)

    def test_nothing_arrives_stands_at_the_edge(self, records):
        fill(of(records)[0], lambda d: 0.0)
        figure = reach_and_learning(self.rows(records))
        assert "nothing arrives" in words(figure)

    def test_a_metric_that_is_not_known_here_has_its_name_on_the_axis(self, records):
        figure = reach_and_learning(self.rows(records, metric="hits of a task elsewhere"))
        assert "test hits of a task elsewhere" in words(figure)

    def test_nothing_to_draw(self):
        assert reach_and_learning(pd.DataFrame()) is None
