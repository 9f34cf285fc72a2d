"""What transformers cost: the suite's own in closed form, others counted.

A layer of width H, attention width A (the heads together) and feed-forward width F has, for each
token, the products Q, K, V and O (4HA) and two feed-forward ones (2HF), and for each pair of tokens
a score and the value it weighs (2A). Its state is the keys and values of every token: 2A each.

Of any other architecture PyTorch counts the products of a few short rows on the meta device, where
nothing is computed; as a polynomial of the lengths they give those of any row.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedConfig

from models.autoclasses import IMAGE_TEXT, SEQ2SEQ
from models.cost import Cost, Parameters, Term, count_flops
from models.heads import GENERATING, HEADS, example, on_meta

_Terms = tuple[Term, ...]
_COUNTED = (4, 8, 12, 16)  # tokens of rows that are counted: one more than give the polynomial


def of(config: PreTrainedConfig, head: str, parameters: Parameters) -> Cost:
    """The cost of an architecture under a head.

    Raises:
        ValueError: it cannot be counted; says why.
    """
    formula, heads = _FORMULAS.get(config.model_type, (counted, ()))
    return (formula if head in heads else counted)(config, head, parameters)


def counted(config: PreTrainedConfig, head: str, parameters: Parameters) -> Cost:
    """The cost of any architecture that reads token ids, from the products of a few short rows.

    All scores of its attention are counted, whatever window its layers look through, and a row's
    gradient takes two products for each of the forward pass.

    Raises:
        ValueError: it cannot be fed such rows, or what they cost is no polynomial of their length.
    """
    apart = head == SEQ2SEQ
    powers = [(i, j) for i in range(3) for j in range(3 if apart else 1) if i + j < 3]
    points = [(t, u) for t in _COUNTED for u in (_COUNTED[:3] if apart else (0,))]
    found = _multiplications(config, head, points)
    design = np.array([[t**i * u**j for i, j in powers] for t, u in points])
    amounts = np.linalg.lstsq(design, np.array(found, dtype=float), rcond=None)[0].round()
    if (design @ amounts != found).any():
        raise ValueError(
            f"{config.model_type}: expected FLOPs that are a polynomial of the lengths, of degree "
            f"two. Got {dict(zip(points, found, strict=True))}."
        )
    known = dict(zip(powers, map(int, amounts), strict=True))
    products: _Terms = ()
    if head == "AutoModelForCausalLM":  # of which a prefill makes the last position's only
        logits = on_meta(config, head).get_output_embeddings().weight.numel()
        known[1, 0] -= logits
        products = (Term(logits, logits=True),)
    products += tuple(Term(n, source=i, target=j) for (i, j), n in known.items() if n)
    return Cost(parameters, products, *_kept(config, apart=apart))


def _multiplications(
    config: PreTrainedConfig, head: str, points: Sequence[tuple[int, int]]
) -> list[int]:
    """Of the forward pass of one row of each length and target length.

    Where a model looks at values, as some classifiers do for the end of a row, it is really run.
    """
    rows = [_row(config, head, *point) for point in points]
    for device in ("meta", "cpu"):
        with torch.device(device):
            model = HEADS[head].from_config(config, attn_implementation="eager").eval()
        try:
            return [
                count_flops(model, {n: value.to(device) for n, value in row.items()}, False) // 2
                for row in rows
            ]
        except Exception as error:  # noqa: BLE001  # every architecture has mistakes of its own
            why = " ".join(str(error).split())[:200]
    raise ValueError(f"{config.model_type} cannot be fed a row of token ids: {why}")


def _row(config: PreTrainedConfig, head: str, length: int, target: int) -> dict[str, Tensor]:
    """What the model reads, its end marked where it has a mark for that."""
    row = example(config, head, rows=1, length=length, target_length=target or None)
    end: Any = config.get_text_config().eos_token_id
    if isinstance(end, int):
        row["input_ids"][:, -1] = end
    # The decoder of an encoder-decoder reads its labels.
    return row if head == SEQ2SEQ else {"input_ids": row["input_ids"]}


def _kept(config: PreTrainedConfig, *, apart: bool) -> tuple[_Terms, _Terms]:
    """Keys and values, of a decoder's own tokens too where it has any; and the tokens read.

    Raises:
        ValueError: it keeps something else, or what it keeps cannot be told.
    """
    read = (Term(1), *((Term(1, source=0, target=1),) if apart else ()))
    if not apart and (found := _cached(config)) is not None:
        return (Term(found),), read
    text: Any = config.get_text_config()
    heads, layers = (getattr(text, n, None) for n in ("num_attention_heads", "num_hidden_layers"))
    named = (getattr(text, name, None) for name in ("head_dim", "d_kv"))
    if not heads or not layers:
        raise ValueError(
            f"{config.model_type}: expected num_attention_heads and num_hidden_layers, from which "
            "the keys and values of a token are counted. Got none: choose another architecture."
        )
    width = next(filter(None, named), text.hidden_size // heads)
    if apart:
        names = ("num_decoder_layers", "decoder_layers")
        layers = next((n for name in names if (n := getattr(config, name, None))), layers)
    kept = 2 * layers * width * (getattr(text, "num_key_value_heads", None) or heads)
    return (Term(kept), *((Term(kept, source=0, target=1),) if apart else ())), read


def _cached(config: PreTrainedConfig) -> int | None:
    """Numbers that a decoder keeps of a token, as its own cache holds them; None without a cache.

    No two architectures call their number of keys and values alike, and some compress them.

    Raises:
        ValueError: they are not as many for every token, as where a state is kept instead.
    """
    found = []
    for length in _COUNTED[:2]:
        row = {"input_ids": torch.zeros(1, length, dtype=torch.long, device="meta")}
        with torch.device("meta"), torch.no_grad():
            model = HEADS["AutoModel"].from_config(config, attn_implementation="eager").eval()
            try:
                outputs = model(**row, use_cache=True)
            except Exception:  # noqa: BLE001  # it cannot be fed on the meta device
                return None
        cache = getattr(outputs, "past_key_values", None)
        cache = getattr(outputs, "cache_params", None) if cache is None else cache
        layers = getattr(cache, "layers", None)
        if layers is None:  # no cache, or a decoder's beside an encoder's
            return None
        held = [getattr(n, kind, None) for n in layers for kind in ("keys", "values")]
        tensors = [tensor for tensor in held if isinstance(tensor, Tensor)]
        if len(tensors) < len(held):
            raise ValueError(
                f"{config.model_type}: expected layers that keep keys and values of every token. "
                "Got one with a state of another kind: choose another architecture."
            )
        found.append(sum(tensor.numel() for tensor in tensors))
    short, long = _COUNTED[:2]
    if found[0] * long != found[1] * short:
        raise ValueError(
            f"{config.model_type}: expected as much kept of every token. Got "
            f"{dict(zip((short, long), found, strict=True))} numbers of so many tokens."
        )
    return found[0] // short


def _layers(layers: int, width: int, feed_forward: int, attention: int) -> _Terms:
    """A stack over the source; ``feed_forward`` is the numbers in a layer's matrices of that."""
    linear = layers * (4 * width * attention + feed_forward)
    return Term(linear), Term(layers * 2 * attention, source=2)


