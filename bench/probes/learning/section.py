"""What a page says of trainings: known results, curves, and windows of other lengths."""

import pandas as pd

from bench import registry
from bench.data.metrics import METRICS
from bench.outcome import DIVERGED
from bench.page import captions, types
from bench.page.contract import WHERE, Excerpt, Facet, Picture, Question, Section, TableView
from bench.page.evidence import Evidence
from bench.page.numbers import listed
from bench.probes.learning import contrasts, figures, sentences
from bench.probes.learning.published import AGREES, DISAGREES, OPEN
from bench.store.records import Record, coordinates, of

#: A training's task, data and seed stand elsewhere among its columns.
_WHERE = [name for name in WHERE if name not in ("task", "data", "seed")]


#: Of verdicts on published results, those that say most first.
_VERDICTS = (AGREES, DISAGREES, OPEN)


def _agreements_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(
        "verdict", key=lambda verdicts: verdicts.map(_VERDICTS.index), kind="stable"
    )


def _drawn(evidence: Evidence) -> pd.DataFrame:
    """Trainings that ended, and those that diverged as far as they went."""
    records = evidence.records
    diverged = [r for r in of(records, "learning", DIVERGED) if r["samples"].get("validation")]
    return pd.DataFrame(
        [coordinates(r["cell"]) | {"record": r["key"]} for r in of(records, "learning") + diverged]
    )


def _curves_caption(facet: Facet) -> str:
    records = facet.records
    trials = captions.distinct(records, lambda r: len(r["samples"].get("trials") or [1]))
    text = f"Thin: seeds, thick: median; learning rates tried: {listed(trials)}. "
    if len(captions.distinct(records, lambda r: r["cell"]["seed"])) < captions.EXPLORATORY:
        text += f"Fewer than {captions.EXPLORATORY} seeds: exploratory. "
    if any(map(_pretrained, records)):
        text += "Pretrained weights compare systems, not architectures. "
    return text + "It does not say who learns better in the end."


def _costs_caption(facet: Facet) -> str:
    text = "Thin: seeds, thick: median of score and cost. "
    if len(captions.distinct(facet.records, lambda r: r["cell"]["seed"])) < captions.EXPLORATORY:
        text += "Exploratory. "
    text += "Trainings ran beside other work, so seconds are no measure of speed. "
    return text + "Trials of learning rates and validations are not counted."


def _pretrained(record: Record) -> bool:
    """Whether its arm, where it is known here, starts from a checkpoint."""
    entry = registry.arms().get(record["cell"]["arm"])
    return entry is not None and entry.literals["WEIGHTS"] == "pretrained"


def _longer_caption(facet: Facet) -> str:
    tested = captions.distinct(facet.records, lambda r: r["cell"]["protocol"]["eval_rows"])
    return (
        f"{listed(tested)} rows a length; thin: seeds, thick: median. A line ends where an arm "
        "reads no longer windows. What training on longer windows would give is not shown."
    )


_BESIDE = ["task", "arm", "tested", "published", "ours_median", "because", "verdict", "source"]

SECTIONS = [
    Section(
        100,
        "Beside published results",
        "What others report of the same task, and ours. Agrees: both lie on the same side of the "
        "task's threshold; a failure of ours counts, for and against, only where the training was "
        "long enough: on longer windows, where it has learned the trained ones; on these, where it "
        "went on until it brought nothing. Published figures are "
        "mostly the best of many runs of larger models that were trained far longer.",
        tables=[
            TableView(
                "published",
                [
                    "task", "arm", "tested", "metric", "published", "published_solves",
                    "ours_median", "ours_best", "seeds", "solved_seeds", "verdict", "because",
                    "source",
                ],
                rows=_agreements_first,
                always=("task",),
            )
        ],
        excerpt=Excerpt(
            lambda evidence: sentences.known(evidence["published"])[0],
            TableView(
                "published",
                _BESIDE,
                rows=_agreements_first,
                always=("task",),
            ),
        ),
    ),
    Section(
        600,
        "Learning",
        "Every task by its own metric, and the loss, by step; then the metric by tokens seen and "
        "by seconds on this machine. The dashed line is the floor: what "
        "the best guess without looking scores. The dash-dotted one is the threshold from which "
        "the task counts as solved, where it has one.",
        pictures=[
            Picture(
                "learning_curves",
                _drawn,
                lambda facet: figures.learning_curves(facet.records),
                _curves_caption,
            ),
            Picture(
                "learning_costs",
                _drawn,
                lambda facet: figures.learning_costs(facet.records),
                _costs_caption,
            ),
        ],
        tables=[
            TableView(
                "tasks",
                [
                    "task", "data", "comparison", "head", "length", "metric", "floor", "solved_at",
                    "arm", *_WHERE, "steps", "seeds", "missing_why", "diverged", "cut_off",
                    "initial_median", "median", "iqm", "least", "most", "solve_rate",
                    "target_steps", "target_tokens", "target_s", "rates_tried", "trial_steps",
                    "at_edge", "expected",
                ],
                always=("task",),
                once={"expected": ["task", "data"]},
            ),
            TableView(
                "learning_differences",
                [
                    "comparison", "length", "task", "data", "arm", "reference", *_WHERE, "metric",
                    "seeds", "exploratory", "difference", "p", "holm_p", "better_share",
                ],
            ),
            TableView(
                "learning",
                [
                    "comparison", "length", "arm", "task", "data", *_WHERE, "seed", "missing",
                    "trained_steps", "best_step", "ended", "learning_rate", "at_edge", "metric",
                    "test_metric", "target_steps", "target_tokens", "target_s", "test_loss",
                    *(f"test_{metric.slug}" for metric in METRICS.values()), "tokens_per_s",
                    "diverged_at_step",
                ],
            ),
        ],
    ),
    Section(
        610,
        "Longer windows than those trained on",
        "The same models, tested on windows of other lengths. The dotted line is the longest "
        "window trained on; to the right of it is out of distribution.",
        pictures=[
            Picture(
                "out_of_distribution",
                _drawn,
                lambda facet: figures.out_of_distribution(facet.records),
                _longer_caption,
            )
        ],
        tables=[
            TableView(
                "out_of_distribution",
                [
                    "comparison", "length", "arm", "task", "data", *_WHERE, "seed", "metric",
                    "test_length", "test_metric", "floor", "solved",
                ],
            )
        ],
    ),
]  # fmt: skip

QUESTIONS = [
    Question(
        100,
        "Are known results reproduced?",
        lambda evidence: sentences.known(evidence["published"]),
    ),
    Question(
        590,
        "What did a half type leave where it was, in training?",
        lambda evidence: types.moved(evidence, "learning"),
    ),
    Question(
        600,
        "Who learned, in trainings of this length?",
        lambda evidence: sentences.learned(evidence["tasks"]),
    ),
    Question(
        602,
        "What did it take to solve a task?",
        lambda evidence: contrasts.took(evidence["tasks"]),
    ),
    Question(
        604,
        "How did the trainings end, and how were they tuned?",
        lambda evidence: contrasts.ended(evidence["tasks"]),
    ),
    Question(
        606,
        "How far apart are they on the same seeds?",
        lambda evidence: contrasts.apart(evidence["learning_differences"]),
    ),
    Question(
        610,
        "Does it hold on windows longer than those trained on?",
        lambda evidence: sentences.longer(evidence["out_of_distribution"]),
    ),
]
