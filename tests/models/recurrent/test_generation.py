"""A state in the cache's place: decoding with it gives what decoding without it gives."""

import pytest
import torch
from transformers import AutoModelForCausalLM, DynamicCache, EncoderDecoderCache

from models import RecurrentState
from tests.models.recurrent.small import (
    ATTENTION,
    ATTENTION_TIED,
    BODY,
    CAUSAL,
    CAUSAL_TIED,
    CELLS,
    HIDDEN,
    SEQ2SEQ,
    VOCABULARY,
    config,
    tokens,
)

EXACT = {"rtol": 1e-6, "atol": 1e-6}
DECODERS = [SEQ2SEQ, ATTENTION, ATTENTION_TIED]
GENERATORS = [CAUSAL, CAUSAL_TIED, *DECODERS]
WAYS = {
    "greedy": {"do_sample": False},
    "sampling": {"do_sample": True, "top_k": 0, "temperature": 1.5},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
    "sampled beams": {"num_beams": 2, "do_sample": True, "top_k": 0},
    "several samples": {"do_sample": True, "num_return_sequences": 3, "top_k": 0},
}
LEFT = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]])


def generate(model, ids, mask=None, **options):
    torch.manual_seed(0)
    options = {"max_new_tokens": 8, "min_new_tokens": 8} | options
    mask = torch.ones_like(ids) if mask is None else mask
    return model.generate(ids, attention_mask=mask, pad_token_id=0, **options)


@pytest.mark.parametrize("cell_type", CELLS)
class TestSteps:
    @pytest.mark.parametrize("head", [CAUSAL, CAUSAL_TIED], ids=lambda head: head.name)
    @pytest.mark.parametrize("mask", [None, LEFT], ids=["full", "padded"])
    def test_cached_steps_equal_one_pass(self, head, cell_type, mask):
        model, ids = head.build(cell_type), tokens(3, 11)
        whole = None if mask is None else torch.cat([mask, mask.new_ones(3, 6)], dim=1)
        expected = model(ids, attention_mask=whole).logits
        output = model(ids[:, :5], attention_mask=mask)
        logits = [output.logits]
        for at in range(5, 11):
            so_far = None if whole is None else whole[:, : at + 1]
            output = model(
                ids[:, at : at + 1], attention_mask=so_far, past_key_values=output.past_key_values
            )
            logits.append(output.logits)
        torch.testing.assert_close(torch.cat(logits, dim=1), expected, **EXACT)
        assert output.past_key_values.get_seq_length() == 11

    @pytest.mark.parametrize("head", DECODERS, ids=lambda head: head.name)
    def test_cached_steps_of_a_decoder_equal_one_pass(self, head, cell_type):
        model, source, target = head.build(cell_type), tokens(3, 5), tokens(3, 7, seed=1)
        expected = model(source, attention_mask=LEFT, decoder_input_ids=target).logits
        read = model.get_encoder()(source, attention_mask=LEFT)
        past, logits = None, []
        for token in target.split(1, dim=1):
            output = model(
                encoder_outputs=read,
                attention_mask=LEFT,
                decoder_input_ids=token,
                past_key_values=past,
            )
            past = output.past_key_values
            logits.append(output.logits)
        torch.testing.assert_close(torch.cat(logits, dim=1), expected, **EXACT)

    def test_state_is_that_of_the_row_alone(self, cell_type):
        model, ids = BODY.build(cell_type), tokens(3, 5)
        together = model(ids, attention_mask=LEFT, use_cache=True).past_key_values
        for row, mask in enumerate(LEFT.bool()):
            alone = model(ids[row : row + 1, mask], use_cache=True).past_key_values
            for ours, theirs in zip(together.tensors, alone.tensors, strict=True):
                torch.testing.assert_close(ours[:, row], theirs[:, 0], **EXACT)

    def test_a_row_may_pause(self, cell_type):
        """A row that is padding throughout keeps the state that it came with."""
        model, ids = BODY.build(cell_type), tokens(3, 5)
        past = model(ids, use_cache=True).past_key_values
        mask = torch.tensor([[1, 1], [0, 0], [0, 1]])
        after = model(ids[:, :2], mask, past_key_values=past, use_cache=True).past_key_values
        for ours, before in zip(after.tensors, past.tensors, strict=True):
            assert torch.equal(ours[:, 1], before[:, 1])
            assert not torch.equal(ours[:, 0], before[:, 0])

    def test_gradients_flow_through_the_state(self, cell_type):
        """Truncated backpropagation that is not truncated: two halves equal the whole."""
        model, ids = BODY.build(cell_type), tokens(2, 8)
        embeds = model.get_input_embeddings()(ids).detach().requires_grad_()
        whole = model(inputs_embeds=embeds).last_hidden_state
        (expected,) = torch.autograd.grad(whole[:, -1].square().sum(), embeds)
        past = model(inputs_embeds=embeds[:, :4], use_cache=True).past_key_values
        half = model(inputs_embeds=embeds[:, 4:], past_key_values=past).last_hidden_state
        (actual,) = torch.autograd.grad(half[:, -1].square().sum(), embeds)
        torch.testing.assert_close(actual, expected, **EXACT)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("head", GENERATORS, ids=lambda head: head.name)
