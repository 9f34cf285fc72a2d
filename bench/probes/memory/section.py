"""What a page says of memory: peaks of a step, and what a row keeps."""

from bench.page.contract import WHERE, Facet, Picture, Question, Section, TableView
from bench.probes.memory import figures, sentences


def _memory_caption(facet: Facet) -> str:
    return (
        "Tensors: as PyTorch hands them out; resident: the process's peak. Not seen: what a "
        "kernel takes within one call. Nothing follows for another allocator."
    )


def _state_caption(facet: Facet) -> str:
    return (
        "Lines: counted from the architecture, of one row; markers: measured after the prompt. It "
        "says what must be kept, not what is read in a step."
    )


QUESTIONS = (
    Question(
        400,
        "How much memory does a step take beyond the weights and the optimizer's state?",
        sentences.memory,
    ),
    Question(410, "What do a decoder's state and cache take?", sentences.state),
)

SECTIONS = (
    Section(
        400,
        "Memory",
        "What one step takes beyond what lasts from step to step (weights, the optimizer's state, "
        "a batch), in a run of its own, and what a row keeps in order to read one more token.",
        pictures=[
            Picture(
                "memory",
                rows=lambda evidence: evidence["memory"],
                draw=lambda facet: figures.memory(facet.rows),
                caption=_memory_caption,
            ),
            Picture(
                "state",
                rows=lambda evidence: evidence["state"],
                draw=lambda facet: figures.state(facet.rows),
                caption=_state_caption,
                by=("comparison", "task", "data", "dtype"),
            ),
        ],
        tables=[
            TableView(
                "memory",
                [
                    "comparison", "phase", "length", "arm", *WHERE, "peak_tensor_bytes",
                    "tensor_rise_bytes", "peak_rss_bytes", "rss_rise_bytes",
                    "peak_allocated_bytes", "allocated_rise_bytes", "peak_reserved_bytes",
                ],
            )
        ],
    ),
)  # fmt: skip
