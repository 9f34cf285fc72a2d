"""Numbers as a person reads them."""

import math

import pytest

from bench.page.numbers import cell_text, in_units, listed, ranged


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "s", "0"),
        (2.5, "s", "2.5 s"),
        (0.02, "s", "20 ms"),
        (3.4e-5, "s", "34 µs"),
        (2e-9, "s", "0.002 µs"),
        (12, "B", "12 B"),
        (3_000_000, "B", "3 MB"),
        (1.5e9, "B", "1.5 GB"),
        (-2000, "B", "-2 kB"),
    ],
)
def test_a_decimal_prefix(value, unit, text):
    assert in_units(value, unit) == text


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("any", None, "–"),
        ("any", math.nan, "–"),
        ("any", True, "True"),
        ("arm", "lstm", "lstm"),
        ("any", 1234567, "1,234,567"),
        ("any", 0.0, "0"),
        ("any", 0.12345, "0.123"),
        ("any", 1e-4, "1.00e-04"),
        ("any", 123456.0, "1.23e+05"),
        ("match_error", 0.0042, "+0.42%"),
        ("steal_share", 0.125, "12.5%"),
        ("solve_rate", 0.5, "50%"),
        ("peak_tensor_bytes", 2048, "2.05 kB"),
        ("step_s", 0.01, "10 ms"),
        ("tokens_per_s", 12345.6, "12,346"),
        ("reach_tokens", math.inf, "∞"),
        ("reach_tokens", 12.34, "12.3"),
        ("reach_tokens", 1234.5, "1,234"),
        ("ratio", 1.005, "1.00"),
        ("at_length", 63.7, "64"),
        ("farthest_distance", 31.0, "31"),
        ("seed", 3.0, "3"),
        ("learning_rate", 0.001, "0.001"),
    ],
)
def test_what_a_column_holds_is_told_by_its_name(column, value, text):
    assert cell_text(value, column) == text


def test_an_interval_only_where_there_is_one():
    assert ranged("ratio", 1.714, 1.66, 1.771) == "1.71 [1.66, 1.77]"
    assert ranged("ratio", 1.714, math.nan, math.nan) == "1.71"
    assert ranged("ratio", math.nan, 1.0, 2.0) == "–"


def test_a_list():
    assert listed([1, 2, 3]) == "1, 2, 3"
    assert listed([]) == ""
