"""Study files: plans, and every mistake at once."""

import itertools
import random
import subprocess
import sys
from pathlib import Path

import pytest

from bench import registry, study
from bench.statistics import intervals as stats
from bench.study import StudyError

from ...conftest import TINY

WRONG = """\
title = "Wrong"
sumary = "a word misspelt"

[comparison.scratch]
summary = "x"
match_to = "transfomer"
hidden_size = 0

[[grid]]
probe = "learning"
comparison = "scratsh"
task = "package"
length = [16, 100000]
arm = ["lstm", "gruu"]
device = "cuda0"
stepps = 3

[[grid]]
probe = "sped"
comparison = "scratch"
task = "packages"
length = "long"
arm = []
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    return str(path)


def test_every_mistake_at_once_with_its_line(tmp_path):
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, WRONG))
    lines = str(error.value).splitlines()
    for number, words in [
        (2, "unknown field 'sumary'. Did you mean 'summary'?"),
        (1, "summary: missing"),
        (6, "unknown arm 'transfomer'. Did you mean 'transformer'"),
        (7, "comparison.scratch.hidden_size: Input should be greater than or equal to 1. Got 0."),
        (11, "unknown comparison 'scratsh'. Did you mean 'scratch'?"),
        (13, "task 'package' has lengths from 16 to 8192. Got 100000."),
        (14, "unknown arm 'gruu'. Did you mean 'gru'?"),
        (15, "unknown device 'cuda0'. Did you mean 'cuda'"),
        (16, "unknown field 'stepps'. Did you mean 'steps'"),
        (19, "unknown probe 'sped'. Did you mean 'speed'?"),
        (21, "unknown task 'packages'. Did you mean 'package'"),
        (22, "Got 'long'"),
        (23, "grid[1].arm"),
    ]:
        assert any(line.startswith(f"wrong.toml:{number}:") and words in line for line in lines), (
            number,
            words,
            lines,
        )


def test_length_outside_the_task(tmp_path):
    text = TINY.read_text().replace("length = 32\n", "length = 16384\n")
    with pytest.raises(StudyError, match=r"grid\[2\].length: task 'package' has lengths from 16"):
        study.load(written(tmp_path, text))


def test_unknown_study_and_device_name_the_nearest():
    with pytest.raises(StudyError, match=r"unknown study 'qick'. Did you mean 'quick'\?"):
        study.load("qick")
    with pytest.raises(StudyError, match=r"unknown device 'cpuu'. Did you mean 'cpu'"):
        study.load("quick", ["cpuu"])


def test_wrong_device_does_not_hide_the_mistakes_of_the_file(tmp_path):
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, WRONG), ["cpuu"])
    assert "unknown device 'cpuu'" in str(error.value)
    assert "unknown arm 'gruu'" in str(error.value)


@pytest.mark.parametrize("name", registry.studies())
def test_shipped_studies_plan(name):
    planned = study.load(name)
    keys = [cell.key for cell in planned.cells]
    assert len(set(keys)) == len(keys) > 0
    assert [cell for group in planned.groups for cell in group] == list(planned.cells)
    for group in planned.groups:
        shared = {
            cell.model_copy(
                update={"arm": "", "kernel": "", "denormals": ""}
            ).model_dump_json()
            for cell in group
        }  # fmt: skip
        assert len(shared) == 1, "cells of a group differ in arm, kernel or denormals only"
        assert len({cell.threads for cell in group}) == 1
    assert len({group[0].alike for group in planned.groups}) == len(planned.groups)


@pytest.mark.parametrize("name", registry.studies())
def test_shipped_studies_have_rounds_enough_for_an_interval(name):
    rounds = [c.protocol["rounds"] for c in study.load(name).cells if c.probe == "speed"]
    assert all(count >= stats.LEAST_ROUNDS for count in rounds)


class TestData:
    """Data sets of the hub in place of what a study's tasks cut or generate."""

    def test_hub_is_every_data_set_that_stands_beside_a_task(self):
        found = {(c.task, c.data) for c in study.load("quick", data=["hub"]).cells}
        assert found == {("package", "imdb"), ("package", "sst2"), ("language", "wikitext2")}

    def test_a_task_that_none_of_them_stands_beside_keeps_its_own(self):
        found = {(c.task, c.data) for c in study.load("quick", data=["imdb"]).cells}
        assert found == {("package", "imdb"), ("language", "offline")}

    def test_cells_and_groups_of_two_data_sets_are_two(self):
        own, hub = (study.load("quick", data=[name]) for name in ("offline", "imdb"))
        keys = [
            {cell.key for cell in loaded.cells if cell.task == "package"} for loaded in (own, hub)
        ]
        assert not keys[0] & keys[1]
        assert all("imdb" in cell.group for cell in hub.cells if cell.task == "package")

    def test_mistakes_name_the_nearest_and_the_tasks(self):
        with pytest.raises(StudyError, match=r"unknown data 'imbd'\. Did you mean 'imdb'"):
            study.load("quick", data=["imbd"])
        with pytest.raises(StudyError, match="'squad' stands beside no task of this study"):
            study.load("quick", data=["squad"])

    def test_a_grid_may_name_its_own(self, tmp_path):
        text = TINY.read_text().replace('task = "package"\n', 'task = "package"\ndata = "imdb"\n')
        assert {cell.data for cell in study.load(written(tmp_path, text)).cells} >= {"imdb"}


