"""Texts that stay what they are, and fit."""

import pytest

from bench.report import budget
from bench.report.blocks import Code, Heading, Page, Strong, Text
from bench.report.pages import HTML, PAGE, Writer
from bench.report.text import code, fence, fitting, markdown

from ..test_signs import HOSTILE


def test_markdown_shows_what_was_written():
    assert markdown("<b> `x` | $y$ [/x] *z*\n# a") == (
        r"&lt;b&gt; \`x\` \| \$y\$ \[/x\] \*z\* \# a"
    )


def test_typed_lines_do_not_end_before_their_end():
    assert fence("rvt run x") == "```"
    assert fence("a ``` b") == "````"


def test_code_is_code_whatever_backticks_it_has():
    assert code("rvt run x") == "`rvt run x`"
    assert code("a `` b") == "``` a `` b ```"


@pytest.mark.parametrize("name", [PAGE, HTML])
def test_no_name_moves_a_cursor_or_turns_a_line(name, tmp_path):
    """Whoever shows a page: a terminal, a browser or a forge."""
    said = (HOSTILE, Strong(HOSTILE), Code(f"{HOSTILE}`"))
    Writer(tmp_path).write(Page("", HOSTILE, [said], [Heading(HOSTILE, "x"), Text(said)]))
    page = (tmp_path / name).read_text(encoding="utf-8")
    assert page.count("2Jcdef") >= 8
    assert {sign for sign in page if not sign.isprintable()} == {"\n"}


@pytest.mark.parametrize(
    ("text", "most", "kept"),
    [
        ("One two. Three four.", 4, "One two. Three four."),
        ("One two. Three four.", 3, "One two."),
        ("One two three four.", 3, "One two three …"),
        ("It is 1.94 times. More.", 4, "It is 1.94 times."),
        ("", 3, ""),
    ],
)
def test_whole_sentences_within_the_budget(text, most, kept):
    assert fitting(text, most) == kept


def test_words_are_counted_with_all_marks_so_that_nobody_counts_more():
    page = '# Two words\n\n<img alt="seen" src="a.png">\n\n[a link](a-b.svg)\n\n| one | 2 |\n'
    assert budget.words(page) == 3 + 3 + 2 + 5


def test_what_is_over_its_budget_is_named(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables/empty.csv").write_text("a,b\n")
    figures = "".join(
        f'<img src="figures/{n}.png">\n*{"word " * 41}* ([SVG](x))\n' for n in "aabcdefgh"
    )
    (tmp_path / "README.md").write_text(figures + "word " * 1500)
    (tmp_path / "report.html").write_text("x" * (budget.BYTES + 1))
    said = "\n".join(budget.over(tmp_path))
    for words in (
        "words, at most",
        "9 figures",
        "a is there twice",
        "caption of 41",
        "bytes",
        "empty.csv",
    ):
        assert words in said
