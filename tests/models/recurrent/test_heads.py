"""Every head under its AutoClass: built, saved, loaded, given other inputs, types and sizes."""

import math

import pytest
import torch
import transformers
from torch import nn
from transformers import AutoModel
from transformers.modeling_outputs import BaseModelOutput

from models import heads, trace_states
from models.recurrent.modeling import RecurrentModel
from tests.models.recurrent.small import (
    ATTENTION,
    BODY,
    CAUSAL,
    CELLS,
    EMBEDDING,
    HEADS,
    HIDDEN,
    LABELS,
    SEQ2SEQ,
    SEQUENCE,
    SPAN,
    START,
    TIED,
    TOKEN,
    VOCABULARY,
    build,
    config,
    gradients,
    tokens,
)

IDS = tokens(3, 7)


def test_every_head_is_among_them():
    """But for the one that reads images, which has a file of its own."""
    assert {head.auto_class for head in HEADS} == set(heads.HEADS) - {heads.IMAGE_TEXT}


@pytest.fixture(params=HEADS, ids=lambda head: head.name)
def head(request):
    return request.param


def load(head, folder, **options):
    auto_class = getattr(transformers, head.auto_class)
    model, report = auto_class.from_pretrained(folder, output_loading_info=True, **options)
    assert not any(report.values()), report
    return model


def assert_equal_outputs(first, second):
    assert type(first) is type(second)
    assert list(first) == list(second)
    for a, b in zip(first.values(), second.values(), strict=True):
        if isinstance(a, torch.Tensor):
            assert torch.equal(a, b)


@pytest.mark.parametrize("cell_type", CELLS)
class TestSavedAndLoaded:
    def test_is_bitwise_equal(self, head, cell_type, tmp_path):
        ours = head.build(cell_type)
        ours.save_pretrained(tmp_path)
        loaded = load(head, tmp_path)
        assert type(loaded) is type(ours)
        inputs = head.inputs(IDS) | head.labels(IDS)
        assert_equal_outputs(loaded(**inputs), ours(**inputs))

    def test_its_body_loads_by_itself(self, head, cell_type, tmp_path):
        ours = head.build(cell_type)
        ours.save_pretrained(tmp_path)
        body, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
        assert not report["missing_keys"]
        assert type(body) is RecurrentModel
        assert_equal_outputs(body(IDS), ours.base_model(IDS))


def test_what_a_body_lacks_is_initialised(head, tmp_path):
    build("AutoModel", **head.options).save_pretrained(tmp_path)
    auto_class = getattr(transformers, head.auto_class)
    loaded = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        loaded.append(auto_class.from_pretrained(tmp_path, output_loading_info=True))
    (first, report), (same, _), (other, _) = loaded
    assert all("recurrent." not in name for name in report["missing_keys"])
    assert bool(report["missing_keys"]) == (head is not BODY)
    for name in report["missing_keys"]:
        weight = first.get_parameter(name)
        assert torch.equal(weight, same.get_parameter(name)), name
        assert not torch.equal(weight, other.get_parameter(name)), name
        assert weight.abs().max() < 6, name  # embeddings are normal, all others uniform
        assert weight.std() > 0.05, name


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64], ids=str)
def test_loads_in_another_type(head, dtype, tmp_path):
    ours = head.build()
    ours.save_pretrained(tmp_path)
    loaded = load(head, tmp_path, dtype=dtype)
    assert {weight.dtype for weight in loaded.parameters()} == {dtype}
    output, expected = (model(**head.inputs(IDS))[0] for model in (loaded, ours))
    assert output.dtype == dtype
    torch.testing.assert_close(output.float(), expected, rtol=0.1, atol=0.1)


def test_a_kernel_is_one_models_alone(head):
    """Two models of one configuration, side by side; the parts of one go together."""
    shared = config(**head.options)
    first, second = (getattr(transformers, head.auto_class).from_config(shared) for _ in range(2))
    first.set_kernel("loop")
    assert first.config.kernel == first.base_model.config.kernel == "loop"
    assert second.config.kernel == second.base_model.config.kernel == shared.kernel == "fused"
    second.config.kernel = "compiled"
    assert second.base_model.config.kernel == "compiled"
    assert first.config.kernel == "loop"


