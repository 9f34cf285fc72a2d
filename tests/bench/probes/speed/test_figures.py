"""What the figures of speed draw, and of what they draw none."""

import pandas as pd
import pytest

from bench.frames.parts import SHARES
from bench.page.captions import MOST_WORDS
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.probes.speed import breakdown, figures

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


def test_where_a_step_s_time_goes_is_drawn_for_each_arm_and_length(costly):
    rows = Evidence(costly)["parts"]
    found = drawn("speed", "step_parts", costly)
    assert len(found) == rows["denormals"].nunique()
    for (figure, caption), (_, frame) in zip(
        found.values(), rows.groupby("denormals", sort=False), strict=True
    ):
        lengths = sorted(frame["length"].unique())
        titles = [here.get_title("left") for here in figure.axes[: len(lengths)]]
        assert titles == [f"T = {n}" for n in lengths]
        for here, length in zip(figure.axes[: len(lengths)], lengths, strict=True):
            of = frame[frame["length"] == length]
            assert len(here.patches) == len(of) * len(SHARES)
            ends = sorted(
                patch.get_x() + patch.get_width() for patch in here.patches[len(SHARES) - 1 :: 5]
            )
            assert ends == pytest.approx(sorted(of["step_s"])), "bars end where a step does"
        assert len(caption.split()) <= MOST_WORDS
        assert figure.get_suptitle().startswith(f"At T={lengths[0]} the layers' own passes take")


def test_at_most_four_lengths_are_drawn(costly):
    frame = Evidence(costly)["parts"]
    frame = frame[frame["denormals"] == "keep"]
    one = frame[frame["length"] == frame["length"].min()]
    many = pd.concat(one.assign(length=2**n) for n in range(4, 12))
    figure = breakdown.draw(Facet(None, many, []))
    titles = [here.get_title("left") for here in figure.axes if here.get_title("left")]
    assert titles == ["T = 16", "T = 64", "T = 512", "T = 2,048"]
