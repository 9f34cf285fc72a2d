"""Words that the sentences of claims share."""

import math
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from bench import registry
from bench.claims.rules.flows import END, START, Flow
from bench.page.judgement import (
    DEPENDS,
    MOST_WORDS,
    REFUTED,
    SUPPORTED,
    UNDECIDED,
    Effect,
    Judgement,
)
from bench.page.numbers import cell_text
from bench.page.words import an, tokenizer
from bench.statistics.intervals import Estimate

#: When a gradient was measured.
STAGES = {START: "at initialisation", END: "after training"}


def begins(arm: str) -> str:
    """An arm at a sentence's start: ``A transformer``, and ``LSTM``, which is a name."""
    label = registry.label(arm)
    return label if label[0].isupper() else f"A{an(arm)[1:]}"


def place(row: Mapping[str, Any], *more: str) -> str:
    """The comparison, the task, what more there is to say, and the device."""
    parts = [str(row["comparison"])] if row.get("comparison") else []
    parts += [registry.named(row["task"], row["data"]), *tokenizer(row), *filter(None, more)]
    parts += [row["dtype"]] if row["dtype"] != "float32" else []
    return ", ".join([*parts, row["device"]])


def estimate(effect: Effect) -> Estimate:
    """An effect's number with its interval."""
    low, high = (math.nan if end is None else end for end in (effect.low, effect.high))
    return Estimate(effect.value, low, high)


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def tokens(reach: Estimate) -> str:
    """``12 [12, 13]``."""
    return ranged(reach, lambda number: cell_text(number, "reach_tokens"))


def times(ratio: Estimate) -> str:
    """``1.33 [1.33, 1.44]``."""
    return ranged(ratio, _ratio)


def _ratio(number: float) -> str:
    if 0 < abs(number) < 0.1:
        return f"{number:.2g}"
    return f"{number:.2f}" if abs(number) < 100 else f"{number:,.0f}"


def ranged(number: Estimate, text: Callable[[float], str]) -> str:
    """A number, and its interval where there is one that is wider than its value."""
    if math.isnan(number.low) or text(number.low) == text(number.high):
        return text(number.value)
    return f"{text(number.value)} [{text(number.low)}, {text(number.high)}]"


def reach(flow: Flow) -> str:
    """``12 [12, 13] of 8,191``."""
    return f"{tokens(flow.reach)} of {flow.farthest:,}"


def picture(lengths: Collection[int], *, one: str, several: str) -> str:
    """The name of the picture that shows so many lengths: a line needs two."""
    return several if len(lengths) > 1 else one


def ends(estimate: Estimate) -> tuple[float | None, float | None]:
    """Those of the interval, None where there is none, as an effect has them."""
    return (None, None) if math.isnan(estimate.low) else (estimate.low, estimate.high)


def whole(begin: str, more: str, end: str) -> str:
    """The sentence, without what is between where it has too many words with it."""
    full = f"{begin}{more}{end}"
    return full if len(full.split()) <= MOST_WORDS else f"{begin}{end}"


def fitting(*parts: str) -> str:
    """As many of the parts, in order, as a sentence may have words; the first in any case."""
    text = parts[0]
    for part in filter(None, parts[1:]):
        if len(f"{text}{part}".split()) > MOST_WORDS:
            break
        text += part
    return f"{text}."


def counted(judgements: Sequence[Judgement]) -> str:
    """``supported in 3 of 38 scopes, refuted in 2, 33 undecided``: of all of them."""
    states, total = Counter(j.state for j in judgements), len(judgements)
    parts = [f"{SUPPORTED} in {states[SUPPORTED]} of {total} scope{'s' if total > 1 else ''}"]
    parts += [f"{state} in {states[state]}" for state in (REFUTED, DEPENDS) if states[state]]
    parts += [f"{states[UNDECIDED]} {UNDECIDED}"] if states[UNDECIDED] else []
    return ", ".join(parts)


def longest(judged: Judgement, effects: Sequence[Effect]) -> Effect:
    """Of these effects that at the longest window among those that decided."""
    decided = [effect for effect in effects if effect.where["length"] in judged.scope["lengths"]]
    return max(decided, key=lambda effect: effect.where["length"])


def exceptions(judgements: Sequence[Judgement]) -> str:
    """``; not with orthogonal initialisation``: the coordinate that tells where it is not so.

    Empty where nothing is refuted, or no one coordinate tells it.
    """
    refuted = [j.scope for j in judgements if j.state == REFUTED]
    held = [j.scope for j in judgements if j.state == SUPPORTED]
    for name, words in _WORDS.items():
        if not refuted or not held or any(name not in scope for scope in (*refuted, *held)):
            continue
        never = dict.fromkeys(scope[name] for scope in refuted)
        if not never.keys() & {scope[name] for scope in held}:
            told = dict.fromkeys(words(value) for value in never)
            return f"; not {listed(list(told))}"
    return ""


def commonest(judgements: Sequence[Judgement]) -> str:
    """The first decided sentence of the commonest state; of several scopes, in how many it is so.

    The count is left out where it does not fit.
    """
    decided = [j for j in judgements if j.state != UNDECIDED]
    state = Counter(j.state for j in decided).most_common(1)[0][0]
    told = next(j.sentence for j in decided if j.state == state)
    return told if len(judgements) == 1 else fitting(told[:-1], f"; {counted(judgements)}")


#: Coordinates on which something may depend, the most telling first, in words.
_WORDS: dict[str, Callable[[Any], str]] = {
    "initialization": lambda name: f"with {name.partition(',')[0]} initialisation",
    "when": STAGES.__getitem__,
    "layers": lambda count: f"with {count} layer{'s' if count > 1 else ''}",
    "arm": lambda arm: f"in {an(arm)}",
    "task": lambda task: f"on {task}",
    "device": lambda device: f"on {device}",
    "comparison": lambda name: f"in {name}",
}
