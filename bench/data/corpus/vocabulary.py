"""The corpus's own tokenizer: byte-level BPE, trained on the training split and on nothing else.

A checkpoint's vocabulary is made for all of the web. Over the standard library most of it is never
read, and yet every training step moves it: of 30,522 entries at T=64 that is most of the step, in
every arm alike. Where no checkpoint takes part, text is read through 4,096 entries of its own.

Pieces are cut before pairs are merged (Sennrich et al., 2016), so that no entry reaches over what
Python tells apart: a run of letters, of digits, or of one and the same mark, each with the space
before it, and what other white space there is. Bytes stand for characters (Radford et al., 2019),
so that nothing is unknown, case and white space stay, and text comes back as it was.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data import cache
from bench.data.corpus import library
from models.checkpoints.tokenizers import MARKED

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SIZE = 4096
MARKS = ("[PAD]", "[CLS]", "[SEP]")  # padding is id 0, as where a task has symbols of its own
FILE = "tokenizer.json"

_PIECE = r" ?(?:\p{L}+|\p{N}+|([^\s\p{L}\p{N}])\1*)|\s+(?!\S)|\s+"
_FORMAT = "1"  # raised when what is trained changes


def folder(identity: str) -> Path:
    """Where the tokenizer lies, as ``AutoTokenizer`` reads it; trained where it is not yet there.

    Of a corpus that was built elsewhere it is the one that came with it.

    Args:
        identity: what :func:`bench.data.corpus.fingerprint` returned.

    Raises:
        CorpusError: there is no library, or the cache cannot be written; of a corpus from elsewhere
            no tokenizer came with it, or several.
    """
    if library.elsewhere() == identity:
        return library.only(f"tokenizer-{identity[:16]}-*")
    made_with = "\0".join([_FORMAT, _PIECE, str(SIZE), metadata.version("tokenizers")])
    name = f"tokenizer-{identity[:16]}-{hashlib.sha256(made_with.encode()).hexdigest()[:8]}"
    place = cache.root() / name
    if place.is_dir() and not _whole(place):
        library.discard(place)
    if not place.is_dir():
        sources, _, _ = library.read()
        _put(train([source.text for source in sources if source.split == "train"]), place)
    return place


def _whole(place: Path) -> bool:
    """Whether no file of a tokenizer is missing or was cut short."""
    try:
        for name in (FILE, MARKED[0]):
            json.loads((place / name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def train(texts: Sequence[str], size: int = SIZE) -> "Tokenizer":
    """A tokenizer of so many entries at most, the same whenever it is trained on the same texts."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECE), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(MARKS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    begin, end = ((mark, tokenizer.token_to_id(mark)) for mark in MARKS[1:])
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{begin[0]} $A {end[0]}", special_tokens=[begin, end]
    )
    return tokenizer


def _put(tokenizer: "Tokenizer", place: Path) -> None:
    """Write it beside its place, and move it there.

    Raises:
        CorpusError: it cannot be written.
    """
    from transformers import PreTrainedTokenizerFast

    pad, begin, end = MARKS
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=pad, cls_token=begin, sep_token=end
    )
    temporary = None
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=place.parent, prefix=".training-"))
        fast.save_pretrained(temporary / "saved")
        (temporary / "saved").rename(place)
    except OSError as error:
        if not place.is_dir():  # unless another process was first
            raise library.CorpusError(
                f"the cache {place.name} cannot be written "
                f"({error.strerror or os.strerror(error.errno or 0)}). Make room, or set "
                "XDG_CACHE_HOME to a folder that can be written."
            ) from None
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