class TestPublished:
    """Figures of others that a study names."""

    KNOWN = '\n[[published]]\ntask = "package"\narm = "lstm"\nlength = 32\nsource = "a paper"\n'

    def test_a_score_or_who_solves_it(self, tmp_path):
        for line in ("score = 0.9\n", "solves = true\n", "score = 0.9\ntested = [41, 500]\n"):
            loaded = study.load(written(tmp_path, TINY.read_text() + self.KNOWN + line))
            assert [known.task for known in loaded.published] == ["package"]

    @pytest.mark.parametrize(
        ("line", "mistake"),
        [
            ("", "expected a score, or solves = true or false"),
            ("score = 0.9\nsolves = true\n", "expected a score, or solves = true or false"),
            ('score = 0.9\ncomparison = "scrach"\n', "Did you mean 'scratch'"),
            ("score = 0.9\nyear = 2018\n", "unknown field 'year'"),
        ],
    )
    def test_mistakes_are_named_with_their_line(self, tmp_path, line, mistake):
        text = TINY.read_text() + self.KNOWN + line
        with pytest.raises(StudyError, match=mistake) as error:
            study.load(written(tmp_path, text))
        assert int(str(error.value).split(":")[1]) > TINY.read_text().count("\n")


def test_quick_keeps_its_promise():
    """Lengths up to 512 for the scratch arms, three seeds for their learning, and MiniLM."""
    cells = study.load("quick").cells
    for probe in registry.probes():
        scratch = [c for c in cells if c.probe == probe and c.comparison in ("scratch", "long")]
        assert max(c.length for c in scratch) >= 512
        assert {c.arm for c in scratch} == {"rnn", "lstm", "gru", "transformer"}
    seeds = {c.seed for c in cells if c.probe == "learning" and c.comparison == "scratch"}
    assert len(seeds) == 3
    assert any(c.arm == "pretrained" and c.length == 256 for c in cells if c.probe == "gradient")


def test_overrides_are_kept_as_they_are_given():
    assert study.load("quick").options == ()
    given = study.load("quick", ["cuda", "cpu"], ["hub"]).options
    assert given == ("--device", "cuda,cpu", "--data", "hub")


def test_devices_replace_those_of_the_study():
    planned = study.load(str(TINY), ["cpu", "cuda"])
    assert {cell.device for cell in planned.cells} == {"cpu", "cuda"}
    assert len(planned.cells) == 2 * len(study.load(str(TINY)).cells)


def test_keys_depend_on_what_is_measured_and_on_nothing_else(tmp_path):
    text = TINY.read_text()
    same = study.load(written(tmp_path, text.replace('title = "Tiny"', 'title = "Other"')))
    other = study.load(written(tmp_path, text.replace("steps = 3", "steps = 4")))
    keys = {cell.key for cell in study.load(str(TINY)).cells}
    assert {cell.key for cell in same.cells} == keys
    changed = {cell.key for cell in other.cells} - keys
    assert len(changed) == 4  # the learning cells


def test_200_damaged_files_and_no_traceback(tmp_path):
    """Each is either a plan or one StudyError."""
    source = (Path(study.__file__).parents[1] / "studies" / "quick.toml").read_text()
    choose = random.Random(0)
    refused = 0
    for _ in range(200):
        text = list(source)
        for _ in range(choose.randint(1, 6)):
            place = choose.randrange(len(text))
            text[place] = choose.choice(['"', "[", "]", "=", "0", "-", "x", "\n", "", ".", "{"])
        try:
            study.load(written(tmp_path, "".join(text)))
        except StudyError as error:
            refused += 1
            assert "wrong.toml" in str(error)
    assert refused > 100


