"""What a page says of decoding: the time to the first token, and of every further one."""

from functools import partial

import pandas as pd

from bench import phases
from bench.frames.groups import groups
from bench.outcome import UNDECIDED
from bench.page import timed
from bench.page.captions import distinct
from bench.page.contract import WHERE, Facet, Picture, Question, Section, TableView
from bench.page.evidence import Evidence
from bench.page.numbers import in_units, listed
from bench.page.words import GROUP, ends, named, where
from bench.probes.decode import figures

_TIMES = {**timed.TIMES, "first_token_s": "the first token"}


def _slow(evidence: Evidence) -> list[str]:
    """Who is faster, who begins sooner, where two arms are level, and how time grows."""
    lines = timed.of_phase(
        evidence,
        "decode",
        [
            ("decode", timed.verdicts),
            ("decode", _first_token),
            ("crossover", timed.crossover),
            ("growth", partial(timed.growth, called=_TIMES)),
        ],
    )
    for phase in ("decode_passes", "decode_graph"):
        lines += timed.of_phase(evidence, phase, [("decode", timed.verdicts)])
    return lines + _ways(evidence["decode"])


def _ways(frame: pd.DataFrame) -> list[str]:
    """What a token of each arm takes by every way of decoding that was measured at a length."""
    lines = []
    for rows in groups(frame, [*GROUP, "length"]) if len(frame) else ():
        if len(phases.in_order(row["phase"] for row in rows)) < 2:
            continue
        for name in dict.fromkeys(named(row, rows) for row in rows):
            ways = [row for row in rows if named(row, rows) == name]
            told = ", ".join(
                f"{phases.noun(r['phase'])} {in_units(r['step_s'], 's')}" for r in ways
            )
            lines.append(
                f"A token after T={rows[0]['length']} by each way ({name}, {where(rows[0])}; not "
                f"timed in the same rounds): {told}."
            )
    return lines


def _first_token(frame: pd.DataFrame) -> list[str]:
    """Time to the first token at the longest window."""
    lines = []
    for rows in groups(frame, GROUP):
        length, longest = ends(rows)[-1]
        times = ", ".join(
            f"{named(row, rows)} {in_units(row['first_token_s'], 's')}"
            + (" (undecided)" if row["status"] == UNDECIDED else "")
            for row in longest
        )
        lines.append(f"Time to the first token after T={length} ({where(rows[0])}): {times}.")
    return lines


def _generated(evidence: Evidence) -> pd.DataFrame:
    """Steps of ``generate``: a cache of fixed size takes as long wherever a token stands."""
    frame = evidence["decode_positions"]
    return frame if frame.empty else frame[frame["phase"] == "decode"]


def _by_length_caption(facet: Facet) -> str:
    return timed.intervals(facet.rows) + _limits(facet)


def _by_position_caption(facet: Facet) -> str:
    return (
        "Medians and quartiles of each quarter of what was generated; thin lines join "
        "contexts. " + _limits(facet)
    )


def _limits(facet: Facet) -> str:
    """What decoding here says nothing of."""
    tokens = listed(distinct(facet.records, lambda r: r["cell"]["protocol"]["new_tokens"]))
    return f"{tokens} new tokens, greedy. It says nothing of a server that batches."


QUESTIONS = (Question(330, "Is recurrence slow? Decoding", _slow),)

SECTIONS = (
    Section(
        330,
        "Decoding",
        "Greedy generation of a fixed length after a context of T tokens: the time to the first "
        "token, which is that of reading the context, and of every further one. Decoding is "
        "generate's; bare passes do without it, over a cache of fixed size, and a CUDA graph "
        "replays them.",
        pictures=[
            Picture(
                "first_token",
                rows=lambda evidence: evidence["decode"],
                draw=lambda facet: figures.first_token(facet.rows),
                caption=_by_length_caption,
            ),
            Picture(
                "decode_by_position",
                rows=_generated,
                draw=lambda facet: figures.by_position(facet.rows),
                caption=_by_position_caption,
            ),
        ],
        tables=[
            TableView(
                "decode",
                [
                    "comparison", "phase", "length", "arm", *WHERE, "status", "rounds", "step_s",
                    "tokens_per_s", "first_token_s", "late_over_early", "speed_ratio", "aa_ratio",
                    "verdict", "state_bytes", "state_end_bytes",
                ],
            )
        ],
    ),
)  # fmt: skip
