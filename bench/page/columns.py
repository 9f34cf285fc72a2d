"""What columns of tables are called where people read: in words, units told by the values."""

import re

#: Where the words are others than those of the name.
_WORDS = {
    "aa_ratio": "A/A ratio",
    "arm": "model",
    "at_edge": "best rate at the edge",
    "at_length": "at length T",
    "best": "best seed",
    "better_share": "better in, of pairs of seeds",
    "because": "why",
    "clip_norm": "clipped at norm",
    "decay_per_token": "factor per token",
    "dtype": "number type",
    "denormals": "subnormals",
    "embedding_parameters": "parameters in embeddings",
    "body_aa_ratio": "body's A/A ratio",
    "body_direction": "body takes",
    "body_parameters": "parameters outside embeddings",
    "body_s": "of both passes the body",
    "body_share": "body, of a step",
    "body_time_ratio": "body's time over the reference's",
    "positions_parameters": "of these positions",
    "class_token_parameters": "of these a class token",
    "projection_parameters": "of these a projection of numbers",
    "total_parameters": "parameters in all",
    "sized": "solved for",
    "fate": "what becomes of it",
    "floor": "score of guessing",
    "holm_p": "p, after Holm",
    "half_life_tokens": "halves every (tokens)",
    "iqm": "interquartile mean",
    "length": "length T",
    "match": "held equal",
    "match_error": "off by",
    "least": "worst seed",
    "missing_why": "missing",
    "most": "best seed",
    "ours_best": "ours, best seed",
    "ours_median": "ours, median",
    "published_solves": "published solves it",
    "quiet_ratio": "ratio without flagged rounds",
    "roofline_share": "share of the machine's ceiling",
    "solved_at": "solved from",
    "speed_ratio": "times as fast as the reference",
    "step_s": "time of a step",
    "target_s": "time to the threshold",
    "target_steps": "steps to the threshold",
    "target_tokens": "tokens to the threshold",
    "tokens_per_s": "tokens per second",
    "update_s": "norm, clip, optimizer",
    "first_token_s": "time to the first token",
    "when": "measured",
}
#: Endings that are units or kinds of numbers.
_ENDINGS = (
    (r"_per_s$", " per second"),
    (r"_per_token$", " per token"),
    (r"_tokens$", " (tokens)"),
    (r"_nats$", " (nats)"),
    (r"_share$", ", share"),
    (r"_(s|bytes)$", ""),  # the values say so
)


def words(column: str) -> str:
    """A column's heading: ``tokens_per_s`` is ``tokens per second``."""
    if column in _WORDS:
        return _WORDS[column]
    for ending, text in _ENDINGS:
        column = re.sub(ending, text, column)
    return column.replace("_", " ")
