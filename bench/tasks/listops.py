"""What is the value of this nested list of operations?

One row at T=24:

    input_ids  [SM 7 4 [SM 1 7 4 ] 5 2 2 8 1 9 5 ] · · · · · · · ·
    labels     5

Operations are smallest, largest and median (the lower integer of two in the middle) and the sum
modulo ten (SM), of 2 to 10 arguments; an argument is an operation in one of four, no deeper than
10, else a digit. A row is such a tree of more than T / 2 and at most T tokens, then padding.

ListOps of Nangia & Bowman (2018) as the Long Range Arena draws it (Tay et al., 2021), from which
the choice of lengths differs: theirs are 500 to 2000, whose most frequent answer has 17.2%. The
floor is the most frequent answer here, 0 (9 is as frequent), counted on 200,000 trees of each power
of two: the more arguments, the likelier an extreme one. What counts as solved is ours.
"""

import itertools
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.sequences import require
from bench.tasks import Rows

HEAD = "AutoModelForSequenceClassification"
KIND = "diagnostic"
LABELS = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
METRIC = "accuracy"
FLOOR = "share of the answer 0: .155 at T=32 to 512, .165 at 1024, .174 at 2048"
SOLVED = 0.9
LENGTHS = (8, 2048)
VOCABULARY = 16
# fmt: off
SYMBOLS = (
    "·", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "[MIN", "[MAX", "[MED", "[SM", "]",
)
# fmt: on
EXPECTED = (
    "either: the Long Range Arena's transformer has 36.4%, with no recurrence beside it (Tay et "
    "al., 2021)"
)

_DIGIT, _OPERATION, _END = 1, 11, 15
_OPERATIONS = np.arange(2, 11)  # how many arguments one has, each as likely
_DIGITS = np.zeros(1, dtype=np.int64)
_NODES = np.concatenate([_OPERATIONS, np.zeros(27, dtype=np.int64)])  # an operation in one of four
_DEPTH = 10
_FEWEST, _MOST = 128, 16384  # attempts of the first batch and of the largest
_ZEROS = (0.114, 0.146, 0.153, 0.158, 0.154, 0.155, 0.158, 0.165, 0.174)  # at T=8, 16, ... 2048

Integers = npt.NDArray[np.int64]


def floor(length: int) -> float:
    """Share of rows of ``length`` tokens whose answer is 0, to within .004."""
    return float(np.interp(np.log2(length), np.arange(3, 12), _ZEROS))


def rows(data: Any, split: str, length: int, count: int, generator: np.random.Generator) -> Rows:
    """``count`` rows of ``length`` tokens with their ``attention_mask``.

    Raises:
        LengthError: a length outside ``LENGTHS``.
    """
    require("listops", length, LENGTHS)
    input_ids = np.zeros((count, length), dtype=np.int64)
    labels = np.zeros(count, dtype=np.int64)
    done, attempts = 0, _FEWEST
    while done < count:  # batches of attempts, whose sizes do not depend on the count
        (batch,) = generator.spawn(1)
        drawn, answers = _draw(batch, attempts, length)
        stop = min(count, done + len(answers))
        input_ids[done:stop], labels[done:stop] = drawn[: stop - done], answers[: stop - done]
        done, attempts = stop, min(2 * attempts, _MOST)
    mask = (input_ids != 0).astype(np.int64)
    return {"input_ids": input_ids, "attention_mask": mask, "labels": labels}


