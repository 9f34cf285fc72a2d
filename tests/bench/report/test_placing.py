"""A report takes its place, and what somebody wrote there is not lost."""

import pytest

from bench.report import placing

PARTS = ("README.md", "figures")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "report").mkdir()
    return tmp_path / "report"


def made(tmp_path, text="one", stem="a"):
    work = tmp_path / f"work-{text}-{stem}"
    (work / "figures").mkdir(parents=True)
    (work / "README.md").write_text(text)
    (work / "figures" / f"{stem}.svg").write_text(text)
    return work


def names(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_last_report_gives_way_and_other_files_stay(tmp_path, folder, capsys):
    (folder / "notes.txt").write_text("mine")
    placing.place(made(tmp_path), folder, PARTS)
    placing.place(made(tmp_path, "two", "b"), folder, PARTS)
    assert names(folder) == {"README.md", "figures/b.svg", "notes.txt", placing.LIST}
    assert (folder / "README.md").read_text() == "two"
    assert capsys.readouterr().err == ""


def test_what_was_changed_by_hand_is_kept_and_said(tmp_path, folder, capsys):
    placing.place(made(tmp_path), folder, PARTS)
    (folder / "README.md").write_text("one, and a remark of mine")
    (folder / "figures" / "photo.png").write_bytes(b"mine")
    placing.place(made(tmp_path, "two"), folder, PARTS)
    (kept,) = folder.glob("kept-*")
    assert names(kept) == {"README.md", "figures/photo.png"}
    assert (kept / "README.md").read_text() == "one, and a remark of mine"
    assert "README.md and 1 more. Kept in " in (said := capsys.readouterr().err)
    assert kept.name in said
    (folder / "README.md").write_text("again")
    placing.place(made(tmp_path, "three"), folder, PARTS)
    assert len(list(folder.glob("kept-*"))) == 2


def test_a_page_that_no_report_wrote_is_somebodys(tmp_path, folder):
    (folder / "README.md").write_text("my project")
    placing.place(made(tmp_path), folder, PARTS)
    (kept,) = folder.glob("kept-*")
    assert (kept / "README.md").read_text() == "my project"


def test_what_is_the_same_as_the_new_is_nothing_to_keep(tmp_path, folder):
    placing.place(made(tmp_path), folder, PARTS)
    (folder / placing.LIST).unlink()
    placing.place(made(tmp_path), folder, PARTS)
    assert not list(folder.glob("kept-*"))


def test_a_damaged_list_is_as_none(tmp_path, folder):
    placing.place(made(tmp_path), folder, PARTS)
    (folder / placing.LIST).write_text("[1")
    placing.place(made(tmp_path, "two"), folder, PARTS)
    assert list(folder.glob("kept-*"))
