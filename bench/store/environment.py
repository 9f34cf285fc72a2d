"""Where a record was made: hardware, and how it is set up. No host name, no path, no user."""

import math
import os
import platform
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from bench.store import pressure, provenance, system


def threads() -> int:
    """Processors that this process may use as a whole, and so the threads of a worker.

    Those of its affinity mask, and of a control group's quota: a thread more than that allows runs
    until the quota is spent, and then all of them are stopped for the rest of a period. At least 1.
    """
    quota = cpu_quota()
    return may_run_on() if quota is None else max(1, min(may_run_on(), math.floor(quota)))


def may_run_on() -> int:
    """Processors in this process's affinity mask; all where there are no masks."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    """What the numbers of this run depend on; None for what the system does not tell."""
    commit, dirty = provenance.commit()
    memory = psutil.virtual_memory()
    return {
        "cpu": cpu(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "cores": psutil.cpu_count(logical=True),
        "physical_cores": psutil.cpu_count(logical=False),
        "threads": threads(),
        "cpu_quota": cpu_quota(),
        "cpu_flags": cpu_flags(),
        "caches": caches(),
        "frequency": frequency(),
        "memory_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "transparent_hugepages": system.chosen("/sys/kernel/mm/transparent_hugepage/enabled"),
        "load_1m": round(psutil.getloadavg()[0], 2),
        "steal_share_since_boot": pressure.steal_since_boot(),
        "psi_cpu_some_avg10": pressure.waiting("cpu", "avg10"),
        "psi_memory_some_avg10": pressure.waiting("memory", "avg10"),
        "gpus": gpus(),
        "versions": provenance.versions(),
        "commit": commit,
        "dirty": dirty,
    }


#: Instructions that decide how fast a matrix product or a vectorised loop is.
_FLAGS = re.compile(
    r"avx|avx2|avx512\w*|avx_\w+|amx_\w+|fma|f16c|sse4_2|asimd\w*|neon|sve\w*|bf16|i8mm|fphp|sme|sme2|sme[bfi]\w+"
)


def cpu_flags() -> list[str] | None:
    """The processor's vector and matrix instructions, sorted."""
    text = system.read("/proc/cpuinfo") or ""
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return sorted(set(filter(_FLAGS.fullmatch, found[1].split()))) if found else None


def caches() -> dict[str, int] | None:
    """Bytes of each cache that the first processor reaches: L1d, L1i, L2, L3."""
    suffix = {"Data": "d", "Instruction": "i"}
    found = {}
    for place in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (system.read(place / name) for name in ("level", "type", "size"))
        if level and kind and size and size.endswith("K"):
            found[f"L{level}{suffix.get(kind, '')}"] = int(size[:-1]) * 1024
    return found or None


def frequency() -> dict[str, Any] | None:
    """How the first processor's clock is governed; None where nothing is told of it."""
    place = Path("/sys/devices/system/cpu")
    policy = place / "cpu0/cpufreq"
    boost, no_turbo = (
        system.read(place / "cpufreq/boost"),
        system.read(place / "intel_pstate/no_turbo"),
    )
    least, most = (system.read(policy / f"cpuinfo_{name}_freq") for name in ("min", "max"))
    found = {
        "governor": system.read(policy / "scaling_governor"),
        "driver": system.read(policy / "scaling_driver"),
        "least_hz": int(least) * 1000 if least else None,
        "most_hz": int(most) * 1000 if most else None,
        "boost": boost == "1" if boost else no_turbo == "0" if no_turbo else None,
    }
    return found if any(value is not None for value in found.values()) else None


def cpu_quota() -> float | None:
    """Processors that a container's control group may use at once; None without a limit."""
    quotas = []
    for group in control_groups():
        allowed, _, period = (system.read(group / "cpu.max") or "max").partition(" ")
        if allowed == "max":  # or version 1, where -1 is no limit
            allowed = system.read(group / "cpu.cfs_quota_us") or "-1"
            period = system.read(group / "cpu.cfs_period_us") or ""
        if allowed != "-1" and period:
            quotas.append(int(allowed) / int(period))
    return min(quotas, default=None)


def control_groups() -> Iterator[Path]:
    """Control groups of this process with those above them, of either version."""
    root = Path("/sys/fs/cgroup")
    for line in (system.read("/proc/self/cgroup") or "").splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        place = root / controllers if controllers else root
        parts = Path(name.lstrip("/")).parts
        yield from (place.joinpath(*parts[:depth]) for depth in range(len(parts) + 1))


_GPU = (
    "name",
    "driver_version",
    "memory.total",
    "clocks.sm",
    "clocks.mem",
    "clocks.max.sm",
    "clocks.max.mem",
    "temperature.gpu",
    "power.draw",
    "power.limit",
    "persistence_mode",
    "clocks_throttle_reasons.active",
)
_GPU_WAIT_S = 5.0


def gpus() -> list[dict[str, str]] | None:
    """What ``nvidia-smi`` says of each GPU, units in the values; None where there is no such tool.

    A field that an older or newer driver does not know makes it refuse all, which reads the same.
    """
    command = ["nvidia-smi", f"--query-gpu={','.join(_GPU)}", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=_GPU_WAIT_S
        )
    except (OSError, subprocess.SubprocessError):
        return None
    rows = [[cell.strip() for cell in line.split(",")] for line in done.stdout.splitlines()]
    return [dict(zip(_GPU, row, strict=True)) for row in rows if len(row) == len(_GPU)] or None


def cpu() -> str:
    """The processor's name, as the system has it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
