"""Gated recurrent unit (Cho et al., 2014), random weights."""

from models.recurrent.arm import RecurrentArm

LABEL = "GRU"
COLOUR = "#009E73"
RANK = 3
FAMILY = "recurrent"
GATED = True
WEIGHTS = "random"
KERNELS = ("fused", "loop", "compiled", "native")
OPTIONS = ("bidirectional", "attention", "initialization", "chrono_length")
ARM = RecurrentArm("gru", OPTIONS)
