"""What is being written is written before a Ctrl-C takes effect."""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from bench.recorder import uninterrupted


@pytest.fixture(autouse=True)
def interruptible():
    """Tests that a shell runs in the background ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


def interrupted(times):
    """What is written where Ctrl-C is pressed so often before it is."""
    written = []

    def write():
        with uninterrupted():
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)
            written.append("record")

    with pytest.raises(KeyboardInterrupt):
        write()
    return written


def test_a_ctrl_c_waits_for_what_is_inside():
    assert interrupted(times=1) == ["record"]


def test_a_second_one_does_not_wait():
    assert interrupted(times=2) == []


def test_without_one_nothing_happens():
    with uninterrupted():
        pass


def test_only_the_main_thread_can_hold_one_back():
    def work():
        with uninterrupted():
            return signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(work).result() is signal.default_int_handler
