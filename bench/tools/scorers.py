"""How rows of each head are answered by two ways that learn next to nothing.

| head | majority | bag of tokens |
| --- | --- | --- |
| sequence classification | most frequent class | logistic regression on tf-idf of tokens |
| ... of one number | the mean | ridge regression on counts, or on sums of features |
| token classification | most frequent class, or that of the place | ... or that of the token |
| question answering | the best span | the best one around the question's rarest word |
| causal LM | frequencies of tokens | ... after the token before, or what the window repeats most |
| seq2seq LM | the best of 32 targets | the first tokens of the source |
| retrieval | a random order | cosine of tf-idf |
| image and text | a random order | distance from the mean image of a caption |
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from bench import tasks
from bench.data import metrics
from bench.tasks import Rows, Task
from bench.tasks.search import chance

_CHOOSING = 200  # training rows by which the best of many answers is chosen
_Array = npt.NDArray[Any]
_Pair = tuple[float, float]


@dataclass(frozen=True)
class Setting:
    """A task, and the rows to learn from and to be scored on."""

    task: Task
    data: Any
    train: Rows
    test: Rows

    def computed(self, truth: Any, guess: Any) -> float:
        return metrics.METRICS[self.task.METRIC](truth, guess)


def _counts(ids: _Array, mask: _Array | None = None) -> Any:
    """How often each token id stands in each row: sparse, (rows, largest id + 1)."""
    from scipy.sparse import csr_array

    rows, places = np.nonzero(np.ones_like(ids) if mask is None else mask)
    ones = np.ones(len(rows), dtype=np.float32)
    return csr_array((ones, (rows, ids[rows, places])), shape=(len(ids), int(ids.max()) + 1))


def _same_width(*matrices: Any) -> None:
    """Widen sparse matrices, in place, to the widest."""
    width = max(matrix.shape[1] for matrix in matrices)
    for matrix in matrices:
        matrix.resize((matrix.shape[0], width))


def _sequences(setting: Setting) -> _Pair:
    """Classes of rows, or a number for each."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression, Ridge

    train, test = setting.train, setting.test
    known, truth = train["labels"], test["labels"]
    if "features" in train:
        x, z = train["features"].sum(axis=1), test["features"].sum(axis=1)
    else:
        x, z = (_counts(rows["input_ids"], rows.get("attention_mask")) for rows in (train, test))
        _same_width(x, z)
    if np.issubdtype(known.dtype, np.floating):
        guess = Ridge().fit(x, known).predict(z)
        mean = np.full(len(truth), known.mean())
        return setting.computed(truth, mean), setting.computed(truth, guess)
    most = np.full(len(truth), np.bincount(known).argmax())
    weights = TfidfTransformer(sublinear_tf=True).fit(x)
    model = LogisticRegression(C=10.0, max_iter=1000).fit(weights.transform(x), known)
    guess = model.predict(weights.transform(z))
    return setting.computed(truth, most), setting.computed(truth, guess)


def _tokens(setting: Setting) -> _Pair:
    """Classes of tokens: decided by nothing, by the place, or by the token itself."""
    labels, truth = setting.train["labels"], setting.test["labels"]
    here, there = labels != tasks.IGNORED, truth != tasks.IGNORED
    ids, asked = setting.train["input_ids"], setting.test["input_ids"]
    half = np.arange(len(labels))[:, None] < len(labels) // 2  # learns what the other half chooses

    def fitted(known: _Array, learn: _Array, new: _Array) -> _Array:
        """Chances of every class given what is known of each place, (places, classes)."""
        size, classes = int(max(known.max(), new.max())) + 1, len(setting.task.LABELS)
        pairs = known[learn] * classes + labels[learn]
        seen = np.bincount(pairs, minlength=size * classes).reshape(size, classes).astype(float)
        alone = (seen.sum(axis=0) + 1) / (seen.sum() + classes)
        return cast("_Array", ((seen + alone) / (seen.sum(axis=1, keepdims=True) + 1))[new])

    def scored(chances: _Array, right: _Array) -> float:
        if setting.task.METRIC == "nats":
            return -float(np.log(chances[np.arange(len(right)), right]).mean())
        return setting.computed(right, chances.argmax(axis=1))

    def places(rows: _Array) -> _Array:
        return np.broadcast_to(np.arange(rows.shape[1]), rows.shape)

    ways = {
        "nothing": (np.zeros_like(ids), np.zeros_like(asked)),
        "place": (places(ids), places(asked)),
        "token": (ids, asked),
    }
    sign = 1 if metrics.METRICS[setting.task.METRIC].higher_is_better else -1
    choosing, right = here & ~half, labels[here & ~half]
    found = {
        name: (
            sign * scored(fitted(known, here & half, known[choosing]), right),
            scored(fitted(known, here, new[there]), truth[there]),
        )
        for name, (known, new) in ways.items()
    }
    blind = max(found["nothing"], found["place"])
    return blind[1], max(blind, found["token"])[1]


