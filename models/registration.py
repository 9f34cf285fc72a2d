"""Telling the AutoClasses of the recurrent models, as soon as there are any AutoClasses.

``import transformers`` is quick because it loads nothing until it is asked for. Registering needs
the AutoClasses, and with them torch, so importing ``models`` only waits for them: when one of
Hugging Face's registries is imported, by whoever, its part is registered.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any


def _register_configurations(registry: Any) -> None:
    from models.recurrent.configuration import (
        RecurrentClipConfig,
        RecurrentConfig,
        RecurrentVisionConfig,
    )

    for configuration in (RecurrentConfig, RecurrentVisionConfig, RecurrentClipConfig):
        registry.AutoConfig.register(configuration.model_type, configuration, exist_ok=True)


def _register_models(registry: Any) -> None:
    from models.recurrent.causal_lm import RecurrentForCausalLM
    from models.recurrent.configuration import (
        RecurrentClipConfig,
        RecurrentConfig,
        RecurrentVisionConfig,
    )
    from models.recurrent.image_text import RecurrentClipModel, RecurrentVisionModel
    from models.recurrent.masked_lm import RecurrentForMaskedLM
    from models.recurrent.modeling import RecurrentModel
    from models.recurrent.question_answering import RecurrentForQuestionAnswering
    from models.recurrent.seq2seq import RecurrentForSeq2SeqLM
    from models.recurrent.sequence_classification import RecurrentForSequenceClassification
    from models.recurrent.token_classification import RecurrentForTokenClassification

    for auto_class, configuration, model in (
        ("AutoModel", RecurrentConfig, RecurrentModel),
        ("AutoModel", RecurrentVisionConfig, RecurrentVisionModel),
        ("AutoModel", RecurrentClipConfig, RecurrentClipModel),
        (
            "AutoModelForSequenceClassification",
            RecurrentConfig,
            RecurrentForSequenceClassification,
        ),
        ("AutoModelForTokenClassification", RecurrentConfig, RecurrentForTokenClassification),
        ("AutoModelForQuestionAnswering", RecurrentConfig, RecurrentForQuestionAnswering),
        ("AutoModelForCausalLM", RecurrentConfig, RecurrentForCausalLM),
        ("AutoModelForMaskedLM", RecurrentConfig, RecurrentForMaskedLM),
        ("AutoModelForSeq2SeqLM", RecurrentConfig, RecurrentForSeq2SeqLM),
        (
            "AutoModelForZeroShotImageClassification",
            RecurrentClipConfig,
            RecurrentClipModel,
        ),
    ):
        getattr(registry, auto_class).register(configuration, model, exist_ok=True)
    # The Trainer shifts labels that it smooths for the names listed here, which register() leaves.
    names = registry.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    names[RecurrentConfig.model_type] = RecurrentForCausalLM.__name__


_REGISTRIES: dict[str, Callable[[Any], None]] = {
    "transformers.models.auto.configuration_auto": _register_configurations,
    "transformers.models.auto.modeling_auto": _register_models,
}


def install() -> None:
    """Register with what is imported already, and wait for the rest."""
    waiting = {}
    for name, register in _REGISTRIES.items():
        if name in sys.modules:
            register(sys.modules[name])
        else:
            waiting[name] = register
    if waiting:
        sys.meta_path.insert(0, _Waiting(waiting))


class _Waiting(MetaPathFinder):
    """Lets the real finders find a registry, and calls back once it has been executed."""

    def __init__(self, waiting: dict[str, Callable[[Any], None]]) -> None:
        self._waiting = waiting

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        register = self._waiting.pop(name, None)
        if register is None:
            return None
        spec = find_spec(name)  # this finder no longer answers for it
        if spec is not None and spec.loader is not None:
            spec.loader = _Registering(spec.loader, register)
        return spec


class _Registering(Loader):
    """A loader that registers the models after the module has run."""

    def __init__(self, loader: Loader, register: Callable[[Any], None]) -> None:
        self._loader, self._register = loader, register

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        module.__loader__ = self._loader
        self._register(module)
