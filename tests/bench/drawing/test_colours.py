"""What can be read on light and on dark paper."""

import pytest

from bench import registry
from bench.drawing import colours, palette

PAPERS = [
    [colours.NAMED[name][number] for name in ("paper", "strip", "region")] for number in (0, 1)
]
WORDS = ("ink", "muted", "solved")
LINES = (*WORDS, "rule")


def test_contrast_is_that_of_the_standard():
    assert colours.contrast("#ffffff", "#000000") == pytest.approx(21)
    assert colours.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)
    assert colours.contrast("#777777", "#777777") == 1


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_words_and_lines_of_no_arm_can_be_read(number):
    for paper in PAPERS[number]:
        for name in LINES:
            assert colours.contrast(colours.NAMED[name][number], paper) >= colours.LINE, name
        for name in WORDS:
            assert colours.contrast(colours.NAMED[name][number], paper) >= colours.TEXT, name


@pytest.mark.parametrize("shade", [*map(palette.colour, registry.arms()), *palette.SPARE])
def test_so_can_lines_of_every_arm_and_its_name(shade):
    assert colours.contrast(shade, colours.PAPER) >= colours.LINE
    name, (light, dark) = colours.text(shade), PAPERS
    assert min(colours.contrast(name, paper) for paper in light) >= colours.TEXT
    assert min(colours.contrast(colours.dark(shade), paper) for paper in dark) >= colours.TEXT
    assert min(colours.contrast(colours.dark(name), paper) for paper in dark) >= colours.TEXT


def test_arms_stay_apart_on_dark_paper():
    shades = [colours.dark(palette.colour(arm)) for arm in registry.arms()]
    assert len(set(shades)) == len(shades)
    assert not set(shades) & {dark for _, dark in colours.NAMED.values()}
