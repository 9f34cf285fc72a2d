"""The arms of a comparison: one file each, and this folder is their registry.

A file defines ``ARM``, an :class:`Arm`, beside literals that are read without importing anything:

- ``WEIGHTS``: ``random`` or ``pretrained``
- ``KERNELS``: how the same mathematics can be executed; the first is the default
- ``LABEL``: what people call it, where that is not the file's name
- ``COLOUR``: of its lines, ``#RRGGBB``; without it, one that no other arm has
- ``FAMILY``: ``recurrent`` or ``transformer``, as claims are about; without it, none is
- ``GATED``: of a recurrent arm, whether gates decide what its state keeps
- ``RANK``: its place in a legend; without it, behind all that have one
- ``OPTIONS``: of a recurrent arm, which of a comparison's ``recurrent`` options it takes
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from typing import ClassVar, Literal

import torch
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from models import extensions
from models.cost import Cost
from models.heads import HEADS
from models.pretext import Pretext
from models.tracing import StateGradients

__all__ = ["HEADS", "Arm", "HeadError", "Quantity", "Shape", "config_from_dict", "load"]

#: What may be held equal between arms: body parameters, forward FLOPs of a row, state of a row.
Quantity = Literal["params", "flops", "state"]


class HeadError(ValueError):
    """A head that an arm has not, or the architecture of its checkpoint; known beforehand."""


@dataclass(frozen=True)
class Shape:
    """What the arms of a comparison share.

    Args:
        head: the AutoClass that the task needs, a key of ``HEADS``.
        num_labels: classes of the task.
        vocab_size, pad_token_id: of the tokenizer that every arm reads through.
        embedding_size: width of the input embeddings.
        num_layers: layers of a model whose depth is ours to choose, of each stack where it has two.
        num_heads: attention heads of such a transformer.
        max_positions: positions such a transformer learns, of its longest text.
        dropout: the same in every arm, checkpoints included.
        bos_token_id, eos_token_id: of the tokenizer, where the task writes or needs them.
        target_length: tokens of a sequence-to-sequence target, None for as many as the source.
        image_size, patch_size, num_channels: of the images of an image-text task, in pixels.
        projection_size: width of the space in which images and texts meet.
        recurrent: options of recurrent arms alone, by their ``RecurrentConfig`` name. An arm that
            takes some of them refuses the others; one that takes none passes them over.
        embeddings: whether recurrent arms draw their word embeddings (``scratch``) or start from
            the checkpoint's (``checkpoint``), which an arm that cannot refuses.
        checkpoint: name of the pretrained weights, None for the bundled ones.
    """

    head: str
    num_labels: int
    vocab_size: int
    pad_token_id: int
    embedding_size: int
    num_layers: int
    num_heads: int
    max_positions: int
    dropout: float = 0.0
    bos_token_id: int | None = None
    eos_token_id: int | None = None
    target_length: int | None = None
    image_size: int = 32
    patch_size: int = 8
    num_channels: int = 1
    projection_size: int = 64
    recurrent: Mapping[str, object] = field(default_factory=dict)
    embeddings: Literal["scratch", "checkpoint"] = "scratch"
    checkpoint: str | None = None

    @property
    def outputs(self) -> int:
        """Width of a classifier's output; a question's answer has a start and an end."""
        return 2 if self.head == "AutoModelForQuestionAnswering" else self.num_labels


class Arm(ABC):
    """A model family with its starting weights."""

    #: The kernel that the others must agree with.
    reference_kernel: ClassVar[str]

    @property
    @abstractmethod
    def heads(self) -> tuple[str, ...]:
        """The keys of ``HEADS`` that this arm has."""

    @abstractmethod
    def config(self, shape: Shape, size: int | None = None) -> PreTrainedConfig:
        """Configuration at ``shape``; ``size`` is the free dimension, None its canonical value.

        Raises:
            HeadError: the arm has no such head.
            ValueError: it would ignore what the shape asks for.
        """

    @abstractmethod
    def free_dimension(self, match: Quantity) -> str | None:
        """Name of the dimension the solver may choose; None where none changes the quantity."""

    @abstractmethod
    def cost(self, config: PreTrainedConfig, head: str) -> Cost:
        """What the model costs, in closed form; its parameters are counted on the meta device."""

    def build(self, config: PreTrainedConfig, head: str, seed: int, kernel: str) -> PreTrainedModel:
        """A model with random weights drawn from ``seed``, on the CPU in float32.

        Raises:
            HeadError: the arm has no such head.
            ValueError: it has no such kernel.
        """
        self.require(head)
        torch.manual_seed(seed)
        model: PreTrainedModel = HEADS[head].from_config(config)
        return model

    def pretext(self, config: PreTrainedConfig, head: str) -> Pretext:
        """On what the body of a model is pretrained before it is trained on its task.

        Raises:
            HeadError: nothing is known that would pretrain it.
        """
        raise HeadError(f"this arm has no objective that would pretrain a model of {head}.")

    def max_length(self, config: PreTrainedConfig) -> int | None:
        """Longest input in tokens, None where there is no limit."""
        return None

    @abstractmethod
    def loss_position(
        self, length: int, head: str, config: PreTrainedConfig | None = None
    ) -> int | None:
        """Position whose state the head reads, from which gradient distance is counted.

        None where there is no one position: a loss at every token, or a state from both ends.
        """

    @abstractmethod
    def trace(self, model: PreTrainedModel) -> AbstractContextManager[StateGradients]:
        """Trace one forward inside the block; what it yields answers once the loss went backward.

        ``with arm.trace(model) as gradients: loss = model(inputs_embeds=embeds, ...).loss``, then
        ``torch.autograd.grad(loss, embeds)`` (or ``loss.backward()``), then ``gradients()``: kind
        of state to dL/d(state) of every layer of the encoder (the text tower where there are two),
        bottom to top, each (rows, length, size) by position of the input. A state that the loss
        does not depend on has zeros. No number of the forward or of any gradient changes.

        Kinds are ``h`` and ``c`` of a recurrence, ``h (backward)`` and ``c (backward)`` of its
        reverse direction, and ``residual`` of a transformer. An arm may have others, called as it
        likes: a short text, printed as it is, without a comma, behind which records number the
        layers (``h, layer 2``).

        Raises:
            ValueError: the model runs with a kernel that is not ``traced_kernel``'s; inside, a
                second forward; from ``gradients()``, no forward, one without gradients, or no loss
                that went backward.
        """

    def traced_kernel(self, kernel: str) -> str:
        """The kernel under which the model of another can be traced: its own where it can be."""
        return self.reference_kernel if kernel == "compiled" else kernel

    def require(self, head: str) -> None:
        """Refuse a head that this arm has not.

        Raises:
            HeadError: naming those it has.
        """
        if head not in self.heads:
            raise HeadError(f"head must be one of {', '.join(self.heads)}. Got {head!r}.")


def load(name: str) -> Arm:
    """The arm that the file of this name defines."""
    arm: Arm = import_module(extensions.module(__name__, name)).ARM
    return arm


def config_from_dict(fields: dict[str, object]) -> PreTrainedConfig:
    """Rebuild what ``PreTrainedConfig.to_dict`` wrote."""
    rest = dict(fields)
    config: PreTrainedConfig = AutoConfig.for_model(str(rest.pop("model_type")), **rest)
    return config
