"""Whatever the sections of probes are given, they draw, caption, and answer it."""

import copy
import re

import pytest

from bench import registry
from bench.page import captions
from bench.page.evidence import Evidence
from bench.store import Store

from ...records import elsewhere
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


#: Coordinate or setting to another value, and how a sentence names it.
VARIED = {
    "comparison": ("other", "other"),
    "task": ("roles", "task roles"),
    "data": ("sst2", "sst2"),
    "kernel": ("compiled", "/compiled"),
    "device": ("cuda", "cuda"),
    "dtype": ("bfloat16", "bfloat16"),
    "denormals": ("flush", "flushed"),
    "threads": (2, "2 threads"),
    "seed": (7, "seed 7"),
    "batch_size": (99, "batch 99"),
    "clip_norm": (0.5, "clipped above 0.5"),
}
#: What a probe whose arms do not take turns sums up over seeds, and reaches over lengths.
SUMMED = ("seed", "batch_size")


@pytest.fixture
def everything(costly, tiny):
    """Records of every probe, with subnormal floats kept."""
    with Store(tiny.folder) as store:
        taken = {record["cell"]["probe"] for record in costly}
        others = [r for r in store.records() if r["cell"]["probe"] not in taken]
    return [r for r in costly + others if r["cell"]["denormals"] == "keep"]


def moved(record, name, value):
    """A copy that was measured elsewhere, or under another setting."""
    if name in record["cell"]:
        return elsewhere(record, **{name: value})
    found = elsewhere(record)
    for mark in ("key", "alike", "together"):
        found[mark] = f"{found[mark]}-{value}"
    found["cell"]["protocol"] = copy.deepcopy(record["cell"]["protocol"]) | {name: value}
    return found


@pytest.mark.parametrize("name", VARIED)
def test_nothing_is_told_twice_and_what_differs_is_named(everything, name):
    value, word = VARIED[name]
    varied = [
        moved(record, name, value)
        for record in everything
        if name in record["cell"] or name in record["cell"]["protocol"]
    ]
    before, after = Evidence(everything), Evidence(everything + varied)
    told = 0
    for probe, part in SECTIONS.items():
        turns = registry.probes()[probe].literals["INTERLEAVED"]
        for question in part.QUESTIONS:
            lines, known = question.answer(after), question.answer(before)
            assert len(set(lines)) == len(lines), f"{probe}: {question.text}"
            if set(lines) == set(known) or (name in SUMMED and not turns):
                continue
            told += 1
            assert any(word in line for line in lines), f"{probe}: {question.text}"
    assert told, "nothing was said of it"


def test_integers_counted_as_one_are_singular(everything):
    lines = [line for probe in SECTIONS for line in answers(probe, everything)]
    assert lines
    assert not [line for line in lines if re.search(r"\b1 (tokens|threads|layers)\b", line)]
