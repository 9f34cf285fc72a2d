"""The strip of paired time ratios: what it draws, and what it says in how many words."""

import itertools
import math

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text

from bench.drawing.palette import colour
from bench.drawing.style import STYLE
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.probes.speed import hero
from bench.probes.speed.section import HEROES

from ....timed import directions, evidence

SMALLEST = 9 / 100 * 72  # points of 9 px in a figure of 7 inches that is shown 700 px wide


def drawn(frame):
    _, here = plt.subplots(figsize=(3.5, 3))
    hero.draw(here, Facet(evidence(), frame, []))
    here.figure.canvas.draw()
    return here


def dots(here):
    """Of each dot: ratio, colour of its edge, whether it is filled."""
    return [
        (
            round(line.get_xdata()[0], 6),
            to_hex(line.get_color()),
            line.get_markerfacecolor() != "white",
        )
        for line in here.get_lines()
        if line.get_marker() == "o"
    ]


def test_a_dot_for_each_arm_phase_and_length_filled_where_it_is_claimed():
    frame = hero.usual(evidence())
    known = sorted(
        (round(row.time_ratio, 6), colour(row.arm).lower(), row.direction != "undecided")
        for row in frame.itertuples()
    )
    assert sorted(dots(drawn(frame))) == known
    assert {filled for *_, filled in known} == {True, False}


def test_the_top_has_one_setting_and_every_phase():
    frame = hero.usual(evidence())
    assert set(frame["phase"]) == {"training", "forward", "decode"}
    for name in ("comparison", "device", "threads", "denormals", "reference"):
        assert frame[name].nunique() == 1
    assert frame.groupby(["phase", "arm", "length"]).size().max() == 1


def test_a_line_at_one_a_band_of_delta_and_rows_that_are_named():
    here = drawn(hero.usual(evidence()))
    (line,) = (one for one in here.get_lines() if one.get_marker() in ("", "None", None))
    assert list(line.get_xdata()) == [1, 1]
    (band,) = here.patches
    ends = band.get_path().get_extents().transformed(band.get_patch_transform())
    assert (ends.x0, ends.x1) == pytest.approx((1 / 1.03, 1.03))
    names = [label.get_text() for label in here.get_yticklabels()]
    assert names == ["Elman RNN", "LSTM", "Elman RNN", "LSTM", "LSTM"]
    texts = {text.get_text() for text in here.texts}
    assert texts == {"Training step", "Forward pass", "Decoding", "T=16", "T=32", "T=48", "T=64"}
    assert here.get_xscale() == "log"


def test_a_phase_in_a_type_of_its_own_says_so_and_every_end_is_named_once():
    """Served models are cast, trained ones are not; and not every arm goes as far."""
    of_phase = {"training": "bfloat16", "decode": "pure_bfloat16", "decode_graph": "pure_bfloat16"}
    frame = pd.concat(
        [
            directions((128, 1.3, "longer"), (1024, 2.0, "longer"), phase=phase, dtype=dtype)
            for phase, dtype in of_phase.items()
        ]
        + [directions((128, 1.1, "longer"), (16384, 19.0, "longer"), phase="training",
                      dtype="bfloat16", arm="gru")]
    )  # fmt: skip
    texts = [text.get_text() for text in drawn(frame).texts]
    assert [text for text in texts if not text.startswith("T=")] == [
        "Training step, bfloat16",
        "Decoding, pure_bfloat16",
        "Decoding from a CUDA graph, pure_bfloat16",
    ]
    assert sorted(text for text in texts if text.startswith("T=")) == [
        *["T=1024"] * 3, *["T=128"] * 3, "T=16384"
    ]  # fmt: skip


def test_no_text_is_smaller_than_nine_pixels():
    here = drawn(hero.usual(evidence()))
    sizes = [text.get_fontsize() for text in here.findobj(Text) if text.get_text()]
    assert len(sizes) > 10
    assert min(sizes) >= SMALLEST


def test_all_that_is_drawn_lies_within_the_axes():
    frame = pd.concat(
        directions((64, 1.3, "longer"), (512, 0.2, "shorter"), phase=phase, arm=arm)
        for phase in ("training", "forward", "prefill", "decode")
        for arm in ("rnn", "lstm", "gru")
    )
    here = drawn(frame)
    low, high = here.get_xlim()
    assert low < 0.2 / 1.05 < 1.3 * 1.05 < high
    bottom, top = here.get_ylim()
    places = [line.get_ydata()[0] for line in here.get_lines() if line.get_marker() == "o"]
    assert top < min(places) < max(places) < bottom
    assert np.all(np.diff(sorted(set(places))) > 0)
    box = here.get_window_extent()
    for text in here.texts:
        if text.get_text().startswith("T="):
            assert box.x0 <= text.get_window_extent().x0 <= text.get_window_extent().x1 <= box.x1


