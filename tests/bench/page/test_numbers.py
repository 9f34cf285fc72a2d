"""Numbers as a person reads them."""

import math
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest

from bench.page.numbers import (
    between,
    cell_text,
    counted,
    fixed,
    in_units,
    listed,
    number,
    percent,
    power,
    ranged,
    scientific,
    significant,
    times,
)
from bench.statistics.intervals import Estimate

NOWHERE = Estimate(0.29, math.nan, math.nan)


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
        (0.9996, "s", "1 s"),
        (999_600, "B", "1 MB"),
        (2.5e12, "B", "2.5 TB"),
        (4321, "s", "4,321 s"),
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
        ("reach_tokens", 1234.5, "1,235"),
        ("ratio", 1.005, "1.01"),
        ("ratio", -0.001, "0.00"),
        ("solve_rate", 0.125, "13%"),
        ("tokens_per_s", 28.5, "29"),
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


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(28.5, 0, "29"), (29.5, 0, "30"), (-28.5, 0, "-29"), (0.125, 2, "0.13"), (2.675, 2, "2.68"),
     (28.499, 0, "28"), (1e30, 0, f"{10.0**30:,.0f}"), (-0.2, 0, "0"), (math.inf, 0, "inf")],
)  # fmt: skip
def test_a_half_is_rounded_away_from_zero(value, places, text):
    assert fixed(value, places) == text


def test_rounding_is_that_of_the_number_as_it_is_written():
    draws = np.random.default_rng(0)
    for value in (*draws.uniform(0, 1e3, 500).round(2), *draws.lognormal(0, 6, 500)):
        for places in (0, 1, 2):
            exact = Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
            assert fixed(value, places) == f"{exact:,.{places}f}"
            assert fixed(-value, places).lstrip("-") == fixed(value, places)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (significant(12.25), "12.3"),
        (significant(1250, 2), "1.3e+03"),
        (significant(0.0), "0"),
        (scientific(1.235e-5), "1.24e-05"),
        (percent(0.145), "15%"),
        (percent(sum([0.6, 0.75]) / 2), "68%"),
        (percent(0.675 - 1e-16), "68%"),
        (percent(0.125, 1), "12.5%"),
        (number(999.6), "1,000"),
        (number(1234.5), "1,235"),
        (number(9e-6), "9e-06"),
        (number(math.nan), "nan"),
        (times(Estimate(1.705, 1.665, 1.77)), "1.71× [1.67, 1.77]"),
        (between(Estimate(1.0, 0.945, 1.28)), "0.95–1.28"),
    ],
)
def test_every_form_rounds_alike(text, expected):
    assert text == expected


@pytest.mark.parametrize(
    ("count", "text"), [(1, "1 token"), (1.0, "1 token"), (0, "0 tokens"), (12.5, "12.5 tokens"),
                        (0.999, "0.999 tokens"), (1000.5, "1,001 tokens")],
)  # fmt: skip
def test_one_thing_is_singular(count, text):
    assert counted(count, "token") == text


def test_a_power_stands_with_its_interval_or_cannot_be_told():
    assert power(Estimate(1.71, 1.66, 1.77)) == "T^1.71 [1.66, 1.77]"
    for loose in (Estimate(0.29, -2.76, 3.34), Estimate(0.5, 0.0, 1.0), NOWHERE):
        assert "cannot be told [" in power(loose)
        assert "T^" not in power(loose)
