"""A figure inside a page: real text, its title, and colours that follow the reader's light or dark.

The figure's two files are the same drawing in two sets of colours. Here they become one: a colour
that differs is named, and the page says what the name means in light and in dark.
"""

import base64
import html
import re
from dataclasses import dataclass, field
from pathlib import Path

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b")
_ID = re.compile(r' id="([^"]+)"')
_USED = re.compile(r'(?:url\(|xlink:href="|href=")#([^")]+)')
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_LARGEST = 240_000  # bytes of one on the first page; what is larger is shown in pixels


@dataclass
class Inline:
    """Puts the figures of a folder into one page, and keeps what colours they need.

    Args:
        folder: with the files of figures.
    """

    folder: Path
    _pairs: dict[str, str] = field(default_factory=dict)

    def __call__(self, stem: str, alt: str, *, png: bool = False) -> str:
        """A figure as part of a page; in pixels where it is too large and they are there."""
        light = (self.folder / f"{stem}.svg").read_text("utf-8")
        text = self._named(light, (self.folder / f"{stem}-dark.svg").read_text("utf-8"))
        text = _trimmed(text, stem, alt)
        if png and len(text) > _LARGEST:
            data = base64.b64encode((self.folder / f"{stem}.png").read_bytes()).decode()
            return f'<img alt="{html.escape(alt)}" src="data:image/png;base64,{data}">'
        return text

    def colours(self) -> str:
        """What the named colours are in the dark, as declarations of CSS."""
        return "".join(f"--{name}:{dark};" for name, dark in sorted(self._pairs.items()))

    def _named(self, light: str, dark: str) -> str:
        """The light file with a name for each colour that is another one in the dark."""
        others = _COLOUR.findall(dark)
        if len(_COLOUR.findall(light)) != len(others):
            raise ValueError("a figure's light and dark files are not one drawing")
        following = iter(others)

        def name(found: re.Match[str]) -> str:
            here, there = found[0].lower(), next(following).lower()
            if here == there:
                return here
            key = f"{here[1:]}-{there[1:]}"
            self._pairs[f"c{key}"] = there
            return f"var(--c{key},{here})"

        return _COLOUR.sub(name, light)


def _trimmed(text: str, stem: str, alt: str) -> str:
    """Without what only a file needs: prolog, metadata, ids that nothing refers to, digits."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<title>.*?</title>", "", text, count=1, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    used = set(_USED.findall(text))
    text = _ID.sub(lambda m: f' id="{stem}-{m[1]}"' if m[1] in used else "", text)
    text = re.sub(r'(url\(|href=")#([^")]+)', rf"\g<1>#{stem}-\g<2>", text)
    text = _NUMBER.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), text)
    text = re.sub(r"\n\s*", "\n", text).strip()
    head, _, rest = text.partition(">")
    head = re.sub(r' (?:height|version)="[^"]*"', "", head)
    head = re.sub(r' width="([\d.]+)pt"', _wide, head)
    said = html.escape(alt)
    return f'{head} role="img" aria-label="{said}"><title>{said}</title>{rest}'


def _wide(found: re.Match[str]) -> str:
    """As wide as 700 px for a figure of seven inches, and never wider than the page."""
    return f' style="width:{float(found[1]) / 72 * 100:.0f}px"'
