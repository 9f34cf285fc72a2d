"""Whether a report is of its records: one that was stopped is written anew by who comes next."""

import errno
import json
from pathlib import Path

import pytest

from bench.report import answers, placing, render
from bench.report.tries import Tries
from bench.store import StoreError, archive

PUBLISHED = Path(__file__).parents[3] / "reports/published/accelerator" / archive.PACKED


@pytest.fixture
def source():
    return archive.Archive(PUBLISHED)


@pytest.fixture
def folder(source, tmp_path):
    """As much of a report as says what it is of."""
    (tmp_path / render.PAGE).touch()
    said = {"schema": answers.SCHEMA, "records": {"sha256": source.digest}}
    answers.write(said, tmp_path / answers.FILE)
    return tmp_path


def test_a_report_of_these_records_is_current(source, folder):
    assert render.current(source, folder)


@pytest.mark.parametrize("lost", [render.PAGE, answers.FILE])
def test_one_that_lacks_a_page_is_not(source, folder, lost):
    (folder / lost).unlink()
    assert not render.current(source, folder)


@pytest.mark.parametrize("said", [{"sha256": "of others"}, {}, [], None])
def test_one_of_other_records_is_not(source, folder, said):
    answers.write({"schema": answers.SCHEMA, "records": said}, folder / answers.FILE)
    assert not render.current(source, folder)


def test_one_that_was_taking_its_place_is_not(source, folder):
    (folder / placing._NEXT).write_text(json.dumps({}))
    assert not render.current(source, folder)


def test_two_writers_are_no_report(source, folder):
    with placing.work(folder), pytest.raises(StoreError, match="written by another process"):
        render.write(source, folder)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_no_part_s_own_failure(number):
    def draw():
        raise OSError(number, "full")

    with pytest.raises(OSError, match="full"):
        Tries()("figure", draw)


def test_another_failure_is_one_line(capsys):
    tries = Tries()
    assert tries("figure", Path("nowhere/at all").read_text) is None
    assert tries.failures == [
        "figure: FileNotFoundError: [Errno 2] No such file or directory: 'nowhere/at all'"
    ]
