"""Training by transformers' Trainer, on windows of the standard library."""

import gc
from functools import partial

import pytest
import torch
from datasets import Dataset
from transformers import (
    DataCollatorForLanguageModeling,
    DataCollatorForSeq2Seq,
    DataCollatorForTokenClassification,
    GPT2Config,
    GPT2LMHeadModel,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from bench import tasks
from tests.models.recurrent.small import CELLS, build, tokens

TINY = {"vocab_size": 30522, "embedding_size": 16, "hidden_size": 16}


@pytest.fixture(scope="module", autouse=True)
def frozen():
    """A Trainer collects garbage when it begins; all modules that are imported by then are none."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(scope="module")
def windows(corpus):
    """Which package is this window from? Sixty-four windows of the training files."""
    rows = tasks.draw("package", corpus, "train", 24, 64, seed=0)
    return Dataset.from_dict(rows)


def arguments(folder, kind=TrainingArguments, **changes):
    options = {
        "per_device_train_batch_size": 16,
        "max_steps": 8,
        "save_strategy": "no",
        "learning_rate": 1e-2,
        "lr_scheduler_type": "constant",
        "logging_steps": 1,
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        "dataloader_pin_memory": False,
        "seed": 3,
    }
    return kind(str(folder), **options | changes)


def classifier(cell_type="lstm"):
    return build("AutoModelForSequenceClassification", cell_type, num_labels=8, dropout=0.1, **TINY)


def losses(trainer):
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.parametrize("cell_type", CELLS)
def test_resumed_from_a_checkpoint_ends_with_the_same_weights(cell_type, windows, tmp_path):
    """Dropout, order of rows and the optimiser's moments included."""
    options = {"save_strategy": "steps", "save_steps": 12, "max_steps": 24}
    whole = Trainer(classifier(cell_type), arguments(tmp_path, **options), train_dataset=windows)
    whole.train()
    assert sum(losses(whole)[-4:]) / 4 < losses(whole)[0] - 0.1
    again = Trainer(classifier(cell_type), arguments(tmp_path, **options), train_dataset=windows)
    again.train(resume_from_checkpoint=str(tmp_path / "checkpoint-12"))
    assert len(losses(again)) == len(losses(whole))
    for name, weight in whole.model.named_parameters():
        assert torch.equal(again.model.get_parameter(name), weight), name


def test_evaluation_and_prediction(windows, tmp_path):
    trainer = Trainer(
        classifier(),
        arguments(tmp_path),
        eval_dataset=windows,
        compute_metrics=lambda p: {"accuracy": (p.predictions.argmax(-1) == p.label_ids).mean()},
    )
    metrics = trainer.evaluate()
    assert metrics["eval_loss"] > 1.5
    assert 0 <= metrics["eval_accuracy"] <= 1
    assert trainer.predict(windows).predictions.shape == (64, 8)


def test_a_causal_model_with_a_collator(windows, tokenizer, tmp_path):
    """Rows of different lengths; what it predicts has no state in it, which cannot be stacked."""
    rows = Dataset.from_dict(
        {"input_ids": [row[: 12 + i % 12] for i, row in enumerate(windows["input_ids"])]}
    )
    collator = DataCollatorForLanguageModeling(tokenizer, mlm=False)
    model = build("AutoModelForCausalLM", tie_word_embeddings=True, embedding_std=0.1, **TINY)
    trainer = Trainer(
        model, arguments(tmp_path), train_dataset=rows, eval_dataset=rows, data_collator=collator
    )
    trainer.train()
    assert losses(trainer)[-1] < losses(trainer)[0] - 0.2
    assert trainer.predict(rows.select(range(4))).predictions.shape[-1] == 30522


def test_an_encoder_decoder_with_a_collator(windows, tokenizer, tmp_path):
    """Reads a window, writes its first tokens; evaluation generates."""
    rows = Dataset.from_dict(
        {
            "input_ids": [row[: 12 + i % 12] for i, row in enumerate(windows["input_ids"])],
            "labels": [row[1 : 4 + i % 3] for i, row in enumerate(windows["input_ids"])],
        }
    )
    model = build(
        "AutoModelForSeq2SeqLM", "gru", attention=True, decoder_start_token_id=101,
        eos_token_id=102, **TINY,
    )  # fmt: skip
    trainer = Seq2SeqTrainer(
        model,
        arguments(
            tmp_path,
            Seq2SeqTrainingArguments,
            predict_with_generate=True,
            generation_max_length=6,
        ),
        train_dataset=rows,
        eval_dataset=rows.select(range(8)),
        data_collator=DataCollatorForSeq2Seq(tokenizer, model),
    )
    trainer.train()
    assert losses(trainer)[-1] < losses(trainer)[0] - 0.2
    predictions = trainer.predict(rows.select(range(8))).predictions
    assert predictions.shape[0] == 8
    assert (predictions[:, 0] == 101).all()


def gpt2():
    torch.manual_seed(0)
    return GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=8, n_layer=1, n_head=2)).eval()


