"""What takes processors from this process, so that its times are not the machine's.

A quota stops a control group for the rest of each period (100 ms) in which it has used its share; a
hot processor slows itself down; one that goes offline leaves its threads to share the others. None
of these is noise that interleaving takes out of a ratio, so what they disturb is no measurement.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from bench.store import environment, system

#: A group is no measurement in which its quota stopped it in a larger share of the periods.
STOPPED = 0.10
_PROCESSORS = "/sys/devices/system/cpu"
#: NVML's reasons (``nvmlClocksEventReasons``) that are faults of a place. A cap on power (4) is
#: none: some cards meet it with every large product.
_SLOWED = {
    0x8: "hardware slowdown",
    0x20: "heat, by software",
    0x40: "heat, by hardware",
    0x80: "power brake",
}


class Watch:
    """What has been taken from this process since it began to look; a look takes a few ms."""

    def __init__(self) -> None:
        self._periods, self._hot, self._online = quota_periods(), throttles(), online()

    def trouble(self) -> str | None:
        """Why what was measured since then is no measurement; None where nothing speaks against it.

        Counters that the system does not have say nothing.
        """
        lost = self._online - online()
        if lost:
            left = len(self._online - lost)
            return f"{_named(lost)} went offline meanwhile, leaving {left} of {len(self._online)}"
        for group, (stopped, periods) in quota_periods().items():
            before = self._periods.get(group, (0, 0))
            stopped, periods = stopped - before[0], periods - before[1]
            if periods > 0 and stopped / periods > STOPPED:
                return (
                    f"the quota of its control group stopped it in {stopped / periods:.0%} of "
                    f"{periods} periods; at most {STOPPED:.0%} are noise"
                )
        hotter = throttles() - self._hot
        if hotter > 0:
            times = "once" if hotter == 1 else f"{hotter} times"
            return f"the processor throttled itself for heat or power {times} meanwhile"
        return None


def refusal() -> str | None:
    """Why nothing can be timed here; None where it can."""
    quota = environment.cpu_quota()
    if quota is None or quota >= 1:
        return None
    return (
        f"a quota of {quota:g} processors stops whatever takes longer than its share of a period: "
        "expected a whole processor for what is timed. Give the container one (--cpus 1)"
    )


def said() -> Iterator[str]:
    """A sentence for each thing that this process may not use of the machine, or not all of."""
    quota, mask = environment.cpu_quota(), environment.may_run_on()
    offline = numbers(system.read(f"{_PROCESSORS}/offline"))
    if offline:
        yield f"{_named(offline)} {'is' if len(offline) == 1 else 'are'} offline"
    if (refused := refusal()) is not None:
        yield f"nothing can be timed here: {refused}"
    elif quota is not None and quota < mask:
        yield (
            f"a quota of {quota:g} processors, {mask} in the affinity mask: "
            f"'all' threads are {environment.threads()}, as one more would be stopped"
        )
    if mask == 1:
        yield (
            "one processor in the affinity mask: arms that are timed share it with the process "
            "that starts them, and 'all' threads are one"
        )
    stopped, periods = max(quota_periods().values(), default=(0, 0))
    if stopped:
        yield f"the quota has stopped this control group in {stopped} of {periods} periods so far"
    if hot := throttles():
        yield f"processors have throttled themselves for heat or power {hot} times since booting"


def slowed(gpus: Sequence[Mapping[str, str]] | None) -> str | None:
    """Why nothing that a GPU computes now is a measurement; None where nothing speaks against it.

    Of several any counts, as which of them a cell ran on is not told.

    Args:
        gpus: as ``environment.gpus`` has them.
    """
    for gpu in gpus or ():
        told = gpu.get("clocks_throttle_reasons.active", "")
        mask = int(told, 16) if told.startswith("0x") else 0
        if found := [said for bit, said in _SLOWED.items() if mask & bit]:
            return f"{gpu['name']} slows itself down: {', '.join(found)}"
    return None


def quota_periods() -> dict[Path, tuple[int, int]]:
    """Periods in which a quota stopped each control group of this process, and all it was on in."""
    found = {}
    for group in environment.control_groups():
        fields = dict(line.split() for line in (system.read(group / "cpu.stat") or "").splitlines())
        found[group] = int(fields.get("nr_throttled", 0)), int(fields.get("nr_periods", 0))
    return found


def throttles() -> int:
    """How often processors have slowed themselves down for heat or power, all together.

    Intel's count it; 0 where none is counted. What a package counts, each of its processors says:
    it is counted once.
    """
    counts: dict[str, list[int]] = {"core": [0], "package": [0]}
    for kind in ("throttle", "power_limit"):
        for path in system.matching(_PROCESSORS, f"cpu[0-9]*/thermal_throttle/*_{kind}_count"):
            of = "package" if "package" in str(path) else "core"
            counts[of].append(int(system.read(path) or 0))
    return sum(counts["core"]) + max(counts["package"])


def online() -> frozenset[int]:
    """Processors that run; empty where the system does not say."""
    return numbers(system.read(f"{_PROCESSORS}/online"))


def numbers(text: str | None) -> frozenset[int]:
    """Linux's ``0-2,5`` as numbers."""
    found = re.findall(r"(\d+)(?:-(\d+))?", text or "")
    return frozenset(n for low, high in found for n in range(int(low), int(high or low) + 1))


def _named(processors: frozenset[int]) -> str:
    return (
        f"processor{'' if len(processors) == 1 else 's'} {', '.join(map(str, sorted(processors)))}"
    )
