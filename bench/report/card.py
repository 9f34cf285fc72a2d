"""A claim as a picture of 1200 by 630 pixels, the size that links are shown with.

Drawn by Pillow alone, with the font that Matplotlib brings: Matplotlib itself takes a second to
import. Text is wrapped, made smaller down to a floor, and cut with an ellipsis last.
"""

import functools
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED
from bench.report import quote
from bench.report.amounts import amount, basis, called
from bench.report.citation import SUITE, Cited, sentence
from bench.report.text import plain

SIZE = (1200, 630)
_MARGIN = 56
_GAP = 40  # between text and figure
_SPACING = 1.3  # lines, in sizes of the font
_ELLIPSIS = "…"
#: Okabe and Ito's colours, darker on white and lighter on black, so that both can be read.
_VERDICTS = {
    SUPPORTED: ("#00664b", "#3fc79a"),
    REFUTED: ("#a83c00", "#ff8a4c"),
    DEPENDS: ("#00568c", "#6cbcf0"),
    UNDECIDED: ("#555555", "#aab0b6"),
}


@dataclass(frozen=True)
class Palette:
    """What is drawn on, written with, and written with where it matters less."""

    ground: str
    ink: str
    faint: str
    line: str


_LIGHT = Palette("#ffffff", "#222222", "#555555", "#dddddd")
_DARK = Palette("#15181c", "#e6e6e6", "#aab0b6", "#3a3f45")


@dataclass(frozen=True)
class Block:
    """Text that is set as large as its room allows.

    Args:
        text: what is said.
        sizes: of the font in pixels, the largest and the floor.
        height: pixels that it may take.
        colour: of the ink.
        bold: whether it is.
    """

    text: str
    sizes: tuple[int, int]
    height: int
    colour: str
    bold: bool = False


def save(cited: Cited, figure: Path | None, path: Path, *, dark: bool) -> None:
    """Draw the card of a claim.

    Args:
        cited: the claim, and where it stands.
        figure: the picture that shows it, as PNG; None without.
        path: of the file to write.
        dark: whether it is for a dark page.

    Raises:
        OSError: the figure cannot be read, or the file not be written.
    """
    palette = _DARK if dark else _LIGHT
    card = Image.new("RGB", SIZE, palette.ground)
    width = SIZE[0] - 2 * _MARGIN
    foot = SIZE[1] - _MARGIN - 24
    if figure is not None:
        width = (width - _GAP) // 2
        _paste(card, figure, (_MARGIN + width + _GAP, _MARGIN, SIZE[0] - _MARGIN, foot - 16))
    draw = ImageDraw.Draw(card)
    top = _MARGIN - 8
    for block in _blocks(cited, palette, dark=dark):
        top = _set(draw, block, (_MARGIN, top), width) + 14
    draw.line((_MARGIN, foot, SIZE[0] - _MARGIN, foot), fill=palette.line, width=2)
    source = Block(_source(cited), (20, 15), 40, palette.faint)
    _set(draw, source, (_MARGIN, foot + 12), SIZE[0] - 2 * _MARGIN)
    card.save(path, optimize=True)


def _blocks(cited: Cited, palette: Palette, *, dark: bool) -> list[Block]:
    """What the card says, from the top: 480 pixels in all with the room between."""
    claim = cited.claim
    assert claim is not None
    colour = _VERDICTS[claim.state][dark]
    blocks = [
        Block(claim.state.upper(), (34, 34), 46, colour, bold=True),
        Block(claim.sentence, (40, 24), 160, palette.ink, bold=True),
    ]
    if (effect := claim.effect) is None:
        lacks = claim.verdict.removeprefix(f"{UNDECIDED}: ")
        return [*blocks, Block(sentence(lacks), (28, 18), 200, palette.faint)]
    of = f"{called(effect)}; {basis(effect, ends_too=False)}"
    return [
        *blocks,
        Block(amount(effect), (44, 26), 60, colour, bold=True),
        Block(sentence(of), (22, 17), 60, palette.ink),
        Block(sentence(quote.holds(claim)), (20, 15), 62, palette.faint),
        *([Block(sentence(claim.tally), (20, 15), 42, palette.faint)] if claim.tally else ()),
    ]


def _source(cited: Cited) -> str:
    report = cited.report
    parts = (report.title, report.measured, report.code, f"records {report.digest[:12]}",
             report.url or report.verify, f"{SUITE} {report.raw['version']}")  # fmt: skip
    return " · ".join(parts)


def _paste(card: Image.Image, figure: Path, box: tuple[int, int, int, int]) -> None:
    """Put a picture into a box, as large as it fits, in its middle."""
    left, top, right, bottom = box
    with Image.open(figure) as file:
        picture = file.convert("RGBA")
    scale = min((right - left) / picture.width, (bottom - top) / picture.height)
    size = (max(1, int(picture.width * scale)), max(1, int(picture.height * scale)))
    picture = picture.resize(size, Image.Resampling.LANCZOS)
    at = (left + (right - left - size[0]) // 2, top + (bottom - top - size[1]) // 2)
    card.paste(picture, at, picture)


def _set(draw: ImageDraw.ImageDraw, block: Block, at: tuple[int, int], width: int) -> int:
    """Write a block; returns where it ends."""
    size, lines = fitted(block, width)
    font = _font(size, block.bold)
    left, top = at
    for line in lines:
        draw.text((left, top), line, font=font, fill=block.colour)
        top += round(size * _SPACING)
    return top


def fitted(block: Block, width: int) -> tuple[int, list[str]]:
    """The size of the font, and the lines: the largest that fits, or the floor and an ellipsis."""
    largest, floor = block.sizes
    for size in range(largest, floor - 1, -1):
        lines = wrapped(block.text, _font(size, block.bold), width)
        if len(lines) <= _most(block, size):
            return size, lines
    most = _most(block, floor)
    return floor, [*lines[: most - 1], _cut(lines[most - 1], _font(floor, block.bold), width)]


def wrapped(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Text in lines that are no wider; a word that alone is wider is broken."""
    lines = [""]
    for word in plain(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for sign in word:
            if font.getlength(lines[-1] + sign) > width:
                lines.append("")
            lines[-1] += sign
    return lines


def _most(block: Block, size: int) -> int:
    return max(1, int(block.height / (size * _SPACING)))


def _cut(line: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    """As much of a line as leaves room for an ellipsis."""
    while line and font.getlength(line + _ELLIPSIS) > width:
        line = line[:-1]
    return line.rstrip() + _ELLIPSIS


@functools.cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    return ImageFont.truetype(folder / f"DejaVuSans{'-Bold' if bold else ''}.ttf", size)
