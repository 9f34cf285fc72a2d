"""Published figures beside ours: what agrees, what does not, and what is not comparable."""

import pytest

from bench.probes.learning import published as anchors


def record(
    arm,
    *,
    trained,
    beyond=None,
    seed=0,
    status="done",
    threshold=0.9,
    metric="accuracy",
    ended=None,
):
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
            **({"ended": ended} if ended else {}),
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
        learned = [record("lstm", trained=1.0, beyond=0.5, seed=seed) for seed in range(5)]
        assert verdict(published(0.52), *learned).verdict == anchors.AGREES
        assert verdict(published(1.0), *learned).verdict == anchors.DISAGREES

    def test_a_failure_to_learn_says_nothing_of_longer_windows(self):
        """Whoever else has learned it: that says nothing of this arm."""
        failed = record("lstm", trained=0.5, beyond=0.5)
        other = record("rnn", trained=1.0, beyond=1.0)
        for score in (0.52, 1.0):
            row = verdict(published(score), failed, other)
            assert row.verdict == anchors.OPEN
            assert row.because == "0 of 1 seeds solve it, and none has learned the trained lengths"

    @pytest.mark.parametrize(
        ("ended", "verdicts"),
        [
            ("converged", (anchors.AGREES, anchors.DISAGREES)),
            ("ceiling", (anchors.OPEN, anchors.OPEN)),
            (None, (anchors.OPEN, anchors.OPEN)),  # its steps were fixed beforehand
        ],
    )
    def test_a_failure_counts_for_and_against_where_the_training_has_ended(self, ended, verdicts):
        failed = [record("lstm", trained=0.5, seed=seed, ended=ended) for seed in range(5)]
        known = [published(score, tested=None) for score in (0.52, 1.0)]
        rows = [verdict(one, *failed) for one in known]
        assert tuple(row.verdict for row in rows) == verdicts
        if ended == "converged":
            # Of a rate of .451 five seeds all fail 1 in 20 times.
            assert {row.because for row in rows} == {
                "0 of 5 seeds solve it; 5 converged, which excludes at 95% that more than 45% would"
            }

    def test_few_seeds_do_not_say_that_most_would_fail(self):
        failed = [record("lstm", trained=1.0, beyond=0.5, seed=seed) for seed in range(4)]
        for score in (0.52, 1.0):
            row = verdict(published(score), *failed)
            assert row.verdict == anchors.OPEN
            assert row.because.endswith("more than 53% would: too few to say that most would not")

    def test_one_that_stopped_because_it_solved_the_validation_has_not_failed(self):
        near = [record("lstm", trained=0.89, seed=seed, ended="solved") for seed in range(6)]
        assert verdict(published(1.0, tested=None), *near).verdict == anchors.OPEN

    def test_only_seeds_that_have_learned_are_counted(self):
        seeds = [
            record("lstm", trained=score, beyond=0.5, seed=seed)
            for seed, score in enumerate((0.5, *[1.0] * 5))
        ]
        row = verdict(published(1.0), *seeds)
        assert row.verdict == anchors.DISAGREES
        assert "0 of 6 seeds solve it; 5 learned the trained lengths" in row.because

    def test_nothing_measured(self):
        lost = record("lstm", trained=1.0, beyond=1.0, status="failed")
        row = verdict(published(1.0), lost)
        assert (row.verdict, row.ours, row.median) == (anchors.OPEN, (), None)
        assert (row.solves, row.metric) == (True, "accuracy")  # theirs is known all the same

    def test_a_divergence_is_a_seed_that_does_not_solve_it(self):
        lost = record("lstm", trained=0.0, status="diverged", seed=5)
        kept = [record("lstm", trained=1.0, beyond=0.5, seed=seed) for seed in range(5)]
        row = verdict(published(1.0), *kept, lost)
        assert (row.verdict, row.solved, row.diverged) == (anchors.DISAGREES, 0, 1)
        assert "0 of 6 seeds" in row.because
        assert "1 diverged" in row.because

    @pytest.mark.parametrize(("ours", "said"), [(0.002, "agrees"), (0.16, "not comparable")])
    def test_where_less_is_better(self, ours, said):
        mine = record("gru", trained=ours, threshold=0.01, metric="mean squared error")
        mine["cell"]["task"] = "adding"
        row = verdict(published(5.3e-5, "gru", tested=None) | {"task": "adding"}, mine)
        assert (row.verdict, row.tested) == (said, "T=40")
