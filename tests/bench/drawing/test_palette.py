"""Colours and places of arms: one each, also of those that somebody else adds."""

import re
import sys

import pytest

from bench import registry
from bench.drawing import palette
from models import extensions

ARM = '"""An arm of somebody\'s."""\n\nWEIGHTS = "random"\nKERNELS = ("loop",)\nARM = None\n'


@pytest.fixture
def add(tmp_path, monkeypatch):
    """Install a package with arms (name -> further lines of its file), as a distribution does."""

    def add(arms):
        folder = tmp_path / "somebodys" / "arms"
        folder.mkdir(parents=True)
        for package in (folder.parent, folder):
            (package / "__init__.py").touch()
        for name, lines in arms.items():
            (folder / f"{name}.py").write_text(ARM + lines)
        info = tmp_path / "somebodys-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: somebodys\nVersion: 1.0\n")
        entry = f"[{extensions.GROUP}]\nmine = somebodys\n"
        (info / "entry_points.txt").write_text(entry)
        monkeypatch.syspath_prepend(tmp_path)
        forget()
        assert set(arms) < set(registry.arms())

    yield add
    monkeypatch.undo()
    sys.modules.pop("somebodys", None)
    forget()


def forget():
    """What was read of the folders."""
    for cached in (extensions.folders, registry._entries, palette._colours):
        cached.cache_clear()


def colours():
    return {arm: palette.colour(arm) for arm in registry.arms()}


def test_every_arm_has_a_colour_that_no_other_has():
    found = colours()
    assert len(found) == len(set(found.values()))
    assert all(re.fullmatch(r"#[0-9A-F]{6}", shade) for shade in found.values())


@pytest.mark.parametrize("number", [1, len(palette.SPARE), len(palette.SPARE) + 1, 30])
def test_so_has_each_of_many_that_say_none(number, add):
    before = colours()
    add({f"arm_{n}": "" for n in range(number)})
    after = colours()
    assert len(after) == len(before) + number
    assert len({shade.upper() for shade in after.values()}) == len(after)
    assert {arm: after[arm] for arm in before} == before, "what one adds recolours nobody"


def test_a_colour_of_the_spare_ones_that_an_arm_asks_for_is_its_own(add):
    asked = palette.SPARE[1].lower()
    add({"a": "", "b": "", "z": f'COLOUR = "{asked}"\n'})
    found = colours()
    assert found["z"] == asked
    assert len({shade.upper() for shade in found.values()}) == len(found)
    assert asked.upper() not in {palette.colour(f"not_here_{n}") for n in range(50)}


def test_an_arm_of_somebody_elses_records_has_none_of_ours(add):
    add({f"arm_{n}": "" for n in range(6)})
    taken = set(colours().values())
    for n in range(50):
        assert palette.colour(f"not_here_{n}") not in taken
    assert palette.colour("not_here_1") == palette.colour("not_here_1")


def test_two_arms_of_one_colour_or_name_are_refused(add):
    arm, entry = next((a, e) for a, e in registry.arms().items() if "COLOUR" in e.literals)
    shade, label = entry.literals["COLOUR"], registry.label(arm)
    with pytest.raises(registry.RegistryError) as refused:
        add({"a": f"COLOUR = {shade!r}\nLABEL = {label!r}\n"})
    assert f"COLOUR = {shade!r} is taken by" in str(refused.value)
    assert f"LABEL = {label!r} is taken by" in str(refused.value)


def test_a_legend_stands_as_the_files_say_then_by_name(add):
    ours = sorted(registry.arms(), key=palette.rank)
    add({"b": "", "a": "", "last": "RANK = 999\n", "first": "RANK = -1\n"})
    assert sorted(registry.arms(), key=palette.rank) == ["first", *ours, "last", "a", "b"]
    assert palette.rank("not_here") > palette.rank("last")
