"""The gradient of a recurrent network vanishes with distance, however long the window.

At initialisation, as Bengio et al. (1994) and Pascanu et al. (2013) reason, a factor below one for
every step leaves nothing of the loss far back. "However long" means that more window brings no more
reach: what the gradient reaches is a number of tokens, not a share of the window.
"""

import math
from collections.abc import Iterator
from typing import Any

import pandas as pd

from bench import registry
from bench.page import judgement
from bench.page.captions import EXPLORATORY
from bench.page.evidence import Evidence
from bench.page.judgement import Effect, Judgement
from bench.page.numbers import cell_text, ranged

SENTENCE = "In a recurrent network the gradient vanishes with distance, however long the window"
QUANTITY = "reach at initialisation: the farthest token that gets 1% of the largest norm, in tokens"
DIRECTION = "the reach stays, as the window grows"
LOOKS = "once, when all seeds are in"
NEEDS = "probe gradient at two lengths, one four times the other, with six seeds"
PLACE = 100
SCOPE = (
    "comparison", "task", "data", "arm", "kernel", "device", "dtype", "denormals", "threads",
    "layers", "initialization",
)  # fmt: skip
TABLES = ("reach",)
DELTA = 0.25  # a reach that grows by less, in a window at least four times as long, is the same
SUPPORTED = "at every length less than 1% comes to the far end, and the reach does not grow with T"
REFUTED = "the gradient reaches the far end of the longest window"

_LONGER = 4  # times as long, before "however long" can be told


def judge(evidence: Evidence) -> list[Judgement]:
    """One judgement for each arm, task and setting, over the lengths measured."""
    reach = evidence["reach"]
    if reach.empty:
        return []
    reach = reach[[registry.family(arm) == "recurrent" for arm in reach["arm"]]]
    if reach.empty:
        return []
    start = reach[(reach["steps"] == 0) & (reach["clip_norm"] == reach["clip_norm"].mode().iloc[0])]
    return [_judge(rows) for rows in _scopes(start)]


def _scopes(start: pd.DataFrame) -> Iterator[list[dict[str, Any]]]:
    """Rows of one scope by length; of a length that is there twice, that of most seeds."""
    for _, rows in start.groupby(list(SCOPE), sort=False, dropna=False):
        chosen = rows.sort_values("seeds", kind="stable").drop_duplicates("length", keep="last")
        yield [
            {str(name): value for name, value in row.items()}
            for row in chosen.sort_values("length").to_dict("records")
        ]


def _judge(rows: list[dict[str, Any]]) -> Judgement:
    first, last = rows[0], rows[-1]
    scope = {name: first[name] for name in SCOPE} | {"lengths": [row["length"] for row in rows]}
    records = [row["record"] for row in rows]
    state, why = _state(rows)
    undecided = state == judgement.UNDECIDED
    of = f"{registry.label(first['arm'])} ({_where(first)})"
    reached = f"the gradient reaches {_reach(first)} of {first['farthest']:,} tokens"
    if last is not first:
        reached += f", {_reach(last)} of {last['farthest']:,}"
    sentence = f"{of}: {reached}; {f'undecided, {why}' if undecided else why}."
    return Judgement(
        scope=scope,
        state=state,
        sentence=sentence,
        records=records,
        figure="reach_by_length",
        why=why if undecided else "",
        effects=[_effect(row) for row in rows],
    )


def _effect(row: dict[str, Any]) -> Effect:
    low, high = row["reach_tokens_low"], row["reach_tokens_high"]
    without = math.isnan(low)
    return Effect(
        "reach",
        "tokens",
        row["reach_tokens"],
        None if without else low,
        None if without else high,
        int(row["seeds"]),
        [row["record"]],
        {"length": row["length"]},
    )


def _state(rows: list[dict[str, Any]]) -> tuple[str, str]:
    """The state, and what it rests on in words."""
    first, last = rows[0], rows[-1]
    vanishing = [row["fate"] == "vanishes" for row in rows]
    if min(row["seeds"] for row in (first, last)) < EXPLORATORY:
        return judgement.UNDECIDED, f"fewer than {EXPLORATORY} seeds"
    if last["whole_window"]:
        return judgement.REFUTED, "it does not vanish"
    if last["length"] < _LONGER * first["length"]:
        return judgement.UNDECIDED, f"no window {_LONGER} times as long"
    if not all(vanishing):
        begins = next((row["length"] for row in rows if row["fate"] == "vanishes"), None)
        if begins is None:
            return judgement.UNDECIDED, "neither vanishing nor reaching the far end"
        return judgement.DEPENDS, f"it vanishes from T={begins} on"
    grown = _most(last) / _least(first)
    if grown < 1 + DELTA:
        return judgement.SUPPORTED, "it vanishes, however long the window"
    return (
        judgement.DEPENDS,
        f"it vanishes, but reaches up to {grown:.1f} times as far in longer windows",
    )


def _least(row: dict[str, Any]) -> float:
    low = row["reach_tokens_low"]
    return float(row["reach_least"] if math.isnan(low) else low)


def _most(row: dict[str, Any]) -> float:
    high = row["reach_tokens_high"]
    return float(row["reach_most"] if math.isnan(high) else high)


def _reach(row: dict[str, Any]) -> str:
    """``12 [12, 13]``, the interval only where it is wider than its value."""
    low, high = row["reach_tokens_low"], row["reach_tokens_high"]
    if cell_text(low, "reach_tokens") == cell_text(high, "reach_tokens"):
        return cell_text(row["reach_tokens"], "reach_tokens")
    return ranged("reach_tokens", row["reach_tokens"], low, high)


def _where(row: dict[str, Any]) -> str:
    parts = [str(row["comparison"]), registry.named(row["task"], row["data"]), "at initialisation"]
    if row["dtype"] != "float32":
        parts.append(row["dtype"])
    return ", ".join([*parts, row["device"]])
