"""Bodies that are pretrained here: on what, what is kept, and what starts from it."""

import json
import shutil

import numpy as np
import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
)

from bench import tasks
from bench.data import cache
from bench.execute.sizing import sized
from bench.measure import pretrained, pretraining
from bench.measure.subject import PRETRAINED, Subject
from bench.outcome import Unavailable, Unsupported
from bench.study import Cell, Comparison
from models.pretext import CONTINUATION, MASKED, NEXT

TINY = {"tokens": 2048, "length": 32, "batch_size": 8, "learning_rates": [1e-2]}


@pytest.fixture(autouse=True, scope="module")
def here(own_corpus, tmp_path_factory):
    """A cache of its own, with the corpus of the user's."""
    base = tmp_path_factory.mktemp("cache")
    (base / "rnn-vs-transformer").mkdir()
    for path in cache.root().glob("[ct]o*-*"):
        (base / "rnn-vs-transformer" / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(base))
        yield


def cell(arm, task="package", seed=0, **changes):
    recurrent = {"bidirectional": True} if changes.pop("both_ways", False) else {}
    return Cell(
        probe="learning", comparison="self", task=task, length=32, arm=arm, kernel="default",
        device="cpu", dtype="float32", denormals="keep", threads=1, seed=seed, axes={},
        protocol={"shortest": 0, "test_lengths": []},
        model=Comparison(
            summary="", match_to="transformer", hidden_size=64, num_layers=1, tokenizer="corpus",
            pretraining=TINY | changes, recurrent=recurrent,
        ),
    )  # fmt: skip


def of(which, data):
    return pretraining.recipe(which, sized(which, data)["config"], data)


def subject(which, data, key=None):
    config = sized(which, data)["config"] | ({PRETRAINED: key} if key else {})
    kernel = {"transformer": "sdpa"}.get(which.arm, "fused")
    return Subject(which.model_copy(update={"kernel": kernel}), config, data)


@pytest.fixture(scope="module")
def made(here, own_corpus):
    """Arm and task -> the recipe of its body, made when it is first asked for."""
    known = {}

    def make(arm, task="package", **changes):
        recipe = of(cell(arm, task, **changes), own_corpus)
        if recipe.key not in known:
            known[recipe.key] = pretraining.make(recipe)
        return recipe

    return make


OBJECTIVES = [
    ("lstm", "package", False, NEXT), ("lstm", "roles", True, MASKED),
    ("lstm", "language", False, NEXT), ("lstm", "docstring", False, CONTINUATION),
    ("transformer", "package", False, MASKED), ("transformer", "search", False, MASKED),
    ("transformer", "language", False, NEXT), ("transformer", "docstring", False, CONTINUATION),
]  # fmt: skip


@pytest.mark.parametrize(("arm", "task", "both_ways", "objective"), OBJECTIVES)
def test_a_body_starts_from_what_was_pretrained_and_a_head_from_the_seed(
    made, own_corpus, arm, task, both_ways, objective
):
    recipe = made(arm, task, both_ways=both_ways)
    assert recipe.pretext.objective == objective
    told = pretrained.read(recipe.key)
    assert (told["tokens"], told["objective"]) == (2048, objective)
    losses = [loss for _, loss in told["losses"]]
    assert losses[-1] < losses[0]
    weights = load_file(pretrained.folder(recipe.key) / "model.safetensors")
    which = cell(arm, task, both_ways=both_ways)
    models = [
        subject(which.model_copy(update={"seed": seed}), own_corpus, recipe.key).build()
        for seed in (0, 1)
    ]
    scratch = subject(which, own_corpus).build().state_dict()
    prefix = f"{models[0].base_model_prefix}."
    shared, new = 0, set()
    other = models[1].state_dict()
    for name, tensor in models[0].state_dict().items():
        given = weights.get(name, weights.get(prefix + name))
        if given is not None:
            assert torch.equal(tensor, given), name
            assert torch.equal(other[name], given), name
            shared += 1
        elif not torch.equal(other[name], tensor):
            new.add(name)
            assert torch.equal(tensor, scratch[name]), name
    assert shared >= 5
    assert bool(new) is (task in ("package", "roles")) or task == "search"


def test_every_arm_reads_the_same_text_for_as_many_tokens(made, own_corpus):
    begin, end = own_corpus.stretch("train")
    lstm, transformer = (of(cell(arm), own_corpus) for arm in ("lstm", "transformer"))
    pairs = zip(*(r.batches("train", 8, seed=3) for r in (lstm, transformer)), strict=True)
    train = own_corpus.tokens[begin:end].tobytes()
    for plain, hidden in pairs:
        ids = plain["input_ids"].numpy()
        asked = hidden["labels"].numpy() != -100
        assert np.array_equal(ids[asked], hidden["labels"].numpy()[asked])
        assert np.array_equal(ids[~asked], hidden["input_ids"].numpy()[~asked])
        assert asked.sum(axis=1).tolist() == [5] * 8  # 15% of 32
        assert (ids[:, 0] == own_corpus.cls_id).all()
        assert (ids[:, -1] == own_corpus.sep_id).all()
        assert not asked[:, [0, -1]].any()
        assert ids[0, 1:-1].astype(np.int32).tobytes() in train
    assert lstm.said["tokens"] == transformer.said["tokens"]


