"""What a batch feeds a model, the scalar that is minimised, and what the model then says.

One place knows the heads, so that every probe trains and reads every task alike. Most models
compute their own loss. A body alone has none: it learns to find (``AutoModel``), a window by its
query, by the contrastive loss of CLIP over the mean of its last hidden states (van den Oord et al.,
2018; Reimers and Gurevych, 2019).
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.heads import input_embeddings

#: Rows on the device: tensors by the name of the argument of the model's ``forward``.
Batch = dict[str, Tensor]

#: What cosine similarities are divided by, as where sentence encoders are trained.
TEMPERATURE = 0.05
_TARGETS = frozenset({"labels", "start_positions", "end_positions"})
_READ = frozenset({"input_ids", "attention_mask", "features", "pixel_values"})


def add_features(model: PreTrainedModel, features: int) -> None:
    """Give a model a linear layer from numbers to its input embeddings, the same in every arm.

    It is a part of the model, trained and counted with it.
    """
    model.feature_projection = nn.Linear(features, input_embeddings(model).embedding_dim)


def embed(model: PreTrainedModel, batch: Batch) -> Tensor:
    """(rows, length, embedding size) input embeddings of a batch."""
    if "features" in batch:
        projected: Tensor = cast("Any", model).feature_projection(batch["features"])
        return projected
    found: Tensor = input_embeddings(model)(batch["input_ids"])
    return found


def inputs(model: PreTrainedModel, batch: Batch) -> dict[str, Any]:
    """What the model reads of a batch, targets apart."""
    read: dict[str, Any] = {name: batch[name] for name in batch if name in _READ}
    if "features" in read:
        del read["features"]
        read["inputs_embeds"] = embed(model, batch)
    return read


def targets(batch: Batch) -> dict[str, Any]:
    """What the model's own loss is taken against."""
    return {name: batch[name] for name in batch if name in _TARGETS}


def loss(model: PreTrainedModel, head: str, batch: Batch) -> Tensor:
    """Mean loss over a batch, of a head, a key of ``models.heads.HEADS``."""
    if head == "AutoModel":
        queries, windows = sentence_embeddings(model, batch)
        return contrastive(queries @ windows.T / TEMPERATURE)
    extra = {"return_loss": True} if head == IMAGE_TEXT else targets(batch)
    found: Tensor = model(**inputs(model, batch), **extra).loss
    return found


def contrastive(similarity: Tensor) -> Tensor:
    """Cross-entropy of (rows, rows) similarities, whose diagonal should win, in both directions."""
    right = torch.arange(len(similarity), device=similarity.device)
    both = [nn.functional.cross_entropy(side, right) for side in (similarity, similarity.T)]
    return (both[0] + both[1]) / 2


def sentence_embeddings(model: PreTrainedModel, batch: Batch) -> tuple[Tensor, Tensor]:
    """Queries and windows as (rows, hidden size) vectors of length one."""
    query = _mean(model, batch["query_ids"], batch.get("query_mask"))
    return query, _mean(model, batch["input_ids"], batch.get("attention_mask"))


def _mean(model: PreTrainedModel, ids: Tensor, mask: Tensor | None) -> Tensor:
    hidden: Tensor = model(input_ids=ids, attention_mask=mask).last_hidden_state
    hidden = hidden.to(model.dtype)  # autocast leaves it in the half type
    if mask is None:
        pooled = hidden.mean(dim=1)
    else:
        weights = mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
    return nn.functional.normalize(pooled, dim=-1)


def forward(model: PreTrainedModel, head: str, batch: Batch) -> Any:
    """The model's forward pass without its loss; an encoder-decoder reads its target."""
    read = inputs(model, batch)
    if head == SEQ2SEQ:
        shift = cast("Any", model).prepare_decoder_input_ids_from_labels
        read["decoder_input_ids"] = shift(batch["labels"])
    return model(**read)


def prefill(model: PreTrainedModel, head: str) -> Callable[[Batch], Any]:
    """Reading a context: what comes before the first token that is generated.

    A causal model keeps its state or cache and computes the logits of the last position only. A
    sequence-to-sequence model encodes, and decodes the token that starts the target.
    """
    if head == "AutoModelForCausalLM":
        return lambda batch: model(
            input_ids=batch["input_ids"],
            attention_mask=batch.get("attention_mask"),
            use_cache=True,
            logits_to_keep=1,
        )
    start = model.config.decoder_start_token_id
    return lambda batch: model(
        input_ids=batch["input_ids"],
        attention_mask=batch.get("attention_mask"),
        decoder_input_ids=torch.full_like(batch["input_ids"][:, :1], start),
        use_cache=True,
    )


def tokens(batch: Batch) -> int:
    """Tokens of the windows of a batch, padding apart."""
    if "attention_mask" in batch and "pixel_values" not in batch:
        return int(batch["attention_mask"].sum())
    if "pixel_values" in batch:
        side = batch["pixel_values"].shape[-1]
        return len(batch["pixel_values"]) * side * side
    window = batch.get("input_ids", batch.get("features"))
    assert window is not None
    return window.shape[0] * window.shape[1]
