"""The tables and figures of decoding, from real records."""

import copy
import math

import pandas as pd
import pytest

from bench.outcome import MEASURED
from bench.page.evidence import Evidence
from bench.probes.decode import figures
from bench.store.records import of

from ..costs import answers, drawn


def test_a_decoded_step_reads_the_decoder_and_what_rows_keep(costly):
    record = copy.deepcopy(next(r for r in costly if r["cell"]["probe"] == "decode"))
    record["model"]["cost"]["step_weight_bytes"] = 1000
    record["metrics"] |= {"state_bytes": 100, "state_end_bytes": 300}
    record["cell"]["protocol"]["batch_size"] = 4
    (row,) = Evidence([record])["decode"].to_dict("records")
    assert row["achieved_bytes_per_s"] == pytest.approx((1000 + 4 * 200) / row["step_s"])
    assert math.isnan(row["roofline_share"])
    evidence = Evidence([record], {"cpu": {"1": {"copy_bytes_per_s": 1e6}}})
    (row,) = evidence["decode"].to_dict("records")
    assert row["roofline_share"] == pytest.approx(row["achieved_bytes_per_s"] / 1e6)


def test_decoded_positions_follow_the_context(costly):
    frame = Evidence(costly)["decode_positions"]
    for _, steps in frame.groupby("record"):
        length = steps["length"].iloc[0]
        assert list(steps["position"]) == list(range(length + 1, length + 12))
    twice = copy.deepcopy(of(costly, "decode", *MEASURED))
    for record in twice:  # a second launch, three times as slow
        first = record["samples"]["position_seconds"][:11]
        record["samples"]["position_seconds"] = first + [3 * second for second in first]
    once = [second for r in twice for second in r["samples"]["position_seconds"][:11]]
    assert Evidence(twice)["decode_positions"]["step_s"].tolist() == pytest.approx(
        [2 * second for second in once]
    )


def test_the_first_token_is_told_at_the_longest_window(costly):
    (line,) = [line for line in answers("decode", costly) if line.startswith("Time to the first")]
    assert line.startswith("Time to the first token after T=32 (scratch, task language, cpu")
    assert "(undecided)" not in line
    next(r for r in costly if r["cell"]["length"] == 32 and r["cell"]["probe"] == "decode")[
        "status"
    ] = "undecided"
    (line,) = [line for line in answers("decode", costly) if line.startswith("Time to the first")]
    assert line.count("(undecided)") == 1


def test_steps_are_drawn_by_their_position_in_quarters(costly):
    ((figure, caption),) = drawn("decode", "decode_by_position", costly).values()
    (here,) = figure.axes
    quarters = [line for line in here.lines if line.get_marker() == "o"]
    assert [len(line.get_xdata()) for line in quarters] == [4] * 4, "two arms, two contexts"
    assert caption.startswith("Medians and quartiles of each quarter")
    assert "12 new tokens, greedy" in caption
    ((_, caption),) = drawn("decode", "first_token", costly).values()
    assert caption.startswith("Medians, 95% intervals over 6 rounds")


@pytest.mark.parametrize("draw", [figures.first_token, figures.by_position])
def test_nothing_measured_is_no_figure(draw):
    assert draw(pd.DataFrame()) is None
