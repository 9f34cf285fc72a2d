"""One clear error for each mistake: what was expected, and what came."""

import pytest
import torch
import transformers
from transformers.modeling_outputs import BaseModelOutput

from models import RecurrentConfig
from models.recurrent.configuration import RecurrentVisionConfig
from tests.models.recurrent.small import (
    ATTENTION,
    BODY,
    CAUSAL,
    HEADS,
    SEQ2SEQ,
    SEQUENCE,
    SPAN,
    TOKEN,
    build,
    config,
    tokens,
)

IDS = tokens(3, 7)
OPTIONS = [
    ({"cell_type": "grue"}, r"cell_type must be one of \('rnn', 'lstm', 'gru'\)\. Got 'grue'"),
    (
        {"kernel": "fast"},
        r"kernel must be one of \('fused', 'loop', 'compiled', 'native'\).*'fast'",
    ),
    ({"initialization": "xavier"}, r"one of \('default', 'orthogonal', 'chrono'\)\. Got 'xavier'"),
    ({"hidden_size": 0}, r"hidden_size must be at least 1\. Got 0"),
    ({"embedding_size": 0}, r"embedding_size must be at least 1\. Got 0"),
    ({"vocab_size": -1}, r"vocab_size must be at least 1\. Got -1"),
    ({"num_layers": 0}, r"num_layers must be at least 1\. Got 0"),
    ({"dropout": 1.0}, r"dropout must be at least 0 and below 1\. Got 1\.0"),
    ({"dropout": float("nan")}, r"dropout must be at least 0 and below 1\. Got nan"),
    ({"embedding_std": 0.0}, r"embedding_std must be positive\. Got 0\.0"),
    ({"forget_bias": float("nan")}, r"forget_bias must be finite\. Got nan"),
    ({"forget_bias": float("inf")}, r"forget_bias must be finite\. Got inf"),
    ({"cell_type": "gru", "forget_bias": 1.0}, r"needs cell_type='lstm'\. Got 'gru'"),
    ({"chrono_length": 9}, r"provides for\. Got 'default': leave chrono_length out"),
    ({"cell_type": "rnn", "initialization": "chrono", "chrono_length": 9}, r"has them\. Got 'rnn'"),
    ({"initialization": "chrono"}, r"needs chrono_length.*at least 3\. Got None"),
    ({"initialization": "chrono", "chrono_length": 2}, r"at least 3\. Got 2"),
    (
        {"initialization": "chrono", "chrono_length": 9, "forget_bias": 1.0},
        r"leave forget_bias out",
    ),
]


@pytest.mark.parametrize(("options", "message"), OPTIONS, ids=[m[:40] for _, m in OPTIONS])
def test_configuration(options, message):
    with pytest.raises(ValueError, match=message):
        RecurrentConfig(**options)


@pytest.mark.parametrize("options", [{"num_channels": 0}, {"patch_size": 0}, {"patch_size": 225}])
def test_configuration_of_images(options):
    with pytest.raises(ValueError, match=r"1 <= patch_size <= image_size\. Got \d+, \d+, \d+"):
        RecurrentVisionConfig(**options)


