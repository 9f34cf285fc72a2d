"""How commands name a study's file and its folder of records."""

import hashlib
import shlex
from pathlib import Path

import pytest

from bench import study
from bench.study import places

from ...conftest import TINY


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Somebody's home, with a project that is worked in."""
    folder = tmp_path.resolve() / "home"
    (folder / "project").mkdir(parents=True)
    monkeypatch.setattr(Path, "home", lambda: folder)
    monkeypatch.chdir(folder / "project")
    return folder


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("x.toml", "x.toml"), ("my studies/x.toml", "my studies/x.toml"),
        ("../x.toml", "~/x.toml"), ("../../x.toml", "OUT/x.toml"), ("-x", "./-x"), ("~x", "./~x"),
        ("quick", "./quick"),
    ],
)  # fmt: skip
def test_a_path_is_named_from_here(home, path, said):
    assert places.written(Path(path)) == said.replace("OUT", str(home.parent))


def test_a_home_below_here_is_not_named(home, monkeypatch):
    monkeypatch.chdir(home.parent)
    assert places.written(home / "x.toml") == "~/x.toml"


def test_a_command_is_what_the_shell_is_given():
    parts = ["rvt", "run", "my studies/$x.toml", "--output", "~/my reports"]
    said = places.command(parts)
    assert said == "rvt run 'my studies/$x.toml' --output ~/'my reports'"
    assert shlex.split(said) == parts


def test_what_moves_together_finds_itself(home):
    file, folder = home / "project/a/x.toml", home / "project/reports/x"
    kept = places.seen_from(folder, file)
    assert kept == "../../a/x.toml"
    assert places.found_from(folder, kept) == file
    assert places.found_from(home / "other/reports/x", kept) == home / "other/a/x.toml"


def test_a_whole_path_is_not_written_down(home, monkeypatch):
    monkeypatch.setattr(Path, "resolve", lambda path: path)  # that of folders which are not here
    folder = Path("/scratch/reports/x")
    kept = places.seen_from(folder, Path("/projects/a/x.toml"))
    assert kept == f"sha256:{hashlib.sha256(b'/projects/a/x.toml').hexdigest()[:16]}"
    assert places.found_from(folder, kept) is None


def test_a_study_says_where_its_file_is(tmp_path, monkeypatch):
    (tmp_path / "my studies").mkdir()
    (tmp_path / "my studies/own.toml").write_text(TINY.read_text())
    monkeypatch.chdir(tmp_path)
    loaded = study.load("my studies/own.toml")
    assert (loaded.name, loaded.source) == ("own", "my studies/own.toml")
    assert loaded.file.samefile(tmp_path / "my studies/own.toml")
    shipped = study.load("quick")
    assert (shipped.source, shipped.file) == ("quick", None)
