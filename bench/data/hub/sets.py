"""The data sets of the hub that stand beside an offline task, each at one commit.

Literals alone. A commit stands here only where independent public projects pin it for this
repository, and a hash only where one publishes it for the file at that commit; the hub's own
listing proves the rest.
"""

from typing import Any

from bench.data.hub.entry import Entry

_CLASSIFY: dict[str, Any] = {
    "task": "package",
    "head": "AutoModelForSequenceClassification",
    "metric": "accuracy",
    "floor": "share of the class that is most frequent in training",
    "cut": ("validation",),
}
_WRITE: dict[str, Any] = {
    "task": "docstring",
    "head": "AutoModelForSeq2SeqLM",
    "metric": "chrF",
    "floor": "one training target for all: of 32, the one that others are most like",
}
_FIND: dict[str, Any] = {
    "task": "search",
    "head": "AutoModel",
    "metric": "MRR",
    "floor": "a random order of 1,000: H(1000) / 1000",
}
_CONLL = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC", "B-MISC", "I-MISC")

_CIFAR = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

SETS = (
    Entry(
        "imdb",
        **_CLASSIFY,
        solved=0.88,
        expected=(
            "either: a bag of words reaches 88.9% (Maas et al., 2011), a pretrained LSTM 95.4% "
            "(Howard and Ruder, 2018), so that order and distance matter little"
        ),
        lengths=(16, 2048),
        labels=("neg", "pos"),
        repo="stanfordnlp/imdb",
        revision="e6281661ce1c48d982bc483cf8a173c1bbeb5d31",
        files={
            "train": "plain_text/train-*.parquet",
            "test": "plain_text/test-*.parquet",
        },
        columns={"text": "string", "label": "integer"},
        classes={"label": ("neg", "pos")},
        fields={"text": "text", "label": "label"},
        about="no validation split: a tenth of train by hash. A longer review loses its end.",
        sha256={
            "plain_text/train-00000-of-00001.parquet": "db47d16b5c297cc0dd625e519c81319c24c9149e70e8496de5475f6fa928342c",  # noqa: E501
            "plain_text/test-00000-of-00001.parquet": "b52e26e2f872d282ffac460bf9770b25ac6f102cda0e6ca7158df98c94e8b3da",  # noqa: E501
        },
    ),
    Entry(
        "sst2",
        **_CLASSIFY,
        solved=0.85,
        expected=(
            "transformer where pretrained: BERT-base 93.5%, a BiLSTM with ELMo 90.4% (Devlin et "
            "al., 2019, table 1)"
        ),
        lengths=(8, 128),
        labels=("negative", "positive"),
        repo="stanfordnlp/sst2",
        revision="8d51e7e4887a4caaa95b3fbebbf53c0490b58bbb",
        files={"train": "data/train-*.parquet", "test": "data/validation-*.parquet"},
        columns={"sentence": "string", "label": "integer"},
        classes={"label": ("negative", "positive")},
        fields={"text": "sentence", "label": "label"},
        about="test has no labels: validation is our test, a tenth of train our validation.",
        sha256={
            "data/train-00000-of-00001.parquet": "c7921283b75a42e685f50edecb96798607ea0fcbfd0739ee8975f22c12d55f09",  # noqa: E501
            "data/validation-00000-of-00001.parquet": "fb00fe008f6828f86ba2beda8415a4cf5da0c884f21c5f238c87131b5aa19529",  # noqa: E501
        },
    ),
    Entry(
        "conll2003",
        task="roles",
        head="AutoModelForTokenClassification",
        metric="macro-F1",
        floor="the class that is most frequent in training, O, everywhere",
        solved=0.85,
        expected=(
            "transformer where pretrained, by little: entity F1 92.4 of BERT-base (Devlin et al., "
            "2019, table 7), 90.9 of a BiLSTM-CRF (Lample et al., 2016)"
        ),
        lengths=(16, 256),
        labels=_CONLL,
        repo="lhoestq/conll2003",  # the Parquet copy of eriktks/conll2003, which is a script
        revision="19edcb426bfd625c275c17b9a99b2239243f4377",
        files={
            "train": "data/train-*.parquet",
            "validation": "data/validation-*.parquet",
            "test": "data/test-*.parquet",
        },
        columns={"tokens": "strings", "ner_tags": "integers"},
        classes={"ner_tags": _CONLL},
        fields={"words": "tokens", "labels": "ner_tags"},
        about=(
            "a word's label stands at its first sub-word, -100 at the others, as the field scores "
            "it; macro-F1 is over sub-words' classes, not over entities."
        ),
        sha256={
            "data/train-00000-of-00001.parquet": "1575a56575c18a59590ffc22d31bd43a3ee28fe989b5e0f160059970e87af9ec",  # noqa: E501
            "data/validation-00000-of-00001.parquet": "0a7d0169be91e69b3258026ceaeaccc87d672339d4acc76a85065ea8fd9eec47",  # noqa: E501
            "data/test-00000-of-00001.parquet": "5a6901d09abe098a8924aaed56a89ebb7997be1e94dce488ad8c907d058b8131",  # noqa: E501
        },
    ),
    Entry(
        "squad",
        task="answers",
        head="AutoModelForQuestionAnswering",
        metric="exact match",
        floor="the training split's most frequent span",
        solved=0.67,
        expected=(
            "transformer: exact match 80.8 of BERT-base (Devlin et al., 2019, table 2), 67.7 of "
            "BiDAF, a BiLSTM with attention (Seo et al., 2017)"
        ),
        lengths=(32, 512),
        repo="rajpurkar/squad",
        revision="7b6d24c440a36b6815f21b70d25016731768db1f",
        files={
            "train": "plain_text/train-*.parquet",
            "test": "plain_text/validation-*.parquet",
        },
        cut=("validation",),
        columns={
            "title": "string",
            "context": "string",
            "question": "string",
            "answers": "answers",
        },
        fields={"question": "question", "context": "context", "answers": "answers"},
        group="title",
        about=(
            "test is not public: validation is our test, a tenth of train's articles by hash our "
            "validation. The first answer is the one scored. A context longer than the window is "
            "cut to a window, drawn at random, that holds the answer; what has none at that length "
            "is left out."
        ),
        sha256={
            "plain_text/validation-00000-of-00001.parquet": "8c6646d36bd5a95061e076788cf3161d11f6f3e7d625dac7a83bbed0a49f69f7",  # noqa: E501
        },
    ),
    Entry(
        "opus_books",
        **_WRITE,
        expected=(
            "transformer: every target word looks back at its source word (Bahdanau et al., 2015; "
            "Vaswani et al., 2017)"
        ),
        lengths=(16, 512),
        repo="Helsinki-NLP/opus_books",
        revision="1f9f6191d0e91a3c539c2595e2fe48fc1420de9b",
        files={"train": "en-fr/train-*.parquet"},
        cut=("validation", "test"),
        columns={"translation": "translation:en,fr"},
        fields={"source": "translation.en", "target": "translation.fr"},
        target_length=128,
        about="English to French. One split only: validation and test are a tenth each, by hash.",
    ),
    Entry(
        "wmt16",
        **_WRITE,
        expected=(
            "transformer: WMT14 English to German 28.4 BLEU, 24.6 of recurrent GNMT (Vaswani et "
            "al., 2017, table 2)"
        ),
        lengths=(16, 512),
        repo="wmt/wmt16",
        revision="41d8a4013aa1489f28fea60ec0932af246086482",
        files={
            "train": "ro-en/train-*.parquet",
            "validation": "ro-en/validation-*.parquet",
            "test": "ro-en/test-*.parquet",
        },
        columns={"translation": "translation:ro,en"},
        fields={"source": "translation.en", "target": "translation.ro"},
        target_length=128,
        about="English to Romanian, the pair that T5 was trained on.",
    ),
    Entry(
        "cnn_dailymail",
        **_WRITE,
        expected=(
            "transformer: ROUGE-1 44.2 of BART (Lewis et al., 2020), 39.5 of an LSTM with a "
            "pointer (See et al., 2017)"
        ),
        lengths=(16, 2048),
        repo="abisee/cnn_dailymail",
        revision="96df5e686bee6baa90b8bee7c28b81fa3fa6223d",
        files={
            "train": "3.0.0/train-*.parquet",
            "validation": "3.0.0/validation-*.parquet",
            "test": "3.0.0/test-*.parquet",
        },
        columns={"article": "string", "highlights": "string"},
        fields={"source": "article", "target": "highlights"},
        target_length=128,
        about="an article longer than the window loses its end, where news says least.",
    ),
    Entry(
        "wikitext2",
        task="language",
        head="AutoModelForCausalLM",
        metric="bits per byte",
        floor="every token's frequency in the training split (plus one)",
        expected=(
            "recurrence from scratch: perplexity 65.8 of AWD-LSTM (Merity et al., 2018); a "
            "pretrained transformer beats it untrained: GPT-2 small 29.4 (Radford et al., 2019)"
        ),
        lengths=(16, 8192),
        repo="Salesforce/wikitext",
        revision="b08601e04326c79dfdd32d625aee71d232d685c3",
        files={
            "train": "wikitext-2-raw-v1/train-*.parquet",
            "validation": "wikitext-2-raw-v1/validation-*.parquet",
            "test": "wikitext-2-raw-v1/test-*.parquet",
        },
        columns={"text": "string"},
        fields={"text": "text"},
        about="windows over the lines of a split, one after the other, articles not kept apart.",
        sha256={
            "wikitext-2-raw-v1/train-00000-of-00001.parquet": "e83889baabc497075506f91975be5fac0d45c5290b6b20582c8cd1e853d0c9f7",  # noqa: E501
        },
    ),
    Entry(
        "stsb",
        **_FIND,
        expected=(
            "transformer where pretrained: Spearman's rho 85.8 of BERT-base, 73.3 of a BiLSTM with "
            "ELMo (Devlin et al., 2019, table 1)"
        ),
        lengths=(16, 128),
        repo="nyu-mll/glue",
        revision="bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c",
        files={"train": "stsb/train-*.parquet", "test": "stsb/validation-*.parquet"},
        cut=("validation",),
        columns={"sentence1": "string", "sentence2": "string", "label": "number"},
        fields={"query": "sentence1", "text": "sentence2", "score": "label"},
        query_length=64,
        about=(
            "pairs that people scored 4 or more of 5 count as matches, and one sentence is to be "
            "found by the other; the field correlates all scores instead (Spearman's rho). Test "
            "has no labels: validation is our test, a tenth of train by hash our validation."
        ),
        sha256={
            "stsb/train-00000-of-00001.parquet": "bbd93bbb988fd18437e02185fe3b2bd9a18350376c392e7820de9df1b247ed1f",  # noqa: E501
            "stsb/validation-00000-of-00001.parquet": "152de7cf1fa34ee4df1c243bd209b02ade21a1d5c4fb3b7da5240f78e4000aa9",  # noqa: E501
        },
    ),
    Entry(
        "code_search_net",
        **_FIND,
        expected=(
            "transformer: MRR on Python is .69 with self-attention, .32 with a bidirectional RNN, "
            ".58 with a bag of words (Feng et al., 2020, CodeBERT, table 2)"
        ),
        lengths=(16, 1024),
        repo="code-search-net/code_search_net",
        revision="bd0cf261e357a3eb5c8fba490d23ec1a1cd59555",
        files={
            "train": "python/train-*.parquet",
            "validation": "python/validation-*.parquet",
            "test": "python/test-*.parquet",
        },
        columns={"func_code_string": "string", "func_documentation_string": "string"},
        fields={"query": "func_documentation_string", "text": "func_code_string"},
        query_length=64,
        about=(
            "Python. The query is the documentation's first paragraph; the documentation is taken "
            "out of the function, and what does not hold it word for word is left out."
        ),
        sha256={
            "python/train-00000-of-00001.parquet": "ad9e3a4ab10c2c1d8926d2b26ca2bfcc3aadda1477ba29a933391f93806b9fed",  # noqa: E501
            "python/validation-00000-of-00001.parquet": "22eaacb46ed7e74d582409b85692ef63f5a43e99f9395c2eb736b5c8451422bb",  # noqa: E501
        },
    ),
    Entry(
        "flickr8k",
        task="digits",
        head="AutoProcessor",
        metric="recall@1",
        floor="one of 1,000 images by chance",
        expected=(
            "transformer where pretrained: CLIP was, on 400 million pairs (Radford et al., 2021); "
            "6,000 images are few for either from scratch"
        ),
        lengths=(256, 50176),
        repo="jxie/flickr8k",
        revision="56f58c967835f7c508d684f36bd7897cca9d7634",
        files={
            "train": "data/train-*.parquet",
            "validation": "data/validation-*.parquet",
            "test": "data/test-*.parquet",
        },
        columns={"image": "image"} | {f"caption_{n}": "string" for n in range(5)},
        fields={"image": "image"} | {f"caption_{n}": f"caption_{n}" for n in range(5)},
        query_length=32,
        about=(
            "T = side * side pixels of an image's middle square, 16, 32, 64, 128 or 224 a side, "
            "from -1 to 1; one of its five captions, drawn at random."
        ),
        sha256={
            "data/validation-00000-of-00001-7025a2b596f14b7b.parquet": "2470e49d96fb37e19c8a1d29056623c84ed41c3760a12747e120695aa0c44ad4",  # noqa: E501
            "data/test-00000-of-00001-42a2661d12c73e48.parquet": "f3bc4c3548ec1d9bb3c445c871cfcd3aca6003e3d4786e404fc9356b5215410d",  # noqa: E501
        },
    ),
    Entry(
        "cifar10",
        task="digits",
        head="AutoProcessor",
        metric="zero-shot accuracy",
        floor="one of ten classes by chance",
        expected=(
            "transformer where pretrained: naming unseen classes is CLIP's known feat (Radford et "
            "al., 2021); from scratch either, as 45,000 images teach ten captions"
        ),
        lengths=(256, 50176),
        labels=_CIFAR,
        repo="uoft-cs/cifar10",
        revision="0b2714987fa478483af9968de7c934580d0bb9a2",
        files={"train": "plain_text/train-*.parquet", "test": "plain_text/test-*.parquet"},
        cut=("validation",),
        columns={"img": "image", "label": "integer"},
        classes={"label": _CIFAR},
        fields={"image": "img", "caption": "label"},
        query_length=16,
        about=(
            "the caption is 'a photo of a' and the class; T = side * side pixels, 16, 32, 64, 128 "
            "or 224 a side, from -1 to 1. No validation split: a tenth of train by hash."
        ),
        sha256={
            "plain_text/train-00000-of-00001.parquet": "8428b53a88a11ac374111006708df51469e315a22ac6d66470afd9c78d2ae883",  # noqa: E501
            "plain_text/test-00000-of-00001.parquet": "841389e6f2d64f28bf17310e430aebac20ec3ba611a3c5e231dc93c645ce84de",  # noqa: E501
        },
    ),
)
