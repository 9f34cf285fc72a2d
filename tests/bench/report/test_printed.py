"""What a file says to a reader, and where it says something else."""

import pytest

from bench.report.printed import differences, numbers, said, written

PAGE = """<html><style>.a { width: 12px }</style>
<body><p class="b3">A reach of <b>12</b> tokens [9, 1,204.5]</p>
<svg viewBox="0 0 9 9"><title>at 64</title><text x="5">1e-3</text></svg>
<img src="data:image/png;base64,AAA99" alt="of 3 seeds"></body></html>"""


def test_what_is_read_of_html_is_words_not_looks():
    assert said("report.html", PAGE) == [
        (2, "A reach of"), (2, "12"), (2, "tokens [9, 1,204.5]"), (3, "at 64"), (3, "1e-3"),
        (4, "of 3 seeds"),
    ]  # fmt: skip
    assert numbers("report.html", PAGE) == 6
    assert numbers("a.csv", "x,1.5\ny,-2\n") == 2


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        ("a\nb 1\nc", "a\nb 1\nc", []),
        ("a\nb 1 of 3\nc", "a\nb 2 of 3\nc", [(2, '"1"', '"2"')]),
        ("1\n2\n3", "4\n2\n5", [(1, '"1"', '"4"'), (3, '"3"', '"5"')]),
        ("a\nc", "a\nb\nc", [(1, "nothing", '"b"')]),
        ("a\nb\nc", "a\nc", [(2, '"b"', "nothing")]),
        ("", "a", [(1, "nothing", '"a"')]),
        ("a  b", "a b", [(1, '"a  b"', '"a b"')]),
        ("x" * 100, "y", [(1, f'"{"x" * 59}…"', '"y"')]),
    ],
)
def test_differences_have_a_line_and_both_words(before, after, found):
    lines = [written(text) for text in (before, after)]
    assert [(d.line, d.printed, d.recomputed) for d in differences("a.md", *lines)] == found


@pytest.mark.parametrize(
    ("before", "after", "decides"),
    [
        ("Supported. 12 tokens", "Refuted. 12 tokens", True),
        ("supported: 12 tokens", "supported: 13 tokens", False),
        ("undecided", "it depends", True),
    ],
)
def test_a_verdict_decides(before, after, decides):
    (found,) = differences("a.md", written(before), written(after))
    assert found.decides is decides


@pytest.mark.parametrize(
    ("before", "after", "agree"),
    [
        ("0.123456789012345", "0.123456789012349", True),
        ("0.123456789012345", "0.123456789052345", True),
        ("0.123456789012345", "0.123457789012345", False),
        ("12.5", "12.6", False),
        ("1,5", "1,5", True),
        ("0.123456789012345 a", "0.123456789012345 b", False),
        ("1", "1 1", False),
    ],
)
def test_what_is_rounded_by_others_agrees(before, after, agree):
    lines = [written(text) for text in (before, after)]
    assert (not list(differences("a.csv", *lines, rounded=True))) is agree
