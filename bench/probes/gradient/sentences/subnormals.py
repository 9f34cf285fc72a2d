"""What subnormal floats cost in training."""

import math

import pandas as pd

from bench.frames.columns import estimate
from bench.frames.groups import groups
from bench.outcome import UNSTABLE
from bench.page.numbers import cell_text, times
from bench.probes.gradient.sentences.groups import TOGETHER, where
from bench.registry import label


def cost(frame: pd.DataFrame) -> list[str]:
    """The rate with subnormal floats flushed over that with them kept, beside their share."""
    if frame.empty:
        return []
    lines = []
    here = frame[frame["device"] == "cpu"]
    for rows in groups(here, [*TOGETHER[:-1], "threads", "batch_size"]):
        for arm in dict.fromkeys(row["arm"] for row in rows):
            parts = []
            for row in sorted((r for r in rows if r["arm"] == arm), key=lambda r: r["length"]):
                text = (
                    f"T={row['length']} {times(estimate(row, 'speedup'))} with "
                    f"{_share(row['subnormal_share'])} of the entries at the embeddings subnormal"
                )
                verdict = row["verdict"]
                if row["status"] == UNSTABLE:
                    text += " (unstable, so no claim)"
                elif isinstance(verdict, str) and verdict:
                    text += f" ({verdict})"
                parts.append(text)
            lines.append(
                f"{label(arm)} trains with them flushed, beside kept ({where(rows[0])}, batch "
                f"{rows[0]['batch_size']}): {'; '.join(parts)}."
            )
        if not math.isnan(rows[0]["product_ratio"]):
            product, elementwise, sigmoid = (
                cell_text(rows[0][name], name)
                for name in ("product_ratio", "elementwise_ratio", "sigmoid_ratio")
            )
            lines.append(
                f"This processor itself takes {product} times as long for a matrix product of "
                f"subnormal numbers as for one of normal ones, {elementwise} times for an "
                f"elementwise product, {sigmoid} times for a sigmoid: where these are near 1, "
                "there is nothing for flushing to win."
            )
    return lines


def _share(value: float) -> str:
    if math.isnan(value):
        return "an unknown share"
    return "none" if value == 0 else cell_text(value, "subnormal_share")
