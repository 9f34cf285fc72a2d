"""Numbers and scopes of ``claim.json`` in words that a person says aloud."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bench import registry
from bench.page import words
from bench.page.judgement import Effect
from bench.page.numbers import cell_text, number

#: unit -> (the column whose numbers are written alike, what stands before, what behind)
_UNITS = {
    "tokens": ("reach_tokens", "", ""),
    "times": ("ratio", "", "×"),
    "×": ("ratio", "", "×"),
    "bytes": ("_bytes", "", ""),
    "s": ("time_s", "", ""),
    "seconds": ("time_s", "", ""),
    "share": ("_share", "", ""),
    "exponent": ("exponent", "T^", ""),
    "powers of T": ("exponent", "T^", ""),
}
#: Units that stand once behind the interval, ``12 [12, 13] tokens``; others are in each number.
_BEHIND = ("tokens",)


def amount(effect: Effect) -> str:
    """``12 [12, 13] tokens``: the number with its interval, if it has one."""
    text = written(effect)
    return text if _marked(effect.unit) else f"{text} {effect.unit}".rstrip()


def written(effect: Effect) -> str:
    """``12 [12, 13]``: the same without a unit that stands behind."""
    ends = _ends(effect)
    return value_of(effect) if ends is None else f"{value_of(effect)} [{ends[0]}, {ends[1]}]"


def value_of(effect: Effect) -> str:
    """``12``: the number alone."""
    return _written(effect.value, effect.unit, marked=True)


def spoken(number: str, sentence: str) -> bool:
    """Whether a sentence has this number, and not as a part of another; a unit may be in words."""
    digits = re.escape(number.replace("×", ""))
    return re.search(rf"(?<![\d.,^]){digits}(?![\d]|[.,]\d)", sentence.replace("×", "")) is not None


def told(effect: Effect) -> str:
    """The number as a sentence has it: ``12 tokens (95% interval 12 to 13, n = 6)``."""
    unit = "" if _marked(effect.unit) else f" {effect.unit}".rstrip()
    return f"{value_of(effect)}{unit} ({basis(effect)})"


def basis(effect: Effect, *, ends_too: bool = True) -> str:
    """What a number rests on: ``95% interval 12 to 13, n = 6``, or without the ends."""
    ends, interval = _ends(effect), f"{100 * effect.level:.3g}% interval"
    if ends is None:
        interval = "no interval"
    elif ends_too:
        interval += f" {ends[0]} to {ends[1]}"
    parts = [interval, f"n = {effect.n:,}"]
    if effect.launches is not None:
        parts.append(f"{effect.launches} launch{'' if effect.launches == 1 else 'es'}")
    if effect.control is not None:
        low, high = (_written(end, effect.unit) for end in effect.control)
        parts.append(f"A/A control {low} to {high}")
    return listed(parts)


def called(effect: Effect) -> str:
    """What the number is of: ``reach, window of 8,192 tokens``, ``share of settings that …``."""
    counted = effect.unit == "share" and not effect.quantity.startswith("share")
    quantity = f"share of {effect.quantity}" if counted else effect.quantity
    return listed(part for part in (quantity, held(effect.where)) if part)


def held(scope: Mapping[str, Any]) -> str:
    """Coordinates in words: ``LSTM, task package, 2 layers, on cpu``; what is usual is not said."""
    said = _joined({name: value for name, value in scope.items() if not _unknown(value)})
    ordered = sorted(said, key=lambda name: list(_SPOKEN).index(name) if name in _SPOKEN else 99)
    return listed(text for name in ordered if (text := _spoken(name, said[name])))


def _joined(said: dict[str, Any]) -> dict[str, Any]:
    """Coordinates of which one is said with the other."""
    if "task" in said:
        said["task"] = registry.named(str(said["task"]), str(said.pop("data", "offline")))
    if "shortest" in said and "longest" in said:
        said["lengths"] = [said.pop("shortest"), said.pop("longest")]
    if "reference" in said:
        kernel = said.pop("reference_kernel", None)
        label = registry.label(str(said["reference"]))
        said["reference"] = f"{label} ({kernel} kernel)" if kernel else label
    return said


def listed(parts: Iterable[str]) -> str:
    """``a, b, c``."""
    return ", ".join(parts)


def _counted(noun: str) -> Callable[[Any], str]:
    return lambda value: f"{_plain(value)} {noun}{'' if value == 1 else 's'}"


def _windows(value: Any) -> str:
    lengths = sorted(value) if isinstance(value, list) else [value]
    if len(lengths) == 1:
        return f"window of {_plain(lengths[0])} tokens"
    return f"windows of {_plain(lengths[0])} to {_plain(lengths[-1])} tokens"


def _unless(usual: str, text: str) -> Callable[[Any], str]:
    return lambda value: "" if value == usual else text.format(value)


_STAGES = {"init": "at initialisation", "100%": "after training"}

#: coordinate -> its words, in the order that they are said
_SPOKEN: dict[str, Callable[[Any], str]] = {
    "arm": lambda value: registry.label(str(value)),
    "kernel": "{} kernel".format,
    "phase": lambda value: words.phase({"phase": value}),
    "comparison": "comparison {}".format,
    "task": "task {}".format,
    "length": _windows,
    "lengths": _windows,
    "layers": _counted("layer"),
    "initialization": "{} initialisation".format,
    "when": lambda value: _STAGES.get(value, f"after {value} of training"),
    "steps": lambda value: "at initialisation" if value == 0 else f"after {_plain(value)} steps",
    "batch_size": "batches of {}".format,
    "of": "of {}".format,
    "device": lambda value: f"on {str(value).upper()}",
    "threads": lambda value: "all threads" if value == "all" else _counted("thread")(value),
    "dtype": "{}".format,
    "denormals": _unless("keep", "subnormal floats: {}"),
    "reference": "beside {}".format,
    "tokenizer": "{} tokenizer".format,
    "step": "steps of {}".format,
    "data": _unless("offline", "data {}"),
    "needed": lambda _: "",  # the quantity says it
}


def _spoken(name: str, value: Any) -> str:
    if name in _SPOKEN:
        return _SPOKEN[name](value)
    return f"{name.replace('_', ' ')} {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, list):
        return " and ".join(_plain(each) for each in value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _unknown(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _marked(unit: str) -> bool:
    """Whether a number says its unit itself."""
    return unit in _UNITS and unit not in _BEHIND


def _ends(effect: Effect) -> tuple[str, str] | None:
    if effect.low is None or effect.high is None:
        return None
    return _written(effect.low, effect.unit), _written(effect.high, effect.unit)


def _written(value: float | None, unit: str, *, marked: bool = False) -> str:
    """A number of a unit; what stands around it is said once, by the first."""
    if value is None:
        return "not finite"
    column, before, behind = _UNITS.get(unit, ("", "", ""))
    text = cell_text(float(value), column) if column else number(value)
    return f"{before}{text}{behind}" if marked else text
