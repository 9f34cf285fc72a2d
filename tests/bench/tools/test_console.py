"""Names that other libraries would take for markup."""

import pytest
from rich.console import Console

from bench import study
from bench.tools.console import console
from bench.tools.display import Display

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


def test_a_bar_shows_a_name_as_it_is(tmp_path):
    path = tmp_path / "names.toml"
    path.write_text(STUDY.format(name="[bold]x"))
    (cell,) = study.load(str(path)).cells[:1]
    terminal = Console(width=160, record=True, force_terminal=True, markup=False, emoji=False)
    display = Display(terminal)
    with display.progress(1.0):
        display.advance(cell, 0.5)
    assert "[bold]x" in terminal.export_text()