def test_generating_with_a_state_equals_generating_without(head, way):
    for cell_type in CELLS:
        model, ids = head.build(cell_type), tokens(3, 5)
        cached, recomputed = (
            generate(model, ids, LEFT, use_cache=use_cache, **WAYS[way])
            for use_cache in (True, False)
        )
        assert torch.equal(cached, recomputed), cell_type
        assert cached.shape[1] == 8 + (5 if head in (CAUSAL, CAUSAL_TIED) else 1)


@pytest.mark.parametrize("head", GENERATORS, ids=lambda head: head.name)
@pytest.mark.parametrize("way", ["greedy", "beams"])
def test_left_padded_prompts_go_on_as_each_alone(head, way):
    for cell_type in CELLS:
        model, ids = head.build(cell_type), tokens(3, 5)
        together = generate(model, ids, LEFT, **WAYS[way])[:, -8:]
        alone = [
            generate(model, ids[row : row + 1, mask], **WAYS[way])[:, -8:]
            for row, mask in enumerate(LEFT.bool())
        ]
        assert torch.equal(together, torch.cat(alone)), cell_type


@pytest.mark.parametrize("head", DECODERS, ids=lambda head: head.name)
@pytest.mark.parametrize("way", ["greedy", "beams"])
def test_left_padded_targets_go_on_as_each_alone(head, way):
    """``generate`` puts the start token before the padding."""
    for cell_type in CELLS:
        model, source, begun = head.build(cell_type), tokens(3, 5), tokens(3, 5, seed=3)
        together, recomputed = (
            generate(
                model, source, decoder_input_ids=begun, decoder_attention_mask=LEFT,
                use_cache=use_cache, **WAYS[way],
            )[:, -8:]
            for use_cache in (True, False)
        )  # fmt: skip
        alone = [
            generate(
                model, source[row : row + 1], decoder_input_ids=begun[row : row + 1, mask],
                **WAYS[way],
            )[:, -8:]
            for row, mask in enumerate(LEFT.bool())
        ]  # fmt: skip
        assert torch.equal(together, torch.cat(alone)), cell_type
        assert torch.equal(recomputed, together), cell_type


@pytest.mark.parametrize("head", DECODERS, ids=lambda head: head.name)
def test_states_of_every_layer_where_asked_for(head):
    model, ids = head.build(), tokens(3, 5)
    out = generate(model, ids, output_hidden_states=True, return_dict_in_generate=True)
    assert [state.shape for state in out.encoder_hidden_states][1][:2] == (3, 5)
    whole = model(ids, decoder_input_ids=out.sequences[:, :-1], output_hidden_states=True)
    for layer, states in enumerate(whole.decoder_hidden_states):
        steps = torch.cat([step[layer] for step in out.decoder_hidden_states], dim=1)
        torch.testing.assert_close(steps, states, **EXACT)


@pytest.mark.parametrize("head", [CAUSAL, ATTENTION], ids=lambda head: head.name)
def test_an_end_of_sequence_ends_it(head):
    model, ids = head.build(), tokens(2, 5)
    first = generate(model, ids)[:, -8]
    out = generate(model, ids, min_new_tokens=0, eos_token_id=first.tolist())
    assert out.shape[1] == 1 + (5 if head is CAUSAL else 1)


def test_embeddings_as_a_prompt():
    model, ids = CAUSAL.build(), tokens(2, 5)
    embeds = model.get_input_embeddings()(ids)
    out = model.generate(
        inputs_embeds=embeds,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=8,
        min_new_tokens=8,
        pad_token_id=0,
    )
    assert torch.equal(out, generate(model, ids)[:, 5:])


def test_what_one_call_left_another_goes_on_from():
    model, ids = CAUSAL.build(), tokens(2, 5)
    whole = generate(model, ids, max_new_tokens=8)
    first = generate(model, ids, max_new_tokens=4, min_new_tokens=4, return_dict_in_generate=True)
    again = generate(
        model, first.sequences, max_new_tokens=4, min_new_tokens=4,
        past_key_values=first.past_key_values,
    )  # fmt: skip
    assert torch.equal(again, whole)


