"""How claims about time are decided: rows of the table ``directions``, taken together by length."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench import registry
from bench.claims.rules.said import ends
from bench.frames.columns import estimate
from bench.page import judgement, words
from bench.page.judgement import MOST_WORDS, Effect, Judgement
from bench.page.numbers import listed, ranged

Row = dict[str, Any]
LONGER, SHORTER, SAME, UNDECIDED = "longer", "shorter", "same", "undecided"
#: The picture of times over a reference's.
FIGURE = "time_ratio"
#: What effects are called: of whole steps, and of their layers alone.
RATIO, BODY_RATIO = "time ratio", "time ratio of the body"
#: Columns of an arm and its kernel: the recurrence's, and attention's.
ARMS = (("arm", "kernel"), ("reference", "reference_kernel"))
_BODY = "body_"  # what columns of the layers alone begin with
_FASTER = {LONGER: "slower", SHORTER: "faster"}
_INVERSE = {LONGER: SHORTER, SHORTER: LONGER}
_COUNTED = {
    judgement.SUPPORTED: "longer",
    judgement.REFUTED: "not longer",
    judgement.DEPENDS: "some lengths only",
}


@dataclass(frozen=True)
class Said:
    """How sentences call two times.

    Args:
        does: what takes it, up to the verb: ``A training step takes``.
        one, other: whose time is over whose, of a row.
    """

    does: str
    one: str
    other: str


def recurrent_over_attention(frame: pd.DataFrame, phases: Sequence[str]) -> list[Row]:
    """Rows of recurrent networks beside transformers in these phases, turned to that ratio.

    ``arm`` and ``kernel`` are the recurrence's, ``reference`` and ``reference_kernel`` the other's.
    """
    if frame.empty:
        return []
    chosen = frame[(frame["contrast"] == "arms") & frame["phase"].isin(list(phases))]
    kind = {arm: registry.family(arm) for arm in {*chosen["arm"], *chosen["reference"]}}
    found = []
    for row in rows_of(chosen):
        kinds = kind[row["arm"]], kind[row["reference"]]
        if kinds == ("recurrent", "transformer"):
            found.append(row)
        elif kinds == ("transformer", "recurrent"):
            found.append(inverted(row) | _swapped(row))
    return found


def rows_of(frame: pd.DataFrame) -> list[Row]:
    """The rows of a table; several times as fast as pandas has it."""
    columns = [frame[name].tolist() for name in frame.columns]
    names = list(map(str, frame.columns))
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def inverted(row: Row) -> Row:
    """The same of the reference's time over the arm's; a control is the same arm over itself."""
    found = dict(row)
    for of in ("", _BODY) if of_body(row) else ("",):
        value, low, high = (row[f"{of}time_ratio{end}"] for end in ("", "_low", "_high"))
        found |= {
            f"{of}time_ratio": 1 / value,
            f"{of}time_ratio_low": 1 / high,
            f"{of}time_ratio_high": 1 / low,
            f"{of}direction": _INVERSE.get(row[f"{of}direction"], row[f"{of}direction"]),
        }
    return found


def of_body(row: Row) -> Row | None:
    """The same row of the layers alone; None where they were not timed apart."""
    if not row.get(f"{_BODY}direction"):
        return None
    return row | {
        name.removeprefix(_BODY): value for name, value in row.items() if name.startswith(_BODY)
    }


def _swapped(row: Row) -> Row:
    (arm, kernel), (reference, other) = ARMS
    return {
        arm: row[reference], kernel: row[other], reference: row[arm], other: row[kernel]
    }  # fmt: skip


def series(rows: Sequence[Row], scope: Sequence[str]) -> Iterator[list[Row]]:
    """Rows that differ in length only, the shortest first.

    Where a length was measured with several batch sizes, each is a series of its own; one that
    changes with the length, as where a step has so many tokens, is no difference.
    """
    alike: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(tuple(row[name] for name in (*scope, "seed")), []).append(row)
    for found in alike.values():
        sizes: dict[int | None, list[Row]] = {}
        several = len({row["length"] for row in found}) < len(found)
        for row in found:
            sizes.setdefault(row["batch_size"] if several else None, []).append(row)
        for together in sizes.values():
            yield sorted(together, key=lambda row: int(row["length"]))


def slow(frame: pd.DataFrame, scope: Sequence[str], does: Mapping[str, str]) -> list[Judgement]:
    """Whether recurrent networks take longer than transformers, a judgement for each scope.

    Args:
        frame: the table ``directions``.
        scope: coordinates that rows of one judgement have in common, ``phase`` among them.
        does: phase to what takes time, as of `Said`.
    """
    rows = recurrent_over_attention(frame, list(does))
    known = kernels(rows)
    return [
        judge(together, scope, Said(does[together[0]["phase"]], *called(together[0], known)))
        for together in series(rows, scope)
    ]


def judge(rows: Sequence[Row], scope: Sequence[str], said: Said, figure: str = FIGURE) -> Judgement:
    """Whether the one takes longer, of rows that differ in length only: by direction at each.

    Supported where it is longer wherever anything is decided, refuted where nowhere.
    """
    decided = [row for row in rows if row["direction"] != UNDECIDED]
    kinds = {row["direction"] == LONGER for row in decided}
    if not kinds:
        state, text = judgement.UNDECIDED, _undecided(rows, said)
    elif len(kinds) == 2:
        state, text = judgement.DEPENDS, _depends(rows, decided, said)
    else:
        state = judgement.SUPPORTED if kinds.pop() else judgement.REFUTED
        text = _all_alike(rows, decided, said)
    return Judgement(
        scope={name: rows[0][name] for name in (*scope, "seed")}
        | {"lengths": [row["length"] for row in decided or rows]},
        state=state,
        sentence=text,
        records=records(rows),
        figure=figure,
        why="" if decided else reason(rows),
        effects=[
            *(effect(row) for row in rows),
            *(effect(body, BODY_RATIO) for row in rows if (body := of_body(row))),
        ],
    )


def reason(rows: Sequence[Row]) -> str:
    """The commonest reason why nothing is decided."""
    return str(Counter(row["why"] for row in rows).most_common(1)[0][0])


def records(rows: Sequence[Row]) -> list[str]:
    """What these rows are made from."""
    names = ("record", "reference_record")
    return list(dict.fromkeys(row[name] for row in rows for name in names))


def effect(row: Row, quantity: str = RATIO) -> Effect:
    """A row's ratio as it is cited."""
    control = (row["aa_ratio_low"], row["aa_ratio_high"])
    return Effect(
        quantity,
        "times",
        row["time_ratio"],
        *ends(estimate(row, "time_ratio")),
        n=int(row["rounds"]),
        records=[row["record"], row["reference_record"]],
        where={"length": row["length"]},
        level=row["level"],
        launches=int(row["launches"]),
        control=None if math.isnan(control[0]) else control,
    )


