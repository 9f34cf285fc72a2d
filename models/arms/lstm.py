"""Long short-term memory (Hochreiter and Schmidhuber, 1997), random weights."""

from models.recurrent.arm import RecurrentArm

LABEL = "LSTM"
WEIGHTS = "random"
KERNELS = ("fused", "loop", "compiled")
ARM = RecurrentArm("lstm")