SMOOTHED = {"causal": partial(build, "AutoModelForCausalLM"), "GPT-2": gpt2}


@pytest.mark.parametrize("make", SMOOTHED.values(), ids=SMOOTHED)
def test_smoothed_labels_are_those_of_next_tokens(make, tmp_path):
    """Smoothed by nearly nothing, the Trainer's loss is the model's own."""
    model, ids = make(), tokens(3, 6)
    trainer = Trainer(model, arguments(tmp_path, label_smoothing_factor=1e-9))
    loss = trainer.compute_loss(model, {"input_ids": ids, "labels": ids.clone()})
    torch.testing.assert_close(loss, model(ids, labels=ids).loss)


@pytest.mark.parametrize("make", SMOOTHED.values(), ids=SMOOTHED)
def test_smoothed_labels_in_a_shorter_type(make, tmp_path):
    rows = Dataset.from_dict({"input_ids": tokens(4, 6).tolist(), "labels": tokens(4, 6).tolist()})
    model = make()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    options = {"max_steps": 1, "label_smoothing_factor": 0.1, "bf16": True}
    trainer = Trainer(model, arguments(tmp_path, **options), train_dataset=rows)
    trainer.train()
    # Close to guessing one of fifty.
    assert 3 < losses(trainer)[0] < 6
    for name, weight in model.named_parameters():
        assert weight.isfinite().all(), name
    assert any(not torch.equal(weight, before[name]) for name, weight in model.named_parameters())


class Gradients(TrainerCallback):
    """What the optimiser was given."""

    def on_pre_optimizer_step(self, args, state, control, model, **kwargs):
        self.seen = {name: weight.grad.clone() for name, weight in model.named_parameters()}


ROWS = [ids[: 3 + index % 4] for index, ids in enumerate(tokens(8, 8).tolist())]
PARTS = {
    "classes": ("AutoModelForSequenceClassification", [index % 3 for index in range(8)]),
    "values": ("AutoModelForSequenceClassification", [index / 3 for index in range(8)]),
    "tokens": ("AutoModelForTokenClassification", [[id_ % 3 for id_ in row] for row in ROWS]),
    "next tokens": ("AutoModelForCausalLM", ROWS),
    "targets": ("AutoModelForSeq2SeqLM", [row[::-1] for row in ROWS]),
    "spans": ("AutoModelForQuestionAnswering", None),
}


@pytest.mark.parametrize("part", PARTS)
def test_accumulated_batches_equal_one_batch(part, tokenizer, tmp_path):
    """A step of four batches of two rows learns what one batch of eight rows teaches."""
    auto_class, labels = PARTS[part]
    columns = {"input_ids": ROWS, "attention_mask": [[1] * len(row) for row in ROWS]}
    if labels is None:
        columns |= {"start_positions": [0] * 8, "end_positions": [1] * 8}
        collator = None
    else:
        columns["labels"] = labels
    if part in ("classes", "values", "spans"):
        columns = {k: v for k, v in columns.items() if k != "attention_mask"}
        columns["input_ids"] = tokens(8, 5).tolist()
        collator = None
    elif part == "targets":
        collator = DataCollatorForSeq2Seq(tokenizer)
    else:
        collator = DataCollatorForTokenClassification(tokenizer)
    seen = []
    for size in (8, 2):
        model = build(auto_class, num_labels=1 if part == "values" else 3)
        callback = Gradients()
        trainer = Trainer(
            model,
            arguments(
                tmp_path,
                max_steps=1,
                per_device_train_batch_size=size,
                gradient_accumulation_steps=8 // size,
                max_grad_norm=0.0,
            ),
            train_dataset=Dataset.from_dict(columns),
            data_collator=collator,
            callbacks=[callback],
        )
        trainer.train()
        seen.append(callback.seen)
    for name, gradient in seen[0].items():
        torch.testing.assert_close(seen[1][name], gradient, rtol=1e-4, atol=1e-6, msg=name)
