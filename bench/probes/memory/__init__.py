"""Peak memory of one training step and of one forward pass, in a run of its own.

On the CPU two numbers. The resident peak is what the operating system had to give: libraries,
workspaces and fragments included, so it wanders by a little from run to run. Tensor bytes are
counted as PyTorch's dispatcher hands storages out and reproduce to the byte, but do not see what a
kernel takes and gives back within one call; what a fused kernel keeps for its backward is an output
and is counted. On an accelerator the counters of its allocator stand in for the resident peak.

What is measured is a step in the steady state: a first one has made the optimizer's state, the
thread pool and the libraries' caches, and its gradients are freed, as every step frees those of the
one before.
"""

AXES = {
    "phase": {"choices": ["training", "forward"], "default": ["training", "forward"]},
}
HEADS = [
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
]
PROTOCOL = {
    "batch_size": {"default": 8, "least": 1, "help": "rows of a step"},
    "tokens_per_step": {
        "default": 0,
        "least": 0,
        "help": "asked of a step at every length, which gives its rows; 0 where rows are asked for",
    },
    "repeats": {"default": 3, "least": 1, "help": "steps whose peak is taken, one after the other"},
}
TIMED = False
INTERLEAVED = False
