"""Learning rates: tried once for each arm, at the same rates, and beyond a best at the edge."""

import math

import pytest

from bench.execute import tuning
from bench.execute.tuning import SEED, Tuning, beyond
from bench.outcome import DIVERGED, DONE, KILLED
from bench.statistics.summaries import best_rate

from .groups import cells_of


def arms(**protocol):
    """The arms of a training with three seeds each."""
    group = cells_of("learning")[0]
    return [
        cell.model_copy(update={"seed": seed, "protocol": cell.protocol | protocol})
        for seed in (0, 1, 2)
        for cell in group
    ]


def made(rates, losses, solved=()):
    """Trials as an arm has them."""
    return [(rate, loss, rate in solved) for rate, loss in zip(rates, losses, strict=True)]


class Machine:
    """Measures trials by a formula: the loss of an arm is least at its own rate."""

    def __init__(self, best, status=DONE):
        self.best, self.status, self.measured, self.remembered = best, status, [], {}
        self.failing = ()  # arms whose trials are killed

    def __call__(self, trials):
        for trial, cell in trials:
            (rate,) = trial.protocol["learning_rates"]
            assert (trial.seed, trial.arm) == (SEED, cell.arm)
            self.measured.append((trial.arm, rate))
            loss = 1 + abs(math.log(rate / self.best[trial.arm]))
            metrics = {
                "validation_loss": loss,
                "metric": "accuracy",
                "validation_metric": 1 / loss,
                "solved_at": 0.999,
            }
            status = KILLED if trial.arm in self.failing else self.status
            yield (
                trial,
                {"status": status, "reason": "why", "metrics": metrics, "samples": {}},
            )

    def remember(self, cell, rate, loss, trials):
        self.remembered = {name: list(found) for name, found in trials.items()}

    def tuning(self, cells, known=None, trained=()):
        return Tuning(cells, trained, self, known or {}, self.remember)


def test_an_arm_is_tried_once_for_all_its_seeds():
    machine = Machine({"lstm": 3e-3, "transformer": 3e-3})
    cells = arms(learning_rates=[1e-3, 3e-3, 1e-2], trial_steps=5)
    found = machine.tuning(cells)
    found.try_rates(cells)
    assert len(machine.measured) == len(set(machine.measured)) == 6
    for cell in cells:
        assert [rate for rate, *_ in found.tried(cell)] == [1e-3, 3e-3, 1e-2]
        assert found.failure(cell) is None
    again = machine.tuning(cells, machine.remembered)  # a sweep that is resumed makes none anew
    again.try_rates(cells)
    assert len(machine.measured) == 6
    assert again.tried(cells[0]) == found.tried(cells[0])


def test_one_arms_best_at_the_edge_widens_the_list_of_all():
    machine = Machine({"lstm": 3e-2, "transformer": 3e-3})
    cells = arms(learning_rates=[1e-3, 3e-3, 1e-2], trial_steps=5)
    found = machine.tuning(cells)
    found.try_rates(cells)
    tried = {cell.arm: [rate for rate, *_ in found.tried(cell)] for cell in cells}
    assert tried["lstm"] == tried["transformer"] == [1e-3, 3e-3, 1e-2, 0.033, 0.11]


def test_a_best_rate_that_never_comes_is_not_looked_for_for_ever():
    machine = Machine({"lstm": 1e-30, "transformer": 1e-30})
    cells = arms(learning_rates=[1e-3, 1e-2], trial_steps=5)
    found = machine.tuning(cells)
    found.try_rates(cells)
    assert [rate for rate, *_ in found.tried(cells[0])] == [1e-5, 1e-4, 1e-3, 1e-2]


def test_a_rate_that_is_hardly_better_widens_nothing():
    rates = [1e-3, 3e-3, 1e-2]
    level, better = made(rates, [1.0, 1.0, 0.995]), made(rates, [1.0, 1.0, 0.98])
    assert beyond([level], rates) == []
    assert beyond([level, better], rates) == [0.033]


