"""Transformer encoder (Vaswani et al., 2017; BERT's layout), random weights."""

from models.transformer import EncoderArm

WEIGHTS = "random"
KERNELS = ("sdpa", "eager")
ARM = EncoderArm()