def ratio(row: Row) -> str:
    """``1.77 [1.70, 1.84]``."""
    return ranged("ratio", row["time_ratio"], row["time_ratio_low"], row["time_ratio_high"])


def fitting(*candidates: str) -> str:
    """The first that has no more words than a sentence may have; else the last."""
    return next((text for text in candidates if len(text.split()) <= MOST_WORDS), candidates[-1])


def place(row: Row, *, short: bool = False) -> str:
    """``(scratch, package, corpus tokenizer, 1024-token steps, cpu, 1 thread)``."""
    parts = [] if short else [str(row["comparison"]), words.task(row), *words.tokenizer(row)]
    if not short and isinstance(row.get("batch_size"), str):
        parts.append(f"{row['batch_size'].replace(' tokens', '-token')} steps")
    parts.append(row["device"])
    parts.append(f"{row['threads']} thread{'' if row['threads'] == 1 else 's'}")
    parts += [row["dtype"]] if row["dtype"] != "float32" else []
    parts += ["subnormals flushed"] if row["denormals"] != "keep" else []
    return f"({listed(parts)})"


def brief(row: Row) -> str:
    """The same without whose token ids and how many in a step: a judgement's scope has these."""
    return place({**row, "tokenizer": None, "batch_size": None})


def called(row: Row, kernels: Mapping[tuple[Any, ...], set[str]]) -> tuple[str, str]:
    """The two arms of a row, each with its kernel where it was measured with several.

    Args:
        row: as `recurrent_over_attention` gives it.
        kernels: as `kernels` gives them.
    """
    one, other = (
        words.an(row[arm])
        + (f" ({row[kernel]})" if len(kernels[row[arm], *_beside(row)]) > 1 else "")
        for arm, kernel in ARMS
    )
    return one, other


