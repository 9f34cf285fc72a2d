"""Which kernel really ran: the operators that do a recurrence's or an attention's work.

A kernel's name says what was asked for. PyTorch and the libraries below decide by type, size and
device what runs, so an LSTM that is one call of oneDNN in float32 may be another operator, or many
small ones, in a half type.
"""

import re
from collections.abc import Callable
from typing import Any

from torch.autograd.profiler import profile
from transformers import PreTrainedModel

from bench.measure import objective
from bench.measure.subject import Batch, Subject
from models import kernels

#: PyTorch's own by name, its math attention among them; and whatever has a namespace of its own.
_DECISIVE = re.compile(
    r"aten::(mkldnn_rnn_layer|_cudnn_rnn|miopen_rnn|_lstm_mps|_thnn_fused_\w+_cell"
    r"|_scaled_dot_product_\w+)|(?!aten|prims?|autograd|profiler|cuda|inductor|mkldnn)\w+::\w+"
)
_BACKWARD = re.compile(r"backward", re.IGNORECASE)  # follows from the forward


def operators(run: Callable[[], Any]) -> list[str]:
    """The decisive operators of a call, sorted; none where it is made of general ones alone.

    Names alone are read: to add events up, as ``key_averages`` does, takes six times as long, and a
    recurrence leaves some for every token, on a GPU all its launches.
    """
    with profile() as profiler:
        run()
    results = profiler.kineto_results
    assert results is not None, "the profiler has ended"
    names = {event.name() for event in results.events()}
    return sorted(n for n in names if _DECISIVE.fullmatch(n) and not _BACKWARD.search(n))


def told(
    subject: Subject,
    model: PreTrainedModel,
    batch: Batch,
    passes: Callable[[PreTrainedModel], Callable[[Batch], Any]] | None = None,
) -> dict[str, Any]:
    """What a cell's record says of the kernel that ran, found outside of what is timed.

    Args:
        subject: of the cell.
        model: its own, in the mode in which it is measured.
        batch: what it reads.
        passes: makes of a model what is run on a batch; the loss, with a graph, where it is None.

    Returns:
        ``kernel_ran``; and ``kernel_ran_in_float32``, what the same kernel's name is there, None
        for a cell in float32, for a compiled one, and for a backend of attention by its own name:
        on a GPU ``flash`` has no float32.
    """

    def ran(one: PreTrainedModel, rows: Batch) -> list[str]:
        run = _loss(subject, one) if passes is None else passes(one)
        return operators(lambda: run(rows))

    cell, usual = subject.cell, None
    if cell.dtype != "float32" and cell.kernel not in ("compiled", *kernels.ONE_OPERATOR):
        twin = subject.build(dtype="float32").train(model.training)
        floats = {n: t.float() if t.is_floating_point() else t for n, t in batch.items()}
        usual = ran(twin, floats)
    return {"kernel_ran": ran(model, batch), "kernel_ran_in_float32": usual}


def _loss(subject: Subject, model: PreTrainedModel) -> Callable[[Batch], Any]:
    return lambda batch: objective.loss(model, subject.head, batch)