@pytest.mark.parametrize(
    "content", ["grid = 3", "grid = [1]", "[comparison]\nscratch = 1", "", "comparison = []"]
)
def test_wrong_kinds_of_values(content, tmp_path):
    with pytest.raises(StudyError, match=r"wrong\.toml"):
        study.load(written(tmp_path, content))


def test_not_text(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="cannot be read as TOML"):
        study.load(str(path))


COMPARISON = """
[comparison.scratch]
summary = "x"
match = "flop"
match_to = "transformer"
embeddings = "checkpont"

[comparison.shared]
summary = "x"
match_to = "transformer"
embeddings = "checkpoint"

[comparison.options]
summary = "x"
match_to = "lstm"
checkpoint = ""
recurrent = {bidirectonal = true, initialization = "chronos", forget_bias = 1}
"""


def test_mistakes_in_what_is_compared(tmp_path):
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, COMPARISON))
    lines = str(error.value).splitlines()
    for number, words in [
        (4, "unknown match 'flop'. Did you mean 'flops'"),
        (6, "unknown embeddings 'checkpont'. Did you mean 'checkpoint'"),
        (8, "needs a pretrained arm as match_to, one of: pretrained. Got 'transformer'"),
        (16, "comparison.options.checkpoint: String should have at least 1 character"),
        (17, "unknown field 'bidirectonal'. Did you mean 'bidirectional'"),
        (17, "unknown initialization 'chronos'. Did you mean 'chrono'"),
        (17, "forget_bias"),
    ]:
        assert any(line.startswith(f"wrong.toml:{number}:") and words in line for line in lines), (
            number,
            words,
            lines,
        )


NAMED = """
title = "x"
summary = "x"

[comparison.unknown]
summary = "x"
match_to = "pretrained"
checkpoint = "nope"

[comparison.moving]
summary = "x"
match_to = "pretrained"
checkpoint = "owner/name@main"

[comparison.long]
summary = "x"
match_to = "pretrained"
checkpoint = "LONG"

[comparison.known]
summary = "x"
match_to = "pretrained"
checkpoint = "gpt2"

[comparison.nan]
summary = "x"
match_to = "lstm"
recurrent = {forget_bias = nan}

[comparison.inf]
summary = "x"
match_to = "lstm"
recurrent = {forget_bias = inf}

[comparison.attentive]
summary = "x"
match_to = "lstm"
recurrent = {attention = true}

[[grid]]
probe = "speed"
comparison = "attentive"
task = ["package"]
length = 16
arm = "lstm"
""".replace("LONG", "x" * 5000)


def test_mistakes_that_would_show_only_when_a_model_is_made(tmp_path):
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, NAMED))
    lines = str(error.value).splitlines()
    expected = [
        (8, "comparison.unknown.checkpoint: unknown checkpoint 'nope'. Choose from: "),
        (13, "comparison.moving.checkpoint: owner/name: 'main' is a moving revision"),
        (18, "comparison.long.checkpoint: unknown checkpoint 'xxx"),
        (28, "forget_bias: Input should be a finite number. Got nan."),
        (33, "forget_bias: Input should be a finite number. Got inf."),
        (38, "comparison.attentive.recurrent: attention is of a decoder"),
    ]
    assert len(lines) == len(expected), lines
    for line, (number, words) in zip(lines, expected, strict=True):
        assert line.startswith(f"wrong.toml:{number}: ")
        assert words in line


def test_a_plan_is_read_again_where_its_checkpoint_has_gone(tmp_path):
    """A name is checked when a study is loaded; what was planned and recorded stays readable."""
    (tmp_path / "mine").mkdir()
    named = f'match_to = "pretrained"\ncheckpoint = {str(tmp_path / "mine")!r}\n'
    text = TINY.read_text().replace('match_to = "transformer"\n', named)
    cell = study.load(written(tmp_path, text)).cells[0]
    (tmp_path / "mine").rmdir()
    assert study.Cell.model_validate(cell.model_dump(mode="json")) == cell
    with pytest.raises(StudyError, match="unknown checkpoint"):
        study.load(written(tmp_path, text))


def test_what_is_compared_reaches_the_cells(tmp_path):
    added = 'match = "flops"\nrecurrent = {bidirectional = true, forget_bias = 1.0}\n'
    text = TINY.read_text().replace('match_to = "transformer"\n', f'match_to = "lstm"\n{added}')
    cell = study.load(written(tmp_path, text)).cells[0]
    assert (cell.model.match, cell.model.match_to) == ("flops", "lstm")
    options = cell.model.recurrent.model_dump(exclude_defaults=True)
    assert options == {"bidirectional": True, "forget_bias": 1.0}
    assert study.Cell.model_validate(cell.model_dump(mode="json")) == cell


