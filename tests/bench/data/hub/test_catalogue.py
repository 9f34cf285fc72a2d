"""The catalogue: which data sets there are, and beside which task each stands."""

import subprocess
import sys

import pytest

from bench.data.hub import catalogue
from bench.data.hub import task as data_hub
from bench.data.hub.catalogue import CATALOGUE, find

from .sets import SETS


def test_every_data_set_of_the_list_stands_beside_its_task():
    assert set(SETS) == set(catalogue.names())
    assert catalogue.names("package") == ("imdb", "sst2")
    assert catalogue.names("docstring") == ("opus_books", "wmt16", "cnn_dailymail")
    assert catalogue.names("search") == ("stsb", "code_search_net")
    assert catalogue.names("parity") == ()


@pytest.mark.parametrize("name", SETS)
def test_says_what_a_task_file_says(name):
    task = data_hub.task(name)
    assert task.KIND == "real"
    assert catalogue.CATALOGUE[name].head == task.HEAD
    assert task.LENGTHS[0] < task.LENGTHS[1]
    assert task.EXPECTED.split(":")[0].split()[0] in ("either", "transformer", "recurrence")
    assert task.__name__ == name
    assert len(task.entry.revision) == 40
    assert (task.TARGET_LENGTH is not None) == (task.HEAD == "AutoModelForSeq2SeqLM")
    assert task.entry.about.endswith(".")


def test_the_same_object_each_time():
    assert data_hub.task("imdb") is data_hub.task("imdb")


def test_unknown_names_list_the_nearest():
    with pytest.raises(ValueError, match=r"unknown data 'sst3'\. Did you mean 'sst2'") as error:
        find("sst3")
    assert "wikitext2" in str(error.value)


def test_of_another_task():
    assert find("imdb", "package") is CATALOGUE["imdb"]
    with pytest.raises(ValueError, match=r"'package'\. Choose from: offline, conll2003"):
        find("imdb", "roles")


@pytest.mark.parametrize("revision", ["main", "e628166", "E" * 40, ""])
def test_a_moving_revision_is_refused(revision):
    commit = CATALOGUE["imdb"].revision
    with pytest.raises(ValueError, match=f"Expected 40 hex digits: imdb@{commit}"):
        find(f"imdb@{revision}")


def test_another_commit_keeps_the_schema_and_loses_the_hashes():
    entry = find("imdb@" + "a" * 40)
    assert entry.columns == CATALOGUE["imdb"].columns
    assert (entry.revision, entry.sha256) == ("a" * 40, {})


def test_names_are_cheap():
    code = (
        "import sys; from bench.data.hub import catalogue, task\n"
        "task.task('imdb').LENGTHS; heavy = "
        "{'torch', 'datasets', 'transformers', 'pyarrow', 'PIL'} & set(sys.modules); "
        "assert not heavy, heavy; print(*catalogue.names())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == list(CATALOGUE), done.stderr
