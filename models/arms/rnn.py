"""Elman network (Elman, 1990), random weights."""

from models.recurrent.arm import RecurrentArm

WEIGHTS = "random"
KERNELS = ("fused", "loop", "compiled")
ARM = RecurrentArm("rnn")
