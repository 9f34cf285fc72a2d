"""Seconds of a decoded token after a context of T tokens, the arms of a group taken in turn."""

import gc
import itertools
import statistics
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel
from transformers.generation.streamers import BaseStreamer

from bench.measure import ran
from bench.measure.contract import Progress, Result
from bench.measure.devices import synchronize
from bench.measure.subject import Batch, Subject
from bench.outcome import Invalid, Unsupported
from bench.probes.decode.passes import Passes
from bench.study import Cell
from models.precision import PRECISIONS

#: Largest difference between cached and uncached logits, relative to a step's largest magnitude.
#: ``generate`` reads logits in float32 whatever the model's dtype.
TOLERANCE = {
    torch.float64: 1e-6,
    torch.float32: 1e-4,
    torch.float16: 2e-2,
    torch.bfloat16: 1e-1,
}
GRAPH = "decode_graph"  # the phase whose passes are replayed
_GATE_TOKENS = 32
_PROMPTS = 4  # taken in turn, so that no arm sees the same rows twice running
_GENERATING = 1.5  # a step of ``generate``, in passes over one token


def pace(
    protocol: dict[str, Any], axes: dict[str, str], once: Callable[[str], float]
) -> tuple[float, float]:
    """Generations: for the gate with a pass without a cache, for the state twice, to warm up."""
    token_s = _GENERATING * once("token")
    turn_s = once("prefill") + (protocol["new_tokens"] - 1) * token_s
    gate_s = once("prefill") + once("forward") + min(_GATE_TOKENS, protocol["new_tokens"]) * token_s
    return gate_s + once("prefill") + (protocol["warmup"] + 1) * turn_s, turn_s


class Clock(BaseStreamer):
    """The time at which ``generate`` hands out each token, in nanoseconds.

    It is handed the prompt first (an encoder-decoder's start token), then the batch's tokens of
    every step at once.
    """

    def __init__(self) -> None:
        self.prompt_ns: int | None = None
        self.tokens_ns: list[int] = []

    def put(self, value: Tensor) -> None:
        now = time.perf_counter_ns()
        if self.prompt_ns is None:
            self.prompt_ns = now
        else:
            self.tokens_ns.append(now)

    def end(self) -> None:
        """Nothing is held back."""


def greedy(model: PreTrainedModel) -> GenerationConfig:
    """Greedy decoding with no end, and nothing else that a checkpoint may ask for.

    No padding either: prompts have none, and what ends a document in one may be a model's padding.
    """
    own = model.generation_config
    return GenerationConfig(
        do_sample=False,
        num_beams=1,
        bos_token_id=own.bos_token_id,
        eos_token_id=None,
        pad_token_id=None,
        decoder_start_token_id=own.decoder_start_token_id,
    )


def generate(model: Any, prompt: Tensor, new_tokens: int, **options: Any) -> Any:
    """Continue every row of a prompt, (rows, length), by exactly so many tokens."""
    return model.generate(
        prompt, min_new_tokens=new_tokens, max_new_tokens=new_tokens, use_cache=True, **options
    )


def check_cache(
    model: PreTrainedModel, prompt: Tensor, new_tokens: int, most: float | None = None
) -> float:
    """Prove that decoding with a cache says what the model says without one.

    The logits of every cached step are compared with those of one uncached pass over the same
    tokens. Where they agree the greedy tokens are the same too, step by step, but for ties within
    the tolerance; comparing tokens alone would fail on a tie, and pass a wrong cache whose largest
    logit happens to be the right one.

    Args:
        model: in evaluation mode, its generation configuration greedy.
        prompt: (rows, length) prompts or sources.
        new_tokens: how many steps to compare.
        most: allowed difference, None for that of the weights' type.

    Returns:
        The largest difference, relative to its step's largest magnitude.

    Raises:
        Invalid: it is larger, or not a number.
    """
    outputs = generate(model, prompt, new_tokens, return_dict_in_generate=True, output_logits=True)
    cached = torch.stack(outputs.logits, dim=1)  # (rows, new_tokens, vocab_size)
    return compare(model, prompt, outputs.sequences, cached, most or TOLERANCE[model.dtype])


def check_passes(
    passes: Passes, model: PreTrainedModel, prompt: Tensor, new_tokens: int, most: float
) -> float:
    """As ``check_cache``, of bare passes.

    Raises:
        Invalid: a logit is further off than ``most``.
    """
    passes.forget()
    passes.read(prompt)
    logits, tokens = [passes.logits.clone()], [passes.token.clone()]
    for _ in range(new_tokens - 1):
        passes.next()
        logits.append(passes.logits.clone())
        tokens.append(passes.token.clone())
    sequences = torch.cat([prompt, *tokens], dim=1)
    return compare(model, prompt, sequences, torch.stack(logits, dim=1), most)


