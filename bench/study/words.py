"""What a library found wrong with a value, in this suite's words: what was expected, what came."""

import reprlib
from collections.abc import Callable, Mapping
from typing import Any

Detail = Mapping[str, Any]  #: one of ``ValidationError.errors()``


class _Shown(reprlib.Repr):
    """Values as a study file has them, of long and deep ones the beginning."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring, self.maxother, self.maxlist, self.maxlevel = 80, 80, 4, 2

    def repr_bool(self, value: bool, _level: int) -> str:
        return str(value).lower()

    def repr_dict(self, _value: dict[Any, Any], _level: int) -> str:
        return "a table"

    def _moment(self, value: Any, _level: int) -> str:
        return str(value)

    repr_date = repr_time = repr_datetime = _moment


def shown(value: Any) -> str:
    """A value as messages show it."""
    return _Shown().repr(value)


def printable(text: str) -> str:
    """With what is no printable character escaped, so that it cannot write over a terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def sentence(detail: Detail) -> str:
    """What is wrong with a value."""
    kind, came = detail["type"], detail["input"]
    if kind == "missing":
        return "missing."
    if kind in _OURS:
        return str(detail["msg"])
    if kind == "value_error":
        said = str(detail["ctx"]["error"])
        return said if said.endswith(".") else f"{said}."
    if kind in ("too_short", "too_long"):
        came = len(came)
    return f"expected {_EXPECTED[kind](detail.get('ctx', {}))}. Got {shown(came)}."


#: Errors whose words a validator found itself, see :func:`bench.study.fields.wrong`.
_OURS = ("unknown", "repeated")


def _amount(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


_EXPECTED: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "string_type": lambda _: "text in quotes",
    "int_type": lambda _: "a whole number",
    "float_type": lambda _: "a number",
    "bool_type": lambda _: "true or false",
    "list_type": lambda _: "a list",
    "tuple_type": lambda _: "a list of two",
    "dict_type": lambda _: "a table",
    "model_type": lambda _: "a table",
    "finite_number": lambda _: "a finite number",
    "greater_than": lambda ctx: f"more than {_amount(ctx['gt'])}",
    "greater_than_equal": lambda ctx: f"at least {_amount(ctx['ge'])}",
    "less_than_equal": lambda ctx: f"at most {_amount(ctx['le'])}",
    "string_too_short": lambda ctx: f"at least {_amount(ctx['min_length'])} character",
    "string_too_long": lambda ctx: f"at most {_amount(ctx['max_length'])} characters",
    "too_short": lambda ctx: f"at least {_amount(ctx['min_length'])} value",
    "too_long": lambda ctx: f"at most {_amount(ctx['max_length'])} values",
}
