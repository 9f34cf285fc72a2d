"""What is compared: recurrent models as Hugging Face citizens, transformers, and checkpoints.

Importing this package registers the recurrent models with the AutoClasses, so that
``AutoModelForSequenceClassification.from_config(RecurrentConfig(cell_type="lstm"))`` works as it
does for BERT. It knows nothing of ``bench``.
"""

from models.recurrent import (
    RecurrentConfig,
    RecurrentForSequenceClassification,
    RecurrentModel,
)

__all__ = ["RecurrentConfig", "RecurrentForSequenceClassification", "RecurrentModel"]
