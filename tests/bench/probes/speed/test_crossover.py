"""Where two arms are level: in the table, in the figure, in words."""

from dataclasses import replace
from functools import cached_property

import pytest

from bench.drawing import colours
from bench.page.evidence import Evidence

from ..costs import answers, dotted, drawn, markers, scaled, training

LENGTHS = (16, 32, 48)


def crossovers(records):
    return Evidence(records)["crossover"].to_dict("records")


def throughput(records):
    ((figure, _),) = drawn("speed", "tokens_per_s", records).values()
    return figure


def test_a_crossover_is_marked_and_said(costly):
    records = scaled(training(costly), "lstm", {16: 0.5, 32: 0.8, 48: 1.6})
    (row,) = crossovers(records)
    assert 32 < row["at_length_low"] <= row["at_length"] <= row["at_length_high"] < 48
    assert row["outcome"] == "between T=32 and T=48; LSTM leads below"
    (marked,) = dotted(throughput(records))
    assert marked.get_xdata()[0] == pytest.approx(row["at_length"])
    said = f"{row['outcome']}, on straight lines up to T={row['at_length']:.0f} ["
    assert any(said in line for line in answers("speed", records))


def test_every_crossing_is_said(costly):
    records = scaled(training(costly), "lstm", {16: 0.5, 32: 1.6, 48: 0.5})
    (row,) = crossovers(records)
    assert row["outcome"] == ("between T=16 and T=32, between T=32 and T=48; LSTM leads below")


@pytest.mark.parametrize(
    ("factor", "outcome"),
    [
        (0.5, "none in 16–48: LSTM leads"),
        (2.0, "none in 16–48: transformer leads"),
        (1.0, "undecided in 16–48"),
    ],
)
def test_without_a_crossover_it_says_who_leads(costly, factor, outcome):
    records = scaled(training(costly), "lstm", dict.fromkeys(LENGTHS, factor))
    assert [row["outcome"] for row in crossovers(records)] == [outcome]
    assert not dotted(throughput(records))


def test_where_the_reference_differs_from_itself_nobody_leads(costly):
    """Every ratio is 1.1, and the reference's to itself as much."""
    records = scaled(training(costly), "lstm", dict.fromkeys(LENGTHS, 1 / 1.1))
    for record in records:
        if "canary_seconds" in record["samples"]:
            longer = [1.2 * s for s in record["samples"]["seconds"]]
            record["samples"]["canary_seconds"] = longer
    (row,) = crossovers(records)
    assert row["outcome"].startswith("undecided, as fewer than two lengths")
    assert row["untold_lengths"] == 3
    assert set(Evidence(records)["speed"]["verdict"].dropna()) == {"undecided"}


def test_an_undecided_measurement_is_hollow_and_its_direction_is_told(costly):
    records = scaled(training(costly), "lstm", {16: 0.5, 32: 1.0, 48: 2.0})
    for record in records:
        if record["cell"]["length"] == 48:
            record["status"] = "undecided"
    evidence = Evidence(records)
    assert list(evidence["speed"]["status"]).count("undecided") == 2
    assert list(evidence["speed"]["verdict"].dropna()) == ["faster", "no difference", "slower"]
    figure = throughput(records)
    assert markers(figure, colours.PAPER) == 2
    assert "undecided" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert evidence["crossover"]["outcome"][0].endswith("LSTM leads below")


def test_of_what_has_no_interval_nothing_is_told(costly):
    """Its processes were never started anew, so nobody knows how far launches differ."""
    records = scaled(training(costly), "lstm", {16: 0.5, 32: 0.5, 48: 0.5})
    for record in records:
        record["samples"]["launch"] = [0] * len(record["samples"]["launch"])
    assert any(
        line.startswith("No claim on a training step at T=48") for line in answers("speed", records)
    )


def test_a_side_that_does_not_stand_is_no_side(costly):
    """One length of three is not certain among so many: it may be on either side."""

    class Corrected(Evidence):
        @cached_property
        def verdicts(self):
            return [
                replace(
                    v, veto="not certain among 30 comparisons" * (v.record["cell"]["length"] == 32)
                )
                for v in self.compared
            ]

    records = scaled(training(costly), "lstm", {16: 0.5, 32: 1.6, 48: 0.5})
    (row,) = Corrected(records)["crossover"].to_dict("records")
    assert row["outcome"] == "undecided in 16–48"
    assert row["untold_lengths"] == 0
