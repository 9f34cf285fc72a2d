"""What an NVIDIA GPU says of its clocks, power and heat, and why it slows itself down.

Read from ``nvidia-smi``, which every driver has; the bits are those of NVML's
``nvmlClocksEventReasons``.
"""

import csv
import subprocess
from typing import Any

#: Column of a state -> what ``nvidia-smi --help-query-gpu`` calls it.
_FIELDS = {
    "name": "name",
    "driver": "driver_version",
    "sm_mhz": "clocks.sm",
    "memory_mhz": "clocks.mem",
    "power_w": "power.draw",
    "power_limit_w": "power.limit",
    "temperature_c": "temperature.gpu",
    "slowed_by": "clocks_throttle_reasons.active",
}
_TEXT = ("name", "driver")
#: Reasons for which a clock is below what was asked for: the idle and asked-for ones are none.
_REASONS = {
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x20: "heat, by software",
    0x40: "heat, by hardware",
    0x80: "power brake",
}
#: A cap on power is met by every large product on some cards; the rest are faults of the place.
_TROUBLE = 0x8 | 0x20 | 0x40 | 0x80
_TIMEOUT_S = 10.0


def states() -> list[dict[str, Any]]:
    """Every GPU as it is now; none where there is no driver, and None for what one does not say."""
    fields = ",".join(_FIELDS.values())
    try:
        done = subprocess.run(
            ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [_state(row) for row in csv.reader(done.stdout.splitlines(), skipinitialspace=True)]


def trouble(state: dict[str, Any]) -> str | None:
    """Why what is timed in this state is no measurement; None where nothing speaks against it."""
    mask = state["slowed_by"] or 0
    if not mask & _TROUBLE:
        return None
    return f"{state['name']} slows itself down: {', '.join(reasons(mask & _TROUBLE))}"


def reasons(mask: int) -> list[str]:
    """The bits of a mask in words."""
    return [said for bit, said in _REASONS.items() if mask & bit]


def _state(row: list[str]) -> dict[str, Any]:
    named = dict(zip(_FIELDS, row, strict=True))
    return {name: text if name in _TEXT else _number(text) for name, text in named.items()}


def _number(text: str) -> float | int | None:
    """A number, hexadecimal for a mask; None for ``[N/A]``."""
    try:
        return int(text, 16) if text.startswith("0x") else float(text)
    except ValueError:
        return None
