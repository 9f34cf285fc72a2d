"""Elman network (Elman, 1990), random weights."""

from models.recurrent.arm import RecurrentArm

LABEL = "Elman RNN"
COLOUR = "#C58600"
RANK = 1
FAMILY = "recurrent"
GATED = False
WEIGHTS = "random"
KERNELS = ("fused", "loop", "compiled", "native")
OPTIONS = ("bidirectional", "attention", "initialization")
ARM = RecurrentArm("rnn", OPTIONS)
