"""What a checkpoint's architecture has, told from its configuration; nothing heavy is imported.

transformers lists the architectures of every AutoClass in one file of literal tables, and each says
in its own whether it has PyTorch's fused attention. Both are read from the source, as importing it
takes seconds and torch.
"""

import ast
import functools
from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from models.autoclasses import IMAGE_TEXT, NAMES, SEQ2SEQ
from models.checkpoints.contract import Checkpoint, CheckpointError
from models.checkpoints.weights import CONFIG, read_json

#: Head -> the table of transformers with the architectures that have it. An image-text model is
#: what can match the two unseen.
TABLES: Mapping[str, str] = {
    "AutoModel": "MODEL_MAPPING",
    "AutoModelForSequenceClassification": "MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING",
    "AutoModelForTokenClassification": "MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING",
    "AutoModelForQuestionAnswering": "MODEL_FOR_QUESTION_ANSWERING_MAPPING",
    "AutoModelForCausalLM": "MODEL_FOR_CAUSAL_LM_MAPPING",
    SEQ2SEQ: "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING",
    IMAGE_TEXT: "MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION_MAPPING",
}
MASKED = "MODEL_FOR_MASKED_LM_MAPPING"
_AUTO = Path("models", "auto", "modeling_auto.py")
_FUSED = "_supports_sdpa = True"


def served(
    listed: Callable[[str], bool], *, encoder_decoder: bool, decoder: bool
) -> tuple[str, ...]:
    """The heads of an architecture, those apart that it has only in name.

    The body of an encoder-decoder wants a target, its classifiers as many ends in every row, and
    its decoder alone was never trained. The body of two towers wants an image. BERT is listed among
    the causal language models, but reads both ways: what was pretrained to fill masks is no
    language model unless it was made a decoder.

    Args:
        listed: whether a table of transformers, one of ``TABLES`` or ``MASKED``, lists it.
        encoder_decoder, decoder: what its configuration says it is.
    """
    lacks = set()
    if encoder_decoder:
        lacks |= {"AutoModel", "AutoModelForSequenceClassification", "AutoModelForCausalLM"}
    if listed(TABLES[IMAGE_TEXT]):
        lacks.add("AutoModel")
    if listed(MASKED) and not decoder:
        lacks.add("AutoModelForCausalLM")
    return tuple(head for head in NAMES if head not in lacks and listed(TABLES[head]))


def heads(checkpoint: Checkpoint) -> tuple[str, ...]:
    """The heads that a checkpoint serves: by its configuration where it is here.

    Of one that is not, what is known of its architecture, or what it is meant for; none where its
    configuration is not to be read.
    """
    config = _config(checkpoint)
    if config is None:
        known = getattr(checkpoint, "architecture", None)
        if known is None:
            return checkpoint.heads
        config = {"model_type": known}
    elif not {"vocab_size", "text_config"} & config.keys():  # it reads no token ids
        return ()
    tables, name = _tables(), config.get("model_type")
    writes = name in tables.get(TABLES[SEQ2SEQ], ())
    return served(
        lambda table: name in tables.get(table, ()),
        encoder_decoder=bool(config.get("is_encoder_decoder", writes)),
        decoder=bool(config.get("is_decoder")),
    )


def has_fused_attention(checkpoint: Checkpoint) -> bool | None:
    """Whether its architecture has PyTorch's fused attention; None where that cannot be told."""
    config = _config(checkpoint)
    name = getattr(checkpoint, "architecture", None) if config is None else config.get("model_type")
    if not isinstance(name, str) or (root := _root()) is None:
        return None
    sources = list((root / "models" / name.replace("-", "_")).glob("modeling_*.py"))
    texts = [source.read_text(encoding="utf-8") for source in sources]
    return any(_FUSED in text for text in texts) if texts else None


def _config(checkpoint: Checkpoint) -> dict[str, Any] | None:
    """Its configuration, empty if it is none; None of one that is not here."""
    try:
        config = read_json(checkpoint.path() / CONFIG, checkpoint.name)
    except CheckpointError:
        return None
    return config if isinstance(config, dict) else {}


@functools.cache
def _tables() -> dict[str, frozenset[str]]:
    """Name of a table -> the architectures in it; none where transformers is not found."""
    root = _root()
    if root is None:
        return {}
    wanted = {f"{table}_NAMES": table for table in (*TABLES.values(), MASKED)}
    found = {}
    for node in ast.parse((root / _AUTO).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            (target,) = node.targets
            if isinstance(target, ast.Name) and target.id in wanted:
                pairs = ast.literal_eval(node.value.args[0])
                found[wanted[target.id]] = frozenset(name for name, _ in pairs)
    return found


def _root() -> Path | None:
    """The folder of transformers, installed or a checkout of it."""
    places = []
    try:
        distribution = metadata.distribution("transformers")
        places.append(Path(str(distribution.locate_file("transformers"))))
    except metadata.PackageNotFoundError:
        return None
    spec = find_spec("transformers")
    places += [Path(place) for place in (spec and spec.submodule_search_locations) or ()]
    return next((place for place in places if (place / _AUTO).is_file()), None)