@pytest.mark.parametrize(
    ("frame", "finding"),
    [
        (
            directions((64, 1.2, "longer"), (512, 1.7, "longer")),
            "A training step takes an LSTM 1.20 to 1.70 times as long",
        ),
        (
            pd.concat([directions((64, 1.2, "longer")),
                       directions((64, 0.8, "shorter"), arm="rnn")]),
            "A training step takes recurrent networks 0.80 to 1.20 times as long",
        ),
        (
            pd.concat([directions((64, 1.0, "undecided")),
                       directions((64, 0.5, "shorter"), phase="decode")]),
            "A decoded token takes an LSTM 0.50 times as long",
        ),
        (
            pd.concat([directions((64, 1.2, "longer"), (512, 1.7, "longer"), phase="training"),
                       directions((64, 0.5, "shorter"), phase="decode")]),
            "An LSTM's times: training step 1.20–1.70×, decoding 0.50×",
        ),
        (
            directions((64, 1.0, "undecided")),
            "Which architecture is faster is undecided",
        ),
    ],
    ids=["one arm", "several", "another phase", "all phases", "nothing"],
)  # fmt: skip
def test_the_finding_is_what_is_claimed(frame, finding):
    facet = Facet(evidence(), frame, [])
    assert hero.finding(facet) == finding
    assert len(finding.split()) <= 12


def test_a_figure_s_title_is_of_all_its_phases():
    frame = pd.concat([
        directions((64, 1.2, "longer"), (512, 1.7, "longer")),
        directions((64, 0.5, "shorter"), phase="decode"),
        directions((64, 1.0, "undecided"), phase="forward"),
        directions((64, 2.0, "longer"), phase="forward", arm="gru"),
    ])  # fmt: skip
    assert hero.full_finding(Facet(evidence(), frame, [])) == (
        "A training step takes an LSTM 1.20 to 1.70 times as long, a forward pass takes a GRU 2.00 "
        "times as long, a decoded token takes an LSTM 0.50 times as long"
    )
    alike = hero.full_finding(Facet(evidence(), frame[frame["arm"] == "lstm"], []))
    assert alike == (
        "A training step takes an LSTM 1.20 to 1.70 times as long, a decoded token 0.50"
    )


def test_the_contract_of_the_page_s_top():
    (half,) = HEROES
    facet = Facet(evidence(), half.rows(evidence()), [])
    assert len(half.finding(facet).split()) <= 12
    assert len(half.caption(facet).split()) <= 20
    assert set(facet.rows["record"]) <= evidence().by_key.keys()
    assert half.rows(Evidence([])).empty


def test_a_figure_for_each_setting_and_what_has_no_interval_is_in_none():
    found = facets(hero.rows(evidence()))
    assert len(found) == 3
    for _, frame in found:
        figure = hero.figure(Facet(evidence(), frame, []))
        assert len(dots(figure.axes[0])) == len(frame)
        assert len(hero.full_caption(Facet(evidence(), frame, [])).split()) <= 40
    nothing = directions((64, math.nan, "undecided"))
    evidence_of = {"directions": nothing}
    assert hero.rows(evidence_of).empty
    assert hero.usual(evidence_of).empty


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("phases", [["training"], ["training", "prefill", "decode"]])
def test_names_of_lengths_hide_one_another_nowhere(phases):
    """As large as it is printed, and after the layout has given the axes their size."""
    frame = pd.concat(
        [
            directions((64, 0.8, "shorter"), (256, 9.0, "longer"), (1024, 1.8, "longer"),
                       (4096, 0.45, "shorter"), (8192, 0.3, "shorter"), phase=phase, arm=arm)
            for phase in phases for arm in ("rnn", "lstm", "gru")
        ]
    )  # fmt: skip
    facet = Facet(evidence(), frame, [])
    with mpl.rc_context(STYLE):
        figure = hero.figure(facet)
        figure.get_layout_engine().execute(figure)
        renderer = figure.canvas.get_renderer()
        (here,) = figure.axes
        names = [text for text in here.texts if text.get_text().startswith("T=")]
        boxes = [Text.get_window_extent(text, renderer) for text in here.texts]
    assert {text.get_text() for text in names} >= {"T=64", "T=256", "T=1024", "T=8192"}
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