def test_four_in_five_of_what_is_asked_are_hidden_behind_a_byte_that_no_text_has(own_corpus):
    recipe = of(cell("transformer", batch_size=64, tokens=10**5), own_corpus)
    assert recipe.mask not in own_corpus.tokens
    (batch,) = recipe.batches("train", 1, seed=0)
    asked = batch["labels"] != -100
    read, right = batch["input_ids"][asked], batch["labels"][asked]
    share = [(read == recipe.mask).float().mean(), (read == right).float().mean()]
    assert share == pytest.approx([0.8, 0.1], abs=0.06)


def test_the_decoder_goes_on_where_the_encoder_stopped(own_corpus):
    recipe = of(cell("lstm", "docstring"), own_corpus)
    (batch,) = recipe.batches("train", 1, seed=0)
    both = torch.cat([batch["input_ids"], batch["labels"]], dim=1).numpy().astype(np.int32)
    assert both.shape == (8, 32)
    assert both[0].tobytes() in own_corpus.tokens.tobytes()


def test_tasks_and_seeds_share_a_body_and_nothing_else_does(own_corpus):
    key = of(cell("transformer"), own_corpus).key
    assert of(cell("transformer", "roles", seed=5), own_corpus).key == key
    others = [
        cell("transformer", "language"), cell("lstm"), cell("transformer", tokens=4096),
        cell("transformer", seed=0, learning_rates=[1e-3]), cell("transformer", length=64),
    ]  # fmt: skip
    assert len({key, *(of(other, own_corpus).key for other in others)}) == 6


def test_the_same_recipe_makes_the_same_weights(made):
    recipe = made("lstm")
    before = pretrained.read(recipe.key)
    shutil.rmtree(pretrained.folder(recipe.key))
    assert pretraining.make(recipe)["sha256"] == before["sha256"]


def test_the_rate_of_the_lowest_loss_is_taken_after_trials_of_a_tenth(own_corpus):
    shares = []
    recipe = of(cell("lstm", learning_rates=[1e-5, 1e-2], tokens=10240), own_corpus)
    told = pretraining.make(recipe, shares.append)
    assert [rate for rate, _ in told["trials"]] == [1e-5, 1e-2]
    assert told["learning_rate"] == 1e-2
    assert pretraining.steps(recipe.settings) == 40 + 2 * 4
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("harm", ["missing", "cut short", "changed"])
@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "digests.json"])
def test_a_folder_that_is_not_whole_is_noticed_and_made_anew(made, own_corpus, harm, name):
    recipe = made("lstm")
    whole = pretrained.read(recipe.key)
    path = pretrained.folder(recipe.key) / name
    text = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(text[: len(text) // 2] if harm == "cut short" else text[:-2] + b"??")
    assert pretrained.read(recipe.key) is None
    with pytest.raises(Unavailable, match="run again, and they are made anew"):
        subject(cell("lstm"), own_corpus, recipe.key).build()
    assert pretraining.make(recipe)["sha256"] == whole["sha256"]
    assert pretrained.read(recipe.key) is not None
    assert not list(cache.root().glob(".pretraining-*"))


def test_a_cache_that_cannot_be_written_says_so(made, tmp_path, monkeypatch):
    recipe = made("lstm")
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(blocked))
    with pytest.raises(Unavailable, match="set XDG_CACHE_HOME to a folder"):
        pretraining.make(recipe)


def test_text_that_is_not_the_corpus_s_is_refused(own_corpus):
    config = sized(cell("lstm"), own_corpus)["config"]
    with pytest.raises(Unsupported, match="Task 'package' over ag_news has other text"):
        pretraining.recipe(cell("lstm").model_copy(update={"data": "ag_news"}), config, own_corpus)


def test_a_card_says_how_it_was_made(made):
    recipe = made("transformer")
    card = (pretrained.folder(recipe.key) / "README.md").read_text()
    assert "| tokens | 2,048: 8 steps of 8 windows of 32 tokens" in card
    assert f"masked token; token {recipe.mask} hides others" in card
    for said in (recipe.data.hash, recipe.data.tokenizer_digest, "learning rate 0.01"):
        assert said in card


@pytest.mark.parametrize("arm", ["lstm", "transformer"])
def test_the_trainer_of_transformers_fine_tunes_a_folder(made, own_corpus, arm, tmp_path):
    folder = pretrained.folder(made(arm).key)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=8)
    weights = load_file(folder / "model.safetensors")
    body = {n: t for n, t in model.state_dict().items() if n in weights}
    assert body
    assert all(torch.equal(tensor, weights[name]) for name, tensor in body.items())
    text = "def read(self):\n    return self._file.read()"
    assert AutoTokenizer.from_pretrained(folder)(text)["input_ids"][1:-1] == own_corpus.encode(text)
    rows = tasks.draw("package", own_corpus, "train", 32, 16, seed=0)
    trainer = Trainer(
        model,
        TrainingArguments(
            str(tmp_path), max_steps=20, per_device_train_batch_size=16, learning_rate=3e-3,
            lr_scheduler_type="constant", logging_steps=1, report_to="none", use_cpu=True,
            disable_tqdm=True, save_strategy="no", dataloader_pin_memory=False,
        ),
        train_dataset=Dataset.from_dict(rows),
    )  # fmt: skip
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert losses[-1] < losses[0] - 0.1


def test_what_is_said_of_weights_is_json(made):
    told = pretrained.read(made("lstm").key)
    assert json.loads(json.dumps(told)) == told
