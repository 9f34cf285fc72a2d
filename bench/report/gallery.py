"""The figures of a report: which facets there are, and each drawn once, when it is first shown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from bench.drawing import style
from bench.page import captions
from bench.page.contract import Facet, Hero, Picture, Section
from bench.page.evidence import Evidence
from bench.page.facets import facets, stem
from bench.report import blocks
from bench.report.text import fitting
from bench.report.tries import Tries

_HERO = (style.WIDTH, 3.4)  # inches, its title included


@dataclass(frozen=True)
class Shot:
    """A figure that can be drawn: its files' name, where it holds, and whose rows it shows.

    Args:
        section: the heading that it stands under.
        picture: what it is one facet of.
        stem: of its files.
        where: the facet, in words.
        keys: of the records that it was made from.
        rows: what it shows.
    """

    section: Section
    picture: Picture
    stem: str
    where: str
    keys: Sequence[str]
    rows: pd.DataFrame


class Gallery:
    """Draws what is shown, into a folder.

    Args:
        evidence: what figures are made of.
        folder: that gets the files.
        tries: what cannot be drawn.
    """

    def __init__(self, evidence: Evidence, folder: Path, tries: Tries) -> None:
        self._evidence, self._folder, self._tries = evidence, folder, tries
        self._shots: dict[str, tuple[Picture, list[Shot]]] = {}
        self._drawn: dict[str, blocks.Figure | None] = {}

    def shots(self, section: Section) -> list[list[Shot]]:
        """The facets of each of a section's pictures."""
        return [
            self._tries(f"picture {picture.name}", self._of, section, picture) or []
            for picture in section.pictures
        ]

    def _of(self, section: Section, picture: Picture) -> list[Shot]:
        known, found = self._shots.get(picture.name, (picture, None))
        if known is not picture:
            raise ValueError(f"two pictures are called {picture.name!r}: rename one of them")
        if found is None:
            found = self._tries(f"rows of picture {picture.name}", self._facets, section, picture)
            self._shots[picture.name] = picture, found or []
        return found or []

    def _facets(self, section: Section, picture: Picture) -> list[Shot]:
        found = facets(picture.rows(self._evidence), picture.by)
        source = dict(found)
        if picture.made_from is not None:
            source = dict(facets(picture.made_from(self._evidence), picture.by))
        return [
            Shot(section, picture, stem(picture.name, name), name,
                 list(dict.fromkeys(source[name]["record"])), rows)
            for name, rows in found
        ]  # fmt: skip

    def figure(self, shot: Shot, *, png: bool = False) -> blocks.Figure | None:
        """The figure of a facet; None where there is too little to draw, or it fails."""
        if shot.stem not in self._drawn:
            self._drawn[shot.stem] = self._tries(f"picture {shot.stem}", self._made, shot, png)
        return self._drawn[shot.stem]

    def _made(self, shot: Shot, png: bool) -> blocks.Figure | None:
        facet = self._facet(shot.rows, shot.keys)
        with mpl.rc_context(style.STYLE):
            figure = shot.picture.draw(facet)
        if figure is None:
            return None
        title = figure.get_suptitle().replace("\n", " ")
        style.save(figure, self._folder, shot.stem, png=png)
        caption = self._tries(f"caption of {shot.stem}", shot.picture.caption, facet) or ""
        where = f"{shot.section.title}: {shot.where}" if shot.where else shot.section.title
        alt = f"{title.rstrip('.?')}{'?' if title.endswith('?') else ''} ({where})."
        return blocks.Figure(
            shot.stem, alt if title else f"{where}.", captions.whole(caption, facet.records), png
        )

    def _facet(self, rows: pd.DataFrame, keys: Sequence[str]) -> Facet:
        records = [self._evidence.by_key[key] for key in keys]
        return Facet(self._evidence, rows, records)

    def hero(self, heroes: Sequence[Hero]) -> blocks.Figure | None:
        """The first two halves that have anything to show, side by side."""
        halves = []
        for hero in sorted(heroes, key=lambda hero: hero.place):
            rows = self._tries(
                f"rows of the picture on top, {hero.place}", hero.rows, self._evidence
            )
            if rows is not None and not rows.empty:
                halves.append((hero, self._facet(rows, list(dict.fromkeys(rows["record"])))))
        return self._tries("picture on top", self._joined, halves[:2]) if halves else None

    def _joined(self, halves: Sequence[tuple[Hero, Facet]]) -> blocks.Figure:
        with mpl.rc_context(style.STYLE):
            figure: Figure = plt.figure(figsize=_HERO)
            grid = figure.subplots(1, len(halves), squeeze=False)
            for here, (hero, facet) in zip(grid.flat, halves, strict=True):
                hero.draw(here, facet)
            findings = [hero.finding(facet).rstrip(".") for hero, facet in halves]
            text = " ".join(f if f.endswith("?") else f"{f}." for f in findings)
            style.title(figure, text.rstrip("."))
        style.save(figure, self._folder, "hero", png=True)
        caption = " ".join(hero.caption(facet).strip() for hero, facet in halves)
        return blocks.Figure("hero", text, fitting(caption), png=True)