def _next_tokens(setting: Setting) -> _Pair:
    """Tokens that follow: their frequencies, and those after the token before."""
    before, after = _following(setting.train)
    last, truth = _following(setting.test)
    size = int(max(before.max(), after.max(), last.max(), truth.max())) + 1
    every = np.bincount(after, minlength=size).astype(float)
    pairs, seen = np.unique(before * size + after, return_counts=True)
    if setting.task.METRIC == "accuracy":
        order = np.argsort(seen, kind="stable")  # the most frequent is written last, and stays
        best = np.full(size, every.argmax())
        best[pairs[order] // size] = pairs[order] % size
        most = np.full(len(truth), every.argmax())
        repeated = _repeated(setting.train, every) == after
        known = best[before] == after
        guess = _repeated(setting.test, every) if repeated.mean() > known.mean() else best[last]
        return setting.computed(truth, most), setting.computed(truth, guess)
    alone = (every + 1) / (every + 1).sum()
    # Witten & Bell (1991): trust what came before by how often, and how surely, it was seen.
    often = np.bincount(before, minlength=size)
    kinds = np.bincount(pairs // size, minlength=size)
    place = np.minimum(np.searchsorted(pairs, last * size + truth), len(pairs) - 1)
    joint = np.where(pairs[place] == last * size + truth, seen[place], 0)
    total = often[last] + kinds[last]
    chance = np.where(
        total, (joint + kinds[last] * alone[truth]) / np.maximum(total, 1), alone[truth]
    )
    factor = 1.0
    if setting.task.METRIC == "bits per byte":
        factor = setting.data.tokens_per_byte / math.log(2)
    return (
        -float(np.log(alone[truth]).mean()) * factor,
        -float(np.log(chance).mean()) * factor,
    )


def _following(rows: Rows) -> tuple[_Array, _Array]:
    """Of every token that is to be predicted: the one before it, and itself."""
    labels = rows["labels"][:, 1:]
    here = labels != tasks.IGNORED
    return rows["input_ids"][:, :-1][here], labels[here]


def _repeated(rows: Rows, answers: _Array) -> _Array:
    """Of every place that is asked: the token, ever an answer, that came most often before it."""
    guess = []
    for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True):
        for place in np.flatnonzero(labels[1:] != tasks.IGNORED) + 1:
            window = ids[:place]
            seen = np.bincount(window[answers[window] > 0], minlength=len(answers))
            guess.append(seen.argmax() if seen.any() else answers.argmax())
    return np.array(guess)


def _spans(setting: Setting) -> _Pair:
    """Spans, (rows, 2): the same, or the same around where the question's rarest token stands."""
    known, truth = (
        np.stack([rows["start_positions"], rows["end_positions"]], axis=1)
        for rows in (setting.train, setting.test)
    )
    frequent = _counts(setting.train["input_ids"]).sign().sum(axis=0)
    found, asked = (
        np.array([_anchor(ids, setting.data.sep_id, frequent) for ids in rows["input_ids"]])
        for rows in (setting.train, setting.test)
    )
    one, worth_of_one = _best_span(setting, known)
    most = np.tile(one, (len(truth), 1))
    around, worth = _best_span(setting, known - found[:, None])
    guess = asked[:, None] + around if worth > worth_of_one else most
    return setting.computed(truth, most), setting.computed(truth, guess)


def _best_span(setting: Setting, known: _Array) -> tuple[_Array, float]:
    """The one span that training rows are best answered with, and what it scores there."""
    known = known[:_CHOOSING]
    shares = np.linspace(0, 1, 64)
    starts, ends = (
        np.unique(np.quantile(known[:, side], shares, method="nearest")) for side in (0, 1)
    )
    spans = np.array([(start, end) for start in starts for end in ends if start <= end])
    scores = [setting.computed(known, np.broadcast_to(span, known.shape)) for span in spans]
    return cast("_Array", spans[int(np.argmax(scores))]), max(scores)


def _anchor(ids: _Array, sep_id: int, frequent: _Array) -> int:
    """Where, after the question, its rarest token stands that stands there at all."""
    end = int((ids == sep_id).argmax())
    question, text = np.unique(ids[1:end]), ids[end + 1 :]
    known = np.where(question < len(frequent), frequent[np.minimum(question, len(frequent) - 1)], 0)
    for token in question[np.argsort(known, kind="stable")]:
        places = np.flatnonzero(text == token)
        if len(places):
            return end + 1 + int(places[0])
    return end


def _texts(setting: Setting) -> _Pair:
    """Texts: the one that training targets are most like, and the first tokens of the source."""
    length = int(np.median((setting.train["labels"] != tasks.IGNORED).sum(axis=1)))
    known = [_text(setting, ids) for ids in setting.train["labels"][:_CHOOSING]]
    truth = [_text(setting, ids) for ids in setting.test["labels"]]
    some = list(dict.fromkeys(known))[:32]
    most = max(some, key=lambda text: setting.computed(known, [text] * len(known)))
    guess = [_text(setting, ids[:length]) for ids in setting.test["input_ids"]]
    return setting.computed(truth, [most] * len(truth)), setting.computed(truth, guess)


def _text(setting: Setting, ids: _Array) -> str:
    """Ids as text, marks and padding left out."""
    marks = tasks.vocabulary(setting.task, setting.data)
    kept = [token for token in ids.tolist() if token not in (tasks.IGNORED, marks.pad, marks.eos)]
    text: str = setting.data.decode(kept)
    return text


def _found(setting: Setting) -> _Pair:
    """Windows for queries: cosine of tf-idf, frequencies from the training windows."""
    from sklearn.feature_extraction.text import TfidfTransformer

    known = _counts(setting.train["input_ids"])
    windows = _counts(setting.test["input_ids"])
    queries = _counts(setting.test["query_ids"], setting.test["query_mask"])
    _same_width(known, windows, queries)
    weights = TfidfTransformer(sublinear_tf=True).fit(known)
    similarity = (weights.transform(queries) @ weights.transform(windows).T).toarray()
    right = np.eye(len(similarity), dtype=bool)
    return _at_random(setting, right), setting.computed(right, similarity)


def _matched(setting: Setting) -> _Pair:
    """Images for captions: the nearer to the mean of a caption's training images the better."""
    captions, which = np.unique(setting.train["input_ids"], axis=0, return_inverse=True)
    which = which.reshape(-1)
    asked_for = (setting.test["input_ids"][:, None] == captions[None]).all(axis=2).argmax(axis=1)
    images, asked = (
        rows["pixel_values"].reshape(len(rows["pixel_values"]), -1)
        for rows in (setting.train, setting.test)
    )
    means = np.stack([images[which == caption].mean(axis=0) for caption in range(len(captions))])
    similarity = 2 * means @ asked.T - (means**2).sum(axis=1)[:, None]
    right = asked_for[:, None] == asked_for[None]
    size: int = getattr(setting.task, "GROUP", len(right))
    group = np.arange(len(right)) // size
    # Others than a caption's own group are no choice: they are neither right nor likely.
    near = group[:, None] == group[None]
    scores = np.where(near, similarity[asked_for], -np.inf)
    return 1 / size, setting.computed(right & near, scores)


def _at_random(setting: Setting, right: _Array) -> float:
    """What a random order of the candidates scores, in expectation."""
    return chance(right.shape[1]) if setting.task.METRIC == "MRR" else float(right.mean())


#: Head to what its majority and its bag of tokens score.
SCORERS: dict[str, Callable[[Setting], _Pair]] = {
    "AutoModelForSequenceClassification": _sequences,
    "AutoModelForTokenClassification": _tokens,
    "AutoModelForCausalLM": _next_tokens,
    "AutoModelForQuestionAnswering": _spans,
    "AutoModelForSeq2SeqLM": _texts,
    "AutoModel": _found,
    "AutoProcessor": _matched,
}
