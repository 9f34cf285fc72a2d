"""Whatever the sections of probes are given, they draw, caption, and answer it."""

import pytest

from bench import registry
from bench.page import captions
from bench.page.evidence import Evidence

from .costs import answers, drawn, pictures

SECTIONS = {probe: part for probe in registry.probes() if (part := registry.part(probe, "section"))}


def no_control(records):
    for record in records:
        record["samples"].pop("canary_seconds", None)


def no_reference(records):
    for record in records:
        if record["cell"]["arm"] == "transformer":
            record |= {"status": "failed", "reason": "x", "metrics": {}, "samples": {}}


def one_arm(records):
    records[:] = [r for r in records if r["cell"]["arm"] == "lstm"]


def one_length(records):
    records[:] = [r for r in records if r["cell"]["length"] == 16]


def few_rounds(records):
    for record in records:
        samples = record["samples"]
        for name in ("launch", "steal", "psi"):
            samples[name] = samples.get(name, [])[:3]
        for name in ("seconds", "canary_seconds", "first_token_seconds"):
            if name in samples:
                samples[name] = samples[name][:6]


def all_flagged(records):
    for record in records:
        if "steal" in record["samples"]:
            record["samples"]["steal"] = [0.5] * len(record["samples"]["steal"])


def no_pressure(records):
    for record in records:
        for name in ("steal", "psi"):
            if name in record["samples"]:
                record["samples"][name] = [None] * len(record["samples"][name])


def no_cost(records):
    for record in records:
        record["model"]["cost"] = None


def nothing(records):
    records.clear()


ODD = {
    no_control: "Without an A/A control",
    no_reference: "Without an A/A control",
    one_arm: "Without an A/A control",
    one_length: "",
    few_rounds: "without a band",
    all_flagged: "Other work in 100% of rounds",
    no_pressure: "A/A ",
    no_cost: "A/A ",
    nothing: "",
}


@pytest.mark.parametrize("edit", ODD, ids=lambda edit: edit.__name__)
def test_odd_records_are_drawn_captioned_and_answered(costly, edit):
    edit(costly)
    shown = [
        caption
        for probe in SECTIONS
        for name in pictures(probe)
        for _, caption in drawn(probe, name, costly).values()
    ]
    lines = [line for probe in SECTIONS for line in answers(probe, costly)]
    assert ODD[edit] in " ".join(shown)
    assert bool(lines) == bool(costly)
    assert not shown or costly
    for text in shown:
        assert len(text.split()) <= captions.MOST_WORDS, text
    for text in (*shown, *lines):
        assert text.endswith(".")
        assert "None" not in text


def test_what_a_page_shows_of_a_table_the_table_has(costly):
    """A column that is misspelt would be missing in silence."""
    ceilings = {"cpu": {"1": {"gemm_flops_per_s": {"float32": 1e11}, "copy_bytes_per_s": 1e10}}}
    evidence = Evidence(costly, ceilings)
    shown = [
        view for part in SECTIONS.values() for section in part.SECTIONS for view in section.tables
    ]
    known = [view for view in shown if len(evidence[view.name])]
    for probe in {record["cell"]["probe"] for record in costly}:
        own = set(registry.part(probe, "tables").TABLES)
        assert own & {view.name for view in known}, f"nothing is shown of {probe}"
    for view in known:
        assert set(view.columns) <= set(evidence[view.name].columns), view.name
