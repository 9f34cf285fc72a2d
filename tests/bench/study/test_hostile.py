"""Study files that nobody would write by mistake, and that must end in one clear sentence too."""

import pytest

from bench import study
from bench.study import StudyError

from ...conftest import TINY
from .files import written

SEED = "seed = [0, 1]"


def refused(path):
    with pytest.raises(StudyError) as error:
        study.load(str(path))
    return str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('probe = "speed"', 'probe = ["speed"]',
         "28: grid[1].probe: expected text in quotes. Got ['speed']."),
        ('probe = "speed"', "probe = {}",
         "28: grid[1].probe: expected text in quotes. Got a table."),
        ("[comparison.scratch]", "[[comparison]]",
         "4: comparison: expected tables that each have a name, [comparison.NAME]. Got a list"),
        (SEED, "seed = 1" + "0" * 5000,
         "19: cannot be read as TOML: expected a number of at most 9,223,372,036,854,775,807. Got"),
        (SEED, "seed = 0x1" + "0" * 5000, "19: grid[0].seed: expected a number of at most"),
        (SEED, "seed = " + "[" * 3000 + "]" * 3000,
         "19: cannot be read as TOML: expected tables and lists at most 8 deep."),
        (SEED, "seed = " + "[" * 30 + "]" * 30,
         "19: grid[0].seed[0][0][0][0][0]: expected tables and lists at most 8 deep."),
        ("[comparison.scratch]", f"[comparison.{'x' * 300}]",
         ": expected a name of at most 60 characters. Got 300."),
        ('title = "Tiny"', 'title = "Tiny"\ntimeout_s = 1e10',
         "2: timeout_s: expected a whole number. Got 10000000000.0."),
        ('title = "Tiny"', 'title = "Tiny"\ntimeout_s = 10000000000',
         "2: timeout_s: expected at most 2,000,000. Got 10000000000."),
        ("threads = 1\nlength = 16\n",
         f"threads = {list(range(1, 4001))}\nlength = {list(range(16, 1016))}\n"
         "device = ['cpu', 'cuda', 'mps', 'xpu']\ndenormals = ['keep', 'flush']\n"
         "dtype = ['float32', 'float64', 'tf32', 'bfloat16', 'float16', 'pure_bfloat16',"
         " 'pure_float16']\n",
         "12: grid[0]: expected at most 20,000 cells in a study, so that it ends. Got 896,000,018, "
         "of which this grid makes 896,000,000: list fewer values."),
        (SEED, f"seed = {list(range(100_000))}", "12: grid[0]: expected at most 20,000 cells"),
        ("num_layers = 1\n", "num_layers = 1000000\n",
         "8: comparison.scratch.num_layers: expected at most 1,000. Got 1000000."),
        (SEED, "seed = 1" + "0" * 26, "19: grid[0].seed: expected a number of at most"),
        (SEED, "seed = 4294967296", "19: grid[0].seed[0]: expected at most 4,294,967,295."),
        ("batch_size = 4", "batch_size = 1" + "0" * 23, "expected a number of at most"),
        ("batch_size = 4", "batch_size = 100000000", "expected at most 10,000,000. Got 100000000."),
        ("trial_steps = 2", "trial_steps = 2\ntest_lengths = [64, 1000000]",
         "grid[0].test_lengths: task 'package' has lengths from 16 to 8192. Got 1000000."),
        ("trial_steps = 2", "trial_steps = 2\nshortest = 17",
         "grid[0].shortest: expected at most the shortest window, 16. Got 17."),
        ("threads = 1", 'threads = "some"',
         "expected a number of threads, from 1 to 4,096, or 'all'. Got 'some'."),
        ('title = "Tiny"', 'title = "\\u001b[31mTiny"',
         "1: title: expected text without control characters. Got '\\x1b' in it."),
        ('title = "Tiny"', 'title = "\\u202eTiny"', "1: title: expected text without control"),
        ('title = "Tiny"', "title = 2024-01-01",
         "1: title: expected text, a number, true or false. Got the date or time 2024-01-01:"),
        ('title = "Tiny"', 'title = "Tiny"\npublished = [1]',
         "2: published[0]: expected a table. Got 1."),
        ("[[grid]]", "[grid]", "cannot be read as TOML"),
        ("", "\x00", "1: cannot be read as TOML: Invalid statement, at column 1."),
    ],
)  # fmt: skip
def test_one_sentence_with_its_line(tmp_path, old, new, said):
    found = refused(written(tmp_path, TINY.read_text().replace(old, new, 1)))
    assert said in found, found
    assert max(map(len, found.splitlines())) < 1000


def test_what_is_wrong_everywhere_is_said_a_hundred_times_at_most(tmp_path):
    many = ", ".join(f"-{n}" for n in range(1, 5000))
    lines = refused(written(tmp_path, TINY.read_text().replace(SEED, f"seed = [{many}]")))
    assert lines.count("\n") == 100
    assert lines.endswith("wrong.toml: 4,899 more mistakes: mend these first.")


@pytest.mark.parametrize(
    "name",
    ["...toml", "..toml", ".toml", "-x.toml", "~.toml", "a:b.toml", "a\nb.toml", "\u202eb.toml",
     "x" * 61 + ".toml", "a .toml", " a.toml"],
)  # fmt: skip
def test_a_file_whose_name_no_folder_can_have(tmp_path, name):
    path = tmp_path / name
    path.write_text(TINY.read_text())
    found = refused(path)
    assert "expected a file's name that a folder can have too" in found
    assert found.isprintable()


@pytest.mark.parametrize("name", ["mine.toml", "my study.v2.toml", "studie_ä.toml", "1+1.toml"])
def test_a_file_with_a_name_of_its_own(tmp_path, name):
    path = tmp_path / name
    path.write_text(TINY.read_text())
    assert study.load(str(path)).name == name.removesuffix(".toml")


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "", ".", "\x1b[31m"])
def test_a_name_that_no_file_can_have(name):
    found = refused(name)
    assert found.startswith("unknown study ")
    assert found.isprintable()
    assert len(found) < 500


def test_a_file_that_is_no_text_of_a_sensible_size(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_bytes(b"\xff\xfe\x00")
    assert refused(path) == (
        "wrong.toml: cannot be read as TOML: expected UTF-8. Got another byte at 0."
    )
    path.write_text("#" * 1_000_001)
    assert refused(path) == "wrong.toml: expected at most 1,000,000 bytes. Got 1,000,001."


def test_many_grids_take_no_longer_than_they_are(tmp_path):
    """A model of what a grid may hold is made once for a probe."""
    head, first, *_ = TINY.read_text().split("[[grid]]")
    grids = [first.replace(SEED, f"seed = {n}") for n in range(300)]
    planned = study.load(written(tmp_path, "[[grid]]".join([head, *grids])))
    assert len(planned.cells) == 600
