"""What a page says of speed: rates, shares of the machine's ceilings, what settings do."""

from functools import partial

import pandas as pd

from bench.frames.timed import timed as timed_frame
from bench.page import timed, types
from bench.page.contract import WHERE, Hero, Picture, Question, Section, TableView
from bench.page.evidence import Evidence
from bench.page.facets import same
from bench.page.verdict import sentence
from bench.probes.speed import breakdown, captions, figures, hero, sentences, turns

_TYPES = "What did a half type leave where it was?"
_WRITTEN = (
    ("speed", timed.verdicts),
    ("crossover", timed.crossover),
    ("growth", timed.growth),
)


def _slow(evidence: Evidence, phase: str) -> list[str]:
    """Who is faster, where two arms are level, and how time grows."""
    return timed.of_phase(evidence, phase, _WRITTEN)


def _everything(evidence: Evidence) -> pd.DataFrame:
    """Whole windows, decoded steps and what else is taken in turn, which share a task's figures.

    A probe without a table of its own name has what such tables have in common.
    """
    frames = [
        evidence[name]
        if name in evidence
        else timed_frame(evidence.records, evidence.verdicts, name, sentence)
        for name in turns.in_turn()
    ]
    frames = [frame for frame in frames if not frame.empty]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


QUESTIONS = (
    Question(300, "Is recurrence slow? Training", partial(_slow, phase="training")),
    Question(310, "Is recurrence slow? Forward pass", partial(_slow, phase="forward")),
    Question(320, "Is recurrence slow? Prefill", partial(_slow, phase="prefill")),
    Question(500, "How much of the speed is the setting?", sentences.settings),
    Question(505, _TYPES, partial(types.moved, probe="speed")),
)

HEROES = (Hero(300, hero.usual, hero.draw, hero.finding, hero.caption),)

SECTIONS = (
    Section(
        300,
        "Speed",
        "Tokens per second. The arms of a group are alive at once, each in a process of its own, "
        "and take turns: a round is a random order and its reverse. The reference, the arm that "
        "the others are matched to, runs twice, so that its ratio to itself (A/A) shows the noise "
        "of these very rounds. Every few rounds all arms get new processes, and the intervals are "
        "looked at after 10, 20, 40 and 80 rounds, and when the time is over. What was asked of a "
        "ratio, its direction or its size, and is not known then is undecided, and drawn hollow; "
        "a direction that is known is claimed however wide its interval.",
        pictures=[
            Picture(
                "tokens_per_s",
                rows=_everything,
                draw=lambda facet: figures.throughput(
                    facet.rows, same(facet.evidence["crossover"], facet.rows)
                ),
                caption=captions.throughput,
            ),
            Picture("time_ratio", hero.rows, hero.figure, hero.full_caption),
        ],
        tables=[
            TableView(
                "speed",
                [
                    "comparison", "phase", "length", "arm", *WHERE, "status", "rounds",
                    "flagged_rounds", "step_s", "tokens_per_s", "speed_ratio", "quiet_ratio",
                    "aa_ratio", "verdict", "roofline_share",
                ],
            ),
            TableView(
                "crossover",
                [
                    "comparison", "phase", "arm", *WHERE, "reference", "shortest", "longest",
                    "untold_lengths", "at_length", "outcome",
                ],
            ),
            TableView(
                "growth",
                [
                    "comparison", "phase", "arm", *WHERE, "quantity", "shortest", "longest",
                    "exponent",
                ],
            ),
        ],
    ),
    Section(
        340,
        "Where a step's time goes",
        "In every round another block of steps is timed with a clock at each seam: forward, "
        "backward, and the rest (norm, clip, optimizer). The body is what the layers take of both "
        "passes, from the input of the first to the output of the last and back. Not in it are "
        "tables of words and positions, the norms around the layers, the head and its loss, with "
        "their gradients and their part of the optimizer. The body's time has a ratio, a control "
        "and a decision of its own.",
        pictures=[Picture("step_parts", breakdown.rows, breakdown.draw, breakdown.caption)],
        tables=[
            TableView(
                "parts",
                [
                    "comparison", "phase", "length", "arm", *WHERE, "step_s", "forward_s",
                    "backward_s", "update_s", "body_s", "body_share", "reference",
                    "body_time_ratio", "body_aa_ratio", "body_direction",
                ],
            )
        ],
    ),
    Section(
        450,
        "Share of the machine's ceilings",
        "What was achieved of what this machine can do, measured in the same run: the FLOP/s of "
        "large matrix products for whole windows, and the bandwidth of copying memory for a "
        "decoded step.",
        pictures=[
            Picture(
                "roofline",
                rows=_everything,
                draw=lambda facet: figures.roofline(facet.rows),
                caption=captions.roofline,
            )
        ],
    ),
    Section(
        500,
        "What settings do",
        "The same arm under two settings: subnormal floats flushed to zero "
        "rather than kept, all threads rather than one, a shorter type rather than float32.",
        pictures=[
            Picture(
                "setting",
                rows=lambda evidence: evidence["settings"],
                draw=lambda facet: figures.setting(facet.rows),
                caption=captions.setting,
            )
        ],
        tables=[
            TableView(
                "settings",
                [
                    "comparison", "phase", "length", "arm", *WHERE, "status", "paired", "ratio",
                    "quiet_ratio", "aa_ratio", "verdict",
                ],
            )
        ],
    ),
)  # fmt: skip
