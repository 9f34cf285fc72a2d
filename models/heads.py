"""The heads: the AutoClass that builds each, what it is fed, and the scalar that is minimised."""

import re
from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils.generic import ModelOutput

from models.autoclasses import IMAGE_TEXT, SEQ2SEQ

#: AutoClass a task may name -> the class that builds its models. What a processor feeds, an image
#: and a text, is read by a model of two towers, which ``AutoModel`` builds.
HEADS: Mapping[str, Any] = {
    "AutoModel": AutoModel,
    "AutoModelForSequenceClassification": AutoModelForSequenceClassification,
    "AutoModelForTokenClassification": AutoModelForTokenClassification,
    "AutoModelForQuestionAnswering": AutoModelForQuestionAnswering,
    "AutoModelForCausalLM": AutoModelForCausalLM,
    SEQ2SEQ: AutoModelForSeq2SeqLM,
    IMAGE_TEXT: AutoModel,
}

#: Heads whose output layer is the input embeddings again, in every arm.
TIED = ("AutoModelForCausalLM", SEQ2SEQ)

#: Heads that write text, a token at a time.
GENERATING = TIED

#: What architectures call a probability of dropout.
_DROPOUT = re.compile(r"(.*_)?(dropout|dropout_rate|dropout_prob|pdrop)")

#: Parts that pretrained weights may lack, though some architectures count them to the body: their
#: own head did not need them.
_NEW = re.compile(r"(^|\.)(pooler|lm_head|qa_outputs)\.")


def set_dropout(config: PreTrainedConfig, dropout: float) -> None:
    """Set every dropout of a configuration and of its parts, in place.

    A probability that is None stays None: it means another one's value.
    """
    for part in (config, *(getattr(config, name) for name in config.sub_configs)):
        for name, value in vars(part).items():
            if _DROPOUT.fullmatch(name) and type(value) in (int, float):
                setattr(part, name, dropout)


def on_meta(config: PreTrainedConfig, head: str) -> PreTrainedModel:
    """The model's shape without its memory: no number is allocated or drawn."""
    with torch.device("meta"):
        model: PreTrainedModel = HEADS[head].from_config(config)
    return model


def holes(model: PreTrainedModel, new: set[str]) -> list[str]:
    """Names of tensors outside the head that were drawn at random."""
    body = {id(weight) for weight in model.base_model.parameters()}
    return sorted(
        name
        for name, weight in model.named_parameters()
        if name in new and id(weight) in body and not _NEW.search(name)
    )


def example(
    config: PreTrainedConfig,
    head: str,
    *,
    rows: int = 2,
    length: int = 16,
    target_length: int | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """Random inputs of the right shape, labels included, on the CPU.

    Args:
        config: of the model to be fed.
        head: a key of ``HEADS``.
        rows, length: of ``input_ids``, (rows, length).
        target_length: of a sequence-to-sequence target, None for ``length``.
        seed: of the numbers.

    Returns:
        Keyword arguments of the model's ``forward``.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(below: int, *size: int) -> Tensor:
        return torch.randint(below, size, generator=generator)

    text: Any = config.get_text_config()
    ids = draw(text.vocab_size, rows, length)
    labels = config.num_labels or 0
    if head == "AutoModel":
        return {"input_ids": ids}
    if head == "AutoModelForSequenceClassification":
        return {"input_ids": ids, "labels": draw(labels, rows)}
    if head == "AutoModelForTokenClassification":
        return {"input_ids": ids, "labels": draw(labels, rows, length)}
    if head == "AutoModelForQuestionAnswering":
        spans = {name: draw(length, rows) for name in ("start_positions", "end_positions")}
        return {"input_ids": ids, **spans}
    if head == SEQ2SEQ:
        return {"input_ids": ids, "labels": draw(text.vocab_size, rows, target_length or length)}
    if head == IMAGE_TEXT:
        ids[ids == text.eos_token_id] = text.pad_token_id
        ids[:, -1] = text.eos_token_id  # a row's text is read at its end
        vision = config.vision_config
        pixels = (rows, vision.num_channels, vision.image_size, vision.image_size)
        images = torch.randn(pixels, generator=generator)
        return {"input_ids": ids, "pixel_values": images, "return_loss": True}
    return {"input_ids": ids, "labels": ids}


def input_embeddings(model: PreTrainedModel) -> nn.Embedding:
    """The table of word embeddings, of the text tower where there are two."""
    table = getattr(model, "text_model", model).get_input_embeddings()
    return cast("nn.Embedding", table)


def scalar(outputs: ModelOutput) -> Tensor:
    """The loss, or for a model without one a fixed projection of its last hidden state.

    A plain sum would not do: what a layer normalisation puts out sums to a constant.
    """
    if "loss" in outputs:
        loss: Tensor = outputs["loss"]
        return loss
    state: Tensor = outputs["last_hidden_state"]
    weights = torch.arange(state.numel(), device=state.device, dtype=torch.float64).cos()
    return (state * weights.to(state.dtype).view_as(state)).mean()


def predictions(outputs: ModelOutput) -> list[Tensor]:
    """What the head puts out, the loss apart."""
    names = ("logits", "start_logits", "end_logits", "logits_per_image", "logits_per_text")
    found = [outputs[name] for name in names if name in outputs]
    return found or [outputs["last_hidden_state"]]