@dataclass
class _Level:
    """The nodes of one depth, those of one parent side by side, in the order of the parents.

    Args:
        tree: (nodes,) whose they are.
        nested: (operations,) which nodes are operations; ``arguments``: how many each has.
        size, value: (nodes,) tokens of the node with all below it, and what that is worth.
        operation: (operations,) which.
    """

    tree: Integers
    nested: Integers
    arguments: Integers
    size: Integers = field(init=False)
    value: Integers = field(init=False)
    operation: Integers = field(init=False)

    @property
    def starts(self) -> Integers:
        """The first argument of each operation among the nodes of the next level."""
        found: Integers = np.cumsum(self.arguments) - self.arguments
        return found

    def of(self, kept: npt.NDArray[np.bool_]) -> "_Level":
        """The nodes of some of the trees."""
        here = kept[self.tree]
        operations = here[self.nested]
        place = np.cumsum(here) - 1
        return _Level(self.tree[here], place[self.nested[operations]], self.arguments[operations])


def _draw(generator: np.random.Generator, attempts: int, length: int) -> tuple[Integers, Integers]:
    """Those of so many random trees that have the length: tokens and values."""
    for_shapes, for_values = generator.spawn(2)
    levels, count = _shapes(for_shapes, attempts, length)
    _evaluate(levels, for_values)
    input_ids = np.zeros((count, length), dtype=np.int64)
    tokens = input_ids.reshape(-1)
    place = np.arange(count) * length  # of the first token of each node
    for level, below in itertools.zip_longest(levels, levels[1:]):
        tokens[place] = _DIGIT + level.value
        own = place[level.nested]
        tokens[own] = _OPERATION + level.operation
        tokens[own + level.size[level.nested] - 1] = _END
        if below is not None:
            before = np.cumsum(below.size) - below.size
            place = before + np.repeat(own + 1 - before[level.starts], level.arguments)
    return input_ids, levels[0].value


def _shapes(generator: np.random.Generator, attempts: int, length: int) -> tuple[list[_Level], int]:
    """Shapes of the trees that have the length, by level from the root, and how many trees."""
    levels = []
    tree = np.arange(attempts)
    size = np.ones(attempts, dtype=np.int64)
    for depth in range(1, _DEPTH + 1):
        # A root that is a digit is never long enough, and the deepest nodes are digits.
        among = {1: _OPERATIONS, _DEPTH: _DIGITS}.get(depth, _NODES)
        arguments = among[generator.integers(0, len(among), len(tree), dtype=np.uint8)]
        nested = np.flatnonzero(arguments)
        arguments, parents = arguments[nested], tree[nested]
        levels.append(_Level(tree, nested, arguments))
        size += np.bincount(parents, weights=arguments + 1, minlength=attempts).astype(np.int64)
        tree = np.repeat(parents, np.where(size[parents] <= length, arguments, 0))  # or too long
        if not len(tree):
            break
    kept = (length // 2 < size) & (size <= length)
    return [level.of(kept) for level in levels], int(kept.sum())


def _evaluate(levels: list[_Level], generator: np.random.Generator) -> None:
    """Draw digits and operations, and fill in sizes and values, from the deepest level up."""
    below: _Level | None = None
    for level in reversed(levels):
        level.size = np.ones(len(level.tree), dtype=np.int64)
        level.value = generator.integers(0, 10, len(level.tree))
        level.operation = generator.integers(0, 4, len(level.arguments))
        if below is not None and len(level.arguments):
            level.size[level.nested] = 2 + np.add.reduceat(below.size, level.starts)
            level.value[level.nested] = _apply(level.operation, level.arguments, below.value)
        below = level


def _apply(operation: Integers, arguments: Integers, values: Integers) -> Integers:
    """What each operation makes of its arguments, which are the next so many values."""
    table = np.full((len(arguments), _OPERATIONS[-1]), 10, dtype=np.int8)  # above every digit
    table[np.arange(_OPERATIONS[-1]) < arguments[:, None]] = values
    table.sort(axis=1)
    row = np.arange(len(arguments))
    lower, upper = table[row, (arguments - 1) // 2], table[row, arguments // 2]
    total = np.add.reduceat(values, np.cumsum(arguments) - arguments)
    choices = [table[:, 0], table[row, arguments - 1], (lower + upper) // 2, total % 10]
    found: Integers = np.choose(operation, choices).astype(np.int64)
    return found