def test_embeddings_can_be_the_input(head):
    ours, inputs = head.build(), head.inputs(IDS)
    embeds = ours.get_input_embeddings()(inputs.pop("input_ids"))
    assert_equal_outputs(ours(inputs_embeds=embeds, **inputs), ours(**head.inputs(IDS)))


def test_a_tuple_is_the_output_without_its_names(head):
    ours, inputs = head.build(), head.inputs(IDS) | head.labels(IDS)
    plain, named = ours(**inputs, return_dict=False), ours(**inputs)
    assert isinstance(plain, tuple)
    for value, expected in zip(plain, named.to_tuple(), strict=True):
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, expected)


def test_states_of_every_layer_where_asked_for():
    for head in (BODY, SEQUENCE, TOKEN, SPAN, CAUSAL):
        states = head.build()(IDS, output_hidden_states=True).hidden_states
        assert [state.shape[-1] for state in states] == [EMBEDDING, HIDDEN, HIDDEN]
    body = BODY.build(output_hidden_states=True)
    output = body(IDS)
    torch.testing.assert_close(output.hidden_states[-1], output.last_hidden_state)


@pytest.mark.parametrize("head", [SEQ2SEQ, ATTENTION], ids=lambda head: head.name)
class TestEncoderDecoder:
    def test_states_of_every_layer_where_asked_for(self, head):
        model, inputs = head.build(kernel="loop"), head.inputs(IDS)
        plain = model(**inputs)
        assert plain.encoder_hidden_states is None
        assert plain.decoder_hidden_states is None
        output = model(**inputs, output_hidden_states=True)
        read = model.get_encoder()(IDS, output_hidden_states=True)
        for ours, theirs in zip(output.encoder_hidden_states, read.hidden_states, strict=True):
            assert torch.equal(ours, theirs)
        embeds, *layers = output.decoder_hidden_states
        assert torch.equal(embeds, model.get_input_embeddings()(inputs["decoder_input_ids"]))
        assert [layer.shape for layer in layers] == [(3, 4, HIDDEN)] * 2
        with trace_states() as trace:
            model(**inputs)
        for index, layer in enumerate(layers):
            steps = [step[0] for step in trace.states[model.decoder][index, False]]
            torch.testing.assert_close(layer, torch.stack(steps, dim=1))
        model.config.output_hidden_states = True
        assert len(model(**inputs).decoder_hidden_states) == 3

    @pytest.mark.parametrize("two", [False, True], ids=["one way", "two ways"])
    def test_an_encoders_output_of_any_kind(self, head, two):
        model, target = head.build(bidirectional=two), head.target(3)
        mask = torch.tensor([[1] * 7, [0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0, 0]])
        expected = model(IDS, attention_mask=mask, output_hidden_states=True, **target)
        read = model.get_encoder()(IDS, attention_mask=mask, output_hidden_states=True)
        for given in (
            read,
            read.to_tuple(),
            model.get_encoder()(IDS, mask, output_hidden_states=True, return_dict=False),
            (read.last_hidden_state, read.hidden_states),
            BaseModelOutput(read.last_hidden_state, read.hidden_states),
        ):
            output = model(
                encoder_outputs=given, attention_mask=mask, output_hidden_states=True, **target
            )
            torch.testing.assert_close(output.logits, expected.logits)
            assert len(output.encoder_hidden_states) == 3
        alone = model(encoder_outputs=(read.last_hidden_state,), attention_mask=mask, **target)
        torch.testing.assert_close(alone.logits, expected.logits)


