"""Small models of every arm under every head with a designated position, and what they leave."""

import torch

import models.arms
from bench import registry, study, tasks
from bench.measure.subject import Subject
from bench.probes.gradient.designated import flow
from bench.probes.gradient.measure import Measurement

from .....conftest import TINY

ARMS = [name for name, arm in registry.arms().items() if arm.literals["WEIGHTS"] == "random"]
PROTOCOL = registry.probes()["gradient"].literals["PROTOCOL"]
DEFAULTS = {name: setting["default"] for name, setting in PROTOCOL.items()}
SMALL = {"steps": 4, "batch_size": 4, "rows": 4, "eval_rows": 8, "stages": [0.5, 1.0]}
ROUNDED = 1.1e-4  # two numbers of five digits each
#: A task for every head with a designated position, and a window that it has.
TASKS = {
    "AutoModelForSequenceClassification": ("parity", 12),
    "AutoModelForTokenClassification": ("reverse", 12),
    "AutoModelForCausalLM": ("mqar", 32),
    "AutoModelForSeq2SeqLM": ("docstring", 16),
}


def subject(arm, task="parity", length=12, data=None, layers=2, size=8, recurrent=None, **changes):
    """A small model of an arm under a task's head, with ``changes`` of the cell."""
    cell = next(cell for cell in study.load(str(TINY)).cells if cell.probe == "gradient")
    protocol = DEFAULTS | SMALL | changes.pop("protocol", {})
    kernel = registry.arms()[arm].literals["KERNELS"][0]
    update = {"arm": arm, "task": task, "length": length, "kernel": kernel, "protocol": protocol}
    cell = cell.model_copy(update=update | changes)
    loaded = tasks.load(task)
    vocabulary = tasks.vocabulary(loaded, data)
    shape = models.arms.Shape(
        head=loaded.HEAD,
        num_labels=len(loaded.LABELS) or 1,
        vocab_size=vocabulary.size,
        pad_token_id=vocabulary.pad,
        bos_token_id=vocabulary.bos,
        eos_token_id=vocabulary.eos,
        embedding_size=size,
        num_layers=layers,
        num_heads=2,
        max_positions=64,
        target_length=getattr(loaded, "TARGET_LENGTH", None),
        recurrent=recurrent or {},
    )
    return Subject(cell, models.arms.load(arm).config(shape).to_dict(), data)


def under(head, arm, corpus, **changes):
    """A subject of an arm under a head."""
    task, length = TASKS[head]
    return subject(arm, task, length, corpus if tasks.needs(task) else None, **changes)


def measuring(of):
    return Measurement(of, lambda share: None)


def measured(of):
    """Samples and metrics of a whole measurement."""
    measurement = measuring(of)
    measurement.round()
    result = measurement.result()
    return result.samples, result.metrics


def norms_by_distance(model, designated):
    return designated.by_distance(flow(model, designated)).double().norm(dim=-1)


@torch.no_grad()
def zero(*weights):
    for weight in weights:
        weight.zero_()
