"""Models small enough to test all of them, and the inputs that each head takes."""

from dataclasses import dataclass, field

import torch
import transformers

from models import RecurrentConfig
from models.recurrent.configuration import CELL_TYPES

CELLS = CELL_TYPES
VOCABULARY, EMBEDDING, HIDDEN, LABELS = 50, 8, 12, 3
START, END = 1, 2


def config(cell_type="lstm", **changes):
    fields = {
        "vocab_size": VOCABULARY,
        "embedding_size": EMBEDDING,
        "hidden_size": HIDDEN,
        "num_labels": LABELS,
        "decoder_start_token_id": START,
        "eos_token_id": END,
    }
    return RecurrentConfig(cell_type=cell_type, **fields | changes)


def build(auto_class, cell_type="lstm", seed=0, **changes):
    torch.manual_seed(seed)
    model = getattr(transformers, auto_class).from_config(config(cell_type, **changes))
    return model.eval()


@dataclass(frozen=True)
class Head:
    """An AutoClass and the options of the configuration that change what its head is made of."""

    name: str
    auto_class: str
    options: dict = field(default_factory=dict)

    def build(self, cell_type="lstm", seed=0, **changes):
        return build(self.auto_class, cell_type, seed, **self.options | changes)

    def inputs(self, ids):
        """The tokens that the head is given; a decoder's are part of a target."""
        return {"input_ids": ids, **self.target(len(ids))}

    def target(self, batch):
        if self.auto_class != "AutoModelForSeq2SeqLM":
            return {}
        return {"decoder_input_ids": tokens(batch, 4, seed=9)}

    def labels(self, ids):
        """Labels for a batch without padding."""
        rows = torch.arange(len(ids))
        return {
            "AutoModel": {},
            "AutoModelForSequenceClassification": {"labels": rows % LABELS},
            "AutoModelForTokenClassification": {"labels": ids % LABELS},
            "AutoModelForQuestionAnswering": {"start_positions": rows, "end_positions": rows + 1},
            "AutoModelForCausalLM": {"labels": ids},
            "AutoModelForSeq2SeqLM": {"labels": tokens(len(ids), 4, seed=8)},
        }[self.auto_class]


def head(name, auto_class, **options):
    return Head(name, auto_class, options)


BODY = head("body", "AutoModel")
SEQUENCE = head("sequence", "AutoModelForSequenceClassification")
TOKEN = head("token", "AutoModelForTokenClassification")
SPAN = head("span", "AutoModelForQuestionAnswering")
CAUSAL = head("causal", "AutoModelForCausalLM")
CAUSAL_TIED = head("causal-tied", "AutoModelForCausalLM", tie_word_embeddings=True)
SEQ2SEQ = head("seq2seq", "AutoModelForSeq2SeqLM")
SEQ2SEQ_TIED = head("seq2seq-tied", "AutoModelForSeq2SeqLM", tie_word_embeddings=True)
ATTENTION = head("attention", "AutoModelForSeq2SeqLM", attention=True, bidirectional=True)
ATTENTION_TIED = head(
    "attention-tied", "AutoModelForSeq2SeqLM", attention=True, tie_word_embeddings=True
)
HEADS = [
    BODY, SEQUENCE, TOKEN, SPAN, CAUSAL, CAUSAL_TIED, SEQ2SEQ, SEQ2SEQ_TIED, ATTENTION,
    ATTENTION_TIED,
]  # fmt: skip
TIED = [head for head in HEADS if head.options.get("tie_word_embeddings")]


def tokens(batch, length, seed=0):
    """Ids of ordinary tokens: neither padding nor the start or end of a sequence."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(3, VOCABULARY, (batch, length), generator=generator)


def gradients(model):
    return {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


def assert_same_gradients(actual, expected, **tolerance):
    assert actual.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(
            actual[name], expected[name], **tolerance, msg=lambda text, name=name: f"{name}: {text}"
        )