def kernels(rows: Sequence[Row]) -> dict[tuple[Any, ...], set[str]]:
    """Those that each arm was measured with in the same place."""
    found: dict[tuple[Any, ...], set[str]] = {}
    for row in rows:
        for arm, kernel in ARMS:
            found.setdefault((row[arm], *_beside(row)), set()).add(row[kernel])
    return found


def _beside(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("phase", *words.GROUP) if name != "batch_size")


def _ends(rows: Sequence[Row]) -> list[Row]:
    return [rows[0], rows[-1]] if len(rows) > 1 else [rows[0]]


def _told(rows: Sequence[Row], said: Said, *, bodies: bool) -> str:
    """The ratio at the shortest and the longest window of these, and those of the body."""
    first, *more = _ends(rows)
    text = f"{said.does} {said.one} {ratio(first)} times as long as {said.other}"
    text += f" at T={first['length']}"
    text += "".join(f", {ratio(row)} at T={row['length']}" for row in more)
    return text + (_bodies([first, *more]) if bodies else "")


def _bodies(rows: Sequence[Row]) -> str:
    """``; the body 1.77 [1.70, 1.84]`` at each of these, and where it goes the other way."""
    bodies = [of_body(row) for row in rows]
    known = [body for body in bodies if body is not None]
    if len(known) < len(rows):
        return ""
    text = f"; the body {', '.join(map(ratio, known))}"
    turned = [row for row, body in zip(rows, known, strict=True) if _contrary(row, body)]
    if not turned:
        return text
    at = "" if len(turned) == len(rows) else f" at T={turned[-1]['length']}"
    step = turned[-1]["direction"]
    return f"{text}:{at} the step is {_FASTER[step]}, the body {_FASTER[_INVERSE[step]]}"


def _contrary(row: Row, body: Row | None) -> bool:
    """Whether a step is decided to be longer and its body shorter, or the other way about."""
    return body is not None and {row["direction"], body["direction"]} == {LONGER, SHORTER}


def _all_alike(rows: Sequence[Row], decided: Sequence[Row], said: Said) -> str:
    same = ", the same within 3%" if all(row["direction"] == SAME for row in decided) else ""
    lost = [f"T={row['length']}" for row in rows if row["direction"] == UNDECIDED]
    undecided = f"; undecided at {listed(lost)}" if lost else ""
    long, short = place(rows[0]), place(rows[0], short=True)
    # Where step and body go different ways, that is what is worth its words.
    turned = [row for row in decided if _contrary(row, of_body(row))] or decided
    candidates: list[str] = []
    for bodies in (True, False):  # without, only where there is no room for them
        text = _told(decided, said, bodies=bodies)
        last = _told(turned[-1:], said, bodies=bodies)
        candidates += [f"{text}{same}{undecided} {long}.", f"{text}{same} {long}."]
        candidates += [f"{text}{same} {short}."] if bodies and of_body(rows[0]) else []
        candidates += [f"{last}{same} {long}.", f"{last}{same} {short}."]
    return fitting(*candidates)


def _undecided(rows: Sequence[Row], said: Said) -> str:
    long, short = place(rows[0]), place(rows[0], short=True)
    candidates: list[str] = []
    for bodies in (True, False):
        text, last = (_told(of, said, bodies=bodies) for of in (rows, rows[-1:]))
        step = "the step is " if bodies and of_body(rows[-1]) else ""
        why, its = (f"{step}undecided, {reason(of)}" for of in (rows, rows[-1:]))
        candidates += [f"{text} {long}: {why}.", f"{last} {long}: {its}."]
        candidates.append(f"{last} {short}: {its}.")
    return fitting(*candidates)


