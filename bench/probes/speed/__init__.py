"""Seconds of a training step, a forward pass and a prefill, the arms of a group taken in turn."""

HEADS = [
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForQuestionAnswering",
    "AutoModelForCausalLM",
    "AutoModelForSeq2SeqLM",
    "AutoModel",
    "AutoProcessor",
]
AXES = {
    "phase": {
        "choices": ["training", "forward", "prefill"],
        "default": ["training", "forward"],  # a prefill is a language model's
    }
}
PROTOCOL = {
    "batch_size": {"default": 8, "least": 1, "help": "rows of a step"},
    "tokens_per_step": {
        "default": 0,
        "least": 0,
        "help": "asked of a step at every length, which gives its rows; 0 where rows are asked for",
    },
    "warmup_steps": {"default": 10, "least": 1, "help": "steps before the first round, at least"},
    "warmup_s": {
        "default": 3.0,
        "least": 0.0,
        "help": "seconds that are as good as those steps, two steps in",
    },
    "block_ms": {
        "default": 20.0,
        "least": 0.0,
        "help": "a round times as many steps as last this long; five times it on an accelerator",
    },
}
TIMED = True
INTERLEAVED = True
#: Of a step, timed in blocks of their own, see ``bench.measure.parts``.
PARTS = {
    "forward_s": "forward_seconds",
    "backward_s": "backward_seconds",
    "update_s": "update_seconds",
    "body_s": "body_seconds",
    "body_forward_s": "body_forward_seconds",
    "body_update_s": "body_update_seconds",
}
