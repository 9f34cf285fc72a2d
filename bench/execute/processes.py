"""Processes on this machine: a server that forks workers, and what is asked of them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench.execute.channel import Channel, Closed, Garbled, Silent
from bench.outcome import FAILED, KILLED, TIMEOUT
from bench.store import StoreError
from bench.study import Cell

_SERVER = Path(__file__).with_name("server.py")
#: Of the server and whatever it starts.
_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "true",
    "PYTHONSAFEPATH": "1",  # -P, for what the server starts too
    "PYTHONIOENCODING": "utf-8",  # as the log is, whatever a terminal can show
}
_START_TIMEOUT_S = 300  # a cold disk may take a minute to give up torch
_GRACE_S = 5.0
_SERVER_S = 60.0  # for what takes a moment: to fork, to notice an end, to take a job
_ASKED_S = 600  # for what is no cell's, and takes half a minute


class Server:
    """The fork server, as a context: on leaving it, it and its workers are gone.

    Args:
        log: file that takes whatever the server and its workers print.

    Attributes:
        code: digest of every file that can change a measurement, by name, as the server has
            imported it and its workers inherit it; see ``bench.store.sources``.

    Raises:
        ServerError: it does not start.
        StoreError: the log cannot be written.
    """

    code: dict[str, str]

    def __init__(self, log: Path) -> None:
        self._log = log

    def __enter__(self) -> Self:
        try:
            opened = self._log.open("ab")
        except OSError as error:
            raise StoreError(f"cannot write {self._log}: {error.strerror}") from None
        ours, theirs = socket.socketpair()
        with opened as log, theirs:
            self._process = subprocess.Popen(
                # By its place, and without the working directory: this tree's, as this file is.
                [sys.executable, "-P", str(_SERVER), str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the sweep to handle
                env=os.environ | _ENVIRONMENT,
            )
        self._control = Channel(ours)
        self._workers: set[Worker] = set()
        try:
            self.code = self._control.receive(_START_TIMEOUT_S)["code"]
        except (Closed, Silent):
            self.__exit__(None, None, None)
            raise ServerError(
                f"the worker server did not start; see {self._log}:\n{_tail(self._log)}"
            ) from None
        except BaseException:  # Ctrl-C while torch is being imported
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:  # nobody is asked, as the conversation may be broken off
            worker.channel.close()
            worker.signal(signal.SIGKILL)
        self._workers.clear()
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def start(self, job: dict[str, Any]) -> "Worker":
        """Fork a worker and give it its job.

        Raises:
            ServerError: the server is gone, or stopped.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                request = json.dumps({"op": "fork"}).encode()
                socket.send_fds(self._control.sock, [request], [theirs.fileno()])
            worker = Worker(self, self._control.receive(_SERVER_S)["pid"], Channel(ours))
        except OSError as error:
            ours.close()
            raise self._lost(error) from None
        self._workers.add(worker)
        with contextlib.suppress(Closed, Silent):  # one that died or stopped at once is found later
            worker.channel.send(job, _SERVER_S)
        return worker

    def reap(self, worker: "Worker") -> int:
        """Exit code of a worker that has ended or is about to, negative for a signal.

        Raises:
            ServerError: the server is gone, or stopped.
        """
        self._workers.discard(worker)
        try:
            self._control.send({"op": "wait", "pid": worker.pid}, _SERVER_S)
            try:
                answer = self._control.receive(_SERVER_S)
            except Silent:  # the worker does not end, or the server is stopped
                worker.signal(signal.SIGKILL)
                answer = self._control.receive(_SERVER_S)
        except OSError as error:
            raise self._lost(error) from None
        code: int = answer["exit"]
        return code

    def _lost(self, error: OSError) -> "ServerError":
        """What is said of a server that does not answer."""
        how = f"has not answered for {_SERVER_S:.0f} s" if isinstance(error, Silent) else "is gone"
        return ServerError(f"the worker server {how}; see {self._log}")


