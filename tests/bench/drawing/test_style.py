"""Files of a figure: light and dark, the same bytes each time, with text that is text."""

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import matplotlib.image
import matplotlib.pyplot as plt
import pytest

from bench.drawing import colours, style, svg
from bench.drawing.axes import amount_axis

NASTY = ("costs $5 or $6", "x_1", "2^n", "<b>&amp;", r"\frac", "#aabbcc; fill: #ffffff", "小")
SPACE = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def figure(names=("LSTM",), colour="#0072B2"):
    with mpl.rc_context(style.STYLE):
        drawn, here = plt.subplots(figsize=(style.WIDTH, 3))
        for number, name in enumerate(names):
            (line,) = here.plot([1, 2, 3], [1, 10 + number, 100], color=colour, label=name)
            style.titled(line, f"{name}: 1 to 100")
        here.fill_between([1, 2], [1, 2], [3, 4], color=colour, alpha=0.2)
        amount_axis(here, [1.0, 100.0], str)
        here.set_title(names[0])
        style.title(drawn, f"What {names[0]} does")
        style.legend(drawn, here.lines)
    return drawn


def texts(path):
    return ["".join(found.itertext()) for found in ET.parse(path).iter(f"{SPACE}text")]


def test_files_are_there_and_the_same_bytes_each_time(tmp_path):
    before = plt.get_fignums()  # what other tests have left is not this one's
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        style.save(figure(), tmp_path / folder, "one", png=True)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {"one.svg", "one-dark.svg", "one.png", "one-dark.png"}
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert plt.get_fignums() == before


def test_only_vectors_where_no_raster_is_asked_for(tmp_path):
    style.save(figure(), tmp_path, "one", png=False)
    assert {path.name for path in tmp_path.iterdir()} == {"one.svg", "one-dark.svg"}


def test_a_raster_is_twice_as_wide_as_the_page_and_dark_is_dark(tmp_path):
    style.save(figure(), tmp_path, "one", png=True)
    light, dark = (mpl.image.imread(tmp_path / f"one{end}.png") for end in ("", "-dark"))
    assert light.shape == dark.shape
    assert light.shape[1] == 2 * svg.WIDTH_PX
    for picture, shade in ((light, colours.PAPER), (dark, colours.NAMED["paper"][1])):
        assert mpl.colors.to_hex(picture[0, 0, :3]) == shade
    assert light[..., :3].mean() > 0.9
    assert dark[..., :3].mean() < 0.2


@pytest.mark.parametrize("name", NASTY)
def test_names_are_no_formulas_and_no_markup(tmp_path, name):
    style.save(figure([name]), tmp_path, "one", png=True)
    for file in ("one.svg", "one-dark.svg"):
        assert texts(tmp_path / file).count(name) == 2, "the panel's title and the legend"
        titles = [found.text for found in ET.parse(tmp_path / file).iter(f"{SPACE}title")]
        assert titles == [f"What {name} does", f"{name}: 1 to 100"]


def test_a_legend_of_somebody_elses_figure_has_no_formulas_either(tmp_path):
    drawn, here = plt.subplots()
    here.plot([1, 2], [1, 2], label="costs $5 or $6")
    style.legend(drawn, here.lines)
    style.save(drawn, tmp_path, "one", png=False)
    assert "costs $5 or $6" in texts(tmp_path / "one.svg")


def test_a_long_title_has_lines_and_a_wide_legend_has_rows(tmp_path):
    drawn = figure([f"an arm whose name is long, number {n}" for n in range(5)])
    style.title(drawn, "word " * 40)
    drawn.canvas.draw()
    edge = drawn.bbox
    for found in (drawn._suptitle, *drawn.legends):
        box = found.get_window_extent()
        assert edge.x0 <= box.x0 < box.x1 <= edge.x1


def test_dark_differs_in_colours_alone(tmp_path):
    style.save(figure(), tmp_path, "one", png=False)
    light, dark = ((tmp_path / f"one{end}.svg").read_text() for end in ("", "-dark"))
    shades = re.compile(r": #[0-9a-f]{6}")
    assert shades.sub("", light) == shades.sub("", dark)
    assert colours.NAMED["ink"][1] in dark
    assert not {f": {shade}" for shade, _ in colours.NAMED.values()} & set(shades.findall(dark))
