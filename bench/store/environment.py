"""Where a record was made: hardware, versions, code. No host name, no path, no user."""

import hashlib
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("torch", "transformers", "datasets", "tokenizers", "numpy")
_MEASURING = (
    "models",
    "bench/tasks",
    "bench/data",
    "bench/probes",
    "bench/measure",
    "bench/execute",
    "bench/outcome.py",
)


def threads() -> int:
    """Processors that this process may use, and so the threads of a worker."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def versions() -> dict[str, str]:
    """Versions of the interpreter and of what can change a number."""
    found = {name: metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version()} | found


def provenance() -> dict[str, str]:
    """What records must share to be compared: code, versions, processor and threads."""
    return {"code": code_hash(), "cpu": _cpu(), "threads": str(threads())} | versions()


def code_hash() -> str:
    """Hash of every source file that can change a measurement; reports and doors cannot."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for part in _MEASURING:
        place = root / part
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()


def machine() -> dict[str, Any]:
    """What the numbers of this run depend on; None for what the system does not tell."""
    commit, dirty = _commit()
    memory = psutil.virtual_memory()
    return {
        "cpu": _cpu(),
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
        "transparent_hugepages": _chosen("/sys/kernel/mm/transparent_hugepage/enabled"),
        "load_1m": round(psutil.getloadavg()[0], 2),
        "steal_share_since_boot": _steal_since_boot(),
        "psi_cpu_some_avg10": _pressure("cpu", "avg10"),
        "psi_memory_some_avg10": _pressure("memory", "avg10"),
        "gpus": gpus(),
        "versions": versions(),
        "commit": commit,
        "dirty": dirty,
    }


#: Instructions that decide how fast a matrix product or a vectorised loop is.
_FLAGS = re.compile(
    r"avx|avx2|avx512\w*|avx_\w+|amx_\w+|fma|f16c|sse4_2|asimd\w*|neon|sve\w*|bf16|i8mm|fphp|sme|sme2|sme[bfi]\w+"
)


def cpu_flags() -> list[str] | None:
    """The processor's vector and matrix instructions, sorted."""
    text = _read("/proc/cpuinfo") or ""
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    return sorted(set(filter(_FLAGS.fullmatch, found[1].split()))) if found else None


def caches() -> dict[str, int] | None:
    """Bytes of each cache that the first processor reaches: L1d, L1i, L2, L3."""
    suffix = {"Data": "d", "Instruction": "i"}
    found = {}
    for place in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        level, kind, size = (_read(place / name) for name in ("level", "type", "size"))
        if level and kind and size and size.endswith("K"):
            found[f"L{level}{suffix.get(kind, '')}"] = int(size[:-1]) * 1024
    return found or None


def frequency() -> dict[str, Any] | None:
    """How the first processor's clock is governed; None where nothing is told of it."""
    place = Path("/sys/devices/system/cpu")
    policy = place / "cpu0/cpufreq"
    boost, no_turbo = _read(place / "cpufreq/boost"), _read(place / "intel_pstate/no_turbo")
    least, most = (_read(policy / f"cpuinfo_{name}_freq") for name in ("min", "max"))
    found = {
        "governor": _read(policy / "scaling_governor"),
        "driver": _read(policy / "scaling_driver"),
        "least_hz": int(least) * 1000 if least else None,
        "most_hz": int(most) * 1000 if most else None,
        "boost": boost == "1" if boost else no_turbo == "0" if no_turbo else None,
    }
    return found if any(value is not None for value in found.values()) else None


def cpu_quota() -> float | None:
    """Processors that a container's control group may use at once; None without a limit."""
    quotas = []
    for group in _groups():
        allowed, _, period = (_read(group / "cpu.max") or "max").partition(" ")
        if allowed == "max":  # or version 1, where -1 is no limit
            allowed = _read(group / "cpu.cfs_quota_us") or "-1"
            period = _read(group / "cpu.cfs_period_us") or ""
        if allowed != "-1" and period:
            quotas.append(int(allowed) / int(period))
    return min(quotas, default=None)


def _groups() -> Iterator[Path]:
    """Control groups of this process with those above them, of either version."""
    root = Path("/sys/fs/cgroup")
    for line in (_read("/proc/self/cgroup") or "").splitlines():
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
        waited = _pressure("cpu", "total")
        return total, stolen, None if waited is None else waited / 1e6, time.monotonic()


_STEAL_FIELD = 7  # of a line of /proc/stat; the two after it are counted in the first already


def _ticks() -> list[int] | None:
    """Clock ticks of all processors since boot, by what they went into."""
    text = _read("/proc/stat")
    fields = text.partition("\n")[0].split()[1:] if text else []
    return [int(field) for field in fields[: _STEAL_FIELD + 1]] if len(fields) > 7 else None


def _steal_since_boot() -> float | None:
    ticks = _ticks()
    return round(ticks[_STEAL_FIELD] / sum(ticks), 4) if ticks else None


def _pressure(resource: str, field: str) -> float | None:
    """A figure of the ``some`` line of Linux's pressure stall information."""
    found = re.search(rf"^some .*\b{field}=([\d.]+)", _read(f"/proc/pressure/{resource}") or "")
    return float(found[1]) if found else None


def _read(path: str | Path) -> str | None:
    """A system file's text; None where it is missing or not ours to read."""
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None


def _chosen(path: str) -> str | None:
    """The bracketed one of a system file's choices."""
    found = re.search(r"\[(\w+)\]", _read(path) or "")
    return found[1] if found else None


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> tuple[str | None, bool | None]:
    """The checkout's commit and whether files differ from it; None outside a checkout."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None, None
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changes = _git(root, "status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit, bool(changes)


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()
