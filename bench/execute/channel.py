"""JSON messages, one a line, over a socket; nothing between processes is ever unpickled."""

import json
import math
import select
import socket
from collections.abc import Sequence
from typing import Any

_CHUNK = 1 << 16


class Closed(ConnectionError):
    """The other side is gone."""


class Silent(TimeoutError):
    """The other side said nothing in time."""


class Garbled(ValueError):
    """The other side said what is no message."""


class Channel:
    """One end of a conversation."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._pending = bytearray()

    def send(self, message: dict[str, Any], timeout_s: float | None = None) -> None:
        """Send one message; numbers that are not finite travel as null.

        Raises:
            Closed: nobody reads any more.
            Silent: it was not taken within ``timeout_s`` seconds.
        """
        line = json.dumps(finite(message), allow_nan=False).encode() + b"\n"
        self.sock.settimeout(timeout_s)
        try:
            self.sock.sendall(line)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed("the other process is gone") from None
        except TimeoutError:
            raise Silent(f"a message was not taken in {timeout_s:.0f} s") from None
        finally:
            self.sock.settimeout(None)

    def receive(self, timeout_s: float | None = None) -> dict[str, Any]:
        """The next message.

        Raises:
            Closed: the other side is gone.
            Silent: ``timeout_s`` seconds without a byte.
            Garbled: a line that is no JSON object.
        """
        while (end := self._pending.find(b"\n")) < 0:
            if not select.select([self.sock], [], [], timeout_s)[0]:
                raise Silent(f"no message in {timeout_s:.0f} s")
            try:
                chunk = self.sock.recv(_CHUNK)
            except ConnectionResetError:
                chunk = b""
            if not chunk:
                raise Closed("the other process is gone")
            self._pending += chunk
        line = bytes(self._pending[:end])
        del self._pending[: end + 1]
        try:
            message = json.loads(line)
        except ValueError:  # not UTF-8, or not JSON
            message = None
        if not isinstance(message, dict):
            raise Garbled(f"expected a JSON object on a line. Got {line[:60]!r}")
        return message

    @property
    def full(self) -> bool:
        """Whether a message has come that nobody has taken yet."""
        return b"\n" in self._pending

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


def heard(channels: Sequence[Channel], timeout_s: float) -> Channel | None:
    """One that has something to say, or has been hung up; None if none has within this time."""
    for channel in channels:
        if channel.full:
            return channel
    found = select.select([channel.sock for channel in channels], [], [], timeout_s)[0]
    return next((channel for channel in channels if channel.sock in found), None)


def finite(value: Any) -> Any:
    """The same value with every NaN and infinity replaced by None, as JSON has neither."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
