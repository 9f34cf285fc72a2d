"""Text as LaTeX has it."""

import pytest
from pybtex.richtext import Text

from bench.report.tex import escaped

from .graded import HOSTILE


@pytest.mark.parametrize(("text", "expected"), [
    ("100% of a_b & c #1", r"100\% of a\_b \& c \#1"),
    ("{x}", r"\textbraceleft{}x\textbraceright{}"),
    ("~ ^ \\ $", r"\textasciitilde{} \textasciicircum{} \textbackslash{} \$"),
    ("1–2× ≥ 3", r"1--2$\times$ $\geq$ 3"),
    ("é ß λ Δ", r"{\'{e}} {\ss} $\lambda$ $\Delta$"),
    ("小", "[U+5C0F]"),
    ("e\u0301", r"{\'{e}}"),
    ("\u202ea\x1b[2J", "[U+202E]a[U+001B][2J"),
    (" a\n\n b ", "a b"),
])  # fmt: skip
def test_signs(text, expected):
    assert escaped(text) == expected


def test_reads_back_as_what_it_was():
    said = "Over 100% of a_b & c #1: 1–2× ≥ 3, é ß λ"
    assert Text.from_latex(escaped(said)).render_as("text") == said


def test_whatever_it_is_it_is_ascii_with_braces_in_pairs():
    every = "".join(map(chr, (*range(0x250), *range(0x370, 0x400), *range(0x2000, 0x2300))))
    for text in (HOSTILE, every):
        found = escaped(text)
        assert found.isascii()
        assert found.isprintable()
        depth = 0
        for sign in found:  # as BibTeX counts, which knows no escape
            depth += {"{": 1, "}": -1}.get(sign, 0)
            assert depth >= 0
        assert depth == 0
