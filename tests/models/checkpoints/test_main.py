"""Fetching from the command line."""

from models.checkpoints import MINILM
from models.checkpoints import __main__ as fetch


def test_fetching_from_the_command_line(saved, capsys):
    assert fetch.main([str(saved), MINILM.name]) == 0
    assert capsys.readouterr().out.count("verified in") == 2
    assert fetch.main(["gpt2@main", MINILM.name]) == 1
    assert "moving revision" in capsys.readouterr().err
