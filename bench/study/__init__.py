"""Studies: a named grid with its protocol, from a TOML file to a plan of cells.

- ``cell``: one point of a grid, and what is held equal between the arms of its group
- ``schema``: what a study file may hold, made from what is registered; ``fields``: kinds of values
- ``steps``: how many rows a step has
- ``mistakes``: what is wrong in a study file, each with its line
- ``plan``: a file's cells in groups

Validation names every mistake at once, with its line, and imports neither torch nor transformers.
"""

from bench.study.cell import (
    Cell,
    Comparison,
    Pretraining,
    Published,
    Recurrent,
    reference,
    references,
)
from bench.study.mistakes import StudyError
from bench.study.plan import Study, load
from bench.study.schema import DENORMALS, DEVICES, DTYPES, HUB

__all__ = [
    "DENORMALS",
    "DEVICES",
    "DTYPES",
    "HUB",
    "Cell",
    "Comparison",
    "Pretraining",
    "Published",
    "Recurrent",
    "Study",
    "StudyError",
    "load",
    "reference",
    "references",
]
