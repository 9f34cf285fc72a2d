"""What a page says of gradients: sections with pictures and tables, and questions with answers."""

from collections.abc import Callable, Sequence

import pandas as pd
from matplotlib.figure import Figure

from bench.page.contract import WHERE, Facet, Hero, Picture, Question, Section, TableView
from bench.page.facets import FACET
from bench.probes.gradient import captions, rows
from bench.probes.gradient.figures import (
    flow,
    learning,
    norms,
    reach,
    settings,
    states,
    subnormals,
    training,
)
from bench.probes.gradient.sentences.learning import solved
from bench.probes.gradient.sentences.norms import clipped
from bench.probes.gradient.sentences.reach import lengthened, level, reached
from bench.probes.gradient.sentences.subnormals import cost
from bench.probes.gradient.sentences.training import ended
from bench.store.records import Record

_FLOW_FACET = (*FACET, "clip_norm")
_TASK = ("task", "data", "device", "dtype", "denormals", "threads")


def _of_records(
    draw: Callable[[Sequence[Record]], Figure | None],
) -> Callable[[Facet], Figure | None]:
    return lambda facet: draw(facet.records)


def _of_rows(draw: Callable[[pd.DataFrame], Figure | None]) -> Callable[[Facet], Figure | None]:
    return lambda facet: draw(facet.rows)


_SUBNORMAL_TEXT = (
    "A float32 keeps 24 bits of a number and the power of two to scale them by. The smallest "
    "power of full precision is 2^-126, about 1.2e-38; what is smaller is stored with fewer and "
    "fewer of the 24 bits, down to 2^-149, about 1.4e-45. These are subnormal numbers, and below "
    "them there is only zero. A gradient that loses the same factor with every token passes "
    "through all of this: far enough from the loss its entries are subnormal, and farther still "
    "exactly zero. Arithmetic units are built for normal numbers. Many x86 processors leave an "
    "operation on a subnormal one to a slow path that takes many times as long; other processors "
    "take no longer at all. Where they do, training can spend most of its time on the part of the "
    "gradient that teaches least. A processor can be told to flush subnormal numbers, which takes "
    "them for zero."
    "\n\n"
    "Look at whether points rise to the right. To the right stand arms and lengths more of whose "
    "gradient is subnormal; upwards, how many times as fast the same training step is when they "
    "are flushed. What lies in the grey band is no faster than the same arm beside itself. An arm "
    "without subnormal numbers should stay at 1, and a longer window may lie further left than a "
    "shorter one, as what lies beyond its subnormal numbers is exactly zero. The share is counted "
    "at initialisation, in what was measured, and not in everything that a step computes, so it "
    "need not be proportional to the time lost; the figure does not say that flushing is harmless "
    "to what is learned, and it holds for the processor named below it."
)