def _depends(rows: Sequence[Row], decided: Sequence[Row], said: Said) -> str:
    """Longer at some lengths: up to one and from another on, where it turns once."""
    first, last = decided[0], decided[-1]
    begins = first["direction"] == LONGER
    turn = next(
        index for index, row in enumerate(decided) if (row["direction"] == LONGER) is not begins
    )
    after = decided[turn:]
    once = all((row["direction"] == LONGER) is not begins for row in after)
    if not once:
        longer = [f"T={row['length']}" for row in decided if row["direction"] == LONGER]
        text = f"{said.does} {said.one} longer than {said.other} at {listed(longer)} only"
        return fitting(f"{text} {place(first)}.", f"{text}.")
    how = ("longer", "no longer") if begins else ("no longer", "longer")
    before = decided[turn - 1]
    # At shorter lengths than the first that is decided nothing is known.
    begun = "up to" if first is rows[0] else f"from T={first['length']} to"
    text = (
        f"{said.does} {said.one} {how[0]} than {said.other} {begun} T={before['length']}, "
        f"{ratio(first)} times{_at(first, before)}; {how[1]} from T={after[0]['length']} on, "
        f"{ratio(last)}{_at(last, after[0])}"
    )
    bodies, body = _bodies([first, last]), _bodies([last])
    short = place(first, short=True)
    return fitting(
        f"{text}{bodies} {place(first)}.",
        f"{text}{bodies} {short}.",
        f"{text}{body} {short}.",
        f"{text} {short}.",
        f"{text}.",
        f"{said.does} {said.one} {how[0]} than {said.other} {begun} T={before['length']}; {how[1]} "
        f"from T={after[0]['length']} on.",
    )


def _at(row: Row, named: Row) -> str:
    """The length of a ratio that is not the one which the sentence has just named."""
    return "" if row is named else f" at T={row['length']}"


def headline(judgements: Sequence[Judgement], does: str) -> str:
    """From the smallest to the largest ratio of what is decided, and of how many how many are.

    Where some were timed with subnormal floats flushed, their own range stands beside it.

    Args:
        judgements: of one claim, some decided.
        does: as of `Said`.
    """
    decided = [j for j in judgements if j.state != judgement.UNDECIDED]
    flushed = [j for j in decided if j.scope.get("denormals") == "flush"]
    kept = [j for j in decided if j not in flushed] or decided
    told, without = (_effects(some, RATIO) for some in (kept, flushed))
    if len(judgements) == 1 or len(told) < 2:
        return kept[0].sentence
    named = [
        f"{_number(e)} ({registry.label(j.scope['arm'])}, T={e.where['length']})"
        for j, e in (told[0], told[-1])
    ]
    plain = [_number(e) for _, e in (told[0], told[-1])]
    bodies = [_number(e) for _, e in _effects(kept, BODY_RATIO)]
    states = Counter(j.state for j in decided)
    counts = listed(f"{how} in {states[state]}" for state, how in _COUNTED.items() if states[state])
    devices = listed(dict.fromkeys(str(j.scope["device"]) for j in decided))
    text, short = (
        f"{does} recurrent networks {' to '.join(ends)} times as long as transformers"
        + (" with subnormals flushed" if flushed and kept == decided else "")
        for ends in (named, plain)
    )
    ends = [without[0], *without[1:][-1:]] if kept != decided else []
    aside = " to ".join(f"{_number(e)} (T={e.where['length']})" for _, e in ends)
    return fitting(
        *(
            [f"{of}; without subnormals {aside}, {devices}." for of in (text, short)]
            if ends
            else []
        ),
        *([f"{text}; the body {bodies[0]} to {bodies[-1]}, {devices}."] if bodies else []),
        f"{text}; {counts} of {len(judgements)} comparisons, {devices}.",
        f"{text}, {devices}.",
        decided[0].sentence,
    )


def _effects(decided: Sequence[Judgement], quantity: str) -> list[tuple[Judgement, Effect]]:
    """Those of one quantity at lengths that are decided, the smallest first."""
    found = [
        (j, e)
        for j in decided
        for e in j.effects
        if e.quantity == quantity and e.where["length"] in j.scope["lengths"]
    ]
    return sorted(found, key=lambda pair: pair[1].value)


def _number(effect: Effect) -> str:
    low, high = (math.nan if end is None else end for end in (effect.low, effect.high))
    return ranged("ratio", effect.value, low, high)
