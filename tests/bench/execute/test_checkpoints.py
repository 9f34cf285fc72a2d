"""Any checkpoint beside a recurrent network of its size, each task read through its tokenizer."""

import json
import math

import pytest
import torch
from transformers import AutoTokenizer

from bench import study, tasks
from bench.data import corpus as library
from bench.execute import refusals
from bench.execute.sizing import sized
from bench.measure import objective
from bench.measure.subject import Subject
from bench.outcome import Unavailable, Unsupported
from bench.probes.decode.measure import Measurement
from models.checkpoints import MINILM, CheckpointError, find

from ...architectures import ARCHITECTURES, save

#: A task of each head.
TASKS = {
    "AutoModel": "search",
    "AutoModelForSequenceClassification": "package",
    "AutoModelForTokenClassification": "roles",
    "AutoModelForQuestionAnswering": "answers",
    "AutoModelForCausalLM": "language",
    "AutoModelForSeq2SeqLM": "docstring",
}
SERVED = {
    "gpt2": [*TASKS][:5], "qwen2": [*TASKS][:5], "llama": [*TASKS][:5],
    "t5": [[*TASKS][n] for n in (2, 3, 5)], "bart": [[*TASKS][n] for n in (3, 5)],
}  # fmt: skip
STUDY = """
title = "One"
summary = "One checkpoint."
[comparison.one]
summary = "one checkpoint and a recurrent network of its size"
match_to = "pretrained"
checkpoint = "{folder}"
[[grid]]
probe = "{probe}"
comparison = "one"
task = "{task}"
length = 64
arm = ["lstm", "pretrained"]
batch_size = 2
"""


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Architecture -> its folder, made when it is first asked for."""
    made = {}

    def folder(name):
        if name not in made:
            made[name] = save(name, tmp_path_factory.mktemp("checkpoints") / name)
        return made[name]

    return folder


def cells(tmp_path, folder, task, probe="speed"):
    path = tmp_path / "one.toml"
    path.write_text(STUDY.format(folder=folder, task=task, probe=probe))
    return {cell.arm: cell for cell in study.load(str(path)).cells}


def opened(cell, fingerprint):
    return tasks.open_data(cell.task, cell.data, fingerprint, cell.model.reads_through)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_head_is_trained_a_step_beside_a_network_of_its_size(
    folders, tmp_path, fingerprint, name
):
    served = SERVED.get(name, [*TASKS][:4])
    for head, task in TASKS.items():
        for arm, cell in cells(tmp_path, folders(name), task).items():
            data = opened(cell, fingerprint)
            assert data.tokenizer_name == str(folders(name))
            if head not in served:
                with pytest.raises(Unsupported, match="has no head for"):
                    sized(cell, data)
                continue
            decided = sized(cell, data)
            assert decided["tokenizer"]["name"] == str(folders(name))
            assert abs(decided["match"]["error"]) <= 0.01
            assert (cell.kernel == "eager") == ((name, arm) == ("mpnet", "pretrained"))
            subject = Subject(cell, decided["config"], data)
            model, rows = subject.build(), subject.rows("train", 2, seed=0)
            loss = objective.loss(model, head, rows)
            loss.backward()
            assert math.isfinite(loss.item())
            assert any(weight.grad is not None for weight in model.parameters())
            told = decided["cost"]
            assert told["training_flops"] > told["forward_flops"] > 0


@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen2", "t5", "bart"])
def test_what_writes_is_decoded_through_its_own_cache(folders, tmp_path, fingerprint, name):
    """The probe compares every cached step with a pass without a cache."""
    task = "docstring" if name in ("t5", "bart") else "language"
    for cell in cells(tmp_path, folders(name), task, "decode").values():
        data = opened(cell, fingerprint)
        decided = sized(cell, data)
        changed = cell.model_copy(update={"protocol": cell.protocol | {"new_tokens": 4}})
        measured = Measurement(Subject(changed, decided["config"], data), lambda share: None)
        assert measured.gate_error < 1e-4


@pytest.mark.parametrize("name", ["bert", "gpt2", "t5"])
def test_its_tokens_are_the_library_s_text_with_what_python_says_of_it(folders, fingerprint, name):
    folder = folders(name)
    own, tokenizer = (
        library.load(fingerprint, find(str(folder))),
        AutoTokenizer.from_pretrained(folder),
    )
    file = own.path.index("bisect.py")
    ids = own.tokens[slice(*own.offsets[file : file + 2])]
    assert set(ids.tolist()) <= set(range(len(tokenizer)))
    assert ids[-1] == own.sep_id
    words = [tokenizer.decode([i]) for i in ids]
    assert "insort" in "".join(words).replace("##", "").replace(" ", "")
    roles = own.roles[slice(*own.offsets[file : file + 2])]
    keywords = {w.strip() for w, role in zip(words, roles, strict=True) if role == _role("keyword")}
    assert {"def", "if", "return"} <= keywords


def _role(name):
    from bench.data.corpus.labels import ROLES

    return ROLES.index(name)


def test_attention_that_an_architecture_has_not_is_named(folders, tmp_path, fingerprint):
    cell = cells(tmp_path, folders("mpnet"), "package")["pretrained"]
    config = sized(cell, opened(cell, fingerprint))["config"]
    for kernel in ("sdpa", "flash"):
        refusal = refusals.of_kernel(cell.model_copy(update={"kernel": kernel}), config)
        assert isinstance(refusal, Unsupported)
        assert f"has no attention kernel '{kernel}': ask for 'eager'" in str(refusal)
    assert refusals.of_kernel(cell, config) is None


def test_the_bundled_checkpoint_written_out_is_the_same_as_none(tmp_path):
    """So are a catalogue's name and its repository."""
    plain = STUDY.replace('checkpoint = "{folder}"\n', "")
    study_of = {}
    for name, text in {"none": plain, "named": STUDY, "gpt2": STUDY, "repo": STUDY}.items():
        folder = {"gpt2": "gpt2", "repo": "openai-community/gpt2"}.get(name, MINILM.name)
        path = tmp_path / "one.toml"
        path.write_text(text.format(folder=folder, task="package", probe="speed"))
        study_of[name] = study.load(str(path))
    assert study_of["named"].cells == study_of["none"].cells
    assert study_of["repo"].cells == study_of["gpt2"].cells
    (cell, *_) = study_of["named"].cells
    assert tasks.floor(tasks.load("language"), 64, None, cell.model.reads_through) == 2.39