def test_torch_is_not_imported(tmp_path):
    code = (
        "import sys\nfrom bench import cli, study\n"
        "study.load('quick')\n"
        f"try: study.load({written(tmp_path, WRONG)!r})\n"
        "except study.StudyError: pass\n"
        "assert not {'torch', 'transformers', 'datasets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("rounds = 0", "greater than or equal to 2. Got 0"),
        ("rounds = 81", "less than or equal to 80. Got 81"),
        ("budget_s = -1.0", "greater than 0. Got -1.0"),
        ("budget_s = nan", "finite number. Got nan"),
        ("precision = 0.0", "greater than 0. Got 0.0"),
        ("threads = 0", "Got 0"),
        ('threads = "some"', "Got 'some'"),
        ('dtype = "float8"', "unknown dtype 'float8'. Did you mean"),
        ('phase = "prefil"', "unknown phase 'prefil'. Did you mean 'prefill'?"),
    ],
)
def test_a_timing_that_cannot_be_is_refused(tmp_path, line, words):
    name = line.partition(" ")[0]
    kept = [old for old in TINY.read_text().splitlines() if not old.startswith(f"{name} =")]
    at = kept.index('probe = "speed"') + 1
    path = written(tmp_path, "\n".join([*kept[:at], line, *kept[at:]]))
    with pytest.raises(study.StudyError) as error:
        study.load(path)
    assert words in str(error.value), str(error.value)
    assert f".toml:{at + 1}: " in str(error.value)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("stages = [0.5, 1.5]", "less than or equal to 1. Got 1.5"),
        ("stages = [0.0]", "greater than 0. Got 0.0"),
        ("stages = []", "at least 1 item"),
        ("stages = [0.5, 0.5]", "repeats 0.5"),
        ("states = 2", "less than or equal to 1. Got 2"),
        ("rows = 0", "greater than or equal to 1. Got 0"),
        ("clip_norm = 0.0", "greater than 0. Got 0.0"),
        ("clip_norm = inf", "finite number. Got inf"),
    ],
)
def test_a_gradient_that_cannot_be_measured_is_refused(tmp_path, line, words):
    text = TINY.read_text().replace('probe = "gradient"\n', f'probe = "gradient"\n{line}\n', 1)
    with pytest.raises(study.StudyError) as error:
        study.load(written(tmp_path, text))
    assert words in str(error.value), str(error.value)


@pytest.mark.parametrize("apart", [False, True])
def test_subnormals_kept_and_flushed_take_turns(tmp_path, apart):
    """In one grid, or in two that say the same of everything else."""
    text = TINY.read_text()
    start = text.index("[[grid]]", text.index('probe = "speed"') - len("[[grid]]\n"))
    grid = text[start : text.index("[[grid]]", start + 1)]
    settings = ["denormals = 'keep'", "denormals = 'flush'"]
    settings = settings if apart else ["denormals = ['keep', 'flush']"]
    grids = [grid.replace("rounds =", f"{setting}\nrounds =") for setting in settings]
    planned = study.load(written(tmp_path, text.replace(grid, "\n".join(grids))))
    groups = [group for group in planned.groups if group[0].probe == "speed"]
    assert groups
    for group in groups:
        arms = [cell.arm for cell in group if cell.denormals == "keep"]
        assert [(c.denormals, c.arm) for c in group] == list(
            itertools.product(["keep", "flush"], arms)
        )
        assert len({cell.group for cell in group}) == 1
        assert len({cell.name for cell in group}) == len(group)
        assert [(c.denormals, c.arm) for c in study.references(group)] == [
            (setting, group[0].model.match_to) for setting in ("keep", "flush")
        ]


def test_threads_and_half_precision_are_coordinates(tmp_path):
    text = TINY.read_text().replace(
        "rounds = 6\n", 'dtype = ["float32", "bfloat16"]\nrounds = 6\n', 1
    )
    text = text.replace("threads = 1\nlength = [16, 32, 64]", 'threads = [1, "all"]\nlength = 16')
    speed = [c for c in study.load(written(tmp_path, text)).cells if c.probe == "speed"]
    assert {(c.threads, c.dtype) for c in speed} == set(
        itertools.product([1, "all"], ["float32", "bfloat16"])
    )
    assert {"bfloat16 threads=1" in c.group for c in speed} == {True, False}
