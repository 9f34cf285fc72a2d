"""What settings do to speed: ratios of pairs, ratios of medians, and what is said of both."""

import math

import pandas as pd
import pytest

from bench.outcome import UNDECIDED
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.probes.speed import captions, sentences
from bench.statistics import verdicts
from bench.statistics.intervals import log_ratios, median

from ....records import elsewhere
from ..costs import flushed


def settings(records):
    return Evidence(records)["settings"]


def effects(records):
    """The sentences of settings."""
    return sentences.settings(Evidence(records))


def both(records, row):
    """The records that a row compares."""
    by_key = {record["key"]: record for record in records}
    return by_key[row["record"]], by_key[row["against_record"]]


def test_the_effect_of_a_setting_has_the_interval_of_two_independent_medians(costly):
    (row, _) = settings(costly).to_dict("records")
    assert (row["denormals"], row["arm"]) == ("flush / keep", "lstm")
    flush, keep = both(costly, row)
    flush["samples"]["seconds"] = [0.5 * s + 1e-4 for s in keep["samples"]["seconds"]]
    flush["together"] = "other rounds"
    (row, _) = settings(costly).to_dict("records")
    assert not row["paired"]
    assert pd.isna(row["verdict"])
    ours, theirs = (
        median(r["samples"]["seconds"], 2, r["samples"]["launch"]) for r in (flush, keep)
    )
    assert row["ratio"] == pytest.approx(theirs.value / ours.value)
    alone = math.log(theirs.value / theirs.low), math.log(ours.high / ours.value)
    together = math.log(row["ratio"] / row["ratio_low"])
    assert together == pytest.approx(math.hypot(*alone))


def test_settings_that_took_turns_have_a_ratio_of_pairs(costly):
    frame = settings(costly)
    assert frame["paired"].all()
    for row in frame.to_dict("records"):
        flush, keep = both(costly, row)
        assert (flush["alike"], flush["together"]) == (keep["alike"], keep["together"])
        (pair,) = [v for v in verdicts.of_settings(costly) if v.record is flush]
        assert pair.reference is keep
        logs = log_ratios(keep["samples"]["seconds"], flush["samples"]["seconds"], 2)
        assert row["ratio"] == pytest.approx(math.exp(logs.mean()))
        assert (row["ratio_low"], row["ratio_high"]) == (pair.ratio.low, pair.ratio.high)
        assert row["aa_ratio_low"] <= row["aa_ratio"] <= row["aa_ratio_high"]


@pytest.mark.parametrize(
    ("factor", "said"), [(12.0, "faster"), (1 / 12, "slower"), (1.0, "no difference")]
)
def test_what_flushing_does_is_said_beyond_noise_only(costly, factor, said):
    records = flushed(costly, factor)
    rows = {row["arm"]: row for row in settings(records).to_dict("records")}
    assert rows["lstm"]["verdict"] == said
    assert rows["lstm"]["ratio"] == pytest.approx(factor)
    assert rows["transformer"]["verdict"] == "no difference"
    records[0]["status"] = UNDECIDED
    frame = settings(records)
    assert set(frame[frame["arm"] == records[0]["cell"]["arm"]]["status"]) == {UNDECIDED}
    assert {row["arm"]: row["verdict"] for row in frame.to_dict("records")} == {
        "lstm": said, "transformer": "no difference"
    }, "width is no veto"  # fmt: skip


def test_a_setting_is_compared_with_its_own_rounds_where_it_was_measured_twice(costly):
    """The same arm is also in a group that only keeps them, with another budget."""
    again = [
        elsewhere(r, protocol=r["cell"]["protocol"] | {"budget_s": 1.0})
        for r in flushed(costly, 3.0)
        if r["cell"]["denormals"] == "keep"
    ]
    for records in (flushed(costly, 3.0) + again, again + flushed(costly, 3.0)):
        frame = settings(records)
        assert list(frame["paired"]) == [True, True]
        assert set(frame["against_record"]).isdisjoint(r["key"] for r in again)


def test_a_setting_says_which_kind_of_ratio_it_has(costly):
    records = flushed(costly, 12.0)
    (line,) = effects(records)
    assert "flushed to zero instead of kept, in the same rounds, A/A [1.00, 1.00]: LSTM 12" in line
    assert "transformer 1.00× [1.00, 1.00] (no difference beyond noise)" in line
    other = elsewhere(next(r for r in records if r["cell"]["arm"] == "lstm"), dtype="bfloat16")
    assert sorted(settings([*records, other])["paired"]) == [False, True, True]
    (apart,) = [line for line in effects([*records, other]) if "bfloat16" in line]
    assert "one after the other, so that a drift of the machine is in the ratio: " in apart
    for record in records:
        record["samples"].pop("canary_seconds", None)
    assert set(settings(records)["verdict"]) == {"undecided"}, "without one, all is noise"
    assert "without an A/A control" in effects(records)[0]


def test_a_caption_says_how_many_ratios_are_of_pairs(costly):
    def caption(records, **chosen):
        evidence = Evidence(records)
        rows = evidence["settings"]
        for name, value in chosen.items():
            rows = rows[rows[name].astype(str).str.contains(value)]
        return captions.setting(Facet(evidence, rows, []))

    records = flushed(costly, 12.0)
    assert caption(records).startswith("Both settings took turns")
    other = elsewhere(next(r for r in records if r["cell"]["arm"] == "lstm"), dtype="bfloat16")
    apart = caption([*records, other], dtype="bfloat16")
    assert apart.startswith("Measured one after the other")
    assert "took turns" not in apart
    # At another length the two settings were timed in other rounds.
    longer = [elsewhere(r, length=32) for r in records]
    for record in longer:
        if record["cell"]["denormals"] == "flush":
            record["together"] = "other rounds"
    some = caption(records + longer)
    assert "In 2 of 4 ratios both settings took turns" in some
    assert "Measured one after the other" in some
