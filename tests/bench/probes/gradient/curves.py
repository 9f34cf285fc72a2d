"""Records of curves whose numbers are known, and what is said of them."""

import pandas as pd

from bench.page.evidence import Evidence
from bench.probes.gradient import flow, section

LENGTH = 101


def record(curve, arm="lstm", seed=0, status="done", needed=None, solved=False, **cell):
    """A record of one curve a stage, each a function of the distance, or its norms."""
    stages = curve if isinstance(curve, list) else [curve]
    norms = [[f(d) for d in range(LENGTH)] if callable(f) else f for f in stages]
    steps = [*[0, 6, 30][: len(stages) - 1], 60] if len(stages) > 1 else [0]
    zero = [[float(n == 0) for n in norm] for norm in norms]
    recurrent = {"initialization": cell.pop("initialization", "default")}
    model = {"num_layers": cell.pop("layers", 2), "recurrent": recurrent}
    model |= {"match_to": cell.pop("match_to", "transformer"), "hidden_size": 128}
    protocol = {"batch_size": 8, "rows": 8, "learning_rate": cell.pop("learning_rate", 1e-3)}
    protocol |= {"steps": 60 if len(stages) > 1 else 0, "clip_norm": cell.pop("clip_norm", 1.0)}
    where = {
        "comparison": "scratch", "task": "package", "data": "offline", "length": LENGTH,
        "arm": arm, "kernel": "fused", "device": "cpu", "dtype": "float32", "denormals": "keep",
        "threads": 1, "seed": seed, "probe": "gradient", "model": model, "axes": {},
        "protocol": protocol,
    } | cell  # fmt: skip
    slopes = [flow.log_decay(range(len(norm)), norm) for norm in norms]
    samples = {
        "distance": list(range(len(norms[0]))),
        "steps": steps,
        "norm": norms,
        "norm_float64": norms,
        "log_decay": [[slope] * 8 for slope in slopes],
        "zero_by_distance": zero,
        "zero_share": [sum(z) / len(z) for z in zero],
        "subnormal_share": [0.25] * len(norms),
        "state_subnormal_share": [[0.1, 0.5]] * len(norms),
        "state_zero_share": [[0.0, 0.0]] * len(norms),
        "naive_zero_from": [None] * len(norms),
        "kernel_difference": [1e-7] * len(norms),
    }
    metrics = {"needed_distance": needed, "solved": solved, "test_metric": 0.1}
    key = f"{arm}{seed}{where['task']}{where['length']}{where['comparison']}{len(stages)}"
    return {"key": key, "status": status, "cell": where, "samples": samples, "metrics": metrics}


def falling(decay):
    return lambda distance: 3.0 * decay**distance


def learned(arm, start, end, solved, **cell):
    curves = [falling(decay) for decay in (start, end)]
    return record(curves, arm=arm, task="adding", needed=80, solved=solved, **cell)


def flushed(**changes):
    """A row of what settings do, of a training step with subnormal floats flushed."""
    where = record(falling(0.9))["cell"]
    names = ("comparison", "task", "data", "length", "arm", "device", "dtype", "threads")
    row = {name: where[name] for name in names} | {
        "kernel": "fused", "coordinate": "denormals", "phase": "training", "status": "done",
        "ratio": 3.0, "ratio_low": 2.5, "ratio_high": 3.5, "verdict": "faster", "batch_size": 4,
        "aa_ratio": 1.0, "aa_ratio_low": 0.97, "aa_ratio_high": 1.03,
        "denormals": "flush / keep", "record": "timed",
    }  # fmt: skip
    return pd.DataFrame([row | changes])


class Known(Evidence):
    """Evidence whose table of settings is known: it is another probe's."""

    def __init__(self, records, settings=None, ceilings=None):
        super().__init__(records, ceilings)
        self._made["settings"] = pd.DataFrame() if settings is None else settings


def told(records, settings=None, ceilings=None):
    """The sentences of all questions, in one text."""
    evidence = Known(records, settings, ceilings)
    return "\n".join(
        f"{question.text}\n" + "\n".join(question.answer(evidence))
        for question in section.QUESTIONS
    )
