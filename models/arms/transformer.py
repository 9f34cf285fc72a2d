"""Transformers (Vaswani et al., 2017): BERT, GPT-2, T5 or CLIP's layout by head, random weights."""

from models.transformer import TransformerArm

COLOUR = "#D55E00"
RANK = 4
FAMILY = "transformer"
WEIGHTS = "random"
KERNELS = ("sdpa", "eager", "compiled", "flash", "efficient", "math")
ARM = TransformerArm()