SECTIONS = (
    Section(
        200,
        "Gradient by distance from the loss",
        "How much of the loss's gradient arrives at each input token. A line that falls along "
        "a straight slope decays by the same factor every token; one that enters the grey "
        "strip has become exactly 0.0, so the tokens beyond it teach the model nothing.",
        pictures=(
            Picture(
                "gradient_flow", rows.measured, _of_records(flow.gradient_flow), captions.flow,
                by=_FLOW_FACET,
            ),
        ),
    ),
    Section(
        210,
        "How far a gradient reaches",
        "The effective reach: the farthest distance at which 1% of the gradient's largest norm is "
        "left, the loss's own token aside. A reach that grows with the window goes with it; a "
        "level one is a distance that the arm has, however long its window.",
        pictures=(
            Picture(
                "reach_by_length", rows.of("reach"), _of_rows(reach.by_length),
                captions.reach_by_length, by=_FLOW_FACET, made_from=rows.of("gradient"),
            ),
            Picture(
                "reach_by_setting", rows.of("reach"), _of_rows(settings.by_setting),
                captions.reach_by_setting, by=_TASK, made_from=rows.of("gradient"),
            ),
        ),
        tables=(
            TableView(
                "reach",
                (
                    "comparison", "length", "arm", *WHERE, "layers", "initialization",
                    "clip_norm", "when", "steps", "seeds", "diverged", "fate", "decay_per_token",
                    "half_life_tokens", "reach_tokens", "whole_window", "subnormal_share",
                    "zero_share",
                ),
                rows=rows.first_and_last,
            ),
        ),
    ),
    Section(
        220,
        "The gradient through training",
        "The same curves as training changes the weights. In the map a column is a measurement "
        "and the colour how much arrives that far from the loss; below, the stages side by side.",
        pictures=(
            Picture(
                "flow_heatmap", rows.trained, _of_records(training.flow_heatmap), captions.heatmap,
                by=_FLOW_FACET,
            ),
            Picture(
                "flow_strip", rows.trained, _of_records(training.flow_strip), captions.flow,
                by=_FLOW_FACET,
            ),
        ),
    ),
    Section(
        230,
        "Gradient at the states",
        "The gradient at what a model keeps in between, layer by layer: a recurrence's hidden "
        "state h, an LSTM's cell state c, a transformer's residual stream behind each layer.",
        pictures=(
            Picture(
                "state_flow", rows.trained, _of_records(states.state_flow), captions.states,
                by=_FLOW_FACET,
            ),
        ),
    ),
    Section(
        240,
        "Does the reach say who learns the task?",
        "In these tasks it is known how far back the answer depends on. Left of 1 the gradient of "
        "that token is below 1% of the largest. If reach explained learning, filled markers would "
        "stand on the right only, and hollow ones on the left.",
        pictures=(
            Picture(
                "reach_and_learning", rows.of("reach_and_learning"),
                _of_rows(learning.reach_and_learning), captions.reach_and_learning, by=_TASK,
            ),
        ),
        tables=(
            TableView(
                "reach_and_learning",
                (
                    "comparison", "length", "arm", *WHERE, "needed_distance", "reach_init",
                    "inside_init", "reach_end", "inside_end", "metric", "test_metric", "solved",
                ),
            ),
        ),
    ),
    Section(
        250,
        "What subnormal floats cost",
        _SUBNORMAL_TEXT,
        pictures=(
            Picture(
                "subnormals", rows.of("subnormals"), _of_rows(subnormals.subnormals),
                captions.subnormals,
                by=("comparison", "task", "data", "device", "dtype", "threads"),
            ),
        ),
        tables=(
            TableView(
                "subnormals",
                (
                    "comparison", "length", "arm", *WHERE, "status", "subnormal_share",
                    "state_subnormal_share", "zero_share", "speedup", "aa_ratio", "verdict",
                ),
            ),
        ),
    ),
    Section(
        690,
        "Gradient norm through training",
        "The norm over all parameters, taken before clipping, at every step. Above the dashed "
        "line the gradient was scaled down to it; the bars below mark those steps.",
        pictures=(
            Picture(
                "gradient_norm", rows.of_other_probes, _of_records(norms.gradient_norm),
                captions.norms,
            ),
            Picture(
                "gradient_norm_measured", rows.trained, _of_records(norms.gradient_norm),
                captions.norms, by=_FLOW_FACET,
            ),
            Picture(
                "group_norms", rows.trained, _of_records(norms.group_norms), captions.group_norms,
                by=_FLOW_FACET,
            ),
        ),
        tables=(
            TableView(
                "norms",
                (
                    "comparison", "probe", "length", "arm", *WHERE, "training_steps", "clip_norm",
                    "clipped_share", "norm_median", "norm_most", "clipped_norm_median",
                ),
                rows=lambda frame: frame[frame["group"] == "all"],
            ),
        ),
    ),
)  # fmt: skip

HEROES = (
    Hero(
        200,
        rows.widest,
        lambda axes, facet: reach.against_window(axes, facet.rows),
        lambda facet: reach.finding(facet.rows, most_words=12),
        captions.against_window,
    ),
)

QUESTIONS = (
    Question(
        200,
        "Does the gradient vanish? Over how many tokens it reaches",
        lambda evidence: reached(rows.without_known_needs(evidence)),
    ),
    Question(
        210,
        "How much comes to the far end where it does not vanish?",
        lambda evidence: level(rows.without_known_needs(evidence)),
    ),
    Question(
        220,
        "Does that explain who solves which task?",
        lambda evidence: solved(evidence["reach_and_learning"]),
    ),
    Question(
        225,
        "Had the trainings ended when they were measured last?",
        lambda evidence: ended(rows.trained(evidence)),
    ),
    Question(
        230,
        "What do vanishing gradients cost on this CPU?",
        lambda evidence: cost(evidence["subnormals"]),
    ),
    Question(
        240,
        "What lengthens the reach?",
        lambda evidence: lengthened(evidence["reach"], rows.nothing_varied(evidence)),
    ),
    Question(
        250,
        "How often was the gradient clipped?",
        lambda evidence: clipped(evidence["norms"]),
    ),
)
