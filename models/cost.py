"""What a model costs: parameters, FLOPs and state, in closed form, and PyTorch's counter to check.

A cost is a sum of terms ``amount * T**i * U**j`` over a row of T tokens (and U target tokens in an
encoder-decoder), because that is all there is to count: a matrix that every token is multiplied
with gives ``T``, attention gives ``T**2``, a classifier read once gives a constant.

The convention, for every architecture alike:

- a multiply-add is 2 FLOPs, and only matrix products count (as in Kaplan et al., 2020): elementwise
  work, normalisation, softmax and lookups are left out
- attention counts all T*T scores, masked or not, as the kernels without a causal shortcut do
- the backward pass takes two products of the forward's size, one for the gradient of the input and
  one for the weight's; only one where the input is data. Nothing is recomputed, so training is
  three times forward, nearly
- what depends on the other rows of a batch (the similarities of a contrastive loss) is no row's
  own, and left out
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from models import flops


@dataclass(frozen=True)
class Parameters:
    """Trainable numbers of a model; a tied tensor counts once.

    ``embedding`` is all on the way in whose size is the data's: what is looked up (tokens,
    positions, token types), a class token in front of them, a projection of numbers to them, and
    the output layer of a language model, tied to the input table or not. ``body`` is the rest, and
    only the body is matched between arms. A vocabulary is the tokenizer's, not the architecture's.
    Positions are the architecture's own, and a recurrence has none; they stay outside all the same,
    as their number is the window's: a body that held them would grow with T, and what is matched to
    it would be another model at every length. So they are counted by themselves, to be seen.

    Args:
        total, embedding, body: the whole, and its two parts.
        positions, class_token, projection: what of ``embedding`` not every arm or task has.
    """

    total: int
    embedding: int
    body: int
    positions: int = 0
    class_token: int = 0
    projection: int = 0

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


#: The last part of the name of a table of positions, or of distances; of a class token; and what
#: the names of a projection of numbers begin with.
_POSITIONS = re.compile(r"wpe|.*position.*|relative_attention_bias")
_CLASS_TOKEN = re.compile(r"class_embedding|cls_token")
_PROJECTION = "feature_projection."


def count_parameters(model: nn.Module) -> Parameters:
    """Count a model's parameters; on the meta device this allocates nothing."""
    total = sum(weight.numel() for weight in model.parameters())
    named = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.Embedding)]
    tables = {id(module.weight): module.weight.numel() for _, module in named}
    output = getattr(model, "get_output_embeddings", lambda: None)()
    if output is not None:
        tables |= {id(weight): weight.numel() for weight in output.parameters()}
    positions = sum(m.weight.numel() for n, m in named if _POSITIONS.fullmatch(_last(n)))
    class_token = projection = 0
    for name, weight in model.named_parameters():
        class_token += weight.numel() * bool(_CLASS_TOKEN.fullmatch(_last(name)))
        projection += weight.numel() * name.startswith(_PROJECTION)
    embedding = sum(tables.values()) + class_token + projection
    return Parameters(total, embedding, total - embedding, positions, class_token, projection)


def _last(name: str) -> str:
    return name.rpartition(".")[2]


@dataclass(frozen=True)
class Term:
    """``amount * T**source * U**target`` over a row of T tokens and U target tokens.

    Args:
        amount: multiply-adds of a matrix product, or numbers of a state.
        source, target: the powers.
        gradients: products that the backward pass takes for each of the forward's: 2, or 1 where
            the input is data, or 0 where no loss reaches it.
        logits: whether it makes the logits of a causal language model, which generation needs at
            the last position only.
    """

    amount: int
    source: int = 1
    target: int = 0
    gradients: int = 2
    logits: bool = False

    def at(self, length: int, target_length: int) -> int:
        """The term's value for one row."""
        value: int = self.amount * length**self.source * target_length**self.target
        return value


@dataclass(frozen=True)
class Cost:
    """What a model costs for one row; a target length of None means as long as the source.

    Args:
        parameters: its exact counts.
        products: its matrix products.
        state: what it keeps in order to read one more token: a recurrence's state, or the keys
            and values of every layer and position.
        tokens: positions it reads: tokens of the row and of its target, patches of an image.
    """

    parameters: Parameters
    products: tuple[Term, ...]
    state: tuple[Term, ...]
    tokens: tuple[Term, ...] = (Term(1),)

    def forward_flops(self, length: int, target_length: int | None = None) -> int:
        """FLOPs of one row's forward pass."""
        return 2 * _sum(self.products, length, target_length)

    def prefill_flops(self, length: int) -> int:
        """FLOPs of reading one row up to the logits of the first token that follows it.

        A causal model makes the logits of the last position only; an encoder-decoder encodes, and
        decodes the one token that starts every target.
        """
        read = (replace(term, source=0) if term.logits else term for term in self.products)
        return 2 * _sum(tuple(read), length, 1)

    def step_weights(self) -> int:
        """Numbers in the matrices that decoding one more token multiplies with, each read once.

        They are what a product has that grows with the tokens decoded and with nothing else: each
        such multiply-add is a weight of its own. An encoder's are not among them, nor are biases
        and tables that are looked up; the state comes on top.
        """
        apart = any(term.target for term in self.products)
        power = (0, 1) if apart else (1, 0)
        return sum(t.amount for t in self.products if (t.source, t.target) == power)

    def training_flops(self, length: int, target_length: int | None = None) -> int:
        """FLOPs of one row's forward and backward pass, nothing recomputed."""
        once = [(1 + term.gradients, term) for term in self.products]
        return 2 * sum(n * _sum((term,), length, target_length) for n, term in once)

    def forward_flops_per_token(self, length: int, target_length: int | None = None) -> float:
        """The forward pass shared among the row's tokens."""
        tokens = _sum(self.tokens, length, target_length)
        return self.forward_flops(length, target_length) / tokens

    def training_flops_per_token(self, length: int, target_length: int | None = None) -> float:
        """Forward and backward shared among the row's tokens."""
        tokens = _sum(self.tokens, length, target_length)
        return self.training_flops(length, target_length) / tokens

    def state_bytes(
        self, length: int, target_length: int | None = None, *, itemsize: int = 4
    ) -> int:
        """Bytes of one row's state after its last token; ``itemsize`` is the dtype's."""
        return itemsize * _sum(self.state, length, target_length)


def _sum(terms: Sequence[Term], length: int, target_length: int | None) -> int:
    if length < 1:
        raise ValueError(f"length must be at least 1. Got {length}.")
    target = length if target_length is None else target_length
    return sum(term.at(length, target) for term in terms)


def count_flops(model: nn.Module, inputs: Mapping[str, Any], training: bool) -> int:
    """FLOPs of a call as PyTorch counts them, with the formulas it lacks.

    Args:
        model: a Hugging Face model; on the meta device without fused kernels.
        inputs: what to call it with; for ``training`` they should give a ``loss``. Without one
            (``AutoModel``) the sum of the last hidden state stands in.
        training: count the backward pass too.

    Returns:
        The FLOPs of the whole batch.
    """
    with FlopCounterMode(display=False, custom_mapping=flops.ATTENTION) as counter:
        if not training:
            with torch.no_grad():
                model(**inputs)
        else:
            outputs = model(**inputs)
            loss = outputs.loss if "loss" in outputs else outputs.last_hidden_state.sum()
            loss.backward()
    return int(counter.get_total_flops())
