"""What a training says in one line when it has ended."""

from collections.abc import Mapping
from typing import Any


def line(metrics: Mapping[str, Any], samples: Mapping[str, Any]) -> str:
    """``test accuracy 0.98, solved, 19,477 tokens/s``."""
    parts = []
    if (score := metrics.get("test_metric")) is not None:
        solved = ", solved" if metrics["solved"] else ""
        parts.append(f"test {metrics['metric']} {score:.3g}{solved}")
    if "tokens_per_s" in metrics:
        parts.append(f"{metrics['tokens_per_s']:,.0f} tokens/s")
    return ", ".join(parts)
