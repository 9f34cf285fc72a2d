"""What pages are made of, so that Markdown and HTML say the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Link:
    """To a place of a page of this report; None is the page it stands on, "" the first."""

    text: str
    page: str | None = None
    at: str = ""
    kind = "link"


@dataclass(frozen=True)
class File:
    """A link to a file of the report's folder."""

    text: str
    path: str
    kind = "file"


@dataclass(frozen=True)
class Strong:
    """Words that stand out."""

    text: str
    kind = "strong"


@dataclass(frozen=True)
class Code:
    """A command or a name within a sentence."""

    text: str
    kind = "code"


#: A sentence: texts, and what is more than text.
Parts = Sequence[str | Link | File | Strong | Code]


@dataclass(frozen=True)
class Heading:
    """A heading; those of level 2 make the list of contents."""

    text: str
    id: str
    level: int = 2
    kind = "heading"


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    parts: Parts
    kind = "text"


@dataclass(frozen=True)
class Items:
    """A list."""

    items: Sequence[Parts]
    kind = "items"


@dataclass(frozen=True)
class Listing:
    """Lines as they are typed."""

    text: str
    kind = "listing"


@dataclass(frozen=True)
class Figure:
    """A figure of the folder.

    Args:
        stem: of its files.
        alt: what it shows, in a sentence.
        caption: below it.
        png: whether it is there in pixels too.
    """

    stem: str
    alt: str
    caption: str
    png: bool = False
    kind = "figure"


@dataclass(frozen=True)
class Table:
    """Cells as they are read, and what follows below."""

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: Parts = ()
    kind = "table"


@dataclass(frozen=True)
class Line:
    """One claim on screen one: its state, its words, what records say, and where more stands."""

    state: str
    sentence: str
    headline: str
    at: str


@dataclass(frozen=True)
class Screen:
    """Screen one: the claims, and the picture beside or below them."""

    lines: Sequence[Line]
    hero: Figure | None
    kind = "screen"


@dataclass(frozen=True)
class Folded:
    """What is read by who asks for it."""

    summary: str
    blocks: Sequence["Block"]
    kind = "folded"


Block = Heading | Text | Items | Listing | Figure | Table | Screen | Folded


@dataclass(frozen=True)
class Page:
    """One page.

    Args:
        slug: its file's name within ``pages``; empty for the first page.
        title: its heading.
        lead: the line below, and what else introduces it.
        blocks: in their order.
    """

    slug: str
    title: str
    lead: Sequence[Parts]
    blocks: Sequence[Block] = field(default_factory=list)

    @property
    def contents(self) -> list[Heading]:
        """The headings that the list of contents has."""
        return [block for block in _all(self.blocks) if isinstance(block, Heading)
                and block.level == 2]  # fmt: skip

    @property
    def figures(self) -> list[Figure]:
        """Every figure, in order."""
        return [block for block in _all(self.blocks) if isinstance(block, Figure)]


def _all(blocks: Sequence[Block]) -> Iterator[Block]:
    for block in blocks:
        yield block
        if isinstance(block, Screen) and block.hero is not None:
            yield block.hero
        if isinstance(block, Folded):
            yield from _all(block.blocks)
