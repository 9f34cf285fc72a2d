"""Seconds of a decoded token after a context of T tokens, the arms of a group taken in turn.

Prefill reads the whole context at once and is bound by compute; a decoded step reads every weight,
and all that was kept of the context, to write one token, and is bound by memory. So the two are
timed apart, in one real call of ``generate``: greedy, of fixed length, the end of a sequence off.
A streamer takes the time at which each token reaches the host; on an accelerator it has been copied
there by then. What ``generate`` itself does between tokens is part of a step, as it is for a user.

``decode_passes`` is what is left without ``generate``: a pass a token, the likeliest fed back on
the device; keys and values lie in a cache of fixed size, of which every pass reads all, through a
mask. ``decode_graph`` is the same again, each pass replayed from a CUDA graph.

The context is the task's own text: the prompt of a causal language model, the source of an
encoder-decoder. What is kept of it is measured on the real cache or state.
"""

AXES = {
    "phase": {"choices": ["decode", "decode_passes", "decode_graph"], "default": ["decode"]},
}
HEADS = ["AutoModelForCausalLM", "AutoModelForSeq2SeqLM"]
PROTOCOL = {
    "batch_size": {"default": 1, "least": 1, "help": "rows decoded together"},
    "new_tokens": {"default": 64, "least": 2, "help": "tokens that every row is continued by"},
    "warmup": {"default": 2, "least": 1, "help": "generations before the first round"},
}
TIMED = True
INTERLEAVED = True
SUMMARIES = {"first_token_s": "first_token_seconds", "late_over_early": "late_over_early"}
