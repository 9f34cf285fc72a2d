"""Elman network (Elman, 1990), random weights."""

from models.recurrent.arm import RecurrentArm

LABEL = "Elman RNN"
WEIGHTS = "random"
KERNELS = ("fused", "loop", "compiled")
ARM = RecurrentArm("rnn")
