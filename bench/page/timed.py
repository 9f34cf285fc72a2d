"""What pages say of arms timed in turn: verdicts, crossovers, growth, intervals, noise."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from bench import registry
from bench.frames.columns import ENDS, estimate
from bench.frames.groups import groups
from bench.outcome import UNDECIDED
from bench.page.evidence import Evidence
from bench.page.numbers import fixed, listed, percent, power, times
from bench.page.words import GROUP, ends, named, step, tokenizer, where
from bench.statistics.intervals import LEAST_ROUNDS

#: What writes sentences about the rows of a table.
Write = Callable[[pd.DataFrame], list[str]]
#: Times of the table ``growth`` that every probe taken in turn has, in words, of a phase's step.
TIMES: Mapping[str, str] = {"step_s": "a {step}", "body_s": "the body of a {step}"}


def of_phase(evidence: Evidence, phase: str, written: Sequence[tuple[str, Write]]) -> list[str]:
    """What tables say of one phase.

    Args:
        evidence: all there is.
        phase: of which sentences are wanted.
        written: names of tables, and what writes of each.
    """
    lines = []
    for name, write in written:
        frame = evidence[name]
        if not frame.empty:
            lines += write(frame[frame["phase"] == phase])
    return lines


def verdicts(frame: pd.DataFrame) -> list[str]:
    """Every arm beside its reference, at the shortest and the longest window.

    A sentence for each verdict, and one for all of a group that no verdict can be given on.
    """
    lines = []
    for rows in groups(frame.dropna(subset=["sentence"]), GROUP):
        for length, here in ends(rows):
            untold = [row for row in here if row["verdict"] == UNDECIDED]
            lines += [f"{row['sentence']} ({_asked(row)})." for row in here if row not in untold]
            if untold:
                known = ", ".join(
                    f"{named(row, rows)} {times(estimate(row, 'speed_ratio'))}" for row in untold
                )
                lines.append(
                    f"No claim on a {step(rows[0])} at T={length} ({where(rows[0])}) "
                    f"beside the {registry.label(rows[0]['reference'])}: {known}."
                )
    return lines


def crossover(frame: pd.DataFrame) -> list[str]:
    """Where two arms are equally fast, a sentence for every group."""
    lines = []
    for rows in groups(frame, GROUP):
        parts = []
        for row in rows:
            text = str(row["outcome"])
            if not math.isnan(row["at_length"]):
                at, *span = (fixed(row[f"at_length{end}"]) for end in ENDS)
                text += f", on straight lines up to T={at} [{', '.join(span)}]"
            parts.append(f"{named(row, rows)} and {registry.label(row['reference'])}: {text}")
        lines.append(
            f"The length at which a {step(rows[0])} takes equally long ({where(rows[0])}): "
            f"{'; '.join(parts)}."
        )
    return lines


def growth(frame: pd.DataFrame, called: Mapping[str, str] = TIMES) -> list[str]:
    """The power of the length that times grow with, a sentence for every group.

    Args:
        frame: the table ``growth``.
        called: the times to speak of, and how each is called.
    """
    lines = []
    for rows in groups(frame[frame["quantity"].isin(list(called))], ["quantity", *GROUP]):
        first = rows[0]
        powers = ", ".join(
            f"{named(row, rows)} as {power(estimate(row, 'exponent'))}" for row in rows
        )
        what = called[first["quantity"]].format(step=step(first))
        lines.append(
            f"From T={first['shortest']} to {first['longest']} the time of {what} grows "
            f"({where(first)}): {powers}."
        )
    return lines


def _asked(row: Mapping[str, Any]) -> str:
    """What a verdict does not say itself: the comparison, what a step has, whose token ids."""
    return listed([row["comparison"], f"batch {row['batch_size']}", *tokenizer(row)])


def intervals(rows: pd.DataFrame) -> str:
    """For a caption: what the lines and bands are of, and how many decide nothing."""
    text = f"Medians, 95% intervals over {_span(rows['rounds'])} rounds. "
    if short := int((rows["rounds"] < LEAST_ROUNDS).sum()):
        text += f"{short} without a band. "
    if loose := int((rows["status"] == UNDECIDED).sum()):
        text += f"Hollow: {loose} undecided. "
    return text


def noise(rows: pd.DataFrame) -> str:
    """For a caption: what the A/A control and the flags of the rounds say."""
    if rows["aa_ratio"].notna().any():
        text = f"A/A {_span(rows['aa_ratio'].dropna(), 2)}. "
    else:
        text = "Without an A/A control nothing is claimed. "
    flags, rounds = int(rows["flagged_rounds"].sum()), int(rows["rounds"].sum())
    return text + (f"Other work in {percent(flags / rounds)} of rounds. " if flags else "")


def _span(values: "pd.Series[Any]", places: int = 0) -> str:
    """The least and the most, or what both are."""
    return " to ".join(dict.fromkeys(fixed(end, places) for end in (values.min(), values.max())))
