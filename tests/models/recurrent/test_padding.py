"""Padding is invisible: a row beside longer ones gives what it gives alone, gradients too."""

import pytest
import torch

from tests.models.recurrent.small import (
    ATTENTION,
    ATTENTION_TIED,
    BODY,
    CAUSAL,
    CAUSAL_TIED,
    CELLS,
    SEQ2SEQ,
    SEQUENCE,
    SPAN,
    TOKEN,
    VOCABULARY,
    assert_same_gradients,
    gradients,
    tokens,
)

LENGTHS = (5, 2, 9, 1)
ROWS = [tokens(1, n, seed=n) for n in LENGTHS]
MASKS = {
    "right": [[1] * n + [0] * (9 - n) for n in LENGTHS],
    "left": [[0] * (9 - n) + [1] * n for n in LENGTHS],
    "holes": [
        [0, 1, 1, 0, 0, 1, 0, 1, 1],
        [1, 0, 0, 0, 0, 0, 0, 0, 1],
        [1, 1, 1, 1, 1, 1, 1, 1, 1],
        [0, 0, 0, 0, 1, 0, 0, 0, 0],
    ],
}
BOTH_WAYS = [BODY, SEQUENCE, TOKEN, SPAN, SEQ2SEQ, ATTENTION]
CASES = [(head, False) for head in (*BOTH_WAYS, CAUSAL, CAUSAL_TIED, ATTENTION_TIED)]
CASES += [(head, True) for head in BOTH_WAYS]
EXACT = {"rtol": 1e-6, "atol": 1e-6}


