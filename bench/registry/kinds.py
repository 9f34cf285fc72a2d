"""What an entry of each registry folder must say, literally, and must define."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models import autoclasses

#: The parts of a probe's folder that a report is made of.
TOLD = ("tables.py", "section.py", "line.py", "recompute.py", "figures.py", "figures")


#: What every grid has, whatever its probe.
COORDINATES = (
    "probe", "comparison", "task", "data", "length", "arm", "kernel", "device", "dtype",
    "denormals", "threads", "seed",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Kind:
    """What the entries of a folder must say, literally, and must define."""

    package: str
    literals: dict[str, Callable[[Any], str | None]]  # name -> what is wrong with a value
    defines: tuple[str, ...] = ()
    torch_free: bool = True
    optional: dict[str, Callable[[Any], str | None]] = field(default_factory=dict)
    unique: tuple[str, ...] = ()  # literals that no two entries may share, in whatever case


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a text"


def _texts(value: Any) -> str | None:
    fine = isinstance(value, tuple | list) and value and all(isinstance(v, str) for v in value)
    return None if fine else "one text or more, in a list or tuple"


def _one_of(*choices: str) -> Callable[[Any], str | None]:
    return lambda value: None if value in choices else f"one of {', '.join(map(repr, choices))}"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "True or False"


def _axes(value: Any) -> str | None:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        return "a dict of dicts"
    for name, axis in value.items():
        if name in COORDINATES:
            return f"other names than a cell's own coordinates, which {name!r} is"
        choices, default = axis.get("choices"), axis.get("default")
        if _texts(choices) or _texts(default) or not set(default) <= set(choices):
            return f"{name!r} with choices, and of these those taken by default"
    return None


def _colour(value: Any) -> str | None:
    fine = isinstance(value, str) and re.fullmatch("#[0-9A-Fa-f]{6}", value)
    return None if fine else "a colour, '#RRGGBB'"


def _whole(value: Any) -> str | None:
    return None if type(value) is int else "a whole number"


def _size(value: Any) -> str | None:
    fine = value is None or (type(value) in (int, float) and value >= 0)
    return None if fine else "a size, 0 or more, or None where none counts as none"


def _heads(value: Any) -> str | None:
    if wrong := _texts(value):
        return wrong
    unknown = [head for head in value if head not in autoclasses.NAMES]
    return f"heads of {', '.join(autoclasses.NAMES)}" if unknown else None


def _protocol(value: Any) -> str | None:
    if not isinstance(value, dict) or not all(isinstance(v, dict) for v in value.values()):
        return "a dict of dicts"
    for name, setting in value.items():
        if name in COORDINATES:
            return f"other names than a cell's own coordinates, which {name!r} is"
        kind = "choices" if "choices" in setting else "least"
        if lacks := {"default", kind, "help"} - set(setting):
            return f"{name!r} with {', '.join(sorted(lacks))}"
        if kind == "choices":
            if _texts(setting["choices"]) or setting["default"] not in setting["choices"]:
                return f"{name!r} with texts as choices, the default one of them"
            continue
        if not isinstance(setting["default"], int | float | list):
            return f"{name!r} with a number, or a list of numbers, as default"
        if not isinstance(setting["least"], int | float):
            return f"{name!r} with a number as least"
    return None if "batch_size" in value else "the setting 'batch_size', the rows of a step"


def _lengths(value: Any) -> str | None:
    fine = isinstance(value, tuple | list) and len(value) == 2
    fine = fine and all(type(end) is int for end in value) and 1 <= value[0] <= value[1]
    return None if fine else "the least and the largest window"


def _known_text(value: Any) -> str | None:
    return None if isinstance(value, str) else "a text, empty where nobody knows"


def _anything(value: Any) -> str | None:
    return None


ARMS = Kind(
    "models.arms",
    {"WEIGHTS": _one_of("random", "pretrained"), "KERNELS": _texts},
    defines=("ARM",),
    torch_free=False,
    optional={
        "LABEL": _text,
        "COLOUR": _colour,
        "RANK": _whole,
        "FAMILY": _one_of("recurrent", "transformer"),
        "GATED": _flag,
        "OPTIONS": _texts,
    },
    unique=("LABEL", "COLOUR"),
)
TASKS = Kind(
    "bench.tasks",
    {
        "HEAD": _one_of(*autoclasses.NAMES),
        "KIND": _one_of("real", "diagnostic", "control"),
        "METRIC": _text,
        "FLOOR": _anything,
        "SOLVED": _anything,
        "LENGTHS": _lengths,
        "EXPECTED": _known_text,
    },
    defines=("LABELS", "rows"),
)
PROBES = Kind(
    "bench.probes",
    {"HEADS": _heads, "AXES": _axes, "PROTOCOL": _protocol, "TIMED": _flag, "INTERLEAVED": _flag},
)
CLAIMS = Kind(
    "bench.claims",
    {
        "SENTENCE": _text,
        "QUANTITY": _text,
        "DIRECTION": _text,
        "DELTA": _size,
        "LOOKS": _text,
        "SCOPE": _texts,
        "SUPPORTED": _text,
        "REFUTED": _text,
        "TABLES": _texts,
        "NEEDS": _text,
    },
    defines=("judge",),
    optional={"PLACE": _whole},
    unique=("SENTENCE",),
)
PARTS = {  # of a probe's folder, and what each must define
    "measure.py": ("Measurement",),
    "tables.py": ("TABLES",),
    "section.py": ("SECTIONS", "QUESTIONS"),
}
OPTIONAL_PARTS = {  # the same of what it may have
    "line.py": ("line",),
    "recompute.py": ("metrics",),
}
