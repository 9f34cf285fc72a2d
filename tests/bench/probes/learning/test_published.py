"""Published figures beside ours: what agrees, what does not, and what cannot be told."""

import pytest

from bench.probes.learning import published as anchors


def record(arm, *, trained, beyond=None, seed=0, status="done", threshold=0.9, metric="accuracy"):
    """A learning record of parity at T=40, as the probe leaves it."""
    higher = metric == "accuracy"
    solved = trained >= threshold if higher else trained <= threshold
    return {
        "status": status,
        "cell": {
            "probe": "learning", "task": "parity", "length": 40, "arm": arm, "seed": seed,
            "comparison": "small",
        },
        "metrics": {
            "metric": metric, "solved_at": threshold, "solved": solved, "test_metric": trained,
        },
        "samples": {
            "out_of_distribution": [] if beyond is None
            else [[100, beyond, 1.0], [500, beyond, 1.0], [40, 0.123, 1.0]],
        },
    }  # fmt: skip


def published(score, arm="lstm", tested=(41, 500)):
    known = {"task": "parity", "arm": arm, "length": 40, "score": score, "source": "a paper"}
    return known | {"tested": tested and list(tested), "comparison": None}


def verdict(known, *records):
    (row,) = anchors.compare([known], list(records))
    return row


class TestVerdict:
    def test_both_solve(self):
        row = verdict(published(1.0), record("lstm", trained=1.0, beyond=0.99))
        assert (row.verdict, row.solved, row.ours) == (anchors.AGREES, 1, (0.99,))
        assert row.tested == "T=41 to 500"

    def test_one_seed_of_three_is_enough_as_published_figures_are_the_best_of_several(self):
        seeds = [
            record("lstm", trained=1.0, beyond=score, seed=seed)
            for seed, score in enumerate((0.5, 0.5, 0.95))
        ]
        row = verdict(published(1.0), *seeds)
        assert (row.verdict, row.solved) == (anchors.AGREES, 1)
        assert row.median == 0.5

    def test_ours_solves_what_theirs_does_not(self):
        row = verdict(published(0.52), record("lstm", trained=1.0, beyond=0.99))
        assert row.verdict == anchors.DISAGREES

    def test_a_failure_beyond_what_was_learned_counts(self):
        learned = record("lstm", trained=1.0, beyond=0.5)
        assert verdict(published(0.52), learned).verdict == anchors.AGREES
        assert verdict(published(1.0), learned).verdict == anchors.DISAGREES

    def test_a_failure_to_learn_counts_only_where_another_arm_learns(self):
        failed = record("lstm", trained=0.5, beyond=0.5)
        other = record("rnn", trained=1.0, beyond=1.0)
        assert verdict(published(0.52), failed).verdict == anchors.OPEN
        row = verdict(published(0.52), failed, other)
        assert row.verdict == anchors.AGREES
        assert "with the same training Elman RNN solves it" in row.because
        assert verdict(published(1.0), failed, other).verdict == anchors.OPEN

    def test_nothing_measured(self):
        lost = record("lstm", trained=1.0, beyond=1.0, status="failed")
        row = verdict(published(1.0), lost)
        assert (row.verdict, row.ours, row.median) == (anchors.OPEN, (), None)
        assert (row.solves, row.metric) == (True, "accuracy")  # theirs is known all the same

    def test_a_divergence_is_a_seed_that_does_not_solve_it(self):
        lost = record("lstm", trained=0.0, status="diverged", seed=1)
        row = verdict(published(1.0), record("lstm", trained=1.0, beyond=0.5), lost)
        assert (row.verdict, row.solved, row.diverged) == (anchors.DISAGREES, 0, 1)
        assert "0 of 2 seeds" in row.because
        assert "1 diverged" in row.because

    @pytest.mark.parametrize(("ours", "said"), [(0.002, "agrees"), (0.16, "cannot tell")])
    def test_where_less_is_better(self, ours, said):
        mine = record("gru", trained=ours, threshold=0.01, metric="mean squared error")
        mine["cell"]["task"] = "adding"
        row = verdict(published(5.3e-5, "gru", tested=None) | {"task": "adding"}, mine)
        assert (row.verdict, row.tested) == (said, "T=40")
