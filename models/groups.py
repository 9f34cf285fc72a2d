"""Which part of a model every parameter belongs to, in the words of a figure's reader.

Read from the modules and their names, not from the architecture, so that a checkpoint of any family
and an arm of anybody's has groups without naming them. From input to output:

- ``embeddings``: what is looked up or projected on the way in, and an output layer tied to it
- ``layer 1 input``, ``layer 1 recurrent``, ``layer 1 biases`` of a recurrence, with ``(backward)``
  in its reverse direction; ``layer 1 attention``, ``layer 1 feed-forward`` of a transformer, each
  with its norm; ``layer 1`` for what is neither. A layer is what stands at that place in an
  ``nn.ModuleList``, or in ``nn.RNN``, ``nn.LSTM`` or ``nn.GRU``
- ``head``: all that follows the layers, and everything but tables where there are no layers

Where there are two stacks, ``encoder`` and ``decoder`` or ``text`` and ``image`` stand in front.
What follows an encoder's layers is ``encoder output``, what turns it into a decoder's first state
``decoder bridge``, and what a recurrent decoder reads it with ``decoder attention``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from transformers import PreTrainedModel

_TOWERS = {
    "text_model": "text",
    "text_projection": "text",
    "vision_model": "image",
    "visual_projection": "image",
}
_STACKS = ("", "text", "image", "encoder", "decoder")
_STAGES = ("embeddings", "bridge", "attention", "layer", "output", "head")
_PARTS = (
    *("input", "recurrent", "biases"),
    *("input (backward)", "recurrent (backward)", "biases (backward)"),
    *("attention", "feed-forward", ""),
)

_ATTENTION = re.compile(r"att(entio)?n", re.IGNORECASE)
_FEED_FORWARD = re.compile(
    r"mlp|\bff|feed_?forward|densere?lu|densegated|\bintermediate|experts|\b(fc|lin|linear)_?\d"
    r"|\boutput",
    re.IGNORECASE,
)
_NORM = re.compile(r"norm|\bln", re.IGNORECASE)
#: The norm of the feed-forward part, where both norms of a layer stand beside its parts.
_SECOND_NORM = re.compile(r"2|final|full|output|post|ff|feed_?forward|mlp", re.IGNORECASE)
_RNN = re.compile(r"(weight_ih|weight_hh|weight_hr|bias_ih|bias_hh)_l(\d+)(_reverse)?")
_RNN_PARTS = {"weight_ih": "input", "bias_ih": "biases", "bias_hh": "biases"}


@dataclass(frozen=True)
class _Group:
    stack: str
    stage: str
    layer: int = 0
    part: str = ""

    @property
    def name(self) -> str:
        stage = f"layer {self.layer}" if self.stage == "layer" else self.stage
        return " ".join(word for word in (self.stack, stage, self.part) if word)

    @property
    def place(self) -> tuple[bool, int, int, int, int]:
        """From input to output; a head that no one stack owns comes last."""
        last = self.stage == "head" and not self.stack
        stage = _STAGES.index(self.stage)
        return last, _STACKS.index(self.stack), stage, self.layer, _PARTS.index(self.part)


def parameter_groups(model: PreTrainedModel) -> dict[str, list[str]]:
    """Group -> names of its trainable parameters, groups from input to output.

    Every trainable name of ``named_parameters`` is in exactly one group; a tied tensor has one.
    """
    names = _Names(model)
    groups: dict[_Group, list[str]] = {}
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            groups.setdefault(names.group(name, id(weight)), []).append(name)
    return {group.name: groups[group] for group in sorted(groups, key=lambda group: group.place)}


def layer_parameters(model: PreTrainedModel) -> list[nn.Parameter]:
    """The trainable parameters of the layers, and of a recurrent decoder's look at its source.

    The others are those of tables, of what turns an encoder's output into a first state, and of
    the head.
    """
    names = _Names(model)
    return [
        weight
        for name, weight in model.named_parameters()
        if weight.requires_grad and names.group(name, id(weight)).stage in ("layer", "attention")
    ]


class _Names:
    """Where a model's parameters are, by name."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.modules = dict(model.named_modules())
        self.tables = {id(m.weight) for m in self.modules.values() if isinstance(m, nn.Embedding)}
        self.bodies = dict(self._bodies(model))
        self.before = set(self._before_layers(model))

    def _bodies(self, model: PreTrainedModel) -> Iterator[tuple[str, str]]:
        """Prefix of what has a stack of layers -> the name of that stack."""
        towers = [name for name in ("text_model", "vision_model") if name in self.modules]
        for name in towers:
            yield f"{name}.", _TOWERS[name]
        if towers:
            return
        paths = {id(module): name for name, module in reversed(self.modules.items())}
        if model.config.is_encoder_decoder:
            encoder = paths.get(id(model.get_encoder()))
            if encoder:
                yield f"{encoder}.", "encoder"
            decoders = [name for name in self.modules if name.rpartition(".")[2] == "decoder"]
            for name in decoders[:1]:
                yield f"{name}.", "decoder"
        else:
            base = paths[id(model.base_model)]
            yield f"{base}." if base else "", ""

    def _before_layers(self, model: PreTrainedModel) -> Iterator[str]:
        """Parameters of a body that its layers come after."""
        names = [name for name, _ in model.named_parameters()]
        for prefix in self.bodies:
            own = [name for name in names if name.startswith(prefix)]
            first = next((n for n, name in enumerate(own) if self._layer(name)), 0)
            # A final norm may be made before the layers that it follows.
            yield from (name for name in own[:first] if "final" not in name)

    def group(self, name: str, weight: int) -> _Group:
        prefix, stack = self._body(name)
        top = name.partition(".")[0]
        layer = self._layer(name)
        if layer is not None:
            return _Group(stack, "layer", *layer)
        within = prefix is not None and "embed" in name[len(prefix) :].lower()
        if weight in self.tables or within or name in self.before or top == "feature_projection":
            # An encoder and a decoder share theirs, or should be seen as if they did.
            return _Group(stack if stack in _TOWERS.values() else "", "embeddings")
        if "decoder" in self.bodies.values():
            if top == "bridge" or (_ATTENTION.search(top) and prefix is None):
                return _Group("decoder", "bridge" if top == "bridge" else "attention")
            return _Group("encoder", "output") if stack == "encoder" else _Group("", "head")
        return _Group(_TOWERS.get(top, stack), "head")

    def _body(self, name: str) -> tuple[str | None, str]:
        return next(
            ((prefix, stack) for prefix, stack in self.bodies.items() if name.startswith(prefix)),
            (None, ""),
        )

    def _layer(self, name: str) -> tuple[int, str] | None:
        """Number, from one, and part of the layer that a parameter lies in."""
        path = name.split(".")
        for depth in range(1, len(path)):
            module = self.modules.get(".".join(path[:depth]))
            if isinstance(module, nn.RNNBase):
                found = _RNN.fullmatch(path[-1])
                if found:
                    kind, layer, way = found.groups()
                    part = _RNN_PARTS.get(kind, "recurrent")
                    return int(layer) + 1, part + " (backward)" * bool(way)
            if isinstance(module, nn.ModuleList) and path[depth].isdigit():
                return int(path[depth]) + 1, self._part(path[:-1], depth)
        return None

    def _part(self, path: list[str], depth: int) -> str:
        """``attention`` or ``feed-forward``, of the module at this path in a list that deep."""
        *parents, own = [*path[depth - 1 : depth], *path[depth + 1 :]]
        if not _NORM.search(own):
            return _kind(".".join([*parents, own]))
        inside = _kind(".".join(parents))
        if inside:
            return inside
        beside = self.modules[".".join(path[:-1])].named_children()
        kinds = {_kind(name) for name, _ in beside if not _NORM.search(name)} - {""}
        if len(kinds) == 2:
            return "feed-forward" if _SECOND_NORM.search(own) else "attention"
        return next(iter(kinds), "")


def _kind(path: str) -> str:
    if _ATTENTION.search(path):
        return "attention"
    return "feed-forward" if _FEED_FORWARD.search(path) else ""