def test_kernel_of_a_model():
    with pytest.raises(
        ValueError, match=r"\('fused', 'loop', 'compiled', 'native'\)\. Got 'triton'"
    ):
        BODY.build().set_kernel("triton")


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
class TestEveryHead:
    def test_a_kernel_set_in_the_configuration(self, head):
        model = head.build()
        model.config.kernel = "triton"
        with pytest.raises(ValueError, match=r"kernel must be one of \('fused'.*Got 'triton'"):
            model(**head.inputs(IDS))

    def test_a_cell_set_in_the_configuration(self, head):
        changed = config(**head.options)
        changed.cell_type = "grue"
        auto_class = getattr(transformers, head.auto_class)
        with pytest.raises(ValueError, match=r"cell_type must be one of \('rnn'.*Got 'grue'"):
            auto_class.from_config(changed)

    def test_neither_input_or_both(self, head):
        model, target = head.build(), head.target(3)
        with pytest.raises(ValueError, match=r"of input_ids and inputs_embeds\. Got neither"):
            model(**target)
        embeds = model.get_input_embeddings()(IDS)
        with pytest.raises(ValueError, match=r"of input_ids and inputs_embeds\. Got both"):
            model(IDS, inputs_embeds=embeds, **target)

    @pytest.mark.parametrize("shape", [(0, 7), (3, 0)], ids=["no rows", "no tokens"])
    def test_an_empty_batch(self, head, shape):
        ids = torch.zeros(shape, dtype=torch.long)
        message = rf"at least one row and one token.*Got \({shape[0]}, {shape[1]}, 8\)"
        with pytest.raises(ValueError, match=message):
            head.build()(ids, **head.target(shape[0]))

    def test_a_row_of_padding(self, head):
        mask = torch.ones_like(IDS)
        mask[1] = 0
        with pytest.raises(ValueError, match=r"one token in every row\. Got only padding in row 1"):
            head.build()(IDS, attention_mask=mask, **head.target(3))

    @pytest.mark.parametrize("shape", [(3, 6), (3, 8), (2, 7), (7,), (3, 1, 1, 7)], ids=str)
    def test_a_mask_of_another_shape(self, head, shape):
        message = r"attention_mask must have shape \(batch, length\)=\(3, 7\)\. Got \("
        with pytest.raises(ValueError, match=message):
            head.build()(IDS, attention_mask=torch.ones(shape), **head.target(3))

    def test_other_features(self, head):
        with pytest.raises(ValueError, match=r"Expected 8 input features\. Got 9"):
            head.build()(inputs_embeds=torch.zeros(3, 7, 9), **head.target(3))

    def test_one_row_without_a_batch(self, head):
        with pytest.raises(ValueError, match=r"input_ids must .*\(batch, length\)\. Got \(7,\)"):
            head.build()(IDS[0], **head.target(1))

    @pytest.mark.parametrize("wrong", [50, -1])
    def test_a_token_beyond_the_vocabulary(self, head, wrong):
        ids = IDS.clone()
        ids[2, 3] = wrong
        with pytest.raises(IndexError, match=r"token ids from 0 to 49.*Got -?\d+ to \d+"):
            head.build()(ids, **head.target(3))


LABELS = [
    (SEQUENCE, {"labels": torch.zeros(2, dtype=torch.long)}, r"labels .*=\(3,\)\. Got \(2,\)"),
    (TOKEN, {"labels": IDS[:, 1:] % 3}, r"labels .*\(batch, length\)=\(3, 7\)\. Got \(3, 6\)"),
    (CAUSAL, {"labels": IDS[:, 1:]}, r"labels .*\(batch, length\)=\(3, 7\)\. Got \(3, 6\)"),
    (
        SPAN,
        {"start_positions": torch.zeros(2).long(), "end_positions": torch.zeros(3).long()},
        r"start_positions must have shape \(batch,\)=\(3,\)\. Got \(2,\)",
    ),
    (
        SPAN,
        {"start_positions": torch.zeros(3).long(), "end_positions": torch.zeros(3, 2).long()},
        r"end_positions must have shape \(batch,\)=\(3,\)\. Got \(3, 2\)",
    ),
    (SPAN, {"start_positions": torch.zeros(3).long()}, "both or neither of start_positions"),
    (
        SEQ2SEQ,
        {"labels": IDS[:, :4], "decoder_input_ids": IDS[:, :5]},
        r"labels .*\(batch, length\)=\(3, 5\)\. Got \(3, 4\)",
    ),
]


@pytest.mark.parametrize(("head", "labels", "message"), LABELS, ids=[m[2][:50] for m in LABELS])
def test_labels(head, labels, message):
    with pytest.raises(ValueError, match=message):
        head.build()(IDS, **labels)


