"""Colours on light and on dark paper: a table for what figures share, and a rule for the rest."""

import colorsys
import functools

#: What it is for -> on light paper, on dark paper.
NAMED = {
    "paper": ("#ffffff", "#16181d"),
    "ink": ("#1b1b1b", "#e8e8e8"),
    "muted": ("#555555", "#b4b4b4"),  # of no arm: levels, limits, remarks
    "rule": ("#808080", "#8f8f8f"),
    "grid": ("#dddddd", "#33363d"),
    "strip": ("#ececec", "#272a31"),  # of exact zeros, of what noise alone makes
    "region": ("#eaf1f8", "#1d2a38"),  # inside: the lengths trained on, the needed distance
    "solved": ("#117733", "#4fc477"),
    # Parts of a raster image, which has the same colours on both papers.
    "zero": ("#d9d9d9", "#d9d9d9"),
    "no_number": ("#cc3377", "#cc3377"),
}
PAPER, INK, MUTED, RULE, GRID, STRIP, REGION, SOLVED, ZERO, NO_NUMBER = (
    light for light, _ in NAMED.values()
)
#: Contrasts that WCAG 2.2 asks for: of text, and of lines that have to be told apart.
TEXT, LINE = 4.5, 3.0
_DARK = dict(NAMED.values())
_STEP = 0.01  # of lightness


@functools.cache
def dark(shade: str) -> str:
    """What a colour of light paper, ``#rrggbb``, is on dark paper.

    One that is not in the table gets lighter until text in it can be read.
    """
    shade = shade.lower()
    return _DARK.get(shade) or _readable(shade, NAMED["strip"][1], _STEP)


@functools.cache
def text(shade: str) -> str:
    """The same colour, as dark as text on light paper must be."""
    return _readable(shade.lower(), STRIP, -_STEP)


def contrast(one: str, other: str) -> float:
    """Of two colours, from 1 to 21, by WCAG 2.2."""
    least, most = sorted(map(_luminance, (one, other)))
    return (most + 0.05) / (least + 0.05)


def _readable(shade: str, paper: str, step: float) -> str:
    """Lighter or darker by so many steps as it takes."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(shade))
    while contrast(shade, paper) < TEXT:
        lightness += step
        red, green, blue = colorsys.hls_to_rgb(hue, min(1.0, max(0.0, lightness)), saturation)
        shade = "#" + "".join(f"{round(255 * part):02x}" for part in (red, green, blue))
    return shade


def _luminance(shade: str) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in _parts(shade)
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _parts(shade: str) -> tuple[float, float, float]:
    red, green, blue = (int(shade[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue
