"""Messages between processes."""

import math
import socket

import pytest

from bench.execute.channel import Channel, Closed, Silent


def test_numbers_that_are_not_finite_travel_as_null():
    one, other = map(Channel, socket.socketpair())
    one.send({"a": math.nan, "b": [math.inf, 1.5], "c": {"d": (-math.inf,)}, "e": 1e-310})
    assert other.receive(1) == {"a": None, "b": [None, 1.5], "c": {"d": [None]}, "e": 1e-310}
    one.close()
    other.close()


def test_many_messages_at_once_and_one_in_pieces():
    one, other = map(Channel, socket.socketpair())
    one.sock.sendall(b'{"n": 1}\n{"n": 2}\n{"n"')
    assert [other.receive(1)["n"], other.receive(1)["n"]] == [1, 2]
    with pytest.raises(Silent):
        other.receive(0.01)
    one.sock.sendall(b": 3}\n")
    assert other.receive(1)["n"] == 3
    one.close()
    with pytest.raises(Closed):
        other.receive(1)
    with pytest.raises(Closed):
        other.send({"more": "x" * 10_000_000})
    other.close()


def test_a_message_that_nobody_takes_is_given_up():
    """As a process that is stopped takes none, once the socket is full."""
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(Silent, match="not taken in 0 s"):
        Channel(ours).send({"long": "x" * 10_000_000}, timeout_s=0.1)
