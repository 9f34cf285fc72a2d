"""The tables and figures of memory, from real records."""

import copy

import numpy as np
import pandas as pd
import pytest

from bench.page.evidence import Evidence
from bench.probes.memory import figures

from ..costs import answers


def test_memory_that_did_not_rise_is_drawn_not_dropped(costly):
    frame = Evidence(costly)["memory"]
    frame.loc[frame["arm"] == "lstm", "rss_rise_bytes"] = 0
    figure = figures.memory(frame)
    (resident,) = [here for here in figure.axes if "resident" in here.get_title()]
    low, _ = resident.get_ylim()
    zeros = [
        y for line in resident.lines for y in np.atleast_1d(line.get_ydata()) if y == 0
    ]  # fmt: skip
    assert zeros
    assert low < 0


def test_a_cache_grows_and_a_state_does_not(costly):
    frame = Evidence(costly)["state"]
    measured = frame.dropna(subset=["measured_bytes"])
    assert len(measured) == 4
    assert (measured["measured_bytes"] == measured["state_bytes"]).all()
    sizes = measured.pivot_table(index="length", columns="arm", values="measured_bytes")
    assert sizes.loc[32, "transformer"] == 2 * sizes.loc[16, "transformer"]
    assert sizes.loc[32, "lstm"] == sizes.loc[16, "lstm"]


def test_a_cache_of_fixed_size_is_not_what_a_row_keeps(costly):
    """Bare passes have room for what is not yet written."""
    for record in [r for r in costly if r["cell"]["probe"] == "decode"]:
        passes = copy.deepcopy(record)
        passes["key"] = f"{record['key']}-passes"
        passes["cell"]["axes"]["phase"] = "decode_passes"
        passes["metrics"]["state_bytes"] *= 7
        costly.append(passes)
    test_a_cache_grows_and_a_state_does_not(costly)


def test_a_size_is_said_with_its_power_and_without_a_count_that_it_has_none(costly):
    records = [r for r in costly if r["cell"]["probe"] == "memory"]
    for record in records:
        if record["cell"]["arm"] == "lstm":
            record["metrics"]["tensor_growth_bytes_step"] = 1000 * record["cell"]["length"]
        else:
            record["metrics"]["tensor_growth_bytes_step"] = None
    (line,) = answers("memory", records)
    assert line.startswith("T=48, training step (scratch, task package, cpu")
    assert "LSTM 48 kB (resident " in line
    assert "), growing as T^1.00 [1.00, 1.00]; transformer not counted" in line


@pytest.mark.parametrize("draw", [figures.memory, figures.state])
def test_nothing_measured_is_no_figure(draw):
    assert draw(pd.DataFrame()) is None
