"""Pages as files: Markdown and HTML of the same blocks."""

import html
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED
from bench.report.blocks import Code, File, Link, Page, Parts, Strong
from bench.report.svg import Inline
from bench.report.text import markdown

PAGE = "README.md"
HTML = "report.html"
FOLDER = "pages"
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
    made.filters |= {"md": markdown, "attribute": html.escape}
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
        for ending, first, text in (("md", PAGE, self.text(page)), ("html", HTML, self._html(page))):
            path = self._folder / first if place is None else place.with_suffix(f".{ending}")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def _html(self, page: Page) -> str:
        inline = Inline(self._folder / "figures")

        def svg(stem: str, alt: str, *, png: bool) -> Markup:
            # What matplotlib wrote, its texts escaped by it, and an alt text escaped here.
            return Markup(inline(stem, alt, png=png and not page.slug))  # noqa: S704

        body = self._environment.get_template("blocks.html").render(
            page=page, href=_href(page, "html", HTML), svg=svg
        )
        return self._environment.get_template("page.html").render(
            page=page,
            href=_href(page, "html", HTML),
            body=Markup(body),  # noqa: S704  # of a template that escapes
            dark=Markup(inline.colours()),  # noqa: S704  # names and colours of our own
        )


def _said(href: Callable[[Any], str], parts: Parts) -> str:
    """A sentence in Markdown."""
    return "".join(
        markdown(part) if isinstance(part, str)
        else f"**{markdown(part.text)}**" if isinstance(part, Strong)
        else f"`{part.text}`" if isinstance(part, Code)
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
