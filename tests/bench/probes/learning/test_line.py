"""What a training says in one line."""

import pytest

from bench.probes.learning.line import line


@pytest.mark.parametrize(("solved", "words"), [(True, ", solved"), (False, ""), (None, "")])
def test_the_score_whether_it_solves_the_task_and_the_rate(solved, words):
    metrics = {
        "metric": "accuracy", "test_metric": 0.9812, "solved": solved, "tokens_per_s": 19477.4,
    }  # fmt: skip
    assert line(metrics, {}) == f"test accuracy 0.981{words}, 19,477 tokens/s"


def test_of_a_real_training(trained):
    metrics = trained[0]["metrics"]
    told = line(metrics, trained[0]["samples"])
    assert told.startswith(f"test accuracy {metrics['test_metric']:.3g}")
    assert told.endswith(" tokens/s")
