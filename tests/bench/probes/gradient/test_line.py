"""What a finished cell says of its gradient on a line."""

from bench.probes.gradient.line import line

from .curves import falling, record


def told(*curves):
    return line({}, record(list(curves))["samples"])


def test_a_training_says_where_it_started_and_where_it_ended():
    assert (
        told(falling(0.5), falling(0.7), falling(1.0)) == "gradient reaches 7 → 100 of 100 tokens"
    )


def test_initialisation_only_is_one_number():
    assert told(falling(0.5)) == "gradient reaches 7 of 100 tokens"


def test_nothing_arrives():
    assert told([1.0] + [0.0] * 100) == "gradient reaches nothing of 100 tokens"


def test_a_cell_without_a_curve_has_no_line():
    assert line({}, {}) == ""
