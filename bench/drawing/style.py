"""How every figure looks, its title and legend, and how it is saved."""

import io
import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import Figure, FigureBase
from matplotlib.lines import Line2D

from bench.drawing import colours, svg
from bench.drawing.palette import colour, label, rank

WIDTH = 7.0  # inches of every figure, 700 px of a page: a point is 1.39 px there
SMALL = 7.0  # points of the smallest text
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "font.sans-serif": list(svg.FONTS),
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "figure.titlesize": 9.5,
    "figure.titleweight": "bold",
    "legend.fontsize": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": colours.GRID,
    "grid.linewidth": 0.5,
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.08,  # inches: text is wider in print than when laid out
    "legend.frameon": False,
    "text.parse_math": False,  # a name is a name, whatever signs it has
    "text.color": colours.INK,
    "axes.labelcolor": colours.INK,
    "axes.edgecolor": colours.RULE,
    "xtick.color": colours.RULE,
    "ytick.color": colours.RULE,
    "xtick.labelcolor": colours.INK,
    "ytick.labelcolor": colours.INK,
    "svg.fonttype": "none",
    "savefig.dpi": 2 * svg.WIDTH_PX / WIDTH,
    "path.simplify_threshold": 0.25,
}
_TITLE = 72  # letters of a line of it
_LETTER = 0.07  # inches that a letter of a legend takes
_COLOURS = ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor")


def save(figure: Figure, folder: Path, stem: str, *, png: bool) -> None:
    """Write a figure for light and for dark pages, the same bytes for the same records.

    Args:
        figure: closed afterwards.
        folder: for ``STEM.svg`` and ``STEM-dark.svg``.
        stem: which also tells the picture's ids from those of others on the same page.
        png: whether ``STEM.png`` and ``STEM-dark.png`` are written too.
    """
    written = io.BytesIO()
    with mpl.rc_context(STYLE | {"svg.hashsalt": stem}), warnings.catch_warnings():
        # A script that the font here lacks is drawn by the reader's.
        warnings.filterwarnings("ignore", message="Glyph")
        if (layout := figure.get_layout_engine()) is not None:
            layout.execute(figure)
            figure.set_layout_engine("none")  # once is enough for all files
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
        said = figure.get_suptitle().replace("\n", " ")
        text = svg.tidied(written.getvalue().decode(), said or stem)
        (folder / f"{stem}.svg").write_text(text, encoding="utf-8")
        (folder / f"{stem}-dark.svg").write_text(svg.darkened(text), encoding="utf-8")
        if png:
            figure.savefig(folder / f"{stem}.png", metadata={"Software": None})
            darken(figure)
            figure.savefig(folder / f"{stem}-dark.png", metadata={"Software": None})
    plt.close(figure)


def darken(figure: Figure) -> None:
    """Change a figure's colours to those of dark paper."""
    for found in figure.findobj():
        if isinstance(found, FigureBase | Axes):
            continue  # their patches are found too
        for artist in (found, getattr(found, "arrow_patch", None), _box(found)):
            if artist is None or getattr(artist, "get_array", lambda: None)() is not None:
                continue  # one with a colour map has the same on both
            now = {
                name: getattr(artist, f"get_{name}")()
                for name in _COLOURS
                if hasattr(artist, f"get_{name}") and hasattr(artist, f"set_{name}")
            }
            for name, shade in now.items():
                getattr(artist, f"set_{name}")(_darkened(shade))


def _box(artist: Artist) -> Artist | None:
    found: Artist | None = getattr(artist, "get_bbox_patch", lambda: None)()
    return found


def _darkened(shade: Any) -> Any:
    """A colour, or several as a collection has them."""
    if isinstance(shade, str) and shade in ("auto", "none", "None"):
        return shade
    if not isinstance(shade, str) and len(shade) and not isinstance(shade[0], float | int):
        return [_darkened(tuple(map(float, one))) for one in shade]
    if not isinstance(shade, str) and not len(shade):
        return shade
    *_, alpha = to_rgba(shade)
    if alpha == 0:
        return "none"
    return (*to_rgba(colours.dark(to_hex(shade)))[:3], alpha)


def grid(count: int, height: float = 2.5, **options: Any) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels, side by side in pairs.

    Args:
        count: of panels.
        height: of each, in inches; one that stands alone is half as high again.
        options: of ``subplots``.
    """
    columns, lines = min(2, count), -(-count // 2)
    each = height if count > 1 else 1.5 * height
    figure, axes = plt.subplots(
        lines, columns, squeeze=False, figsize=(WIDTH, each * lines + 0.7), **options
    )
    for spare in axes.flat[count:]:
        spare.set_axis_off()
    return figure, list(axes.flat[:count])


def title(figure: Figure, text: str) -> None:
    """What the figure shows, as a sentence or a question, above all panels."""
    figure.suptitle("\n".join(textwrap.wrap(text, _TITLE)), x=0.01, ha="left")


def titled(artist: Artist, text: str) -> None:
    """What a reader is told whose pointer rests on a mark of an SVG."""
    artist.set_gid(svg.hover(text))


def handles(arms: Sequence[str]) -> list[Line2D]:
    """A legend's lines, one an arm."""
    return [
        Line2D([], [], color=colour(arm), linewidth=2.2, label=label(arm))
        for arm in sorted(set(arms), key=rank)
    ]


def legend(figure: Figure, entries: Sequence[Line2D]) -> None:
    """One legend below all panels, in as many columns as the figure is wide."""
    widths = [_LETTER * len(str(entry.get_label())) + 0.5 for entry in entries]
    room = figure.get_figwidth()
    fitting = len(entries) if sum(widths) <= room else max(1, int(room / max(widths)))
    with mpl.rc_context(STYLE):
        figure.legend(
            handles=entries, loc="outside lower center", ncols=max(1, min(len(entries), fitting))
        )
