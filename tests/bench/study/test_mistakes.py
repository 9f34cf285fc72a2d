"""Every mistake of a study file at once, each with its line, in words that say what to write."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from bench import study
from bench.study import StudyError

from ...conftest import TINY
from .files import written

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


def test_every_mistake_at_once_with_its_line(tmp_path):
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, WRONG))
    lines = str(error.value).splitlines()
    for number, words in [
        (2, "unknown field 'sumary'. Did you mean 'summary'?"),
        (1, "summary: missing"),
        (6, "unknown arm 'transfomer'. Did you mean 'transformer'"),
        (7, "comparison.scratch.hidden_size: expected at least 1. Got 0."),
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
        (16, "comparison.options.checkpoint: expected at least 1 character"),
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
        (18, "comparison.long.checkpoint: expected at most 2,000 characters. Got 5,000."),
        (28, "forget_bias: expected a finite number. Got nan."),
        (33, "forget_bias: expected a finite number. Got inf."),
        (38, "comparison.attentive.recurrent: attention is of a decoder"),
    ]
    assert len(lines) == len(expected), lines
    for line, (number, words) in zip(lines, expected, strict=True):
        assert line.startswith(f"wrong.toml:{number}: ")
        assert words in line


HEAD = """
title = "x"
summary = "x"

[comparison.own]
summary = "x"
match_to = "transformer"
"""
GRID = """
[[grid]]
probe = "speed"
comparison = "own"
task = "package"
length = 16
arm = ["lstm", "transformer"]
"""


@pytest.mark.parametrize(
    ("options", "arms", "task", "line", "words"),
    [
        ("forget_bias = 1.0", ["transformer"], "package", 10,
         "own.recurrent.forget_bias: no arm of this comparison has it (transformer): leave it out. "
         "Arms that have it: lstm."),
        ("forget_bias = 1.0", ["lstm", "gru", "rnn"], "package", 10,
         "gru, rnn have no such option: give those that have it a comparison of their own."),
        ("initialization = 'chrono'\nchrono_length = 8", ["lstm", "rnn"], "package", 11,
         "rnn has no such option"),
        ("initialization = 'chrono'", ["lstm"], "package", 10, "'chrono' needs chrono_length"),
        ("initialization = 'chrono'\nchrono_length = 2", ["lstm"], "package", 11,
         "expected at least 3 steps. Got 2."),
        ("chrono_length = 8", ["lstm"], "package", 10, "Got 'default': leave it out, or ask"),
        ("initialization = 'chrono'\nchrono_length = 8\nforget_bias = 1.0", ["lstm"], "package",
         12, "sets the forget gate: leave it out."),
        ("bidirectional = true", ["lstm"], "language", 10, "must read from left to right"),
        ("attention = true", ["lstm"], "package", 9, "attention is of a decoder"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("inline", [False, True])
def test_options_that_would_change_nothing(options, arms, task, line, words, inline, tmp_path):
    grid = GRID.replace("package", task).replace('"lstm", "transformer"', str(arms)[1:-1])
    if inline:
        table, line = f"recurrent = {{{options.replace(chr(10), ', ')}}}", 8
    else:
        table = f"[comparison.own.recurrent]\n{options}"
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, HEAD + table + "\n" + grid))
    (found,) = str(error.value).splitlines()
    assert found.startswith(f"wrong.toml:{line if inline else line - 1}: ")
    assert words in found


def test_options_that_nothing_would_take_are_all_named_at_once(tmp_path):
    table = "recurrent = {forget_bias = 1.0, bidirectional = true, chrono_length = 9}\n"
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, HEAD + table + GRID.replace('"lstm"', '"rnn"')))
    lines = str(error.value).splitlines()
    assert [line.partition("recurrent.")[2].partition(":")[0] for line in lines] == [
        "chrono_length", "chrono_length", "forget_bias",
    ]  # fmt: skip


def test_an_arm_of_another_grid_may_take_an_option(tmp_path):
    """A transformer alone in a grid stands beside the recurrent arms of the comparison's others."""
    other = GRID.replace('"lstm", ', "").replace("length = 16", "length = 32")
    text = HEAD + "recurrent = {bidirectional = true}\n" + GRID + other
    planned = study.load(written(tmp_path, text)).cells
    assert {(cell.length, cell.arm) for cell in planned} == {
        (16, "lstm"), (16, "transformer"), (32, "transformer"),
    }  # fmt: skip


