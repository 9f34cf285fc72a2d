"""Whatever is registered, as the contract tests run over it, and the shape they build it in."""

import functools
from dataclasses import replace

import models.arms
from bench import registry
from bench.tools import inventory

ARMS = registry.arms()
PAIRS = [(name, head) for name in ARMS for head in models.arms.load(name).heads]
RANDOM = [name for name in ARMS if ARMS[name].literals["WEIGHTS"] == "random"]
PRETRAINED = [name for name in ARMS if ARMS[name].literals["WEIGHTS"] == "pretrained"]
#: what of a comparison's ``recurrent`` each takes, and those that take any
OPTIONS = {name: entry.literals.get("OPTIONS", ()) for name, entry in ARMS.items()}
RECURRENT = [name for name in ARMS if OPTIONS[name]]

VOCABULARY, CLASSES, TARGET = 500, 8, 5
SHAPE = replace(
    inventory.SHAPE,
    head="AutoModelForSequenceClassification",
    num_labels=CLASSES,
    vocab_size=VOCABULARY,
    embedding_size=32,
    num_layers=1,
    num_heads=2,
    max_positions=64,
    target_length=TARGET,
)


def kernels(name):
    """What an arm's file says it has, the default first."""
    return ARMS[name].literals["KERNELS"]


def build(name, head=SHAPE.head, seed=0, kernel=None, shape=SHAPE):
    arm = models.arms.load(name)
    config = arm.config(replace(shape, head=head))
    return arm.build(config, head, seed, kernel or kernels(name)[0])


@functools.cache
def built(name, head=SHAPE.head):
    """The model of a pair, to be read and not to be changed: it is the same in every test."""
    return build(name, head).eval()
