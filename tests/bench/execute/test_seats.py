"""What a worker's result must be."""

import pytest

from bench.execute.seats import nonsense

TIMED = {"metrics": {"tokens_per_step": 64}, "samples": {"seconds": [0.1, 0.2]}}


@pytest.mark.parametrize(
    ("result", "had", "said"),
    [
        (TIMED, 2, None),
        ({"metrics": {}, "samples": {}}, None, None),
        (None, 2, "expected metrics and samples"),
        ([1, 2], None, "expected metrics and samples"),
        ({"metrics": [], "samples": {}}, None, "expected a table of metrics, got list"),
        ({"metrics": {}}, None, "expected a table of samples, got NoneType"),
        ({"metrics": {}, "samples": TIMED["samples"]}, 2, "expected the tokens of a step"),
        (TIMED, 4, "expected seconds for each of 4 turns, got 2"),
        (TIMED | {"samples": {"seconds": None}}, 2, "expected a list of seconds, got NoneType"),
        (TIMED | {"samples": {"seconds": 5}}, 2, "expected a list of seconds, got int"),
        (TIMED | {"samples": {"seconds": [0.1, None]}}, 2, "expected seconds above 0, got None"),
        (TIMED | {"samples": {"seconds": [0.1, -0.2]}}, 2, "expected seconds above 0, got -0.2"),
        (TIMED | {"samples": {"seconds": ["0.1", 0.2]}}, 2, "expected seconds above 0, got 0.1"),
    ],
)
def test_nonsense_is_told_from_a_result(result, had, said):
    found = nonsense(result, had or 1, () if had is None else ("seconds",))
    assert found is None if said is None else found.startswith(said)


def test_a_sample_that_is_summed_up_must_be_there():
    said = nonsense(TIMED, 2, ("seconds", "first_token_seconds"))
    assert said == "expected first_token_seconds for each of 2 turns, got 0"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.1, 0.1, None, None], None),
        ([None] * 4, None),
        ([0.1, 0.1], "expected body_seconds for each of 4 turns, got 2"),
        ([0.1, None, 0.1, None], "expected body_seconds in both turns of a round, got it in one"),
        ([0.1, 0.0, None, None], "expected body_seconds above 0, got 0.0"),
    ],
)
def test_parts_are_of_whole_rounds(values, said):
    result = {
        "metrics": {"tokens_per_step": 8}, "samples": {"seconds": [0.2] * 4, "body_seconds": values}
    }  # fmt: skip
    assert nonsense(result, 4, ("seconds",), ("body_seconds", "update_seconds")) == said