def test_embeddings_of_a_checkpoint_in_an_arm_that_would_ignore_them(tmp_path):
    head = HEAD.replace('"transformer"', '"pretrained"') + 'embeddings = "checkpoint"\n'
    assert study.load(written(tmp_path, head + GRID.replace('"transformer"', '"pretrained"')))
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, head + GRID))
    (line,) = str(error.value).splitlines()
    assert line.startswith("wrong.toml:8: comparison.own.embeddings: ")
    assert "transformer would ignore it" in line


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
        ("rounds = 0", "expected at least 2. Got 0"),
        ("rounds = 81", "expected at most 80. Got 81"),
        ("budget_s = -1.0", "expected more than 0. Got -1.0"),
        ("budget_s = 0.0", "expected more than 0. Got 0.0"),
        ("want = 'directions'", "unknown want 'directions'. Did you mean 'direction'?"),
        ("budget_s = nan", "expected a finite number. Got nan"),
        ("precision = 0.0", "expected more than 0. Got 0.0"),
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
        ("stages = [0.5, 1.5]", "expected at most 1. Got 1.5"),
        ("stages = [0.0]", "expected more than 0. Got 0.0"),
        ("stages = []", "expected at least 1 value. Got 0"),
        ("stages = [0.5, 0.5]", "repeats 0.5"),
        ("states = 2", "expected at most 1. Got 2"),
        ("rows = 0", "expected at least 1. Got 0"),
        ("clip_norm = 0.0", "expected more than 0. Got 0.0"),
        ("clip_norm = inf", "finite number. Got inf"),
    ],
)
def test_a_gradient_that_cannot_be_measured_is_refused(tmp_path, line, words):
    text = TINY.read_text().replace('probe = "gradient"\n', f'probe = "gradient"\n{line}\n', 1)
    with pytest.raises(study.StudyError) as error:
        study.load(written(tmp_path, text))
    assert words in str(error.value), str(error.value)


@pytest.mark.parametrize(
    ("settings", "task", "arms", "place", "words"),
    [
        ("", "parity", "lstm", "pretraining: ", "'parity' is not cut from the library's text"),
        ("", "package", "pretrained", "pretraining: ", "arm pretrained has weights of its own"),
        ("length = 8", "package", "lstm", "pretraining.length: ",
         "expected at least the longest window of its grids, 16 tokens"),
        ("tokens = 100", "package", "lstm", "pretraining: ",
         "expected tokens of at least 1 step of batch_size * length = 4096, 4096. Got 100"),
        ("tokens = 4096, learning_rates = [1e-3, 3e-3]", "package", "lstm", "pretraining: ",
         "expected tokens of at least 20 steps of batch_size * length = 4096, 81920. Got 4096"),
        ("learning_rates = [0.0]", "package", "lstm", "pretraining.learning_rates[0]: ",
         "expected more than 0"),
        ("token = 8", "package", "lstm", "pretraining.token: ", "Did you mean 'tokens'?"),
    ],
)  # fmt: skip
def test_what_would_not_be_pretrained_on_its_own_text(settings, task, arms, place, words, tmp_path):
    grid = GRID.replace("package", task).replace('"lstm", "transformer"', f'"{arms}"')
    text = f"{HEAD}pretraining = {{{settings}}}\n{grid}"
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, text))
    found = str(error.value).splitlines()
    assert any(
        line.startswith(f"wrong.toml:8: comparison.own.{place}") and words in line for line in found
    ), found


def test_pretraining_elsewhere_is_no_pretraining(tmp_path):
    with pytest.raises(StudyError, match=r"pretraining: expected 'self' or a table\. Got 'hub'"):
        study.load(written(tmp_path, f'{HEAD}pretraining = "hub"\n{GRID}'))


def test_positions_and_embeddings_that_pretraining_does_not_make(tmp_path):
    table = 'max_positions = 64\nembeddings = "checkpoint"\npretraining = "self"\n'
    head = HEAD.replace('match_to = "transformer"', 'match_to = "pretrained"')
    grid = GRID.replace(', "transformer"', "")
    with pytest.raises(StudyError) as error:
        study.load(written(tmp_path, head + table + grid))
    text = str(error.value)
    assert "pretraining.length: expected at most max_positions, 64. Got 128." in text
    assert "Got embeddings = 'checkpoint', which come from elsewhere" in text
