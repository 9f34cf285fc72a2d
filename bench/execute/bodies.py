"""Pretraining what cells start from, each body in a process of its own, before any cell."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bench.execute.processes import CellFailed, Server

#: What is to be made, as ``pretrainings.add`` says it.
Body = Mapping[str, Any]


class Listener(Protocol):
    """Who is told how it goes on."""

    def pretraining(self, body: Body, share: float) -> None:
        """A body is this far."""
        ...

    def pretrained(self, body: Body, made: Mapping[str, Any] | None, reason: str) -> None:
        """A body has ended: how it was made, or None and why not."""
        ...


def run(
    server: Server,
    missing: Sequence[Body],
    decided: dict[str, dict[str, Any]],
    listener: Listener,
    *,
    corpus: str,
    threads: int,
    timeout_s: float,
) -> None:
    """Make what is missing, one thread each, as many at once as there are threads on the CPU.

    Cells whose body cannot be made fail with the reason.

    Args:
        server: forks the workers.
        missing, decided: as of ``pretrainings.add``; ``decided`` is changed in place.
        listener: who is told.
        corpus: fingerprint of the corpus.
        threads: of this machine.
        timeout_s: longest silence of a pretraining before it is killed.
    """
    for beside in _together(missing, threads):
        workers = [server.start(body["job"] | {"corpus": corpus}) for body in beside]
        for body, worker in zip(beside, workers, strict=True):

            def progress(share: float, body: Body = body) -> None:
                listener.pretraining(body, share)

            try:
                made = worker.ask(None, timeout_s, progress)["result"]
                worker.end()
            except CellFailed as failure:
                reason = f"{body['arm']} could not be pretrained: {failure}"
                ended = {"failed": failure.status, "reason": reason}
                listener.pretrained(body, None, str(failure))
            else:
                ended = {"pretraining": made}
                listener.pretrained(body, made, "")
            for name in body["cells"]:
                decided[name] = ended if "failed" in ended else decided[name] | ended


def _together(missing: Sequence[Body], threads: int) -> list[Sequence[Body]]:
    """Those on the CPU as many at once as there are threads; an accelerator has one to itself."""
    here = [body for body in missing if body["job"]["cell"]["device"] == "cpu"]
    beside = [here[first : first + threads] for first in range(0, len(here), threads)]
    return [*beside, *([body] for body in missing if body not in here)]
