"""What is compared: recurrent models as Hugging Face citizens, transformers, and checkpoints.

Importing this package registers the recurrent models with the AutoClasses, so that
``AutoModelForSequenceClassification.from_config(RecurrentConfig(cell_type="lstm"))`` works as it
does for BERT. It imports neither torch nor transformers itself, and knows nothing of ``bench``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from models import registration

if TYPE_CHECKING:
    from models.recurrent.causal_lm import RecurrentForCausalLM
    from models.recurrent.configuration import RecurrentClipConfig, RecurrentConfig
    from models.recurrent.image_text import RecurrentClipModel
    from models.recurrent.masked_lm import RecurrentForMaskedLM
    from models.recurrent.modeling import RecurrentModel
    from models.recurrent.question_answering import RecurrentForQuestionAnswering
    from models.recurrent.seq2seq import RecurrentForSeq2SeqLM
    from models.recurrent.sequence_classification import RecurrentForSequenceClassification
    from models.recurrent.state import RecurrentState
    from models.recurrent.token_classification import RecurrentForTokenClassification
    from models.recurrent.trace import trace_states

#: public name -> the module that defines it, imported when the name is first asked for
_HOMES = {
    "RecurrentClipConfig": "configuration",
    "RecurrentClipModel": "image_text",
    "RecurrentConfig": "configuration",
    "RecurrentForCausalLM": "causal_lm",
    "RecurrentForMaskedLM": "masked_lm",
    "RecurrentForQuestionAnswering": "question_answering",
    "RecurrentForSeq2SeqLM": "seq2seq",
    "RecurrentForSequenceClassification": "sequence_classification",
    "RecurrentForTokenClassification": "token_classification",
    "RecurrentModel": "modeling",
    "RecurrentState": "state",
    "trace_states": "trace",
}

__all__ = [
    "RecurrentClipConfig",
    "RecurrentClipModel",
    "RecurrentConfig",
    "RecurrentForCausalLM",
    "RecurrentForMaskedLM",
    "RecurrentForQuestionAnswering",
    "RecurrentForSeq2SeqLM",
    "RecurrentForSequenceClassification",
    "RecurrentForTokenClassification",
    "RecurrentModel",
    "RecurrentState",
    "trace_states",
]

registration.install()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"models.recurrent.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
