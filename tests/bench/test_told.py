"""Whose records a folder has, of two studies of one name, and how they are made again."""

import shutil

import pytest

from bench import registry, study, told
from bench.store import Store

from ..conftest import TINY


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A project with two studies of one name, in folders of their own."""
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(TINY, tmp_path / name / "x.toml")
    return tmp_path


def tell(loaded, folder):
    with Store(folder, write=True) as store:
        told.refuse_other(store, loaded)
        told.tell(store, loaded)
        return store.meta("options")


def test_another_file_of_the_name_is_refused_and_both_are_named(place, rvt):
    tell(study.load("a/x.toml"), place / "mine/x")
    tell(study.load("./b/../a/x.toml"), place / "mine/x")  # the same
    done = rvt("run", "b/x.toml", "--output", "mine", "--fresh", cwd=place)
    assert done.code == 2
    assert done.err == (
        "mine/x has the records of the study a/x.toml. Got b/x.toml, a study of the same name: "
        "give --output another folder, or rename its file.\n"
    )
    with Store(place / "mine/x") as store:
        assert store.meta("source") == "a/x.toml"


def test_a_file_that_was_moved_or_whose_project_was_is_the_same(place):
    tell(study.load("a/x.toml"), place / "mine/x")
    (place / "a/x.toml").rename(place / "x.toml")
    tell(study.load("x.toml"), place / "mine/x")
    shutil.copytree(place, place / "copy")
    tell(study.load("copy/x.toml"), place / "copy/mine/x")


def test_of_a_file_that_has_no_folder_in_common_the_name_and_a_digest_tell(place):
    folder, loaded = place / "mine/x", study.load("a/x.toml")
    tell(loaded, folder)
    with Store(folder, write=True) as store:
        store.set_meta(file="sha256:0123456789abcdef")
    tell(loaded, folder)  # from the same place of a project that was moved
    with Store(folder, write=True) as store:
        store.set_meta(file="sha256:0123456789abcdef")
        with pytest.raises(told.ChangedError, match=r"study a/x\.toml\. Got b/x\.toml"):
            told.refuse_other(store, study.load("b/x.toml"))


def test_a_study_of_the_suite_and_a_file_of_its_name(place):
    (place / "a/x.toml").rename(place / "quick.toml")
    for first, second in (("quick", "quick.toml"), ("quick.toml", "quick")):
        folder = place / f"of {first}" / "quick"
        tell(study.load(first), folder)
        tell(study.load(first), folder)
        with pytest.raises(told.ChangedError, match=f"the study {first}. Got {second}, a study"):
            tell(study.load(second), folder)


def test_records_of_before_say_no_more_than_a_files_name(place):
    folder = place / "mine/x"
    tell(study.load("a/x.toml"), folder)
    with Store(folder, write=True) as store:
        store.set_meta(source="x.toml", file=None)
    tell(study.load("b/x.toml"), folder)


@pytest.mark.parametrize(
    ("output", "said"),
    [("reports/local", []), ("my reports", ["--output", "my reports"]), (".", ["--output", "."])],
)
def test_what_a_run_was_given_is_kept_to_make_it_again(place, output, said):
    loaded = study.load("a/x.toml", ["cpu", "cuda"], ["offline"])
    options = tell(loaded, place / output / "x")
    assert options == ["--device", "cpu,cuda", "--data", "offline", *said]


def test_a_study_of_the_suite_is_the_same_by_its_path(tmp_path):
    """And where an older version wrote its file's name down."""
    path = str(registry.studies()["smoke"])
    for first, second in (("smoke", path), (path, "smoke")):
        tell(study.load(first), tmp_path / first.replace("/", "-"))
        tell(study.load(second), tmp_path / first.replace("/", "-"))
    with Store(tmp_path / "before", write=True) as store:
        store.set_meta(source="smoke.toml")
    tell(study.load("smoke"), tmp_path / "before")