def compare(
    model: PreTrainedModel, prompt: Tensor, sequences: Tensor, cached: Tensor, most: float
) -> float:
    """How far logits are from those of one pass without a cache.

    Args:
        model: whose they are.
        prompt: (rows, length) what was read.
        sequences: what was read and generated; of an encoder-decoder its target.
        cached: (rows, new tokens, vocab_size) logits.
        most: allowed difference.

    Raises:
        Invalid: it is larger, or not a number.
    """
    new_tokens, read = cached.shape[1], sequences[:, :-1]
    with torch.no_grad():
        if model.config.is_encoder_decoder:
            uncached = model(input_ids=prompt, decoder_input_ids=read, use_cache=False).logits
        else:
            uncached = model(input_ids=read, use_cache=False).logits[:, -new_tokens:]
    uncached = uncached.to(cached.dtype)
    differences = (cached - uncached).abs().amax(dim=(0, 2)) / uncached.abs().amax(dim=(0, 2))
    worst = int(differences.argmax())  # a NaN counts as the largest
    error = float(differences[worst])
    if not error <= most:
        raise Invalid(
            f"decoding with a cache differs from decoding without: expected logits within {most:g} "
            f"of the largest magnitude. Got {error:.2g} at token {worst + 1} of {new_tokens}."
        )
    return error


def kept_bytes(model: PreTrainedModel, prompt: Tensor, new_tokens: int) -> int:
    """Bytes that a row keeps after its prompt and ``new_tokens`` further tokens were read.

    A decoder with cross-attention that has no cache of its own for the source's values
    (Bahdanau's) reads the encoder's outputs at every step, so they count.
    """
    # The last token generated has not been read.
    outputs = generate(model, prompt, new_tokens + 1, return_dict_in_generate=True)
    cache = outputs.past_key_values
    kept = _tensors(cache)
    if getattr(cache, "keys", None) is not None:
        with torch.no_grad():
            kept.append(model.get_encoder()(prompt).last_hidden_state)
    return sum(tensor.nbytes for tensor in kept) // len(prompt)


def _tensors(cache: Any) -> list[Tensor]:
    """All that a state, or a cache of keys and values, holds."""
    if hasattr(cache, "self_attention_cache"):
        return _tensors(cache.self_attention_cache) + _tensors(cache.cross_attention_cache)
    if hasattr(cache, "layers"):
        return [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]
    return [*cache.tensors, *([] if cache.keys is None else [cache.keys])]


