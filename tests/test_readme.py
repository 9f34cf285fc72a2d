"""What README shows is true: its code runs, and its study is one."""

import re
from pathlib import Path

import pytest

from bench import study
from bench.tasks import package

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", ["recurrent", "bert"])
def test_one_name_swaps_the_model(name, capsys):
    (source,) = blocks("python")
    swapped = source.replace('name = "recurrent"', f"name = {name!r}")
    assert repr(name) in swapped or f'"{name}"' in swapped
    namespace = {"__name__": "readme"}
    exec(compile(swapped, "README.md", "exec"), namespace)
    assert namespace["model"].config.model_type == name
    printed = capsys.readouterr().out
    accuracy = float(re.fullmatch(rf"{name}: (0\.\d\d) of windows placed.*\n", printed)[1])
    assert accuracy > 1 / len(package.LABELS), "no better than guessing"


def test_the_study_is_valid(tmp_path):
    (source,) = blocks("toml")
    path = tmp_path / "mine.toml"
    path.write_text(source)
    assert {cell.probe for cell in study.load(str(path)).cells} == {"speed"}
