"""Lines of several seeds, some of which are shorter than others."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from bench.drawing.lines import seeds_and_median


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def drawn(ended):
    """Seeds of ten, ten and four places: the median, and how many crosses there are."""
    _, here = plt.subplots()
    series = [
        (np.arange(1, n + 1), np.full(n, float(value))) for n, value in ((10, 1), (10, 2), (4, 9))
    ]
    seeds_and_median(here, "lstm", series, ended)
    lines = here.get_lines()
    thick = max(lines, key=lambda line: line.get_linewidth())
    return thick, sum(line.get_marker() == "x" for line in lines)


def test_a_seed_that_diverged_ends_the_median_and_has_a_cross():
    median, crosses = drawn([False] * 3)
    assert (list(median.get_xdata()), crosses) == ([1, 2, 3, 4], 1)


def test_one_that_ended_goes_on_with_what_it_had():
    median, crosses = drawn([False, False, True])
    assert (median.get_xdata()[-1], crosses) == (10, 0)
    assert set(median.get_ydata()) == {2.0}
