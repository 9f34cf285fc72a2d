"""Elman, LSTM and GRU networks under the Hugging Face interfaces; one file per kind of head."""

from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from models.recurrent.configuration import CELL_TYPES, RecurrentConfig
from models.recurrent.modeling import RecurrentModel
from models.recurrent.sequence_classification import RecurrentForSequenceClassification

AutoConfig.register(RecurrentConfig.model_type, RecurrentConfig)
AutoModel.register(RecurrentConfig, RecurrentModel)
AutoModelForSequenceClassification.register(RecurrentConfig, RecurrentForSequenceClassification)

__all__ = [
    "CELL_TYPES",
    "RecurrentConfig",
    "RecurrentForSequenceClassification",
    "RecurrentModel",
]
