"""Long short-term memory (Hochreiter and Schmidhuber, 1997), random weights."""

from models.recurrent.arm import RecurrentArm

LABEL = "LSTM"
COLOUR = "#0072B2"
RANK = 2
FAMILY = "recurrent"
GATED = True
WEIGHTS = "random"
KERNELS = ("fused", "loop", "compiled", "native")
OPTIONS = ("bidirectional", "attention", "initialization", "forget_bias", "chrono_length")
ARM = RecurrentArm("lstm", OPTIONS)
