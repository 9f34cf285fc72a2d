"""Text that Markdown shows as it is, what ids are made of, and sentences within a budget."""

import html
import re
from typing import Any

from bench import signs

#: Of a caption.
MOST_WORDS = 40


def markdown(text: Any) -> str:
    """Text that Markdown shows as it is."""
    escaped = html.escape(str(text), quote=False)
    return re.sub(r"([\\`*_{}\[\]|#~$])", r"\\\1", escaped).replace("\n", " ")


def code(text: str) -> str:
    """Text as code within a line of Markdown, whatever backticks it has."""
    text = plain(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, pad = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def plain(text: str) -> str:
    """Text on one line, with nothing in it that moves a cursor."""
    return signs.plain(" ".join(text.split()))


def fence(text: str) -> str:
    """What stands around lines as they are typed: longer than any such mark in them."""
    return "`" * max(3, *(len(run) + 1 for run in re.findall("`+", text)), 0)


def identifier(text: str) -> str:
    """The id of a heading."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")


def fitting(text: str, most: int = MOST_WORDS) -> str:
    """As many whole sentences as have so many words; of a longer first one its beginning."""
    kept: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+(?=[A-Z0-9])", text.strip()):
        if len(" ".join([*kept, sentence]).split()) > most:
            break
        kept.append(sentence)
    if kept or not text:
        return " ".join(kept)
    return " ".join(text.split()[:most]).rstrip(".,;:") + " …"
