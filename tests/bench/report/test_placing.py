"""A report takes its place, and what somebody wrote there is not lost."""

from pathlib import Path

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


SIGNS = ("README.md",)


def stopped_at(call, tmp_path, folder, monkeypatch, text):
    """A writer that is gone at its so many-th move; whether there was one."""
    moves, replace = [], Path.replace

    def counted(self, target):
        moves.append(target)
        if len(moves) == call:
            raise KeyboardInterrupt
        return replace(self, target)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", counted)
        try:
            placing.place(made(tmp_path, text), folder, PARTS, SIGNS)
        except KeyboardInterrupt:
            return True
    return False


def test_parts_of_two_reports_never_lie_there_without_a_sign(tmp_path, folder, monkeypatch, capsys):
    """Stopped at every move: whole as before, whole as after, or the page says that it is not."""
    placing.place(made(tmp_path, "0"), folder, PARTS, SIGNS)
    call, told = 1, []
    while stopped_at(call, tmp_path, folder, monkeypatch, str(call)):
        page, figure = folder / "README.md", folder / "figures" / "a.svg"
        page = page.read_text()
        told.append("being replaced" in page)
        assert told[-1] or (figure.read_text() == page)
        assert not placing.interrupted(folder) or call > 1
        placing.place(made(tmp_path, f"again {call}"), folder, PARTS, SIGNS)
        assert (folder / "README.md").read_text() == f"again {call}" == figure.read_text()
        assert not placing.interrupted(folder)
        call += 1
    assert len(told) >= 4
    assert any(told)
    assert not list(folder.glob("kept-*")), "nothing of it was anybody's work"
    assert capsys.readouterr().err == ""


def test_what_a_dead_writer_left_is_removed_and_a_living_one_is_left_alone(folder):
    (folder / ".report-dead").mkdir()
    with placing.work(folder) as work:
        assert list(folder.glob(".report-*")) == [work]
        with pytest.raises(placing.Busy), placing.work(folder):
            pass
        assert work.is_dir()
    assert not list(folder.iterdir())