class TestLoss:
    def test_of_a_sequence(self):
        ours, labels = SEQUENCE.build(), torch.tensor([2, 0, 1])
        output = ours(IDS, labels=labels)
        expected = -output.logits.log_softmax(-1)[torch.arange(3), labels].mean()
        torch.testing.assert_close(output.loss, expected)

    def test_of_a_value(self):
        ours, labels = SEQUENCE.build(num_labels=1), torch.tensor([0.5, -1.0, 2.0])
        output = ours(IDS, labels=labels)
        torch.testing.assert_close(output.loss, (output.logits[:, 0] - labels).square().mean())

    def test_of_tokens(self):
        ours, labels = TOKEN.build(), IDS % LABELS
        labels[0, 2:5] = -100
        output = ours(IDS, labels=labels)
        asked = labels != -100
        chosen = output.logits.log_softmax(-1)[asked].gather(1, labels[asked].unsqueeze(1))
        torch.testing.assert_close(output.loss, -chosen.mean())

    def test_of_a_span(self):
        ours, start, end = SPAN.build(), torch.tensor([0, 2, 3]), torch.tensor([1, 2, 6])
        output = ours(IDS, start_positions=start, end_positions=end)
        expected = [
            nn.functional.cross_entropy(logits, positions)
            for logits, positions in ((output.start_logits, start), (output.end_logits, end))
        ]
        torch.testing.assert_close(output.loss, sum(expected) / 2)

    def test_of_next_tokens(self):
        ours = CAUSAL.build()
        labels = IDS.clone()
        labels[1, :4] = -100
        output = ours(IDS, labels=labels)
        expected = nn.functional.cross_entropy(
            output.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()
        )
        torch.testing.assert_close(output.loss, expected)

    @pytest.mark.parametrize("head", [SEQ2SEQ, ATTENTION], ids=lambda head: head.name)
    def test_of_a_target(self, head):
        ours, labels = head.build(), tokens(3, 4, seed=8)
        labels[2, 2:] = -100
        output = ours(IDS, labels=labels)
        written = torch.cat([torch.full((3, 1), START), labels[:, :-1]], dim=1)
        logits = ours(IDS, decoder_input_ids=written.masked_fill(written == -100, 0)).logits
        expected = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
        torch.testing.assert_close(output.loss, expected)
        torch.testing.assert_close(output.logits, logits)


@pytest.mark.parametrize("cell_type", CELLS)
@pytest.mark.parametrize("tied", TIED, ids=lambda head: head.name)
class TestTied:
    def test_one_tensor_before_and_after(self, tied, cell_type, tmp_path):
        ours = tied.build(cell_type)
        ours.save_pretrained(tmp_path)
        for model in (ours, load(tied, tmp_path)):
            assert model.get_output_embeddings().weight is model.get_input_embeddings().weight

    def test_the_head_follows_a_resize(self, tied, cell_type):
        ours = tied.build(cell_type)
        before = ours(**tied.inputs(IDS)).logits.detach()
        ours.resize_token_embeddings(VOCABULARY + 10)
        assert ours.get_output_embeddings().weight is ours.get_input_embeddings().weight
        after = ours(**tied.inputs(IDS)).logits
        assert after.shape[-1] == VOCABULARY + 10 == ours.config.vocab_size
        torch.testing.assert_close(after[..., :VOCABULARY], before)


def test_resized_embeddings_keep_what_was_learnt(head, tmp_path):
    ours = head.build()
    table = ours.get_input_embeddings().weight.detach().clone()
    ours.resize_token_embeddings(VOCABULARY + 10)
    assert torch.equal(ours.get_input_embeddings().weight[:VOCABULARY], table)
    ours.save_pretrained(tmp_path)
    ids = IDS + 10
    inputs = head.inputs(ids) | head.labels(ids)
    assert_equal_outputs(load(head, tmp_path)(**inputs), ours(**inputs))


@pytest.mark.parametrize("bidirectional", [False, True], ids=["one way", "two ways"])
@pytest.mark.parametrize("kernel", ["fused", "loop"])
@pytest.mark.parametrize("cell_type", CELLS)
def test_autocast_goes_forward_and_backward(cell_type, kernel, bidirectional):
    ours = TOKEN.build(cell_type, kernel=kernel, bidirectional=bidirectional).train()
    mask = torch.tensor([[1] * 7, [0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0, 0]])
    inputs = {"input_ids": IDS, "attention_mask": mask, "labels": IDS % LABELS}
    full = ours(**inputs).loss
    full.backward()
    expected = gradients(ours)
    ours.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        short = ours(**inputs).loss
    short.backward()
    assert math.isclose(short.item(), full.item(), rel_tol=0.02)
    for name, gradient in gradients(ours).items():
        assert gradient.dtype == torch.float32, name
        error = (gradient - expected[name]).norm() / expected[name].norm()
        assert error < 0.05, name


@pytest.mark.parametrize("head", [CAUSAL, ATTENTION, SEQ2SEQ], ids=lambda head: head.name)
def test_autocast_of_decoders(head):
    for cell_type in CELLS:
        ours = head.build(cell_type).train()
        with torch.autocast("cpu", torch.bfloat16):
            loss = ours(**head.inputs(IDS), **head.labels(IDS)).loss
        loss.backward()
        assert all(gradient.isfinite().all() for gradient in gradients(ours).values())