class Measurement:
    """One arm of a group, its cache proven and its model warm, waiting for its turn."""

    def __init__(self, subject: Subject, progress: Progress) -> None:
        self.subject, protocol = subject, subject.cell.protocol
        self.cell, self.new_tokens = subject.cell, protocol["new_tokens"]
        batches = subject.batches(_PROMPTS, protocol["batch_size"])
        if any("attention_mask" in batch for batch in batches):
            raise Unsupported(f"decoding is timed on rows without padding; {self.cell.task} pads")
        self.prompts = [batch["input_ids"] for batch in batches]
        self.model = subject.build().eval()
        self.model.generation_config = greedy(self.model)
        self.gate_tokens = min(_GATE_TOKENS, self.new_tokens)
        self._passes: Passes | None = None
        most, prompt = TOLERANCE[subject.precision.rounding], self.prompts[0]
        if self.cell.axes["phase"] == "decode":
            with self._cast_once():
                self.gate_error = check_cache(self.model, prompt, self.gate_tokens, most)
                self.state_bytes = [
                    kept_bytes(self.model, prompt, tokens) for tokens in (0, self.new_tokens)
                ]
        else:
            graph = self.cell.axes["phase"] == GRAPH
            self._passes = Passes(self.model, prompt, self.new_tokens, graph=graph)
            self.gate_error = check_passes(self._passes, self.model, prompt, self.gate_tokens, most)
            self.state_bytes = [self._passes.nbytes // len(prompt)] * 2
        self._next = 0
        self.first: list[float] = []  # seconds to the first token, by round
        self.steps: list[list[float]] = []  # seconds of each further one
        for _ in range(protocol["warmup"]):
            self.round()
        self.first.clear()
        self.steps.clear()

    def _cast_once(self) -> AbstractContextManager[None]:
        """Under autocast a generation casts the weights at its start, not at every token."""
        return self.subject.precision.autocast(self.cell.device)

    def round(self) -> None:
        clock, prompt = Clock(), self.prompts[self._next]
        self._next = (self._next + 1) % len(self.prompts)
        if self._passes is not None:
            self._passes.forget()
        collecting = gc.isenabled()
        gc.disable()
        try:
            synchronize(self.cell.device)
            start = time.perf_counter_ns()
            if self._passes is None:
                with self._cast_once():
                    generate(self.model, prompt, self.new_tokens, streamer=clock)
            else:
                _run(self._passes, prompt, self.new_tokens, clock)
        finally:
            if collecting:
                gc.enable()
        times = [(token - start) / 1e9 for token in clock.tokens_ns]
        if len(times) != self.new_tokens:
            raise Invalid(f"expected {self.new_tokens} new tokens. Got {len(times)}.")
        self.first.append(times[0])
        self.steps.append([late - early for early, late in itertools.pairwise(times)])

    def result(self) -> Result:
        seconds = [statistics.fmean(steps) for steps in self.steps]
        by_position = [statistics.median(steps) for steps in zip(*self.steps, strict=True)]
        return Result(
            {
                "tokens_per_step": self.cell.protocol["batch_size"],
                "state_bytes": self.state_bytes[0],
                "state_end_bytes": self.state_bytes[1],
                "gate_tokens": self.gate_tokens,
                "gate_error": self.gate_error,
            },
            {
                "seconds": seconds,
                "first_token_seconds": self.first,
                "late_over_early": [_late_over_early(steps) for steps in self.steps],
                "position_seconds": by_position,
            },
        )

    def ran(self) -> dict[str, Any]:
        """Which kernel ran, seen outside of what is timed."""
        passes = _reading if self._passes is None else _passing
        return ran.told(self.subject, self.model, {"input_ids": self.prompts[0]}, passes)


def _run(passes: Passes, prompt: Tensor, new_tokens: int, clock: Clock) -> None:
    """A generation by bare passes, each token copied to the host as ``generate`` hands it out."""
    clock.put(prompt)
    passes.read(prompt)
    clock.put(passes.token.cpu())
    for _ in range(new_tokens - 1):
        passes.next()
        clock.put(passes.token.cpu())


def _reading(model: PreTrainedModel) -> Callable[[Batch], Any]:
    """A prefill and a decoded step of a model, as they are timed."""
    model.generation_config = greedy(model)
    return lambda batch: generate(model, batch["input_ids"], 2)


def _passing(model: PreTrainedModel) -> Callable[[Batch], Any]:
    """The same by bare passes, which a profiler sees before a graph hides them."""

    def run(batch: Batch) -> None:
        passes = Passes(model, batch["input_ids"], 2, graph=False)
        passes.read(batch["input_ids"])
        passes.next()

    return run


def refuse(cell: Cell, head: str, limit: int | None) -> None:
    """Refuse more tokens than the model has positions, and passes that cannot be bare.

    Raises:
        Unsupported: what is generated would end beyond ``limit``; of bare passes an
            encoder-decoder, a type under autocast or a kernel without masks; of a graph a device
            that has none.
    """
    phase = cell.axes["phase"]
    if phase == GRAPH and cell.device != "cuda":
        raise Unsupported(f"CUDA graphs are of CUDA devices. Got {cell.device}: use decode_passes")
    if phase != "decode" and head != "AutoModelForCausalLM":
        raise Unsupported(f"bare passes are a causal language model's; {cell.task} has {head}")
    if phase != "decode" and cell.kernel == "flash":
        raise Unsupported("a cache of fixed size is read through a mask, which flash has not")
    if phase != "decode" and PRECISIONS[cell.dtype].mixed:
        raise Unsupported(
            f"a bare pass in {cell.dtype} would cast every weight for every token, and generate "
            f"does once: use pure_{cell.dtype}, as what is served is cast"
        )
    new_tokens = cell.protocol["new_tokens"]
    if limit is not None and positions(cell, head) > limit:
        raise Unsupported(
            f"T={cell.length} and {new_tokens} new tokens are beyond the {limit} positions of "
            f"{cell.arm}"
        )


def positions(cell: Cell, head: str) -> int:
    """Tokens of the context and of what follows it; of an encoder-decoder the larger."""
    new_tokens: int = cell.protocol["new_tokens"]
    apart = head == "AutoModelForSeq2SeqLM"  # source and target are counted separately
    return max(cell.length, new_tokens + 1) if apart else cell.length + new_tokens


def _late_over_early(steps: list[float]) -> float:
    """How many times as long the last quarter of a generation's steps takes as the first."""
    quarter = max(1, len(steps) // 4)
    return statistics.median(steps[-quarter:]) / statistics.median(steps[:quarter])
