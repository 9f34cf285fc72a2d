"""Where a record was made: hardware, versions, code. No host name, no path, no user."""

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

PACKAGES = ("torch", "transformers", "datasets", "tokenizers", "numpy")
_MEASURING = ("models", "bench/tasks", "bench/probes", "bench/execute", "bench/outcome.py")


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
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for part in _MEASURING:
        place = root / part
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes())
    return digest.hexdigest()


def machine() -> dict[str, Any]:
    """What the numbers of this run depend on."""
    commit, dirty = _commit()
    return {
        "cpu": _cpu(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "cores": psutil.cpu_count(logical=True),
        "threads": threads(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_1m": round(psutil.getloadavg()[0], 2),
        "versions": versions(),
        "commit": commit,
        "dirty": dirty,
    }


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> tuple[str | None, bool | None]:
    """The checkout's commit and whether files differ from it; None outside a checkout."""
    root = Path(__file__).parent.parent
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
