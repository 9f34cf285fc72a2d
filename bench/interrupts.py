"""Ctrl-C, a request to end, and a terminal that is closed: each stops what runs in the same way."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

_NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """Somebody has stopped this process.

    Args:
        number: the signal; ``code`` is what a shell calls an end by it.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.code = 128 + number


def heed() -> None:
    """Have each of the signals raise ``Stopped``; call it in the main thread."""
    for number in _heeded():
        signal.signal(number, _stop)


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Finish what is inside before a signal takes effect; a second one does not wait."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    caught: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if caught:
            raise Stopped(number)
        caught.append(number)

    before = {number: signal.signal(number, remember) for number in _heeded()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        raise Stopped(caught[0])


def _heeded() -> list[int]:
    """Those that are not ignored, as they are in the background of a shell or under nohup."""
    return [number for number in _NUMBERS if signal.getsignal(number) != signal.SIG_IGN]


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped(number)
