"""What subnormal floats cost in training."""

import math

import pandas as pd

from bench.frames.columns import estimate
from bench.frames.groups import groups
from bench.page.numbers import cell_text, counted, number, times
from bench.probes.gradient.sentences.groups import TOGETHER, arms, where


def cost(frame: pd.DataFrame) -> list[str]:
    """The rate with subnormal floats flushed over that with them kept, beside their share."""
    if frame.empty:
        return []
    lines = []
    here = frame[frame["device"] == "cpu"]
    keys = [name for name in TOGETHER if name != "denormals"] + ["batch_size", "seed"]
    keys = [name for name in keys if name in frame.columns]
    for rows in groups(here, keys):
        place = f"{where(rows[0], without=('denormals',))}, batch {rows[0]['batch_size']}"
        for arm, own in arms(rows).items():
            parts = []
            for row in sorted(own, key=lambda row: row["length"]):
                text = (
                    f"{times(estimate(row, 'speedup'))} as fast at T={row['length']}, where "
                    f"{_share(row['subnormal_share'])} of the gradient at the embeddings is "
                    "subnormal"
                )
                verdict = row["verdict"]
                if isinstance(verdict, str) and verdict:
                    text += f" ({verdict})"
                parts.append(text)
            lines.append(
                f"With subnormal floats flushed instead of kept, {arm} trains ({place}) "
                f"{'; '.join(parts)}."
            )
    return lines + _processor(here)


def _processor(frame: pd.DataFrame) -> list[str]:
    """What arithmetic on subnormal numbers itself costs, a sentence for each number of threads."""
    names = ["product_ratio", "elementwise_ratio", "sigmoid_ratio"]
    lines = []
    for row in frame.drop_duplicates(["threads", *names]).to_dict("records"):
        if math.isnan(row["product_ratio"]):
            continue
        product, elementwise, sigmoid = (number(row[name]) for name in names)
        lines.append(
            f"On {_threads(row['threads'])} this processor itself takes {product} times as long "
            "for a matrix product of subnormal numbers as for one of normal ones, "
            f"{elementwise} times for an elementwise product, {sigmoid} times for a sigmoid: where "
            "these are near 1, flushing has nothing to win."
        )
    return lines


def _threads(threads: int | str) -> str:
    return "all threads" if threads == "all" else counted(int(threads), "thread")


def _share(value: float) -> str:
    if math.isnan(value):
        return "an unknown share"
    return "none" if value == 0 else cell_text(value, "subnormal_share")
