"""How much others take of the machine while something is measured on it."""

import re
import time

from bench.store import system


class Pressure:
    """How much others took of the machine since the last look; a look takes a fraction of a ms."""

    def __init__(self) -> None:
        self._last = self._look()

    def lap(self) -> dict[str, float | None]:
        """Since the last call, or since construction.

        Returns:
            ``steal``, the share of all processors' time that the hypervisor gave to others, and
            ``psi``, the share of wall time in which something that could run waited for a
            processor. None where the system does not say, or where its clock has not ticked.
        """
        last, self._last = self._last, self._look()
        ticks, stolen, waited, now = (
            None if after is None or before is None else after - before
            for after, before in zip(self._last, last, strict=True)
        )
        return {
            "steal": stolen / ticks if ticks and stolen is not None else None,
            "psi": min(waited / now, 1.0) if now and waited is not None else None,
        }

    def _look(self) -> tuple[float | None, float | None, float | None, float | None]:
        ticks = _ticks()
        total = None if ticks is None else sum(ticks)
        stolen = None if ticks is None else ticks[_STEAL_FIELD]
        waited = waiting("cpu", "total")
        return total, stolen, None if waited is None else waited / 1e6, time.monotonic()


_STEAL_FIELD = 7  # of a line of /proc/stat; the two after it are counted in the first already


def _ticks() -> list[int] | None:
    """Clock ticks of all processors since boot, by what they went into."""
    text = system.read("/proc/stat")
    fields = text.partition("\n")[0].split()[1:] if text else []
    return [int(field) for field in fields[: _STEAL_FIELD + 1]] if len(fields) > 7 else None


def steal_since_boot() -> float | None:
    """The share of all processors' time that the hypervisor gave to others since this booted."""
    ticks = _ticks()
    return round(ticks[_STEAL_FIELD] / sum(ticks), 4) if ticks else None


def waiting(resource: str, field: str) -> float | None:
    """A figure of the ``some`` line of Linux's pressure stall information, None without it."""
    found = re.search(
        rf"^some .*\b{field}=([\d.]+)", system.read(f"/proc/pressure/{resource}") or ""
    )
    return float(found[1]) if found else None
