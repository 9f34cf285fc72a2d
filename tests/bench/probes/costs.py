"""Records of costs without their noise, and what pages say of them."""

import copy

import pytest

from bench import registry
from bench.page import captions
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.store.records import of

#: Seconds of a training step without noise, which are made to differ by so little.
FLAT = [0.01 + 1e-6 * number for number in range(12)]


def training(records):
    """Records of the training steps with subnormals kept, every step 10 ms."""
    chosen = copy.deepcopy([r for r in of(records, "speed") if r["cell"]["denormals"] == "keep"])
    for record in chosen:
        record["samples"]["seconds"] = list(FLAT)
        if "canary_seconds" in record["samples"]:
            record["samples"]["canary_seconds"] = list(FLAT)
    return chosen


def scaled(records, arm, factors):
    """The same, with an arm's steps longer by a factor for each length."""
    for record in records:
        if record["cell"]["arm"] == arm:
            factor = factors[record["cell"]["length"]]
            record["samples"]["seconds"] = [s * factor for s in record["samples"]["seconds"]]
    return records


def flushed(records, factor):
    """The group of both settings without noise, the LSTM that flushes this many times as fast."""
    chosen = copy.deepcopy([r for r in of(records, "speed") if r["cell"]["length"] == 16])
    if all(record["cell"]["denormals"] == "keep" for record in chosen):
        pytest.skip("subnormal floats do not slow this processor, so flushing was not timed")
    for record in chosen:
        flat = list(FLAT)
        if "canary_seconds" in record["samples"]:
            record["samples"]["canary_seconds"] = flat
        if (record["cell"]["arm"], record["cell"]["denormals"]) == ("lstm", "flush"):
            flat = [seconds / factor for seconds in flat]
        record["samples"]["seconds"] = flat
    return chosen


def pictures(probe):
    """The pictures of a probe's sections, by name."""
    sections = registry.part(probe, "section").SECTIONS
    return {picture.name: picture for section in sections for picture in section.pictures}


def drawn(probe, name, records, ceilings=None):
    """The figures of a picture, each with its caption: facet to both."""
    evidence, picture = Evidence(records, ceilings), pictures(probe)[name]
    made_from = dict(facets((picture.made_from or picture.rows)(evidence), picture.by))
    found = {}
    for facet_name, rows in facets(picture.rows(evidence), picture.by):
        keys = dict.fromkeys(made_from[facet_name]["record"])
        facet = Facet(evidence, rows, [evidence.by_key[key] for key in keys])
        figure = picture.draw(facet)
        if figure is not None:
            found[facet_name] = figure, captions.whole(picture.caption(facet), facet.records)
    return found


def answers(probe, records):
    """All sentences of a probe's questions."""
    evidence = Evidence(records)
    return [
        line
        for question in registry.part(probe, "section").QUESTIONS
        for line in question.answer(evidence)
    ]


def markers(figure, face=None):
    """How many points are drawn, of one face if it is given."""
    return sum(
        len(line.get_xdata())
        for here in figure.axes
        for line in here.lines
        if line.get_marker() == "o" and face in (None, line.get_markerfacecolor())
    )


def dotted(figure):
    """The dotted lines of all panels."""
    return [line for here in figure.axes for line in here.lines if line.get_linestyle() == ":"]
