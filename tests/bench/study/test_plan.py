"""Plans: which cells a study file has, and in which groups."""

import itertools
import json

import pytest

from bench import registry, study
from bench.statistics import intervals
from bench.study import StudyError

from ...conftest import TINY
from .files import written


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
    rounds = [c.protocol["rounds"] for c in study.load(name).cells if "rounds" in c.protocol]
    assert all(count >= intervals.LEAST_ROUNDS for count in rounds)


class TestKernels:
    """A grid lists the kernels of several arms, and each arm takes its own."""

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            (["fused", "native", "loop", "sdpa", "eager"],
             {"lstm": ["fused", "native", "loop"], "transformer": ["sdpa", "eager"]}),
            (["default", "fused"], {"lstm": ["fused"], "transformer": ["sdpa"]}),
            (["loop"], {"lstm": ["loop"], "transformer": ["loop"]}),
        ],
        ids=["each its own", "default beside its name", "none of its own"],
    )  # fmt: skip
    def test_each_arm_has_its_own(self, tmp_path, asked, found):
        head, *grids = TINY.read_text().split("[[grid]]")
        grid = next(grid for grid in grids if 'probe = "speed"' in grid)
        text = f"{head}[[grid]]\nkernel = {json.dumps(asked)}{grid}"
        cells = study.load(written(tmp_path, text)).cells
        for arm, kernels in found.items():
            assert list(dict.fromkeys(c.kernel for c in cells if c.arm == arm)) == kernels


class TestData:
    """Data sets of the hub in place of what a study's tasks cut or generate."""

    def test_hub_is_every_data_set_that_stands_beside_a_task(self):
        found = {(c.task, c.data) for c in study.load("quick", data=["hub"]).cells}
        kept = {("parity", "offline"), ("copy_memory", "offline")}  # which none stands beside
        hub = {("package", "imdb"), ("package", "sst2"), ("language", "wikitext2")}
        assert found == hub | kept

    def test_a_task_that_none_of_them_stands_beside_keeps_its_own(self):
        found = {(c.task, c.data) for c in study.load("quick", data=["imdb"]).cells}
        own = {(task, "offline") for task in ("language", "parity", "copy_memory")}
        assert found == {("package", "imdb")} | own

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
    """Lengths to 512 but for trainings, three seeds of these, a task for each side, and MiniLM."""
    cells = study.load("quick").cells
    compared = {c.arm for c in cells if c.comparison == "scratch"}
    assert len(compared) > 2
    for probe in {c.probe for c in cells}:
        scratch = [c for c in cells if c.probe == probe and c.comparison == "scratch"]
        assert probe == "learning" or max(c.length for c in scratch) >= 512
        assert {c.arm for c in scratch} == compared
    trained = [c for c in cells if c.probe == "learning"]
    for task in ("parity", "copy_memory", "package"):
        own = [c for c in trained if c.task == task]
        assert {(c.arm, c.seed) for c in own} == {
            (arm, seed) for arm in compared for seed in range(3)
        }
        assert all(c.protocol["patience"] for c in own)
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
    text = text.replace('task = "language"', 'task = "docstring"')  # which may be read both ways
    cell = study.load(written(tmp_path, text)).cells[0]
    assert (cell.model.match, cell.model.match_to) == ("flops", "lstm")
    options = cell.model.recurrent.model_dump(exclude_defaults=True)
    assert options == {"bidirectional": True, "forget_bias": 1.0}
    assert study.Cell.model_validate(cell.model_dump(mode="json")) == cell


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


class TestTokenizer:
    """Whose token ids a comparison has that says nothing, or asks for either."""

    def of(self, tmp_path, text):
        planned = study.load(written(tmp_path, text))
        (found,) = {cell.model.tokenizer for cell in planned.cells}
        assert found == planned.comparisons["scratch"].tokenizer
        return found

    def test_its_own_where_no_checkpoint_takes_part(self, tmp_path):
        assert self.of(tmp_path, TINY.read_text()) == "corpus"

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ('match_to = "transformer"', 'match_to = "pretrained"'),
            ('match_to = "transformer"', 'match_to = "transformer"\ncheckpoint = "gpt2"'),
            ('arm = ["lstm", "transformer"]\nnew_', 'arm = ["lstm", "pretrained"]\nnew_'),
            ('match_to = "transformer"', 'match_to = "transformer"\ntokenizer = "checkpoint"'),
        ],
    )
    def test_the_checkpoints_where_one_does_or_it_is_asked_for(self, tmp_path, old, new):
        assert self.of(tmp_path, TINY.read_text().replace(old, new)) == "checkpoint"

    @pytest.mark.parametrize(
        ("option", "said"),
        [
            ('match_to = "pretrained"\ntokenizer = "corpus"', "arm pretrained of this comparison"),
            ('match_to = "lstm"\ncheckpoint = "gpt2"\ntokenizer = "corpus"', "the checkpoint of"),
            ('match_to = "lstm"\ntokenizer = "corpse"', "unknown tokenizer 'corpse'. Did you mean"),
        ],
    )
    def test_what_cannot_be_is_named_with_its_line(self, tmp_path, option, said):
        text = TINY.read_text().replace('match_to = "transformer"', option)
        with pytest.raises(StudyError, match=said) as error:
            study.load(written(tmp_path, text))
        line = int(str(error.value).split(":")[1])
        assert text.splitlines()[line - 1].startswith("tokenizer")

    def test_a_record_that_says_nothing_was_read_through_the_checkpoints(self):
        cell = study.load(str(TINY)).cells[0].model_dump(mode="json")
        del cell["model"]["tokenizer"]
        assert study.Cell.model_validate(cell).model.tokenizer == "checkpoint"


def test_a_comparison_without_pretraining_says_nothing_of_it(tmp_path):
    """So that cells of before there was any have the keys that they had."""
    plain = study.load(str(TINY)).cells[0]
    assert "pretraining" not in plain.model_dump(mode="json")["model"]
    assert "pretraining" not in plain.alike
    text, head = TINY.read_text().replace("max_positions = 32\n", ""), "[comparison.scratch]\n"
    keys = set()
    for said in ('pretraining = "self"', "pretraining = {}", "pretraining = {seed = 1}"):
        path = written(tmp_path, text.replace(head, f"{head}{said}\n"))
        cell = study.load(path).cells[0]
        assert study.Cell.model_validate(cell.model_dump(mode="json")) == cell
        keys.add(cell.key)
    assert len(keys) == 2
    assert plain.key not in keys
