"""What tests of several rooms share: no torch, a package that adds to what there is, a model."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from bench.report import render
from bench.store import Store
from models.checkpoints import MINILM

# A module that fails on import, put before the real one: whoever imports torch is found out.
POISON = "raise ImportError('torch was imported')"

Install = Callable[[Mapping[str, str]], dict[str, str]]


@pytest.fixture
def without_torch(tmp_path: Path) -> dict[str, str]:
    """The environment of a command that must not need torch."""
    (tmp_path / "torch.py").write_text(POISON)
    (tmp_path / "transformers.py").write_text(POISON)
    return {"PYTHONPATH": str(tmp_path)}


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Install a package ``extra`` of these files; returns the environment that has it."""

    def installed(files: Mapping[str, str]) -> dict[str, str]:
        for name, text in {"__init__.py": "", **files}.items():
            path = tmp_path / "extra" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        about = tmp_path / "extra-1.0.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
        (about / "entry_points.txt").write_text("[rnn_vs_transformer]\nextra = extra\n")
        return {"PYTHONPATH": str(tmp_path)}

    return installed


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A tiny BERT with the bundled tokenizer, in a folder."""
    folder = tmp_path_factory.mktemp("saved") / "own"
    torch.manual_seed(0)
    BertModel(
        BertConfig(vocab_size=30592, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
                   intermediate_size=16, max_position_embeddings=32)
    ).save_pretrained(folder)  # fmt: skip
    shutil.copy(MINILM.path() / "tokenizer.json", folder)
    return folder


@pytest.fixture(scope="session")
def reported_costs(costs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the study of costs, its copied records too."""
    folder = tmp_path_factory.mktemp("reported")
    with Store(costs) as store:
        render.write(store, folder)
    return folder
