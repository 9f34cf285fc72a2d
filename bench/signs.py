"""What a text is made of where it is shown: no sign that does something instead of being seen.

A name may come from anybody's study or records. An escape sequence in it moves a terminal's cursor
or makes a link, and a mark of direction turns what stands beside it.
"""

import codecs

#: How an encoding is asked to spell signs that it lacks.
SPELT = "bench.spelt"
_ASCII = {
    "±": "+-", "×": "x", "·": "-", "–": "-", "—": "-", "−": "-", "…": "...", "→": "->", "≤": "<=",
    "≥": ">=", "≈": "~", "≠": "!=", "‘": "'", "’": "'", "“": '"', "”": '"', "²": "^2", "³": "^3",
}  # fmt: skip


def plain(text: str) -> str:
    """The text in its lines, without signs that are not printed: control, direction, surrogates.

    Blanks of any kind become the usual one.
    """
    if text.isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign == "\n" else " " if sign.isspace() else ""
        for sign in text
    )


def _spelt(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(_ASCII.get(sign, "?") for sign in lacking), error.end


codecs.register_error(SPELT, _spelt)
