"""The published records, read once; and tables of claims made of a few numbers a row."""

from pathlib import Path

import pandas as pd
import pytest

from bench.page.evidence import Evidence
from bench.store.archive import PACKED, Archive

PUBLISHED = Path(__file__).parents[3] / "reports" / "published"


@pytest.fixture(scope="session")
def published():
    """What the records of each published study say, by its name."""
    return {
        path.parent.name: Evidence(Archive(path).records())
        for path in sorted(PUBLISHED.glob(f"*/{PACKED}"))
    }


#: A setting, as the table ``gradient`` has it.
SETTING = {
    "comparison": "scratch", "task": "package", "data": "offline", "arm": "lstm",
    "kernel": "fused", "device": "cpu", "dtype": "float32", "denormals": "keep", "threads": 1,
    "layers": 2, "initialization": "default", "matched_to": "transformer", "width": 128,
    "batch_size": 8, "rows": 8, "training_steps": 60, "clip_norm": 1.0, "when": "init",
}  # fmt: skip


@pytest.fixture
def gradient():
    """The table ``gradient`` of settings, each of which has a row for each of its reaches."""

    def made(*settings):
        rows = []
        for given in settings:
            setting = SETTING | given
            reaches, length = setting.pop("reaches"), setting["length"]
            fate = setting.pop("fate", None)
            for seed, tokens in enumerate(reaches):
                whole = tokens == length - 1
                place = "-".join(str(setting[name]) for name in ("comparison", "arm", "length"))
                rows.append(
                    {
                        "fate": fate or ("zero" if tokens is None else
                                         "lasts" if whole else "vanishes"),
                        "reach_tokens": tokens, "whole_window": whole, "farthest": length - 1,
                        "far_over_near": 1.0 if whole else 1e-9, "norm_at_loss": 0.1,
                        "norm_at_nearest": 0.05, "record": f"{place}-{seed}", "seed": seed,
                    } | setting
                )  # fmt: skip
        return {"gradient": pd.DataFrame(rows)}

    return made


@pytest.fixture
def learning():
    """The table ``learning``: for each arm the accuracies of its seeds; solved from 0.9 on."""

    def made(**tasks):
        rows = []
        for task, arms in tasks.items():
            for arm, scores in arms.items():
                for seed, score in enumerate(scores):
                    rows.append(
                        {
                            "comparison": "small", "task": task, "data": "offline", "length": 40,
                            "arm": arm, "device": "cpu", "dtype": "float32", "shortest": 2,
                            "steps": 100, "patience": 0, "warmup_steps": 0,
                            "schedule": "constant", "ended": None, "missing": None,
                            "batch_size": 8,
                            "seed": seed,
                            "metric": "accuracy", "higher_is_better": True,
                            "test_metric": score, "floor": 0.5,
                            "solved": score is not None and score >= 0.9,
                            "record": f"{task}-{arm}-{seed}",
                        }
                    )  # fmt: skip
        return {"learning": pd.DataFrame(rows)}

    return made
