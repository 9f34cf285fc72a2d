"""What a probe or a claim, which may be anybody's, fails to make is said, and the rest told."""

import errno
import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Tries:
    """Keeps what could not be made, each reason once."""

    def __init__(self) -> None:
        self.failures: list[str] = []

    def __call__(
        self, what: str, make: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """What is made, or None and one more failure; the traceback goes to standard error."""
        try:
            return make(*args, **kwargs)
        except OSError as error:
            if error.errno in _FULL:  # no part's own failure, and another try may have room
                raise
            self._failed(what, error)
        except Exception as error:  # noqa: BLE001  # an hour's records must not lack a page
            self._failed(what, error)
        return None

    def _failed(self, what: str, error: Exception) -> None:
        reason = f"{what}: {type(error).__name__}: {error}".partition("\n")[0]
        if reason not in self.failures:
            traceback.print_exception(error)
            self.failures.append(reason)