class CellFailed(Exception):
    """A worker that did not deliver.

    Args:
        status: how its cell ended.
        reason: in one sentence.
        metrics, samples: what is known all the same.
    """

    def __init__(
        self,
        status: str,
        reason: str,
        metrics: dict[str, Any] | None = None,
        samples: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason
        self.metrics, self.samples = metrics or {}, samples or {}


class ServerError(RuntimeError):
    """The process that forks the workers did not start, is gone, or does not answer."""


class Worker:
    """The sweep's side of one worker process."""

    def __init__(self, server: Server, pid: int, channel: Channel) -> None:
        self._server = server
        self.pid = pid
        self.channel = channel

    def ask(
        self,
        message: dict[str, Any] | None,
        timeout_s: float,
        progress: Callable[[float], None] | None = None,
    ) -> dict[str, Any]:
        """Send a message, if there is one, and wait for the answer.

        Raises:
            CellFailed: the worker reported an error, died, or was silent too long and was killed.
        """
        with contextlib.suppress(Closed):  # found below, with what it said before it died
            if message is not None:
                self.channel.send(message)
        while (answer := self.hear(timeout_s, progress)) is None:
            pass
        return answer

    def hear(
        self, timeout_s: float, progress: Callable[[float], None] | None = None
    ) -> dict[str, Any] | None:
        """Wait for one message; None where it says no more than how far the worker is.

        Raises:
            CellFailed: as ``ask`` has it.
        """
        try:
            answer = self.channel.receive(timeout_s)
        except Closed:
            raise CellFailed(*self._post_mortem()) from None
        except Silent:
            raise self.silent(timeout_s) from None
        except Garbled as error:
            self.kill()
            raise CellFailed(FAILED, f"the worker talked nonsense: {error}") from None
        if "progress" in answer:
            if progress:
                progress(answer["progress"])
            return None
        if "failed" in answer:
            self.end()
            raise CellFailed(
                answer["failed"], answer["reason"], answer.get("details"), answer.get("samples")
            )
        return answer

    def silent(self, timeout_s: float) -> CellFailed:
        """What becomes of a worker that has said nothing for so long: it is killed."""
        self.kill()
        return CellFailed(TIMEOUT, f"silent for {timeout_s:.0f} s, and killed")

    def end(self) -> int:
        """Hang up and wait for the process."""
        self.channel.close()
        return self._server.reap(self)

    def kill(self) -> None:
        """End the process and all it started: asked first, then made to."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # who is stopped hears it too
        deadline = time.monotonic() + _GRACE_S
        with contextlib.suppress(Closed, Silent, Garbled):
            while (left := deadline - time.monotonic()) > 0:
                self.channel.receive(left)
        self.signal(signal.SIGKILL)
        self.end()

    def signal(self, number: int) -> None:
        """Send a signal to the process and all it started."""
        with contextlib.suppress(ProcessLookupError):
            try:
                os.killpg(self.pid, number)
            except ProcessLookupError:  # it has not made its group yet
                os.kill(self.pid, number)

    def _post_mortem(self) -> tuple[str, str]:
        code = self.end()
        if code >= 0:
            return FAILED, f"the worker ended with exit code {code} and no result"
        name = signal.Signals(-code).name
        return (KILLED if -code == signal.SIGKILL else FAILED), f"the worker died of {name}"


def prepare(
    server: Server,
    cells: Sequence[Cell],
    corpus: str,
    threads: int,
    timeout_s: float = _ASKED_S,
) -> dict[str, Any]:
    """What ``bench.execute.prepare.run`` decides, decided in a worker of its own.

    Raises:
        CellFailed: the worker died, or has said nothing for ``timeout_s`` seconds.
    """
    return ask(
        server,
        {
            "job": "prepare",
            "cells": [{"key": cell.key, "cell": cell.model_dump(mode="json")} for cell in cells],
            "corpus": corpus,
            "threads": threads,
        },
        timeout_s,
    )


def ask(server: Server, job: dict[str, Any], timeout_s: float = _ASKED_S) -> dict[str, Any]:
    """The answer to a job that is not a cell's, given by a worker of its own.

    Raises:
        CellFailed: the worker died, could not answer, or has said nothing for so long.
    """
    worker = server.start(job)
    answer: dict[str, Any] = worker.ask(None, timeout_s)["result"]
    worker.end()
    return answer


def _tail(log: Path, lines: int = 5) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])
