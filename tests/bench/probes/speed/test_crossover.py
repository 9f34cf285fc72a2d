"""Where two arms are level: in the table, in the figure, in words."""

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
    assert row["outcome"].endswith("LSTM leads below")
    (marked,) = dotted(throughput(records))
    assert marked.get_xdata()[0] == pytest.approx(row["at_length"])
    assert any(f"at T={row['at_length']:.0f} [" in line for line in answers("speed", records))


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


def test_a_lead_within_the_noise_is_no_lead(costly):
    """Every ratio is 1.1, and the reference differs from itself by as much."""
    records = scaled(training(costly), "lstm", dict.fromkeys(LENGTHS, 1 / 1.1))
    for record in records:
        if "canary_seconds" in record["samples"]:
            longer = [1.2 * s for s in record["samples"]["seconds"]]
            record["samples"]["canary_seconds"] = longer
    assert [row["outcome"] for row in crossovers(records)] == ["undecided in 16–48"]
    assert set(Evidence(records)["speed"]["verdict"].dropna()) == {"no difference"}


def test_an_unstable_measurement_is_hollow_and_no_claim_rests_on_it(costly):
    records = scaled(training(costly), "lstm", {16: 0.5, 32: 1.0, 48: 2.0})
    assert "crosses" not in crossovers(records)[0]["outcome"]
    for record in records:
        if record["cell"]["length"] == 48:
            record["status"] = "unstable"
    evidence = Evidence(records)
    assert list(evidence["speed"]["status"]).count("unstable") == 2
    assert list(evidence["speed"]["verdict"].dropna()) == ["faster", "no difference", "unstable"]
    figure = throughput(records)
    assert markers(figure, colours.PAPER) == 2
    assert "unstable: no claim" in [text.get_text() for text in figure.legends[0].get_texts()]
    assert evidence["growth"].empty, "two lengths are no line"
    assert evidence["crossover"]["outcome"][0].startswith("undecided")
    assert any(
        line.startswith("No claim on a training step at T=48") for line in answers("speed", records)
    )
