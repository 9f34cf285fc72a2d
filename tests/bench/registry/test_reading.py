"""Which files of a folder are entries, and how each is read."""

import pytest

from bench.registry import kinds, reading

CLAIM = (
    '"""A claim of ours."""\n'
    'SENTENCE = "It is so"\nQUANTITY = "how much"\nDIRECTION = "more"\nDELTA = None\n'
    'LOOKS = "once"\nSCOPE = ("task",)\nTABLES = ("reach",)\nNEEDS = "probe gradient"\n'
    'SUPPORTED = "it is"\nREFUTED = "it is not"\n\n\ndef judge(evidence):\n    return []\n'
)


def read(path):
    return reading.read(kinds.CLAIMS, path.stem, f"mine.claims.{path.stem}", path)


def test_what_another_branch_left_of_a_probe_is_none(tmp_path):
    (tmp_path / "gone" / "__pycache__").mkdir(parents=True)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "measure.py").write_text("")
    assert reading.files(kinds.PROBES, tmp_path) == [tmp_path / "here" / "__init__.py"]


def test_what_an_editor_hides_is_no_entry(tmp_path):
    for name in ("mine.py", ".#mine.py", "__init__.py"):
        (tmp_path / name).write_text(CLAIM)
    assert reading.files(kinds.CLAIMS, tmp_path) == [tmp_path / "mine.py"]


@pytest.mark.parametrize(
    "text", [CLAIM.encode("utf-8-sig"), b"# coding: latin-1\n" + CLAIM.encode("latin-1")]
)
def test_any_encoding_that_a_file_says(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_bytes(text)
    entry, wrong = read(path)
    assert not wrong
    assert entry.literals["SENTENCE"] == "It is so"


@pytest.mark.parametrize("line", ["import torch", "from torch import nn", "import torch as t",
                                  "try:\n    import torch\nexcept ImportError:\n    raise",
                                  "from bench.measure.subject import Subject",
                                  "from bench.probes.speed.measure import Measurement",
                                  "from bench.probes.speed import measure",
                                  "from models.heads import HEADS"])  # fmt: skip
def test_torch_is_found_however_it_is_imported(tmp_path, line):
    path = tmp_path / "mine.py"
    path.write_text(f"{CLAIM}\n{line}\n")
    _, wrong = read(path)
    assert any("needs torch" in text for text in wrong)


def test_inside_a_function_it_may_be_imported(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"{CLAIM}\n\ndef heavy():\n    import torch\n\n    return torch\n")
    assert read(path)[1] == []


def test_a_helper_that_a_section_imports_needs_no_torch(tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").write_text(
        '"""Ours."""\nHEADS = ("AutoModel",)\nAXES = {}\n'
        'PROTOCOL = {"batch_size": {"default": 1, "least": 1, "help": "rows"}}\n'
        "TIMED = False\nINTERLEAVED = False\n"
    )
    (folder / "measure.py").write_text(
        "import torch\n\n\ndef work(protocol, axes):\n    return 1, 1\n\n\n"
        "class Measurement:\n    pass\n"
    )
    (folder / "tables.py").write_text("TABLES = {}\n")
    (folder / "section.py").write_text("from .words import SECTIONS\nQUESTIONS = []\n")
    (folder / "words.py").write_text("SECTIONS = []\n")

    def wrong():
        return reading.read(kinds.PROBES, "mine", "extra.mine", folder / "__init__.py")[1]

    assert wrong() == []
    (folder / "words.py").write_text("import torch\nSECTIONS = []\n")
    assert wrong() == ["words.py imports torch, which needs torch: reports are written without it."]
    (folder / "words.py").write_text("from . import measure\nSECTIONS = []\n")
    assert any("imports extra.mine.measure" in text for text in wrong())
