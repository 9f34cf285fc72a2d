"""A file that is no entry of its folder is named, with what it should have."""

import os
import re
import subprocess
import sys

import pytest

from bench import registry

from .conftest import install, on_path, printed

FILES = printed()
TASK, ARM, CLAIM = "mine/tasks/first.py", "mine/arms/leaky.py", "mine/claims/untrained.py"
PROBE = "mine/probes/untrained/"
#: Arms that say what only one may.
LABELLED, COLOURED = (
    next(entry for entry in registry.arms().values() if literal in entry.literals)
    for literal in ("LABEL", "COLOUR")
)


def check(folder):
    """``registry.check()`` where the files are installed: exit code, and the last line or all."""
    code = (
        "import sys\nfrom bench import registry\n"
        "try:\n    registry.check()\n"
        "except registry.RegistryError as error:\n    print(error)\n    sys.exit(2)\n"
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | on_path(folder),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert not done.stderr
    return done.returncode, done.stdout


def without(name, pattern):
    """A printed file without what matches."""
    changed = re.sub(pattern, "", FILES[name], flags=re.MULTILINE | re.DOTALL)
    assert changed != FILES[name]
    return changed


def changed(name, old, new):
    assert old in FILES[name]
    return FILES[name].replace(old, new)


#: Files that are not as printed, None for one that is not there; which is named; what is said.
MISTAKES = {
    "no Python": (
        {TASK: FILES[TASK] + "\ndef rows(:\n"},
        TASK,
        r"expected Python\. Got SyntaxError in line \d+",
    ),
    "not text": ({TASK: "\x00"}, TASK, r"expected Python\. Got \w+"),
    "a docstring alone": (
        {TASK: '"""Mine."""\n'},
        TASK,
        r"lacks HEAD, KIND, .*LABELS, rows\. A file of this folder has",
    ),
    "no docstring": (
        {TASK: without(TASK, r'\A""".*?"""\n')},
        TASK,
        r"lacks a docstring, whose first line says what it is",
    ),
    "a task without rows": (
        {TASK: without(TASK, r"^def rows.*\Z")},
        TASK,
        r"lacks rows\. A file of this folder has HEAD, .*, rows\.",
    ),
    "a kind that is none": (
        {TASK: changed(TASK, '"diagnostic"', '"quiz"')},
        TASK,
        r"expected KIND to be one of 'real', 'diagnostic', 'control'\. Got 'quiz'",
    ),
    "lengths the wrong way round": (
        {TASK: changed(TASK, "(2, 1024)", "(1024, 2)")},
        TASK,
        r"expected LENGTHS to be the least and the largest window\. Got \(1024, 2\)",
    ),
    "a literal that is computed": (
        {TASK: changed(TASK, "(2, 1024)", "tuple(range(2, 4))")},
        TASK,
        r"lacks LENGTHS\.",
    ),
    "a task that imports torch": (
        {TASK: changed(TASK, "import numpy as np", "import numpy as np\nimport torch")},
        TASK,
        r"imports torch, which needs torch: reports are written without it",
    ),
    "a task's name that is taken": (
        {"mine/tasks/parity.py": FILES[TASK]},
        "mine/tasks/parity.py",
        r"its name is taken by .*bench/tasks/parity\.py: rename it",
    ),
    "an arm without kernels": (
        {ARM: without(ARM, r"^KERNELS.*?\n")},
        ARM,
        r"lacks KERNELS\. A file of this folder has WEIGHTS, KERNELS, ARM\.",
    ),
    "weights that are none": (
        {ARM: changed(ARM, '"random"', '"trained"')},
        ARM,
        r"expected WEIGHTS to be one of 'random', 'pretrained'\. Got 'trained'",
    ),
    "an arm's name that is taken": (
        {f"mine/arms/{LABELLED.name}.py": FILES[ARM]},
        f"mine/arms/{LABELLED.name}.py",
        re.escape(f"its name is taken by {LABELLED.path}: rename it"),
    ),
    "a label that is taken": (
        {ARM: changed(ARM, '"leaky integrator"', repr(LABELLED.literals["LABEL"]))},
        ARM,
        re.escape(f"LABEL = {LABELLED.literals['LABEL']!r} is taken by {LABELLED.path}."),
    ),
    "a colour that is taken": (
        {ARM: FILES[ARM] + f"\nCOLOUR = {COLOURED.literals['COLOUR']!r}\n"},
        ARM,
        re.escape(f"COLOUR = {COLOURED.literals['COLOUR']!r} is taken by {COLOURED.path}."),
    ),
    "a probe that is a file": (
        {"mine/probes/loose.py": '"""Loose."""\n'},
        "mine/probes/loose.py",
        r"a probe is a folder\. Move it to loose/",
    ),
    "a probe that does not say what it is": (
        {f"{PROBE}__init__.py": None},
        f"{PROBE}__init__.py",
        r"missing: a probe's folder says there literally what it measures",
    ),
    "a probe that measures nothing": (
        {f"{PROBE}measure.py": None},
        f"{PROBE}__init__.py",
        r"lacks measure\.py beside it, which defines Measurement",
    ),
    "a measure without its class": (
        {f"{PROBE}measure.py": changed(f"{PROBE}measure.py", "class Measurement", "class Mine")},
        f"{PROBE}__init__.py",
        r"measure\.py lacks Measurement",
    ),
    "a protocol without batch_size": (
        {f"{PROBE}__init__.py": changed(f"{PROBE}__init__.py", '"batch_size"', '"rows"')},
        f"{PROBE}__init__.py",
        r"expected PROTOCOL to be the setting 'batch_size', the rows of a step\. Got",
    ),
    "a setting without help": (
        {f"{PROBE}__init__.py": changed(f"{PROBE}__init__.py", '"help"', '"hint"')},
        f"{PROBE}__init__.py",
        r"expected PROTOCOL to be 'batch_size' with help\. Got",
    ),
    "tables that import torch": (
        {f"{PROBE}tables.py": "import torch\n" + FILES[f"{PROBE}tables.py"]},
        f"{PROBE}__init__.py",
        r"tables\.py imports torch, which needs torch: reports are written without it",
    ),
    "a section that imports what measures": (
        {f"{PROBE}section.py": "from mine.probes.untrained import measure\n"
                               + FILES[f"{PROBE}section.py"]},
        f"{PROBE}__init__.py",
        r"section\.py imports mine\.probes\.untrained\.measure, which needs torch",
    ),
    "a section that is no Python": (
        {f"{PROBE}section.py": "SECTIONS = ["},
        f"{PROBE}__init__.py",
        r"section\.py: expected Python\. Got SyntaxError in line 1",
    ),
    "a claim without its judge": (
        {CLAIM: without(CLAIM, r"^def judge.*\Z")},
        CLAIM,
        r"lacks judge\. A file of this folder has SENTENCE, QUANTITY, DIRECTION, DELTA, LOOKS, "
        r"SCOPE, SUPPORTED, REFUTED, TABLES, NEEDS, judge\.",
    ),
    "a claim that does not say what overturns it": (
        {CLAIM: without(CLAIM, r"^REFUTED.*?\n")},
        CLAIM,
        r"lacks REFUTED\.",
    ),
    "a claim of no tables": (
        {CLAIM: changed(CLAIM, '("untrained",)', "()")},
        CLAIM,
        r"expected TABLES to be one text or more, in a list or tuple\. Got \(\)",
    ),
    "a sentence that is said twice": (
        {"mine/claims/zz.py": FILES[CLAIM]},
        "mine/claims/zz.py",
        r"SENTENCE = 'Before training, .*' is taken by .*mine/claims/untrained\.py",
    ),
    "an entry point that names no package": (
        {"pyproject.toml": changed("pyproject.toml", 'mine = "mine"', 'mine = "yours"')},
        None,
        r"expected the entry point 'mine' of the group 'rnn_vs_transformer' to name a package that "
        r"is installed\. Got 'yours': reinstall it, or remove the entry point",
    ),
}  # fmt: skip


def test_what_is_printed_is_an_entry(tmp_path):
    install(tmp_path, FILES)
    assert check(tmp_path) == (0, "")


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_its_file(mistake, tmp_path):
    files, named, words = MISTAKES[mistake]
    install(tmp_path, {name: text for name, text in (FILES | files).items() if text is not None})
    code, said = check(tmp_path)
    assert code == 2
    (line,) = said.splitlines()
    assert re.search(words, line), line
    if named is not None:
        assert line.startswith(f"{tmp_path / named}: ")


def test_all_are_named_at_once(tmp_path):
    """In whichever folders they lie."""
    names = ["not text", "weights that are none", "a probe that measures nothing",
             "a claim of no tables"]  # fmt: skip
    files = dict(FILES)
    for name in names:
        files |= MISTAKES[name][0]
    install(tmp_path, {name: text for name, text in files.items() if text is not None})
    code, said = check(tmp_path)
    assert code == 2
    assert len(said.splitlines()) == len(names)
    for name in names:
        assert re.search(MISTAKES[name][2], said), said


def test_a_package_without_these_folders_has_none(tmp_path):
    files = {"pyproject.toml": FILES["pyproject.toml"], "mine/__init__.py": '"""Mine."""\n'}
    install(tmp_path, files)
    assert check(tmp_path) == (0, "")