def _readout(config: Any, head: str, width: int) -> _Terms:
    """The matrix between the body and what a head puts out."""
    if head == "AutoModelForSequenceClassification":
        return (Term(width * config.num_labels, source=0),)
    if head == "AutoModelForTokenClassification":
        return (Term(width * config.num_labels),)
    if head == "AutoModelForQuestionAnswering":
        return (Term(width * 2),)
    if head == "AutoModelForCausalLM":
        return (Term(width * config.vocab_size, logits=True),)
    return ()


def _bert(config: Any, head: str, parameters: Parameters) -> Cost:
    """An encoder. Its pooler reads the first token; no loss reaches it in the bare body."""
    width, layers = config.hidden_size, config.num_hidden_layers
    products = _layers(layers, width, 2 * width * config.intermediate_size, width)
    if head in ("AutoModel", "AutoModelForSequenceClassification"):
        products += (Term(width**2, source=0, gradients=0 if head == "AutoModel" else 2),)
    return Cost(parameters, products + _readout(config, head, width), (Term(layers * 2 * width),))


def _gpt2(config: Any, head: str, parameters: Parameters) -> Cost:
    """A decoder; causal or not, all scores are counted. The last layer is vocab_size wide."""
    width, layers = config.n_embd, config.n_layer
    products = _layers(layers, width, 2 * width * (config.n_inner or 4 * width), width)
    return Cost(parameters, products + _readout(config, head, width), (Term(layers * 2 * width),))


def _t5(config: Any, head: str, parameters: Parameters) -> Cost:
    """An encoder over the source; a decoder over the target that also attends to the source.

    What decoding keeps is the decoder's: keys and values of the source, made once, and of the
    target.
    """
    width, attention = config.d_model, config.num_heads * config.d_kv
    feed_forward = (3 if config.is_gated_act else 2) * width * config.d_ff  # a gate is a matrix
    products = _layers(config.num_layers, width, feed_forward, attention)
    layers = config.num_decoder_layers
    products += (
        Term(layers * (6 * width * attention + feed_forward), source=0, target=1),
        Term(layers * 2 * width * attention),  # keys and values of the source
        Term(layers * 2 * attention, source=0, target=2),
        Term(layers * 2 * attention, source=1, target=1),
        Term(width * config.vocab_size, source=0, target=1),
    )
    kept = layers * 2 * attention
    return Cost(
        parameters,
        products,
        (Term(kept), Term(kept, source=0, target=1)),
        (Term(1), Term(1, source=0, target=1)),
    )


def _clip(config: Any, head: str, parameters: Parameters) -> Cost:
    """Two encoders and a projection from each; the patches' number does not depend on the text's.

    Pixels are data, so the first matrix of the image tower has no gradient for its input.
    """
    text, image = config.text_config, config.vision_config
    patches = (image.image_size // image.patch_size) ** 2
    positions = patches + 1  # the class token
    pixels = image.num_channels * image.patch_size**2
    towers = [
        _layers(
            tower.num_hidden_layers,
            tower.hidden_size,
            2 * tower.hidden_size * tower.intermediate_size,
            tower.hidden_size,
        )
        for tower in (text, image)
    ]
    products = (
        *towers[0],
        *(Term(term.amount * positions**term.source, source=0) for term in towers[1]),
        Term(patches * pixels * image.hidden_size, source=0, gradients=1),
        Term((text.hidden_size + image.hidden_size) * config.projection_dim, source=0),
    )
    state = (
        Term(2 * text.num_hidden_layers * text.hidden_size),
        Term(2 * image.num_hidden_layers * image.hidden_size * positions, source=0),
    )
    return Cost(parameters, products, state, (Term(1), Term(patches, source=0)))


_ENCODER = tuple(head for head in HEADS if head not in (*GENERATING, IMAGE_TEXT))
#: Architecture -> its formula, and the heads that this is of: those that the suite's own arms have.
_FORMULAS: dict[str, tuple[Callable[[Any, str, Parameters], Cost], tuple[str, ...]]] = {
    "bert": (_bert, _ENCODER),
    "gpt2": (_gpt2, ("AutoModelForCausalLM",)),
    "t5": (_t5, (SEQ2SEQ,)),
    "clip": (_clip, (IMAGE_TEXT,)),
}
