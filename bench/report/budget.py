"""How much a first page may hold, and what of a report's folder is more than that."""

import re
from collections.abc import Iterator
from pathlib import Path

from bench.report.pages import HTML, PAGE
from bench.report.text import MOST_WORDS as CAPTION

WORDS = 1500
FIGURES = 7
CLAIMS = 7
BYTES = 2_000_000
ROWS = 12
#: Figures of one probe on the pages beside the first, and records that they are drawn from: a
#: figure takes about as long as sixty lines in it.
DRAWN, DRAWN_RECORDS = 24, 1500

_FIGURE = re.compile(r'src="(?:\.\./)?figures/([^"]+)\.(?:png|svg)"')
_CAPTION = re.compile(r"^\*(.+)\* \(\[SVG\]", re.MULTILINE)


def words(markdown: str) -> int:
    """Words of a Markdown page as ``wc`` counts them, marks and addresses among them."""
    return len(markdown.split())


def over(folder: Path) -> Iterator[str]:
    """What of a report's folder is over its budget, a sentence each."""
    text = (folder / PAGE).read_text("utf-8")
    if (count := words(text)) > WORDS:
        yield f"{PAGE}: {count} words, at most {WORDS}"
    shown = _FIGURE.findall(text)
    if len(shown) > FIGURES:
        yield f"{PAGE}: {len(shown)} figures, at most {FIGURES}"
    yield from (f"{PAGE}: {stem} is there twice" for stem in set(shown) if shown.count(stem) > 1)
    for caption in _CAPTION.findall(text):
        if (count := len(caption.split())) > CAPTION:
            yield f"{PAGE}: a caption of {count} words, at most {CAPTION}: {caption[:60]}"
    if (size := (folder / HTML).stat().st_size) > BYTES:
        yield f"{HTML}: {size} bytes, at most {BYTES}"
    for path in sorted((folder / "tables").glob("*.csv")):
        if len(path.read_text("utf-8").splitlines()) < 2:
            yield f"{path.name}: a table without rows"
