"""Text that Markdown and HTML show as it is, and pictures inside a page."""

import base64
import html
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup


def markdown(text: Any) -> str:
    """Text that Markdown shows as it is."""
    escaped = html.escape(str(text), quote=False)
    return re.sub(r"([\\`*_{}\[\]|#~])", r"\\\1", escaped).replace("\n", " ")


def slug(text: str) -> str:
    """A file name from a facet's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def svg_of(work: Path) -> Any:
    """A filter: a figure's file as a data URI, so that the page is one file."""

    def inline(name: str) -> Markup:
        data = base64.b64encode((work / "figures" / f"{name}.svg").read_bytes()).decode()
        return Markup(f"data:image/svg+xml;base64,{data}")  # noqa: S704  # base64 of our own file

    return inline
