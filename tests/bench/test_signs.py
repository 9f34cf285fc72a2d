"""What is shown of a name, and how signs are spelt that an encoding lacks."""

import pytest

from bench import signs

#: A link, a cursor that goes up, the same in one sign, a name that reads backwards, half a letter.
HOSTILE = "\x1b]8;;https://example.org\x07a\x1b[2Ab\x9b2Jc\u202ed\u2066e\ud800f"


def test_signs_that_do_something_are_left_out():
    assert signs.plain(HOSTILE) == "]8;;https://example.orga[2Ab2Jcdef"


def test_what_is_seen_stays_with_its_lines():
    text = "Größe ± 1 → 小 ✓\nand | <b> `x`"
    assert signs.plain(text) == text
    assert signs.plain("a\r\nb\tc\u2028d\x85e\xa0f") == "a \nb c d e f"


@pytest.mark.parametrize(
    ("encoding", "spelt"),
    [("ascii", "+-2 x3 -> ... ? ?"), ("latin-1", "±2 ×3 -> ... ? ?"), ("utf-8", "±2 ×3 → … 小 ✓")],
)
def test_signs_that_an_encoding_lacks_are_spelt_in_others(encoding, spelt):
    assert "±2 ×3 → … 小 ✓".encode(encoding, signs.SPELT).decode(encoding) == spelt
