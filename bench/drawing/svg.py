"""SVG files as pages need them: small, with real text, on dark paper too, and inside HTML."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

from bench import signs
from bench.drawing.colours import NAMED, dark

FONTS = ("DejaVu Sans", "Verdana", "Geneva")
WIDTH_PX = 700
#: For a page that has pictures inside: what the named colours are, light and dark.
CSS = (
    ":root {{ {} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n"
    "svg.figure {{ display: block; width: 100%; max-width: {}px; height: auto }}"
).format(
    *("; ".join(f"--fig-{name}: {pair[n]}" for name, pair in NAMED.items()) for n in (0, 1)),
    WIDTH_PX,
)
_HOVER = "title:"
_NAMES = {light: name for name, (light, _) in NAMED.items()}
_TAG = re.compile(r"<[^>]*>")
_COLOUR = re.compile(r"(?<=: )#[0-9a-f]{6}")


def hover(text: str) -> str:
    """The gid of an artist that says a text where a pointer rests on it, see `tidied`."""
    return _HOVER + quote(text, safe="")


def tidied(drawn: str, title: str) -> str:
    """What Matplotlib wrote, without what no reader needs, and with what a person hears or sees.

    Args:
        drawn: an SVG, its text as text.
        title: of the whole, read out in place of the picture.
    """
    root, _, rest = drawn[drawn.index("<svg") :].partition(">")
    found = re.search(r'viewBox="0 0 (\S+) (\S+)"', root)
    assert found is not None, "Matplotlib gives every SVG a view box"
    width, height = map(float, found.groups())
    rest = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", rest, flags=re.DOTALL)
    rest = re.sub(rf"<g id=\"{_HOVER}([^\"]*)\">", _titled, rest)
    rest = _TAG.sub(lambda tag: _short(tag[0]), rest)
    rest = re.sub(r">\s+<", ">\n<", rest).replace("<defs>\n</defs>", "").strip()
    fonts = ", ".join(f"'{name}'" for name in FONTS)
    return signs.plain(
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{WIDTH_PX}" height="{WIDTH_PX * height / width:.0f}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" '
        f'style="font-family: {fonts}, sans-serif; stroke-linejoin: round; stroke-linecap: butt">\n'
        f"<title>{html.escape(title, quote=False)}</title>\n{rest}\n"
    )


def darkened(text: str) -> str:
    """The same picture on dark paper."""
    return _recoloured(text, dark)


def inline(path: Path) -> str:
    """The picture of a file to stand inside an HTML page whose style has `CSS`.

    It is as wide as the page lets it be, up to 700 px, and dark where the reader's system is: its
    colours are variables, those without a name its own.
    """
    text = path.read_text(encoding="utf-8")
    own: dict[str, str] = {}

    def variable(shade: str) -> str:
        name = f"fig-{_NAMES[shade]}" if shade in _NAMES else f"fig-{shade[1:]}"
        if shade not in _NAMES:
            own[name] = dark(shade)
        return f"var(--{name}, {shade})"

    text = _recoloured(text, variable)
    text = re.sub(
        r'width="\d+" height="\d+"', f'class="figure" id="fig-{path.stem}"', text, count=1
    )
    rules = "; ".join(f"--{name}: {shade}" for name, shade in sorted(own.items()))
    style = f"@media (prefers-color-scheme: dark) {{ #fig-{path.stem} {{ {rules} }} }}"
    return text.replace("</title>", f"</title>\n<style>{style}</style>", 1) if own else text


def _recoloured(text: str, change: Callable[[str], str]) -> str:
    """With other colours in the tags, and the text as it is."""
    return _TAG.sub(lambda tag: _COLOUR.sub(lambda shade: change(shade[0]), tag[0]), text)


def _titled(found: re.Match[str]) -> str:
    return f"<g>\n<title>{html.escape(unquote(found[1]), quote=False)}</title>"


def _short(tag: str) -> str:
    """A tag with hundredths of a point, without names that nothing refers to, and on one line."""
    if tag.startswith("<g "):
        tag = re.sub(r' id="[^"]*"', "", tag)
    if tag.startswith("<text"):
        tag = re.sub(r"font-family: [^;\"]*;? ?", "", tag)
        tag = re.sub(r' transform="rotate\(-0 [^)]*\)"', "", tag)
    if "base64" in tag:
        return tag
    return re.sub(r"(\.\d\d)\d+", r"\1", " ".join(tag.split())).replace(' "', '"')
