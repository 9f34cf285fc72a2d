"""Kinds of values that a study file holds."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
)
from pydantic_core import PydanticCustomError

from bench import registry

STRICT = ConfigDict(extra="forbid", frozen=True)
MOST = 10_000_000  # of whatever is counted, where nothing says otherwise
Count = Annotated[StrictInt, Field(ge=1, le=MOST)]
#: What every generator of random numbers takes.
Seed = Annotated[StrictInt, Field(ge=0, le=2**32 - 1)]


def wrong(hint: str) -> PydanticCustomError:
    """What a validator raises that has found the words itself, for :mod:`bench.study.mistakes`."""
    return PydanticCustomError("unknown", "{hint}", {"hint": hint})


def one_of(kind: str, choices: Sequence[str]) -> Any:
    """A string that must be one of ``choices``."""

    def check(value: str) -> str:
        if value not in choices:
            raise wrong(registry.unknown(kind, value, choices))
        return value

    return Annotated[StrictStr, AfterValidator(check)]


def axis(item: Any) -> Any:
    """A non-empty list of distinct items; a single one may stand by itself."""

    def distinct(values: list[Any]) -> list[Any]:
        repeated = sorted(str(value) for value, count in Counter(values).items() if count > 1)
        if repeated:
            raise PydanticCustomError(
                "repeated", "repeats {names}: name each once.", {"names": ", ".join(repeated[:9])}
            )
        return values

    return Annotated[
        list[item],
        BeforeValidator(lambda value: value if isinstance(value, list) else [value]),
        Field(min_length=1),
        AfterValidator(distinct),
    ]
