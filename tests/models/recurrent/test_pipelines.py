"""What a reader of the post types: ``pipeline(task, model)`` with a real tokenizer."""

import pytest
import torch
from transformers import AutoTokenizer, pipeline

from models.checkpoints import MINILM
from tests.models.recurrent.small import CELLS, build

TEXTS = ["import models", "def forward(self, x):\n    return self.layers(x)", "No."]
SMALL = {"vocab_size": 30522, "bos_token_id": 101, "eos_token_id": 102}


def pipe(task, model, tokenizer, **options):
    return pipeline(task, model, tokenizer=tokenizer, device="cpu", **options)


def assert_batched_equals_alone(run):
    together = run(TEXTS, batch_size=3)
    for entries, text in zip(together, TEXTS, strict=True):
        (alone,) = run([text])
        assert len(entries) == len(alone) > 0
        for ours, theirs in zip(entries, alone, strict=True):
            assert ours["score"] == pytest.approx(theirs["score"], abs=1e-6)


@pytest.mark.parametrize("cell_type", CELLS)
class TestEveryCell:
    def test_text_classification(self, cell_type, tokenizer, tmp_path):
        """From a folder, as a published checkpoint would be."""
        model = build("AutoModelForSequenceClassification", cell_type, **SMALL)
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        run = pipeline("text-classification", str(tmp_path), device="cpu", top_k=None)
        entries = run(TEXTS[1:2])[0]
        assert {entry["label"] for entry in entries} == {"LABEL_0", "LABEL_1", "LABEL_2"}
        assert_batched_equals_alone(run)
        encoded = tokenizer(TEXTS[1], return_tensors="pt")
        expected = model(**encoded).logits.softmax(-1).max().item()
        assert entries[0]["score"] == pytest.approx(expected)

    def test_token_classification(self, cell_type, tokenizer):
        model = build("AutoModelForTokenClassification", cell_type, bidirectional=True, **SMALL)
        run = pipe("token-classification", model, tokenizer, ignore_labels=[])
        words = [entry["word"] for entry in run(TEXTS[0])]
        assert words == ["import", "models"]
        assert_batched_equals_alone(run)

    def test_feature_extraction(self, cell_type, tokenizer):
        run = pipe("feature-extraction", build("AutoModel", cell_type, **SMALL), tokenizer)
        features = torch.tensor(run(TEXTS[1])[0])
        encoded = tokenizer(TEXTS[1], return_tensors="pt")
        torch.testing.assert_close(features, run.model(**encoded).last_hidden_state[0])

    def test_text_generation(self, cell_type, tokenizer):
        """Batched with padding to the left, where it cannot come between prompt and answer."""
        left = AutoTokenizer.from_pretrained(
            MINILM.path(), local_files_only=True, padding_side="left"
        )
        model = build("AutoModelForCausalLM", cell_type, **SMALL)
        run = pipe("text-generation", model, left)
        options = {"max_new_tokens": 6, "do_sample": False, "return_full_text": False}
        together = run(TEXTS, batch_size=3, **options)
        alone = [run(text, **options) for text in TEXTS]
        assert together == alone
        assert all(answer[0]["generated_text"] for answer in alone)


@pytest.mark.parametrize("attention", [False, True], ids=["summary", "attention"])
def test_summaries_and_translations(attention, tokenizer):
    """Transformers 5 has no text2text pipeline: tokenizer, ``generate``, ``batch_decode``."""
    model = build("AutoModelForSeq2SeqLM", attention=attention, decoder_start_token_id=101, **SMALL)
    encoded = tokenizer(TEXTS, padding=True, return_tensors="pt")
    assert encoded["attention_mask"].min() == 0, "some padding"
    written = tokenizer.batch_decode(
        model.generate(**encoded, max_new_tokens=6, num_beams=2), skip_special_tokens=True
    )
    alone = [
        tokenizer.batch_decode(
            model.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=6, num_beams=2),
            skip_special_tokens=True,
        )[0]
        for text in TEXTS
    ]
    assert written == alone
    assert all(written)


def test_answers_are_found_in_the_context(tokenizer):
    """Transformers 5 has no question-answering pipeline: tokenizer, head, offsets."""
    model = build("AutoModelForQuestionAnswering", bidirectional=True, **SMALL)
    encoded = tokenizer(
        ["what does forward return?", "what?"], [TEXTS[1], TEXTS[1]], padding=True,
        return_tensors="pt", return_offsets_mapping=True,
    )  # fmt: skip
    offsets = encoded.pop("offset_mapping")
    output = model(**encoded)
    for row, mask in enumerate(encoded["attention_mask"].bool()):
        assert mask[output.start_logits[row].argmax()], "an answer in the padding"
        context = (encoded["token_type_ids"][row] == 1) & mask
        start = output.start_logits[row].masked_fill(~context, -torch.inf).argmax()
        assert TEXTS[1][slice(*offsets[row, start].tolist())] or start == context.nonzero()[-1]
