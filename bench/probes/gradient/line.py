"""What a finished cell says of its gradient on a line."""

from typing import Any

from bench.probes.gradient import flow


def line(metrics: dict[str, Any], samples: dict[str, Any]) -> str:
    """How far it reaches at initialisation and, of a training, at its end."""
    norms = samples.get("norm")
    if not norms:
        return ""
    distance = samples["distance"]
    ends = [flow.reach(distance, norm) for norm in (norms[0], *norms[1:][-1:])]
    told = " → ".join("nothing" if end is None else str(end) for end in ends)
    return f"gradient reaches {told} of {distance[-1]} tokens"
