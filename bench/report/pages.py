"""Pages as files: Markdown and HTML of the same blocks."""

import base64
import html
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench import signs
from bench.drawing import svg
from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED
from bench.report.blocks import Code, Figure, File, Link, Page, Parts, Strong
from bench.report.text import code, fence, markdown

PAGE = "README.md"
HTML = "report.html"
FOLDER = "pages"
_LARGEST = 240_000  # bytes of a figure that stands inside the first page as it is
_ROOM = 1_800_000  # of all its figures
#: A verdict's sign, as its colour is not seen by everybody.
SIGNS = {SUPPORTED: "✓", REFUTED: "✗", DEPENDS: "◐", UNDECIDED: "?"}


def environment() -> jinja2.Environment:
    """The templates."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters |= {"md": markdown, "attribute": html.escape, "fence": fence}
    made.globals |= {"signs": SIGNS}
    return made


class Writer:
    """Writes pages into a report's folder, whose figures are there already."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._environment = environment()

    def text(self, page: Page) -> str:
        """A page in Markdown."""
        href = _href(page, "md", PAGE)
        return self._environment.get_template("page.md.jinja").render(
            page=page, say=partial(_said, href), up="../" if page.slug else ""
        )

    def write(self, page: Page) -> None:
        """Both files of a page."""
        place = self._folder / FOLDER / page.slug if page.slug else None
        for ending, first, text in (
            ("md", PAGE, self.text(page)),
            ("html", HTML, self._html(page)),
        ):
            path = self._folder / first if place is None else place.with_suffix(f".{ending}")
            path.parent.mkdir(exist_ok=True)
            path.write_text(signs.plain(text), encoding="utf-8")

    def _html(self, page: Page) -> str:
        drawn = _Drawn(self._folder / "figures", math.inf if page.slug else _ROOM)
        return self._environment.get_template("page.html").render(
            page=page, href=_href(page, "html", HTML), drawn=drawn, colours=svg.CSS
        )


@dataclass
class _Drawn:
    """Puts figures into an HTML page.

    Args:
        folder: of the figures.
        room: bytes that they may take together; one that does not fit is named only.
    """

    folder: Path
    room: float

    def __call__(self, figure: Figure) -> Markup:
        """As it was drawn; in pixels where that is much smaller."""
        path, alt = self.folder / f"{figure.stem}.svg", html.escape(figure.alt)
        # Its texts are escaped by who drew it.
        text = svg.inline(path).replace('role="img"', f'role="img" aria-label="{alt}"', 1)
        if figure.png and len(text) > _LARGEST:
            data = base64.b64encode(path.with_suffix(".png").read_bytes()).decode()
            pixels = f'<img alt="{alt}" src="data:image/png;base64,{data}">'
            text = min(text, pixels, key=len)
        if len(text) > self.room:
            text = f'<p>Too large to stand here: <a href="figures/{path.name}">{path.name}</a></p>'
        self.room -= len(text)
        return Markup(text)  # noqa: S704


def _said(href: Callable[[Any], str], parts: Parts) -> str:
    """A sentence in Markdown."""
    return "".join(
        markdown(part) if isinstance(part, str)
        else f"**{markdown(part.text)}**" if isinstance(part, Strong)
        else code(part.text) if isinstance(part, Code)
        else f"[{markdown(part.text)}]({href(part)})"
        for part in parts
    )  # fmt: skip


def _href(page: Page, ending: str, first: str) -> Callable[[Any], str]:
    """Where a link on a page points to, from where that page lies."""

    def href(link: Link | File) -> str:
        up = "../" if page.slug else ""
        if isinstance(link, File):
            return up + link.path
        at = f"#{link.at}" if link.at else ""
        if link.page is None or link.page == page.slug:
            return at
        if not link.page:
            return f"{up}{first}{at}"
        return f"{'' if page.slug else FOLDER + '/'}{link.page}.{ending}{at}"

    return href
