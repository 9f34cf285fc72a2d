"""What the figures of speed draw, and of what they draw none."""

import pandas as pd
import pytest

from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.probes.speed import figures

from ..costs import drawn, markers


def test_each_arm_is_drawn_where_it_was_measured(costly):
    evidence = Evidence(costly)
    figure = figures.throughput(evidence["speed"], evidence["crossover"])
    assert markers(figure) == len(evidence["speed"])


def test_whole_windows_and_decoded_steps_of_a_task_share_a_figure(costly):
    """Records of the training of one task, told to be of the task that was decoded."""
    for record in costly:
        record["cell"] |= {"task": "language", "denormals": "keep"}
    ((figure, _),) = drawn("speed", "tokens_per_s", costly).values()
    titles = [here.get_title() for here in figure.axes]
    assert titles == ["training step, batch 2", "decoding, batch 1"]


def test_kernels_of_an_arm_are_told_apart(costly):
    frame = Evidence(costly)["speed"]
    other = frame[frame["arm"] == "lstm"].assign(kernel="loop")
    figure = figures.throughput(pd.concat([frame, other]), pd.DataFrame())
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["LSTM, fused", "LSTM, loop", "transformer"]
    assert len({line.get_linestyle() for line in figure.legends[0].get_lines()}) == 2


def test_batch_sizes_share_no_line(costly):
    frame = Evidence(costly)["speed"]
    both = pd.concat([frame, frame.assign(batch_size=64)])
    names = [name for name, _ in facets(both)]
    assert len(names) == len(set(names)) == 4
    assert sum("batch 64" in name for name in names) == 2


def test_a_phase_that_nobody_here_knows_is_drawn_last_under_its_own_name(costly):
    frame = Evidence(costly)["speed"]
    figure = figures.throughput(pd.concat([frame.assign(phase="sampling"), frame]), pd.DataFrame())
    assert [here.get_title() for here in figure.axes] == [
        "training step, batch 2", "sampling, batch 2",
    ]  # fmt: skip


@pytest.mark.parametrize("draw", [figures.roofline, figures.setting])
def test_nothing_measured_is_no_figure(draw):
    assert draw(pd.DataFrame()) is None
    assert figures.throughput(pd.DataFrame(), pd.DataFrame()) is None
