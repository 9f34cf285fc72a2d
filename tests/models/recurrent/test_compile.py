"""``torch.compile(model)``: the same numbers, and no compiling again and again."""

import pytest
import torch
from torch._dynamo.utils import counters

from tests.compiler import COMPILES
from tests.models.recurrent.small import CAUSAL, SEQUENCE, assert_same_gradients, gradients, tokens

pytestmark = COMPILES
LEFT = torch.tensor([[0, 0, 1, 1, 1, 1, 1], [1] * 7, [0, 0, 0, 0, 0, 0, 1]])


@pytest.fixture(autouse=True)
def fresh():
    torch._dynamo.reset()
    counters.clear()


def both(head, cell_type):
    """A model, and one of the same weights that is compiled."""
    plain, compiled = head.build(cell_type).train(), head.build(cell_type).train()
    return plain, compiled, torch.compile(compiled)


@pytest.mark.parametrize(("head", "cell_type"), [(SEQUENCE, "lstm"), (CAUSAL, "gru")])
def test_compiled_equals_eager(head, cell_type):
    plain, weights, compiled = both(head, cell_type)
    graphs = []
    for step in range(3):
        ids = tokens(3, 7, seed=step)
        for mask in (None, LEFT):
            inputs = {"input_ids": ids, "attention_mask": mask} | head.labels(ids)
            plain.zero_grad()
            weights.zero_grad()
            expected, actual = plain(**inputs), compiled(**inputs)
            torch.testing.assert_close(actual.loss, expected.loss, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(actual.logits, expected.logits, rtol=1e-5, atol=1e-6)
            expected.loss.backward()
            actual.loss.backward()
            assert_same_gradients(gradients(weights), gradients(plain), rtol=1e-5, atol=1e-6)
        graphs.append(counters["stats"]["unique_graphs"])
    assert graphs[0] > 0
    assert graphs[1:] == graphs[:1] * 2, "compiled again for the same shapes"


@pytest.mark.parametrize("cell_type", ["rnn", "gru"])
@torch._dynamo.config.patch(allow_rnn=True)  # else any module that is an nn.RNN ends a graph
def test_a_scan_stands_in_one_graph(cell_type):
    """Nothing of the model falls back to Python where there is no padding."""
    model, ids = SEQUENCE.build(cell_type, bidirectional=True), tokens(3, 7)
    whole = torch.compile(model, fullgraph=True, backend="aot_eager")
    labels = {"labels": torch.tensor([0, 1, 2])}
    output, expected = whole(ids, **labels), model(ids, **labels)
    torch.testing.assert_close(output.logits, expected.logits)
    output.loss.backward()
    assert all(gradient.isfinite().all() for gradient in gradients(model).values())
    assert counters["stats"]["unique_graphs"] == 1
