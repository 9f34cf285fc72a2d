"""Where a report lies."""

from pathlib import Path

import pytest

from bench.report import located
from bench.report.answers import AnswersError


def test_a_report_is_its_folder_or_a_file_of_it(tmp_path):
    (tmp_path / "pages").mkdir()
    for name in ("claim.json", "report.html", "pages/method.html"):
        (tmp_path / name).touch()
        assert located.folder(tmp_path / name) == tmp_path
    assert located.folder(tmp_path) == tmp_path
    for place, words in ((tmp_path / "pages", "a folder with claim.json"),
                         (tmp_path / "none", "There is no such file")):  # fmt: skip
        with pytest.raises(AnswersError, match=words):
            located.folder(place)


def test_no_folder_of_this_machine_is_quoted(tmp_path, monkeypatch):
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    assert located.spoken(tmp_path / "a/b") == "b"
    assert located.spoken(Path("../a/b")) == "b"
    assert located.spoken(Path()) == "a"
    assert located.spoken(Path("x/b")) == "x/b"


@pytest.mark.parametrize("text", [
    "example.org", "file:///x", "https://", "https://a b", "http://[", "javascript:alert(1)",
    "https://a/{b}", "https://a/小",
])  # fmt: skip
def test_an_address_is_one(text):
    with pytest.raises(AnswersError, match="expected an address"):
        located.address(text)
