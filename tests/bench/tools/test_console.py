"""Names that other libraries would take for markup."""

import io

import pytest
from rich.console import Console
from rich.table import Table

from bench import study
from bench.tools.console import console
from bench.tools.display import Display

from ..test_signs import HOSTILE

NAMES = ("[/x]", "[bold]x[/bold]", ":smile:", "x+", "小")
STUDY = """\
title = "Names"
summary = "x"

[comparison."{name}"]
summary = "x"
match_to = "lstm"

[[grid]]
probe = "speed"
comparison = "{name}"
task = "package"
length = 16
arm = "lstm"
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_printed_as_it_is(name, tmp_path, capsys):
    path = tmp_path / "names.toml"
    path.write_text(STUDY.format(name=name))
    loaded = study.load(str(path))
    answers = {cell.key: {"failed": "invalid", "reason": name} for cell in loaded.cells}
    display = Display(console(160))
    display.plan(loaded, loaded.cells, answers, 1.0)
    with display.progress(1.0):
        display.advance(loaded.cells[0], 0.5)
        display.ended(loaded.cells[0], {"status": "failed", "reason": name}, 1.0)
    said = capsys.readouterr().out.splitlines()
    assert any(f"│ {name}" in line for line in said), "in the table"
    assert f"invalid: {name}" in said
    assert any(line.endswith(f"failed: {name}") or f"failed: {name} " in line for line in said)


def test_a_plan_has_the_sizes_that_were_solved_for(tmp_path, capsys):
    """Once where they are the same at every length; of a reference, whose size is its own, none."""
    path = tmp_path / "sized.toml"
    path.write_text(
        STUDY.format(name="sized")
        .replace("length = 16", "length = [16, 64]")
        .replace('arm = "lstm"', 'arm = ["lstm", "gru", "transformer"]')
    )
    loaded = study.load(str(path))
    sizes = {"transformer": {16: 20, 64: 20}, "gru": {16: 24, 64: 25}}
    answers = {
        cell.key: {"match": {
            "quantity": "params", "dimension": "hidden_size", "error": 0.004,
            "size": sizes[cell.arm][cell.length] if cell.arm in sizes else None,
        }} for cell in loaded.cells
    }  # fmt: skip
    Display(console(160)).plan(loaded, loaded.cells, answers, 1.0)
    said = capsys.readouterr().out.splitlines()
    told = [line for line in said if "hidden_size" in line]
    assert sorted(told, reverse=True) == [
        "sized: transformer has the body parameters of lstm at hidden_size 20 (+0.4%)",
        "sized: gru has the body parameters of lstm at hidden_size 24 (+0.4%) for T=16, "
        "hidden_size 25 (+0.4%) for T=64",
    ]


def test_sizes_that_differ_by_task_say_so(tmp_path, capsys):
    path = tmp_path / "tasks.toml"
    path.write_text(
        STUDY.format(name="tasks").replace('task = "package"', 'task = ["package", "roles"]')
    )
    loaded = study.load(str(path))
    sizes = {"package": 20, "roles": 18}
    answers = {
        cell.key: {"match": {
            "quantity": "params", "dimension": "hidden_size", "error": 0.0, "size": sizes[cell.task]
        }} for cell in loaded.cells
    }  # fmt: skip
    Display(console(160)).plan(loaded, loaded.cells, answers, 1.0)
    told = [line for line in capsys.readouterr().out.splitlines() if "hidden_size" in line]
    assert told == [
        "tasks: lstm has the body parameters of lstm at hidden_size 20 (+0.0%) for package, "
        "hidden_size 18 (+0.0%) for roles"
    ]


def test_a_bar_shows_a_name_as_it_is(tmp_path):
    path = tmp_path / "names.toml"
    path.write_text(STUDY.format(name="[bold]x"))
    (cell,) = study.load(str(path)).cells[:1]
    terminal = Console(width=160, record=True, force_terminal=True, markup=False, emoji=False)
    display = Display(terminal)
    with display.progress(1.0):
        display.advance(cell, 0.5)
    assert "[bold]x" in terminal.export_text()


class Terminal(io.StringIO):
    """Takes what a terminal would."""

    def isatty(self):
        return True


def test_a_name_moves_no_cursor_and_turns_no_line(tmp_path):
    path = tmp_path / "names.toml"
    path.write_text(STUDY.format(name="names"))
    (cell,) = study.load(str(path)).cells[:1]
    cell = cell.model_copy(update={"comparison": HOSTILE})
    terminal = Terminal()
    display = Display(console(160, terminal))
    table = Table("name")
    table.add_row(HOSTILE)
    display.console.print(table)
    with display.progress(1.0):
        display.advance(cell, 0.5)
        display.ended(cell, {"status": "failed", "reason": HOSTILE}, 1.0)
    seen = terminal.getvalue()
    assert seen.count("]8;;https://example.orga[2Ab2Jcdef") >= 4, "table, bar, name and reason"
    for sign in "\x07\x9b\u202e\u2066\ud800":
        assert sign not in seen
    assert "\x1b]" not in seen
    assert "\x1b[2Ab" not in seen


def test_a_file_has_no_cursor_to_move_whatever_colours_are_forced(monkeypatch, tmp_path):
    monkeypatch.setenv("FORCE_COLOR", "1")
    path = tmp_path / "names.toml"
    path.write_text(STUDY.format(name="names"))
    (cell,) = study.load(str(path)).cells[:1]
    written = io.StringIO()
    display = Display(console(160, written))
    with display.progress(1.0):
        display.advance(cell, 0.5)
        display.ended(cell, {"status": "failed", "reason": "x"}, 1.0)
    assert "\x1b" not in written.getvalue()
    assert " left]" in written.getvalue()