def labels_alone(head, row):
    if head is SPAN:
        middle = torch.tensor([row.shape[1] // 2])
        return {"start_positions": middle, "end_positions": middle}
    return head.labels(row)


def labels_together(head, mask):
    alone = [labels_alone(head, row) for row in ROWS]
    if head is SPAN:  # a position counts padding
        at = [
            tokens_at.nonzero().flatten()[each["start_positions"]]
            for tokens_at, each in zip(mask, alone, strict=True)
        ]
        return {"start_positions": torch.cat(at), "end_positions": torch.cat(at)}
    if head in (TOKEN, CAUSAL, CAUSAL_TIED):
        return {"labels": place(mask, [each["labels"] for each in alone], -100)}
    return {name: torch.cat([each[name] for each in alone]) for name in alone[0]}


def place(mask, rows, filler):
    """Rows put where the mask says, and a filler elsewhere."""
    batch = torch.full(mask.shape, filler)
    batch[mask.bool()] = torch.cat([row[0] for row in rows])
    return batch


def batch_ids(mask, garbage):
    noise = torch.randint(0, VOCABULARY, mask.shape, generator=torch.manual_seed(garbage))
    return torch.where(mask.bool(), place(mask, ROWS, 0), noise)


def scalar(output, weight=1.0):
    """The loss, or for the body something that every output enters."""
    if "loss" in output:
        return output.loss * weight
    return (output.last_hidden_state.square().sum() + output.pooler_output.sum()) / 10


def questions(head, row):
    """What a row weighs in a mean over labels."""
    if head in (CAUSAL, CAUSAL_TIED):
        return row.shape[1] - 1
    return row.shape[1] if head is TOKEN else 1


PER_TOKEN = {"last_hidden_state", "encoder_last_hidden_state", "start_logits", "end_logits"}


def at_tokens(head, name, value, row_mask):
    """An output of one row, its positions those of tokens only."""
    per_token = name in PER_TOKEN or (name == "logits" and head in (TOKEN, CAUSAL, CAUSAL_TIED))
    return value[row_mask] if per_token else value


@pytest.mark.parametrize("mask", [pytest.param(torch.tensor(m), id=n) for n, m in MASKS.items()])
@pytest.mark.parametrize(
    ("head", "bidirectional"),
    [pytest.param(h, two, id=f"{h.name}, {'two ways' if two else 'one way'}") for h, two in CASES],
)
@pytest.mark.parametrize("cell_type", CELLS)
def test_a_row_gives_what_it_gives_alone(cell_type, head, bidirectional, mask):
    model = head.build(cell_type, bidirectional=bidirectional)
    table = model.get_input_embeddings()
    weights = [questions(head, row) for row in ROWS]
    share = 1.0 if head is BODY else 1 / sum(weights)

    outputs, embeds_gradients = [], []
    for row, weight in zip(ROWS, weights, strict=True):
        embeds = table(row).detach().requires_grad_()
        output = model(inputs_embeds=embeds, **labels_alone(head, row))
        if weight:  # one token has no next
            scalar(output, weight * share).backward()
        outputs.append(output)
        embeds_gradients.append(torch.zeros_like(embeds) if embeds.grad is None else embeds.grad)
    expected = gradients(model)

    model.zero_grad()
    embeds = table(batch_ids(mask, garbage=1)).detach().requires_grad_()
    together = model(inputs_embeds=embeds, attention_mask=mask, **labels_together(head, mask))
    scalar(together).backward()

    if head is not BODY:
        loss = sum(o.loss * w for o, w in zip(outputs, weights, strict=True) if w) * share
        torch.testing.assert_close(together.loss, loss, **EXACT)
    for index, output in enumerate(outputs):
        for name, value in output.items():
            if not isinstance(value, torch.Tensor) or name == "loss":
                continue
            ours = at_tokens(head, name, together[name][index], mask[index].bool())
            torch.testing.assert_close(ours, value[0], **EXACT)
    assert_same_gradients(gradients(model), expected, **EXACT)
    for ours, theirs, row in zip(embeds.grad, embeds_gradients, mask.bool(), strict=True):
        torch.testing.assert_close(ours[row], theirs[0], **EXACT)
        assert not ours[~row].any(), "padding got a gradient"


@pytest.mark.parametrize("mask", [pytest.param(torch.tensor(m), id=n) for n, m in MASKS.items()])
@pytest.mark.parametrize("head", [head for head, two in CASES if not two], ids=lambda h: h.name)
def test_whatever_ids_stand_in_the_padding(head, mask):
    model, labels = head.build(), labels_together(head, mask)
    first, second = (
        model(batch_ids(mask, garbage), attention_mask=mask, **labels) for garbage in (1, 2)
    )
    for name, value in first.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, second[name]), name


@pytest.mark.parametrize("mask", [pytest.param(torch.tensor(m), id=n) for n, m in MASKS.items()])
def test_whatever_labels_stand_in_the_padding(mask):
    """As where ids are given as labels without a collator's -100."""
    model, ids = CAUSAL.build(), batch_ids(mask, garbage=1)
    clean = model(ids, attention_mask=mask, labels=place(mask, ROWS, -100)).loss
    assert torch.equal(model(ids, attention_mask=mask, labels=ids).loss, clean)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
@pytest.mark.parametrize("mask", [pytest.param(torch.tensor(m), id=n) for n, m in MASKS.items()])
@pytest.mark.parametrize("head", [head for head, two in CASES if two], ids=lambda h: h.name)
def test_embeddings_at_padding_need_not_be_finite(head, mask, wrong):
    for cell_type in CELLS:
        model, labels = head.build(cell_type, bidirectional=True), labels_together(head, mask)
        clean = model.get_input_embeddings()(batch_ids(mask, garbage=1)).detach()
        outcomes = []
        for filler in (0.0, wrong):
            model.zero_grad()
            embeds = clean.masked_fill(~mask.bool().unsqueeze(-1), filler)
            output = model(inputs_embeds=embeds, attention_mask=mask, **labels)
            scalar(output).backward()
            outcomes.append((output, gradients(model)))
        (expected, expected_gradients), (actual, actual_gradients) = outcomes
        for name, value in expected.items():
            if isinstance(value, torch.Tensor):
                assert torch.equal(actual[name], value), name
        assert_same_gradients(actual_gradients, expected_gradients, rtol=0, atol=0)


@pytest.mark.parametrize("mask", [pytest.param(torch.tensor(m), id=n) for n, m in MASKS.items()])
@pytest.mark.parametrize("head", [SEQ2SEQ, ATTENTION, ATTENTION_TIED], ids=lambda h: h.name)
@pytest.mark.parametrize("cell_type", CELLS)
class TestTargets:
    SOURCE = tokens(len(ROWS), 5, seed=20)

    def test_a_target_gives_what_it_gives_alone(self, head, cell_type, mask):
        model = head.build(cell_type)
        alone = []
        for source, row in zip(self.SOURCE.split(1), ROWS, strict=True):
            output = model(
                source, decoder_input_ids=row, labels=row.flip(1), use_cache=True,
                output_attentions=True, output_hidden_states=True,
            )  # fmt: skip
            (output.loss * row.shape[1] / sum(LENGTHS)).backward()
            alone.append(output)
        expected = gradients(model)

        model.zero_grad()
        together = model(
            self.SOURCE,
            decoder_input_ids=batch_ids(mask, garbage=1),
            decoder_attention_mask=mask,
            labels=place(mask, [row.flip(1) for row in ROWS], filler=7),
            use_cache=True,
            output_attentions=True,
            output_hidden_states=True,
        )
        together.loss.backward()
        assert_same_gradients(gradients(model), expected, **EXACT)
        for index, (output, row) in enumerate(zip(alone, mask.bool(), strict=True)):
            torch.testing.assert_close(together.logits[index, row], output.logits[0], **EXACT)
            for ours, theirs in zip(
                together.past_key_values.tensors, output.past_key_values.tensors, strict=True
            ):
                torch.testing.assert_close(ours[:, index], theirs[:, 0], **EXACT)
            for ours, theirs in zip(
                together.decoder_hidden_states, output.decoder_hidden_states, strict=True
            ):
                torch.testing.assert_close(ours[index, row], theirs[0], **EXACT)
            if head is not SEQ2SEQ:
                torch.testing.assert_close(
                    together.cross_attentions[0][index, :, row],
                    output.cross_attentions[0][0],
                    **EXACT,
                )

    def test_labels_alone_are_shifted_past_padding(self, head, cell_type, mask):
        model = head.build(cell_type)
        alone = [
            model(source, labels=row).loss * row.shape[1] / sum(LENGTHS)
            for source, row in zip(self.SOURCE.split(1), ROWS, strict=True)
        ]
        labels = place(mask, ROWS, -100)
        together = model(self.SOURCE, labels=labels, decoder_attention_mask=mask)
        torch.testing.assert_close(together.loss, sum(alone), **EXACT)


class TestAnswersAtPadding:
    """Position 0, the usual label of no answer, is padding in a row padded on the left."""

    MASK = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])

    def test_are_ignored_as_those_beyond_the_row(self):
        model, ids = SPAN.build(), tokens(3, 5)
        losses = []
        for start, end in ((0, 4), (1, 9), (-1, 5), (9, 4)):
            start, end = torch.tensor([start, 2, 3]), torch.tensor([end, 4, 3])
            loss = model(
                ids, attention_mask=self.MASK, start_positions=start, end_positions=end
            ).loss
            by_hand = model(ids, attention_mask=self.MASK)
            expected = []
            for logits, positions in ((by_hand.start_logits, start), (by_hand.end_logits, end)):
                rows = [
                    row
                    for row, at in enumerate(positions.tolist())
                    if 0 <= at < 5 and self.MASK[row, at]
                ]
                chosen = logits.log_softmax(-1)[rows, positions[rows]]
                expected.append(-chosen.mean())
            torch.testing.assert_close(loss, sum(expected) / 2)
            losses.append(loss)
        assert torch.stack(losses).isfinite().all()

    def test_of_one_column(self):
        model, ids = SPAN.build(), tokens(3, 5)
        start, end = torch.tensor([2, 0, 1]), torch.tensor([3, 3, 4])
        flat, column = (
            model(ids, attention_mask=self.MASK, start_positions=first, end_positions=last).loss
            for first, last in ((start, end), (start.unsqueeze(1), end.unsqueeze(1)))
        )
        assert torch.equal(flat, column)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int32, torch.float32], ids=str)
def test_a_mask_of_any_type(dtype):
    model, mask = TOKEN.build(), torch.tensor(MASKS["holes"])
    ids = batch_ids(mask, garbage=1)
    expected = model(ids, attention_mask=mask).logits
    assert torch.equal(model(ids, attention_mask=mask.to(dtype)).logits, expected)


def test_a_full_mask_is_no_mask():
    model, ids = TOKEN.build(), tokens(2, 6)
    assert torch.equal(model(ids, attention_mask=torch.ones_like(ids)).logits, model(ids).logits)


def test_outputs_at_padding_are_zero():
    mask = torch.tensor(MASKS["holes"])
    output = BODY.build()(batch_ids(mask, 1), attention_mask=mask, output_hidden_states=True)
    for hidden in (output.last_hidden_state, *output.hidden_states[1:]):
        assert not hidden[~mask.bool()].any()
        assert hidden[mask.bool()].abs().sum(-1).min() > 0
