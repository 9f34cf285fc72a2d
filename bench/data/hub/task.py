"""A data set of the hub as a task, with what a task file says of itself."""

import functools
from typing import Any

import numpy as np

from bench.data import metrics
from bench.data.contract import IGNORED, Rows
from bench.data.hub import pixels
from bench.data.hub.catalogue import find
from bench.data.hub.entry import Entry

_SAMPLE = 1000  # rows of which what guessing scores is measured
_CHOOSING, _CHOICES = 200, 32  # training targets by which, and from which, the best one is chosen
_AUTO_MODEL, _IMAGES, _NEXT = "AutoModel", "AutoProcessor", "AutoModelForCausalLM"


class HubTask:
    """A data set with what a task file says of itself.

    Args:
        entry: of the catalogue.
    """

    KIND = "real"
    NEEDS = "hub"

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.__name__ = entry.name  # by which rows are drawn
        self.__doc__ = f"{entry.repo} of the hub: {entry.about}"
        self.HEAD, self.METRIC, self.EXPECTED = entry.head, entry.metric, entry.expected
        self.FLOOR, self.SOLVED = entry.floor, entry.solved
        self.LENGTHS, self.LABELS = entry.lengths, entry.labels
        self.TARGET_LENGTH, self.QUERY_LENGTH = entry.target_length, entry.query_length
        self.CHANNELS = pixels.CHANNELS if entry.head == _IMAGES else None
        self._opened: dict[str, Any] = {}
        self._floors: dict[int, float] = {}

    def open(self, tokenizer: Any) -> Any:
        """What ``rows`` takes: fetched, proven, checked and tokenized where it is not yet.

        Args:
            tokenizer: a fast tokenizer, or the folder of one.

        Raises:
            DataUnavailable: it cannot be had, or is not what it should be.
        """
        from bench.data.hub.table import open_table

        table = open_table(self.entry, tokenizer)
        self._opened, self._floors = {"table": table}, {}
        return table

    def rows(
        self, data: Any, split: str, length: int, count: int, generator: np.random.Generator
    ) -> Rows:
        """``count`` rows of a split; the first n are the same whatever the count.

        Raises:
            LengthError: the data set has no such window.
        """
        from bench.data.hub.rows import rows

        return rows(self.entry, data, split, length, count, generator)

    def chance(self, candidates: int) -> float | None:
        """What a random order of so many scores; None where nothing is to be found."""
        if self.HEAD == _AUTO_MODEL:
            return metrics.random_mrr(candidates)
        if self.HEAD == _IMAGES:
            return 1 / (len(self.LABELS) or candidates)
        return None

    def floor(self, length: int) -> float:
        """What the best guess without looking scores on windows of this length.

        Measured on the data that was opened last: what is most frequent in training, or of texts
        the one of 32 that they are most like, on test.

        Raises:
            RuntimeError: nothing was opened.
        """
        found = self.chance(_SAMPLE)
        if found is not None:
            return found
        if not self._opened:
            raise RuntimeError(f"data {self.entry.name!r} is not open. Open it first: open().")
        if length not in self._floors:
            self._floors[length] = self._measured(self._opened["table"], length)
        return self._floors[length]

    def _measured(self, table: Any, length: int) -> float:
        if self.HEAD == _NEXT:
            return _unigram(table)
        generators = np.random.default_rng(0).spawn(2)
        seen, asked = (
            self.rows(table, split, length, _SAMPLE, generator)
            for split, generator in zip(("train", "test"), generators, strict=True)
        )
        known, truth = (self._answers(table, rows) for rows in (seen, asked))
        metric = metrics.METRICS[self.METRIC]
        if isinstance(truth, list):
            return metric(truth, [_likest(metric, known)] * len(truth))
        values, counts = np.unique(known, axis=0, return_counts=True)
        return metric(truth, np.broadcast_to(values[counts.argmax()], np.shape(truth)))

    def _answers(self, table: Any, rows: Rows) -> Any:
        """What is to be said of every row, or of every token."""
        if "start_positions" in rows:
            return np.stack([rows["start_positions"], rows["end_positions"]], axis=1)
        if self.TARGET_LENGTH is None:
            return rows["labels"][rows["labels"] != IGNORED]
        end = {IGNORED, table.sep_id}
        return [table.decode([i for i in ids if i not in end]) for ids in rows["labels"].tolist()]


@functools.cache
def task(name: str) -> HubTask:
    """The data set of this name as a task, the same object each time.

    Raises:
        ValueError: there is none of this name; names the nearest.
    """
    return HubTask(find(name))


def _likest(metric: metrics.Metric, known: list[str]) -> str:
    """The text that many are most like; where all differ, none is the most frequent."""
    known = known[:_CHOOSING]
    some = list(dict.fromkeys(known))[:_CHOICES]
    return max(some, key=lambda text: metric(known, [text] * len(known)))


def _unigram(table: Any) -> float:
    """Bits per byte of the test split under the training split's frequencies, plus one each."""
    train, test = (
        np.bincount(table.splits[split]["text"].flat, minlength=table.vocab_size)
        for split in ("train", "test")
    )
    bits = -np.log2((train + 1) / (train + 1).sum()) @ test / test.sum()
    return float(bits * table.tokens_per_byte)
