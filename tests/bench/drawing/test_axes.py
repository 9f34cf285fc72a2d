"""Names on axes and beside lines that do not touch one another."""

import itertools

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from bench.drawing import lines, style
from bench.drawing.axes import amount_axis, length_axis, names_beside, power_of_ten

LENGTHS = [16, 32, 50, 64, 100, 128, 200, 256, 400, 500, 512, 900, 1000, 1024, 4096, 8192]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@mpl.rc_context(style.STYLE)
def figure(panels):
    return style.grid(panels)


@pytest.mark.parametrize("panels", [1, 2, 4])
@pytest.mark.parametrize("lengths", [LENGTHS, LENGTHS[-2:], [900, 1000, 1024], [16]])
def test_names_of_lengths_do_not_touch_and_the_longest_is_named(panels, lengths):
    drawn, axes = figure(panels)
    for here in axes:
        length_axis(here, lengths)
    drawn.canvas.draw()
    for here in axes:
        names = here.get_xticklabels()
        assert names[-1].get_text() == str(max(lengths))
        boxes = [name.get_window_extent() for name in names]
        assert all(one.x1 < two.x0 for one, two in itertools.pairwise(boxes))


def test_names_beside_lines_do_not_touch_and_stay_at_their_lines_where_they_can():
    drawn, (here,) = figure(1)
    amount_axis(here, [1.0, 1e4], str)
    names_beside(here, {"lstm": 12.0, "gru": 12.5, "rnn": 9.0, "transformer": 8191.0}, 7.5)
    drawn.canvas.draw()
    boxes = {text.get_text(): text.get_window_extent() for text in here.texts}
    order = sorted(boxes.values(), key=lambda box: box.y0)
    assert all(one.y1 <= two.y0 + 3 for one, two in itertools.pairwise(order))
    alone = boxes["transformer"]
    at = here.transData.transform((1, 8191.0))[1]
    assert alone.y0 < at < alone.y1


@pytest.mark.parametrize(("power", "text"), [(0, "1"), (-38, "10⁻³⁸"), (12, "10¹²")])
def test_powers_of_ten(power, text):
    assert power_of_ten(power) == text


@pytest.mark.parametrize("count", [1, 2, 199, 200, 201, 8000])
def test_thinned_lines_keep_their_ends_and_are_even_along_the_axis(count):
    x = [number**2 for number in range(count)]
    some = lines.thinned(x, 200)
    assert len(some) <= 200
    assert (some[0], some[-1]) == (0, count - 1)
    if count <= 200:
        assert len(some) == count
    else:
        steps = [x[b] - x[a] for a, b in itertools.pairwise(some)]
        assert max(steps) < 3 * x[-1] / 200


def test_few_of_many_are_spread_with_both_ends():
    assert lines.spread(range(10)) == [0, 3, 6, 9]
    assert lines.spread(range(3)) == [0, 1, 2]
    assert lines.spread(range(10), 1) == [9]
