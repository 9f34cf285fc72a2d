"""``import models`` is light, and registers whatever was imported before it."""

import subprocess
import sys
from pathlib import Path

import pytest

import models

ROOT = Path(__file__).parents[3]
BUILD = """
config = models.RecurrentConfig(vocab_size=20, embedding_size=4, hidden_size=4)
model = transformers.AutoModelForSequenceClassification.from_config(config)
assert type(model) is models.RecurrentForSequenceClassification
"""
AUTO_CONFIG = """
from transformers import AutoConfig
assert type(AutoConfig.for_model("recurrent", hidden_size=4)) is models.RecurrentConfig
assert type(AutoConfig.for_model("recurrent_clip")) is models.RecurrentClipConfig
assert AutoConfig.for_model("recurrent_vision_model").patch_size == 32
"""
#: Each in a process of its own, which imports torch: as few as can be told apart.
ORDERS = {
    "models first": "import models"
    + AUTO_CONFIG
    + "import transformers"
    + BUILD
    + """
import sys
import transformers.models.auto.modeling_auto as registry
from models.registration import _Registering, _Waiting
assert not any(f._waiting for f in sys.meta_path if isinstance(f, _Waiting)), "all have come"
assert not isinstance(registry.__loader__, _Registering), "modules show their own loaders"
assert not isinstance(registry.__spec__.loader, _Registering)
""",
    "AutoConfig before": "from transformers import AutoConfig\nimport models"
    + AUTO_CONFIG
    + "import transformers"
    + BUILD,
    "AutoModel and pipeline before": """
from transformers import AutoModel, pipeline
import models, transformers
"""
    + BUILD,
    "a model class first, and twice": """
from models import RecurrentForSequenceClassification
import models, importlib
importlib.reload(models)
import transformers
"""
    + BUILD,
}


def python(code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("order", ORDERS)
def test_whatever_is_imported_first(order):
    python(ORDERS[order])


@pytest.mark.parametrize("before", ["", "import transformers; "])
def test_importing_models_loads_nothing_heavy(before):
    """What it adds to ``import transformers`` is its own two files."""
    out = python(
        f"{before}import sys; known = set(sys.modules); import models; "
        "print(*sorted(set(sys.modules) - known))"
    )
    heavy = ("torch", "transformers", "numpy", "huggingface_hub", "models.recurrent")
    assert "models.registration" in out.split()
    assert not [name for name in out.split() if name.startswith(heavy)]


def test_public_names():
    for name in models.__all__:
        assert getattr(models, name).__name__ == name
    assert set(models.__all__) <= set(dir(models))
    with pytest.raises(AttributeError, match="RecurrentForMultipleChoice"):
        _ = models.RecurrentForMultipleChoice
