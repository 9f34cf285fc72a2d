"""Parameter groups and states may have any name, and are drawn."""

import copy

import pytest

from bench.probes.gradient.figures import names
from bench.probes.gradient.figures.names import Name
from bench.probes.gradient.figures.norms import gradient_norm, group_norms
from bench.probes.gradient.figures.states import state_flow

from .drawn import of, panel

ODD = (
    "layer 1", "layer", "layer one recurrent", "layer 0 input", "encoder layer 2", "memory",
    "memory, cell 3", "c, layer", "h, layer 0", "h, layer 12", "$x_{", "all", "",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("layer 1 recurrent", Name("", 1, "recurrent")),
        ("layer 2 input (backward)", Name("", 2, "input (backward)")),
        ("encoder layer 12 feed-forward", Name("encoder", 12, "feed-forward")),
        ("layer 1", Name("", 1, "")),
        ("text layer 3", Name("text", 3, "")),
        ("embeddings", Name("", None, "embeddings")),
        ("encoder output", Name("", None, "encoder output")),
        ("layer one", Name("", None, "layer one")),
        ("player 1", Name("", None, "player 1")),
    ],
)
def test_a_group_has_a_stack_a_layer_and_a_kind_where_its_name_says_so(name, parts):
    assert names.of_group(name) == parts


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("h, layer 1", Name("", 1, "h")),
        ("residual, layer 10", Name("", 10, "residual")),
        ("memory", Name("", None, "memory")),
        ("memory, cell 3", Name("", None, "memory, cell 3")),
        ("layer 1", Name("", None, "layer 1")),
    ],
)
def test_a_state_has_a_kind_and_a_layer_where_its_name_says_so(name, parts):
    assert names.of_state(name) == parts


def test_layers_are_those_of_one_stack_after_the_other():
    found = [names.of_group(f"{stack} layer {n} input") for stack in "ed" for n in (10, 2, 1)]
    assert names.layers(found) == [("e", 1), ("e", 2), ("e", 10), ("d", 1), ("d", 2), ("d", 10)]


@pytest.mark.parametrize("odd", [*((name,) for name in ODD), ODD])
def test_groups_of_any_name_are_drawn(records, odd):
    for record in records:
        trace = record["samples"]["group_norms"][0][1]
        record["samples"]["group_norms"] = [[name, trace] for name in odd]
    figure = group_norms(records)
    figure.canvas.draw()
    here = panel(figure, "LSTM, T = 32")
    assert len(here.lines) == len(odd)


@pytest.mark.parametrize("odd", [*((name,) for name in ODD), ODD])
def test_states_of_any_name_are_drawn(records, odd):
    for record in records:
        samples = record["samples"]
        samples["states"] = list(odd)
        samples["state_norm"] = [stage[:1] * len(odd) for stage in samples["state_norm"]]
    figure = state_flow(records)
    figure.canvas.draw()
    entries = panel(figure, "LSTM, T = 32").get_legend().get_lines()
    assert len(entries) == len(odd)


def test_groups_of_two_stacks_can_be_told_apart(records):
    series = of(records, length=32)
    trace = series[0]["samples"]["group_norms"][0][1]
    layer = [f"layer 1 {kind}" for kind in ("input", "recurrent", "biases")]
    parts = ["embeddings", *(f"encoder {part}" for part in layer), "encoder output"]
    parts += ["decoder bridge", "decoder attention", *(f"decoder {part}" for part in layer), "head"]
    for record in series:
        record["samples"]["group_norms"] = [[name, trace] for name in parts]
    here = panel(group_norms(series), "LSTM, T = 32")
    looks = {(str(line.get_color()), str(line._dash_pattern)) for line in here.lines}
    assert len(looks) == len(parts)


def test_a_seed_that_lacks_a_state_or_a_group_is_left_out_of_it(records):
    one, other = of(records, length=32)
    one["samples"]["states"] = ["h, layer 1", "memory"]
    del other["samples"]["group_norms"][0]
    state_flow([one, other]).canvas.draw()
    here = panel(group_norms([one, other]), "LSTM, T = 32")
    assert len(here.lines) == len(one["samples"]["group_norms"])


def test_a_training_that_is_never_clipped_has_its_norms_drawn(records):
    """Of a probe that knows no clipping."""
    for record in records:
        protocol = copy.deepcopy(record["cell"]["protocol"])
        del protocol["clip_norm"]
        record["cell"]["protocol"] = protocol
    figure = gradient_norm(records)
    figure.canvas.draw()
    assert any("0% clipped" in text.get_text() for here in figure.axes for text in here.texts)