@pytest.mark.parametrize("head", [SEQ2SEQ, ATTENTION], ids=lambda head: head.name)
class TestTargets:
    def test_none(self, head):
        with pytest.raises(ValueError, match="Got neither"):
            head.build()(IDS)

    def test_another_number_of_rows(self, head):
        with pytest.raises(ValueError, match=r"as many targets as sources.*Got 2 and 3"):
            head.build()(IDS, decoder_input_ids=IDS[:2])

    def test_no_tokens(self, head):
        with pytest.raises(ValueError, match=r"one row and one token.*Got \(3, 0, 8\)"):
            head.build()(IDS, decoder_input_ids=IDS[:, :0])

    def test_other_features(self, head):
        with pytest.raises(ValueError, match=r"Expected 8 .*features\. Got 9"):
            head.build()(IDS, decoder_inputs_embeds=torch.zeros(3, 4, 9))

    @pytest.mark.parametrize("shape", [(3, 9), (2, 6), (3, 5), (6,)], ids=str)
    def test_a_mask_of_another_shape(self, head, shape):
        model, mask = head.build(), torch.ones(shape)
        message = r"decoder_attention_mask must .*=\(3, 6\)\. Got \("
        with pytest.raises(ValueError, match=message):
            model(IDS, decoder_input_ids=IDS[:, :6], decoder_attention_mask=mask)
        with pytest.raises(ValueError, match=message):
            model(IDS, labels=IDS[:, :6], decoder_attention_mask=mask)

    def test_a_row_of_padding(self, head):
        mask = torch.tensor([[1, 1], [0, 0], [1, 1]])
        with pytest.raises(ValueError, match=r"one token in every row\..* only padding in row 1"):
            head.build()(IDS, decoder_input_ids=IDS[:, :2], decoder_attention_mask=mask)

    @pytest.mark.parametrize(
        "read",
        [(), {}, BaseModelOutput(), torch.zeros(3, 7, 12)],
        ids=lambda read: type(read).__name__,
    )
    def test_nothing_of_an_encoder(self, head, read):
        message = rf"with a last_hidden_state.*Got {type(read).__name__} without"
        with pytest.raises(ValueError, match=message):
            head.build()(encoder_outputs=read, decoder_input_ids=IDS[:, :2])

    def test_another_encoders(self, head):
        read = BaseModelOutput(torch.zeros(3, 7, 5))
        with pytest.raises(ValueError, match=r"last_hidden_state must .*Got \(3, 7, 5\)"):
            head.build()(encoder_outputs=read, decoder_input_ids=IDS[:, :2])

    def test_a_mask_that_does_not_fit_what_was_read(self, head):
        model = head.build()
        read, mask = model.get_encoder()(IDS), torch.ones(3, 6)
        with pytest.raises(ValueError, match=r"attention_mask .*=\(3, 7\)\. Got \(3, 6\)"):
            model(encoder_outputs=read, attention_mask=mask, decoder_input_ids=IDS[:, :2])


def test_a_decoder_needs_a_token_to_start_from():
    with pytest.raises(ValueError, match="Expected decoder_start_token_id, bos_token_id or pad"):
        build("AutoModelForSeq2SeqLM", decoder_start_token_id=None, pad_token_id=None)
    assert (
        build("AutoModelForSeq2SeqLM", decoder_start_token_id=None).config.decoder_start_token_id
        == 0
    )


def test_a_head_that_there_is_not():
    with pytest.raises(ValueError, match="RecurrentConfig"):
        transformers.AutoModelForMultipleChoice.from_config(config())


@pytest.mark.parametrize("asked", ["sdpa", "flash_attention_2", "flex_attention"])
@pytest.mark.parametrize("auto", ["AutoModel", "AutoModelForCausalLM"])
def test_a_recurrence_has_no_attention_to_choose(auto, asked):
    with pytest.raises(ValueError, match=rf"no attn_implementation: .*Got '{asked}': leave it out"):
        getattr(transformers, auto).from_config(config(), attn_implementation=asked)
    assert getattr(transformers, auto).from_config(config(), attn_implementation="eager")
