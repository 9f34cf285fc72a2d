"""Real records of trainings, told what another task would have made of them."""

import copy

PARITY = {
    "metric": "accuracy", "higher_is_better": True, "floor": 0.5, "solved_at": 0.95,
}  # fmt: skip
ADDING = {
    "metric": "mean squared error", "higher_is_better": False, "floor": 1 / 6, "solved_at": 0.01,
}  # fmt: skip
LANGUAGE = {
    "metric": "bits per byte", "higher_is_better": False, "floor": 2.36, "solved_at": None,
}  # fmt: skip

#: Arm to what is left of a score by the length tested.
BEYOND = {
    "lstm": {8: 1.0, 32: 0.9, 64: 0.8},
    "transformer": {8: 0.7, 32: 0.5, 64: None},  # has no such positions
}


def retold(trained, says, scores, beyond=None, shortest=0):
    """Trainings that say another metric.

    Args:
        says: what their records have in common; scores: arm to the score of each seed.
        beyond: arm to what is left of that by the length tested.
    """
    retold = copy.deepcopy(trained)
    for record in retold:
        arm, seed = record["cell"]["arm"], record["cell"]["seed"]
        score = scores[arm][seed]
        record["metrics"] |= says | {"test_metric": score, "validation_metric": score}
        threshold = says["solved_at"]
        better = 1 if says["higher_is_better"] else -1
        record["metrics"]["solved"] = threshold and better * score >= better * threshold
        record["cell"]["protocol"]["shortest"] = shortest
        for number, point in enumerate(record["samples"]["validation"]):
            point[2] = says["floor"] + (score - says["floor"]) * number / 2
        if beyond:
            points = [[length, left, 0.5] for length, left in beyond[arm].items()]
            record["samples"]["out_of_distribution"] = points
    return retold


def seeded(trained, seeds):
    """As many seeds of each arm, alike but for their names."""
    first = {record["cell"]["arm"]: record for record in trained}
    made = []
    for arm, record in first.items():
        for seed in range(seeds):
            copied = copy.deepcopy(record) | {"key": f"{arm}-{seed}"}
            copied["cell"]["seed"] = seed
            made.append(copied)
    return made


def lost(record, status):
    """The same seed, had it ended otherwise."""
    return record | {"status": status, "metrics": {}, "samples": {}, "reason": "for a test"}


def cut_short(record):
    """The same training, diverged at its third step."""
    samples = {name: values[:2] for name, values in record["samples"].items()}
    return record | {"status": "diverged", "metrics": {"step": 3}, "samples": samples}


def as_before(record):
    """The same training as written before metrics had names, and tasks other data."""
    old = copy.deepcopy(record)
    metrics = old["metrics"]
    old["metrics"] = {
        "test_accuracy": metrics["test_metric"], "test_loss": metrics["test_loss"],
        "validation_accuracy": metrics["validation_metric"], "tokens": metrics["tokens"],
    }  # fmt: skip
    del old["cell"]["data"], old["samples"]["out_of_distribution"]
    del old["cell"]["protocol"]["shortest"]
    return old
