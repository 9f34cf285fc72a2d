"""What holds of every picture that is drawn of published records, and of its caption."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

from bench import registry
from bench.drawing import style, svg
from bench.drawing.lines import MOST_PANELS
from bench.page import captions
from bench.page.contract import Facet
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.store.archive import PACKED, Archive

PUBLISHED = sorted(Path("reports/published").glob(f"*/{PACKED}"))
LEAST_PX = 9
LARGEST = 200_000  # bytes of an SVG, so that seven have a place on a page
LOWEST = 1e-48  # of an axis, the strip of zeros below float32's normal numbers included
OF_EACH = 1  # facets of a picture, the one with most records


@pytest.fixture(scope="module", params=PUBLISHED, ids=lambda path: path.parent.name)
def evidence(request):
    source = Archive(request.param)
    return Evidence(source.records(), source.meta("ceilings"), source.meta("published") or [])


@pytest.fixture(scope="module")
def drawn(evidence, tmp_path_factory):
    """Figures with the files that they were saved to and their captions, the fullest of each."""
    folder, found = tmp_path_factory.mktemp("figures"), []
    for picture in pictures():
        made = dict(facets((picture.made_from or picture.rows)(evidence), picture.by))
        parts = sorted(facets(picture.rows(evidence), picture.by), key=lambda f: -len(f[1]))
        for name, rows in parts[:OF_EACH]:
            keys = dict.fromkeys(made[name]["record"])
            facet = Facet(evidence, rows, [evidence.by_key[key] for key in keys])
            if (figure := picture.draw(facet)) is not None:
                style.save(figure, folder, picture.name, png=False)
                path = folder / f"{picture.name}.svg"
                found.append((figure, path, captions.whole(picture.caption(facet), facet.records)))
    return found


def pictures():
    for probe in registry.probes():
        for section in registry.part(probe, "section").SECTIONS:
            yield from section.pictures


def heroes():
    for probe in registry.probes():
        yield from getattr(registry.part(probe, "section"), "HEROES", ())


def words(figure):
    found = figure.findobj(lambda artist: isinstance(artist, Text) and artist.get_visible())
    return [text for text in found if text.get_text().strip()]


def smallest(figure):
    scale = svg.WIDTH_PX / (72 * figure.get_figwidth())
    return min(text.get_fontsize() for text in words(figure)) * scale


def test_there_are_published_records():
    assert PUBLISHED


def test_text_can_be_read_and_nothing_is_a_formula(drawn):
    assert drawn
    for figure, path, _ in drawn:
        assert figure.get_figwidth() == style.WIDTH, path.stem
        assert smallest(figure) >= LEAST_PX, path.stem
        assert not [text for text in words(figure) if "mathdefault" in text.get_text()], path.stem


def test_a_title_is_a_sentence_or_a_question(drawn):
    for figure, path, _ in drawn:
        assert len(figure.get_suptitle().split()) >= 4, path.stem


def test_panels_are_few_and_none_is_a_point(drawn):
    for figure, path, _ in drawn:
        panels = [
            here for here in figure.axes
            if here.lines or here.collections or here.images or here.patches
        ]  # fmt: skip
        panels = [here for here in panels if here.get_label() != "<colorbar>"]
        assert 0 < len(panels) <= MOST_PANELS, path.stem
        for here in panels:
            xs = [np.ravel(line.get_xdata()) for line in here.lines]
            if xs and not here.images:
                assert len(set(np.concatenate(xs).tolist())) > 1, path.stem


def test_no_axis_goes_down_to_where_there_is_nothing(drawn):
    for figure, path, _ in drawn:
        for here in figure.axes:
            if here.get_yscale() == "log":
                assert here.get_ylim()[0] > LOWEST, path.stem


def test_files_are_small_and_whole(drawn):
    for _, path, _ in drawn:
        dark = path.with_name(f"{path.stem}-dark.svg")
        assert max(path.stat().st_size, dark.stat().st_size) < LARGEST, path.stem
        root = ET.fromstring(svg.inline(path))
        assert root[0].text
        assert not re.search(r"\bnan\b", path.read_text()), path.stem


def test_a_caption_is_short_and_says_what_is_not_shown(drawn):
    for _, path, caption in drawn:
        assert len(caption.split()) <= captions.MOST_WORDS, f"{path.stem}: {caption}"
        assert re.search(r"\bnot\b|nothing", caption, re.IGNORECASE), path.stem


@pytest.mark.parametrize("hero", list(heroes()), ids=lambda hero: str(hero.place))
def test_half_of_the_picture_on_top_fits_its_place(hero, evidence):
    rows = hero.rows(evidence)
    if rows.empty:
        pytest.skip("these records have nothing for it")
    facet = Facet(evidence, rows, [evidence.by_key[key] for key in dict.fromkeys(rows["record"])])
    with mpl.rc_context(style.STYLE):
        figure, (here, other) = plt.subplots(1, 2, figsize=(style.WIDTH, 3.0))
        hero.draw(here, facet)
    figure.canvas.draw()
    assert smallest(figure) >= LEAST_PX
    texts = [text for text in words(figure) if text in here.findobj(Text)]
    edge = other.get_tightbbox().x0
    assert max(text.get_window_extent().x1 for text in texts) <= edge
    plt.close(figure)
    assert 0 < len(hero.finding(facet).split()) <= 12
    assert 0 < len(hero.caption(facet).split()) <= 20