def test_an_arm_that_solves_its_task_is_held_back_by_no_list():
    rates = [1e-3, 3e-3, 1e-2]
    assert beyond([made(rates, [1.0, 0.5, 0.1], solved=[1e-2])], rates) == []


def test_of_rates_that_solve_a_task_the_middle_one_is_kept():
    rates = [1e-3, 3e-3, 1e-2, 3e-2]
    assert best_rate(made(rates, [0.9, 1e-4, 1e-5, 1e-6], solved=rates[1:])) == 1e-2
    assert best_rate(made(rates, [0.9, 1e-4, 1e-5, 1e-6], solved=rates)) == 3e-3
    assert best_rate(made(rates, [0.9, 0.5, 0.8, None])) == 3e-3
    assert best_rate([[1e-3, None], [1e-2, 0.5]]) == 1e-2  # as records of before have it


def test_rates_that_diverged_are_no_edge():
    rates = [1e-3, 1e-2]
    assert beyond([made(rates, [1.0, None])], rates) == [1e-4]
    assert beyond([made(rates, [None, None])], rates) == []


def test_a_trial_that_failed_leaves_its_arm_without_a_rate_until_it_is_made():
    machine = Machine({"lstm": 3e-3, "transformer": 3e-3}, status=KILLED)
    cells = arms(learning_rates=[1e-3, 3e-3, 1e-2], trial_steps=5)
    found = machine.tuning(cells)
    found.try_rates(cells)
    assert len(machine.measured) < 12  # an arm that failed is not tried on
    failure = found.failure(cells[0])
    assert (failure["status"], failure["reason"][:28]) == (KILLED, "at a trial of learning rate ")
    machine.status = DIVERGED
    found = machine.tuning(cells, machine.remembered)  # the next sweep has more luck
    found.try_rates(cells)
    assert found.failure(cells[0]) is None
    assert found.tried(cells[0]) == made([1e-3, 3e-3, 1e-2], [None] * 3)


def test_an_arm_that_is_tried_later_is_tried_at_the_same_rates():
    """Its trials failed, say, and the others have been trained at the best of theirs since."""
    machine = Machine({"lstm": 3e-2, "transformer": 1e-4})
    cells = arms(learning_rates=[1e-3, 3e-3, 1e-2], trial_steps=5)
    machine.failing = ("transformer",)
    first = machine.tuning(cells)
    first.try_rates(cells)
    lstm, transformer = cells[:2] if cells[0].arm == "lstm" else cells[1::-1]
    rates = [rate for rate, *_ in first.tried(lstm)]
    assert len(rates) > 3
    assert first.failure(transformer) is not None
    machine.failing = ()
    later = machine.tuning(cells, machine.remembered, trained=[lstm.key])
    later.try_rates([cell for cell in cells if cell.arm == "transformer"])
    assert [rate for rate, *_ in later.tried(transformer)] == rates
    assert [rate for rate, *_ in later.tried(lstm)] == rates


def test_rates_that_are_all_but_one_are_not_tried_for_ever():
    rates = [1e-3, 1.001e-3]
    assert beyond([made(rates, [0.5, 1.0])], rates) == []


def test_one_rate_needs_no_trial():
    machine = Machine({})
    cells = arms(learning_rates=[1e-3])
    machine.tuning(cells).try_rates(cells)
    assert machine.measured == []
    assert tuning.listed(arms(learning_rates=[1e-3])) == {}


def test_trials_are_estimated_once_for_an_arm():
    cells = arms(learning_rates=[1e-3, 1e-2], trial_steps=5)
    found = tuning.listed(cells)
    assert set(found) == {cell.key for cell in cells if cell.seed == 0}
    for trials in found.values():
        assert [t.protocol["steps"] for t in trials] == [min(5, cells[0].protocol["steps"])] * 2


@pytest.mark.parametrize("edge", [0, -1])
def test_the_step_beyond_is_as_wide_as_the_one_before(edge):
    rates = [1e-4, 1e-3, 3e-3]
    losses = [1.0, 1.0, 1.0]
    losses[edge] = 0.5
    assert beyond([made(rates, losses)], rates) == [[1e-5], None, [9e-3]][edge]
