"""Greedy decoding by bare passes of a model, which a CUDA graph can replay.

``generate`` prepares every token on the host, and a pass over one token launches some dozens of
kernels, each of which a GPU has done before the next is sent: what is timed is the host. A graph
sends them all at once (Gray, 2019), which needs everything at a fixed place in memory: keys and
values in a cache as long as they will get, a state in tensors that are written over.
"""

from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, StaticCache

from models.recurrent.state import RecurrentState

_WARM = 3  # passes before a capture, as PyTorch's documentation has it


class Passes:
    """A causal language model that reads a prompt, then the token that it found likeliest.

    Args:
        model: in evaluation mode, of one precision throughout.
        prompt: (rows, length) token ids, for the shape; its text is not kept.
        new_tokens: how many tokens a generation has, at most.
        graph: whether the pass over one token is captured, and replayed from then on.
    """

    def __init__(
        self, model: PreTrainedModel, prompt: Tensor, new_tokens: int, *, graph: bool
    ) -> None:
        self._model, self._graph = model, None
        with torch.inference_mode():
            first = model(input_ids=prompt[:, :1], use_cache=True)
            state = first.past_key_values
            self._kept: Any = (
                RecurrentState([torch.zeros_like(tensor) for tensor in state.tensors], 0)
                if isinstance(state, RecurrentState)
                else StaticCache(config=model.config, max_cache_len=prompt.shape[1] + new_tokens)
            )
            self.logits = torch.zeros_like(first.logits[:, -1])  # (rows, vocab_size), of the last
            self.token = torch.zeros_like(prompt[:, :1])  # (rows, 1), chosen by them
            if graph:
                self._graph = self._captured(prompt)

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept once a prompt was read, of all rows together; they do not grow."""
        if isinstance(self._kept, RecurrentState):
            return self._kept.nbytes
        return sum(layer.keys.nbytes + layer.values.nbytes for layer in self._kept.layers)

    def forget(self) -> None:
        """Empty what is kept, in place."""
        with torch.inference_mode():
            self._kept.reset()

    def read(self, prompt: Tensor) -> None:
        """Read a prompt after nothing, and choose the first token."""
        with torch.inference_mode():
            self._pass(prompt)

    def next(self) -> None:
        """Read the token chosen last, and choose another."""
        if self._graph is not None:
            self._graph.replay()
            return
        with torch.inference_mode():
            self._pass(self.token)

    def _pass(self, tokens: Tensor) -> None:
        outputs = self._model(
            input_ids=tokens, past_key_values=self._kept, use_cache=True, logits_to_keep=1
        )
        if isinstance(self._kept, RecurrentState):
            for kept, new in zip(self._kept.tensors, outputs.past_key_values.tensors, strict=True):
                kept.copy_(new)
        self.logits.copy_(outputs.logits[:, -1])
        self.token.copy_(self.logits.argmax(-1, keepdim=True))

    def _captured(self, prompt: Tensor) -> torch.cuda.CUDAGraph:
        """The pass over one token; what it does to what is kept is undone by the next prompt."""
        self._kept.reset()
        self._pass(prompt)
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM):
                self._kept.reset()
                self._pass(self.token)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._pass(self.token)
        return graph