def test_the_bundled_checkpoint_s_tokenizer_without_its_weights(tmp_path):
    """Named in a comparison of arms with random weights, it says through what they read."""
    path = tmp_path / "one.toml"
    text = STUDY.format(folder=MINILM.name, task="package", probe="speed")
    path.write_text(text.replace("pretrained", "transformer"))
    assert {c.model.reads_through for c in study.load(str(path)).cells} == {"checkpoint"}


class TestRefused:
    @pytest.fixture
    def folder(self, tmp_path):
        return save("gpt2", tmp_path / "gpt2")

    def test_without_a_tokenizer(self, folder, fingerprint):
        for path in folder.glob("tokenizer*"):
            path.unlink()
        with pytest.raises(CheckpointError, match=r"expected a fast tokenizer.*Got none"):
            library.load(fingerprint, find(str(folder)))

    def test_with_a_slow_one(self, folder, fingerprint):
        (folder / "tokenizer.json").rename(folder / "vocab.json")
        with pytest.raises(
            CheckpointError, match=r"slow one \(vocab.json\), which gives no offsets"
        ):
            library.load(fingerprint, find(str(folder)))

    @pytest.mark.parametrize("text", ["", "{}", "[1]"])
    def test_with_a_damaged_one(self, folder, fingerprint, text):
        (folder / "tokenizer.json").write_text(text)
        with pytest.raises(
            CheckpointError, match=r"that the tokenizers library reads.*Write it again"
        ):
            library.load(fingerprint, find(str(folder)))

    def test_with_no_mark_to_end_a_row(self, folder, fingerprint):
        (folder / "tokenizer_config.json").write_text("{}")
        text = (folder / "tokenizer.json").read_text()
        (folder / "tokenizer.json").write_text(text.replace("<|endoftext|>", "<|other|>"))
        with pytest.raises(library.CorpusError, match="a sep_token or an eos_token"):
            library.load(fingerprint, find(str(folder)))

    def test_marks_that_no_file_names_are_the_usual_ones(self, folder, fingerprint):
        """As in GPT-2's own repository; padding is what ends no row."""
        (folder / "tokenizer_config.json").write_text('{"model_max_length": 1024}')
        own = library.load(fingerprint, find(str(folder)))
        assert own.symbols([own.cls_id, own.sep_id]) == ["<|endoftext|>"] * 2
        assert own.pad_id == own.vocab_size - 1 != own.sep_id

    @pytest.mark.parametrize("text", ["[]", '{"eos_token": 5}', '{"eos_token": {"id": 5}}'])
    def test_marks_that_are_none(self, folder, fingerprint, text):
        (folder / "tokenizer_config.json").write_text(text)
        with pytest.raises(CheckpointError, match=r"its marks\. Got ValueError: expected"):
            library.load(fingerprint, find(str(folder)))

    def test_a_row_longer_than_its_positions(self, folder, tmp_path, fingerprint):
        cell = cells(tmp_path, folder, "package")["pretrained"]
        cell = cell.model_copy(update={"length": 256})
        data = opened(cell, fingerprint)
        with pytest.raises(Unsupported, match="T=256 is beyond the 128 positions of pretrained"):
            refusals.check(cell, sized(cell, data)["config"], data)

    def test_more_tokens_than_rows_of_its_table(self, folder, tmp_path, fingerprint):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | {"vocab_size": 900}))
        (cell, *_) = cells(tmp_path, folder, "package").values()
        with pytest.raises(Unavailable, match="token ids below 900"):
            sized(cell, opened(cell, fingerprint))


def test_a_row_that_is_as_long_as_its_positions(folders, tmp_path, fingerprint):
    """RoBERTa's table has two rows more than it reads tokens."""
    cell = cells(tmp_path, folders("roberta"), "package")["pretrained"]
    cell = cell.model_copy(update={"length": 128})
    data = opened(cell, fingerprint)
    decided = sized(cell, data)
    assert decided["positions"] == 128
    subject = Subject(cell, decided["config"], data)
    with torch.no_grad():
        objective.loss(subject.build(), subject.head, subject.rows("test", 2, seed=0))