@pytest.mark.parametrize("head", GENERATORS, ids=lambda head: head.name)
def test_a_state_does_not_grow(head):
    for cell_type in CELLS:
        model, sizes = head.build(cell_type), set()
        for new in (8, 64):
            out = generate(
                model, tokens(2, 5), max_new_tokens=new, min_new_tokens=new,
                return_dict_in_generate=True,
            )  # fmt: skip
            assert isinstance(out.past_key_values, RecurrentState)
            sizes.add(out.past_key_values.nbytes)
        states = 2 if cell_type == "lstm" else 1
        assert sizes == {states * 2 * 2 * HIDDEN * 4}  # layers, rows, features, bytes


class TestState:
    def test_rows_follow_their_beams(self):
        tensors = [torch.arange(12.0).reshape(2, 3, 2)]
        state = RecurrentState(tensors, 4, torch.arange(3.0).reshape(3, 1, 1))
        state.reorder_cache(torch.tensor([2, 2, 0]))
        assert torch.equal(state.tensors[0], tensors[0][:, [2, 2, 0]])
        assert state.keys.flatten().tolist() == [2, 2, 0]
        state.batch_repeat_interleave(2)
        assert state.keys.flatten().tolist() == [2, 2, 2, 2, 0, 0]
        state.batch_select_indices(torch.tensor([4]))
        assert torch.equal(state.tensors[0], tensors[0][:, [0]])

    def test_reset_forgets(self):
        state = RecurrentState([torch.ones(2, 3, 2)], 4)
        state.reset()
        assert not state.tensors[0].any()
        assert state.get_seq_length() == 0

    def test_going_back_is_refused(self):
        with pytest.raises(NotImplementedError, match=r"cannot be cropped.*Use greedy"):
            RecurrentState([torch.ones(1, 1, 1)], 4).crop(2)

    def test_assisted_decoding_is_refused(self):
        model, ids = CAUSAL.build(), tokens(1, 5)
        with pytest.raises(RuntimeError, match=r"cache|cropped"):
            generate(model, ids, assistant_model=CAUSAL.build(seed=1))

    @pytest.mark.parametrize("head", [BODY, CAUSAL, SEQ2SEQ, ATTENTION], ids=lambda h: h.name)
    @pytest.mark.parametrize("shape", [(2, 4, HIDDEN), (1, 3, HIDDEN), (2, 3, HIDDEN + 1)], ids=str)
    def test_another_shape_is_refused(self, head, shape):
        past = RecurrentState([torch.zeros(shape)] * 2, 1)
        ids = tokens(3, 2)
        message = rf"hidden\)=\(2, 3, {HIDDEN}\)\. Got \({shape[0]}, {shape[1]}, {shape[2]}\)"
        with pytest.raises(ValueError, match=message):
            head.build()(**head.inputs(ids), past_key_values=past)

    @pytest.mark.parametrize("head", [BODY, CAUSAL, SEQ2SEQ, ATTENTION], ids=lambda h: h.name)
    @pytest.mark.parametrize(
        "past",
        [DynamicCache(), (), EncoderDecoderCache(DynamicCache(), DynamicCache())],
        ids=lambda past: type(past).__name__,
    )
    def test_keys_and_values_are_refused(self, head, past):
        message = f"must be a RecurrentState.*Got {type(past).__name__}"
        with pytest.raises(ValueError, match=message):
            head.build()(**head.inputs(tokens(3, 2)), past_key_values=past)

    def test_another_number_of_tensors_is_refused(self):
        """A GRU's state for an LSTM."""
        past = RecurrentState([torch.zeros(2, 3, HIDDEN)], 1)
        with pytest.raises(ValueError, match=r"Expected 2 tensors .*Got 1"):
            BODY.build("lstm")(tokens(3, 2), past_key_values=past)

    def test_both_directions_have_none(self):
        model = BODY.build(bidirectional=True)
        assert model(tokens(3, 2), use_cache=True).past_key_values is None
        past = RecurrentState([torch.zeros(4, 3, HIDDEN)] * 2, 1)
        with pytest.raises(ValueError, match="no past_key_values in a bidirectional model"):
            model(tokens(3, 2), past_key_values=past)

    def test_a_causal_model_may_not_read_ahead(self):
        with pytest.raises(ValueError, match="Expected bidirectional=False"):
            AutoModelForCausalLM.from_config(config(bidirectional=True))

    def test_only_the_last_logits(self):
        model, ids = CAUSAL.build(), tokens(2, 5)
        logits = model(ids).logits
        for kept, positions in ((1, [4]), (2, [3, 4]), (torch.tensor([0, 3]), [0, 3])):
            some = model(ids, logits_to_keep=kept).logits
            torch.testing.assert_close(some, logits[:, positions], **EXACT)
        assert logits.shape == (2, 5, VOCABULARY)
