"""Transformers with random weights, on Hugging Face's own architectures, sized to match.

| head | architecture |
| --- | --- |
| body, sequence and token classification, question answering | BERT encoder (Devlin et al., 2019) |
| causal language model | GPT-2 decoder (Radford et al., 2019) |
| sequence to sequence | T5 encoder-decoder (Raffel et al., 2020) |
| image and text | CLIP's two towers (Radford et al., 2021) |

The solver may choose the feed-forward width, whose canonical value is four times the hidden size
(Vaswani et al., 2017). The weights are drawn as each architecture's authors draw them.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from transformers import (
    BertConfig,
    CLIPConfig,
    GPT2Config,
    PreTrainedConfig,
    PreTrainedModel,
    T5Config,
)

from models import kernels, transformer_cost
from models.arms import HEADS, Arm, Quantity, Shape
from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.cost import Cost, count_parameters
from models.heads import on_meta
from models.pretext import CONTINUATION, MASKED, NEXT, Pretext, bare
from models.tracing import StateGradients, trace_residuals


class TransformerArm(Arm):
    """A transformer whose feed-forward width the solver chooses."""

    reference_kernel = "eager"

    @property
    def heads(self) -> tuple[str, ...]:
        return tuple(HEADS)

    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        self.require(shape.head)
        if shape.embeddings == "checkpoint":
            raise ValueError(
                "embeddings='checkpoint' is of recurrent arms, which start from its word "
                "embeddings. Got a transformer, which draws all its weights: leave it out, or give "
                "it a comparison of its own."
            )
        build = _CONFIGS.get(shape.head, _bert)
        return build(shape, 4 * shape.embedding_size if size is None else size)

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        return kernels.use(super().build(config, head, seed, "eager"), kernel)

    def free_dimension(self, match: Quantity) -> str | None:
        # Keys and values are as wide as the embeddings, which every arm shares.
        return None if match == "state" else "feed-forward width"

    def pretext(self, config: PreTrainedConfig, head: str) -> Pretext:
        """As the architecture's authors pretrained it, a T5 by its prefix objective."""
        if head == IMAGE_TEXT:
            return super().pretext(config, head)
        objective = {"AutoModelForCausalLM": NEXT, SEQ2SEQ: CONTINUATION}.get(head, MASKED)
        return Pretext(objective, bare(config))

    def max_length(self, config: PreTrainedConfig) -> int | None:
        """Learned positions end; T5's are distances, and go on."""
        limit: int | None = getattr(
            getattr(config, "text_config", config), "max_position_embeddings", None
        )
        return limit

    def loss_position(
        self, length: int, head: str, config: PreTrainedConfig | None = None
    ) -> int | None:
        """The first position, where the tokenizer puts ``[CLS]``, of a sequence classifier."""
        return 0 if head == "AutoModelForSequenceClassification" else None

    def cost(self, config: PreTrainedConfig, head: str) -> Cost:
        self.require(head)
        return transformer_cost.of(config, head, count_parameters(on_meta(config, head)))

    def trace(self, model: PreTrainedModel) -> AbstractContextManager[StateGradients]:
        if model._compiled_call_impl is not None:  # whose layers run no hooks of their own
            raise ValueError(f"trace needs kernel {self.reference_kernel!r}. Got 'compiled'.")
        return trace_residuals(model)


def _bert(shape: Shape, size: int) -> PreTrainedConfig:
    return BertConfig(  # type: ignore[call-arg]  # the base class takes num_labels
        vocab_size=shape.vocab_size,
        pad_token_id=shape.pad_token_id,
        bos_token_id=shape.bos_token_id,
        eos_token_id=shape.eos_token_id,
        hidden_size=shape.embedding_size,
        num_hidden_layers=shape.num_layers,
        num_attention_heads=shape.num_heads,
        intermediate_size=size,
        max_position_embeddings=shape.max_positions,
        hidden_dropout_prob=shape.dropout,
        attention_probs_dropout_prob=shape.dropout,
        num_labels=shape.outputs,
    )


def _gpt2(shape: Shape, size: int) -> PreTrainedConfig:
    return GPT2Config(
        vocab_size=shape.vocab_size,
        pad_token_id=shape.pad_token_id,
        bos_token_id=shape.bos_token_id,
        eos_token_id=shape.eos_token_id,
        n_embd=shape.embedding_size,
        n_layer=shape.num_layers,
        n_head=shape.num_heads,
        n_inner=size,
        n_positions=shape.max_positions,
        resid_pdrop=shape.dropout,
        embd_pdrop=shape.dropout,
        attn_pdrop=shape.dropout,
        tie_word_embeddings=True,
    )


def _t5(shape: Shape, size: int) -> PreTrainedConfig:
    return T5Config(  # type: ignore[call-arg]  # the base class takes decoder_start_token_id
        vocab_size=shape.vocab_size,
        pad_token_id=shape.pad_token_id,
        decoder_start_token_id=shape.pad_token_id,  # as T5 was trained
        eos_token_id=shape.eos_token_id,
        d_model=shape.embedding_size,
        d_kv=shape.embedding_size // shape.num_heads,
        d_ff=size,
        num_layers=shape.num_layers,
        num_heads=shape.num_heads,
        dropout_rate=shape.dropout,
    )


def _clip(shape: Shape, size: int) -> PreTrainedConfig:
    """Two towers alike. CLIP has dropout in its attention only."""
    if shape.eos_token_id is None:
        raise ValueError(
            f"{IMAGE_TEXT} expected an eos_token_id, at which a row's text is read. Got None."
        )
    if shape.image_size % shape.patch_size:
        raise ValueError(
            f"image_size must be a multiple of patch_size={shape.patch_size}. "
            f"Got {shape.image_size}."
        )
    tower: dict[str, Any] = {
        "hidden_size": shape.embedding_size,
        "intermediate_size": size,
        "num_hidden_layers": shape.num_layers,
        "num_attention_heads": shape.num_heads,
        "attention_dropout": shape.dropout,
        "projection_dim": shape.projection_size,
    }
    return CLIPConfig(
        text_config=tower
        | {
            "vocab_size": shape.vocab_size,
            "pad_token_id": shape.pad_token_id,
            "bos_token_id": shape.bos_token_id,
            "eos_token_id": shape.eos_token_id,
            "max_position_embeddings": shape.max_positions,
        },
        vision_config=tower
        | {
            "image_size": shape.image_size,
            "patch_size": shape.patch_size,
            "num_channels": shape.num_channels,
        },
        projection_dim=shape.projection_size,
    )


_CONFIGS: dict[str, Callable[[Shape, int], PreTrainedConfig]] = {
    "AutoModelForCausalLM": _gpt2,
    SEQ2SEQ: _t5,
    IMAGE_TEXT: _clip,
}
