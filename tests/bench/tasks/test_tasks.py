"""What rows are alike, over whatever is registered, and what each task of the library holds."""

import ast
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench import registry, tasks
from bench.data import metrics
from bench.data.corpus.labels import ROLES
from bench.tasks import IGNORED, LengthError

SPLITS = tasks.SPLITS
HEADS = {  # shape of the labels of (count, length) windows
    "AutoModelForSequenceClassification": lambda n, length, target: (n,),
    "AutoModelForTokenClassification": lambda n, length, target: (n, length),
    "AutoModelForCausalLM": lambda n, length, target: (n, length),
    "AutoModelForSeq2SeqLM": lambda n, length, target: (n, target),
}
LIBRARY = [name for name in registry.tasks() if tasks.needs(name) == "library"]
#: The corpus that the rows of the docstrings were taken from: CPython 3.11.7.
WRITTEN_FOR = "b74f61053ee277e8db69cbab965c8305c0088078494dc85aaf64c74a01693dfc"


@pytest.fixture(params=registry.tasks())
def name(request):
    return request.param


@pytest.fixture
def data(name, corpus):
    return corpus if name in LIBRARY else tasks.open_data(name, "offline", corpus.hash)


@pytest.fixture
def task(name):
    return tasks.load(name)


def drawn(task, data, split="train", count=8, seed=0, **more):
    """Rows of a task's least length that is not too short to tell them apart."""
    length = more.pop("length", max(task.LENGTHS[0], min(32, task.LENGTHS[1])))
    return tasks.draw(task, data, split, length, count, seed, **more)


def same(one, other):
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


class TestEveryTask:
    def test_seeds_splits_and_lengths_differ(self, task, data):
        base = drawn(task, data)
        assert same(base, drawn(task, data))
        assert not same(base, drawn(task, data, seed=1))
        assert not same(base, drawn(task, data, split="test"))

    def test_a_row_is_the_same_whatever_is_drawn_beside_it(self, task, data):
        first = tasks.BLOCK - 3
        across = drawn(task, data, count=6, first=first)
        for n in range(6):
            alone = drawn(task, data, count=1, first=first + n)
            assert same(alone, {key: array[n : n + 1] for key, array in across.items()})

    def test_labels_are_what_the_head_takes(self, task, data):
        length = max(task.LENGTHS[0], min(32, task.LENGTHS[1]))
        rows = drawn(task, data, split="test", count=5, length=length)
        assert {len(array) for array in rows.values()} == {5}
        if "input_ids" in rows and "pixel_values" not in rows:
            assert rows["input_ids"].shape == (5, length)
            assert rows["input_ids"].dtype == np.int64
            vocabulary = tasks.vocabulary(task, data)
            shown = rows["input_ids"][rows.get("attention_mask", np.ones((5, length))) > 0]
            assert 0 <= shown.min() <= shown.max() < vocabulary.size
            assert vocabulary.pad not in shown
        if task.HEAD in HEADS:
            shape = HEADS[task.HEAD](5, length, getattr(task, "TARGET_LENGTH", None))
            assert rows["labels"].shape == shape
            if task.LABELS:
                assert rows["labels"].dtype == np.int64
                assert rows["labels"].min() >= IGNORED
                assert 0 <= rows["labels"].max() < len(task.LABELS)
        if task.HEAD == "AutoModelForQuestionAnswering":
            assert (rows["start_positions"] <= rows["end_positions"]).all()
            assert rows["end_positions"].max() < length


def shown(task):
    """The literal row in a task's docstring, its columns by name, and its T."""
    document = ast.get_docstring(ast.parse(Path(task.__file__).read_text()))
    row = {}
    for line in document.splitlines():
        if line.startswith("    "):
            key, *words = line.split()
            row[key] = [*row.get(key, []), *words]
    return row, int(re.search(r"One row at T=(\d+)", document)[1])


def printed(task, data, rows):
    """Row 0 as the docstring shows it."""
    row = {key: array[0] for key, array in rows.items()}
    words = {"input_ids": data.symbols(row["input_ids"])}
    if "query_ids" in row:
        words["query_ids"] = data.symbols(row["query_ids"][row["query_mask"] == 1])
    for key in ("start_positions", "end_positions"):
        if key in row:
            words[key] = [str(row[key])]
    truth = row.get("labels")
    if task.HEAD == "AutoModelForSequenceClassification":
        words["labels"] = [task.LABELS[truth]]
    elif task.HEAD == "AutoModelForTokenClassification":
        words["labels"] = ["-" if n < 0 else task.LABELS[n] for n in truth]
    elif task.HEAD == "AutoModelForSeq2SeqLM":
        words["labels"] = data.symbols(truth[truth >= 0])
    return words


@pytest.mark.parametrize("name", LIBRARY)
class TestEveryTaskOfTheLibrary:
    def test_row_of_the_docstring_is_true(self, name, task, corpus):
        """To the letter over the corpus it was taken from, in its shape over another Python's."""
        row, length = shown(task)
        true = printed(task, corpus, tasks.draw(task, corpus, "train", length, 1, seed=0))
        assert row.keys() == true.keys()
        if corpus.hash == WRITTEN_FOR:
            assert row == true
        assert len(row["input_ids"]) == length
        assert not {None} & {data_id(corpus, token) for token in row["input_ids"]}

    def test_every_length_exists_and_beyond_them_it_says_so(self, task, corpus):
        for split in SPLITS:
            for length in task.LENGTHS:
                assert tasks.size(tasks.draw(task, corpus, split, length, 8, seed=0)) == 8
            with pytest.raises(LengthError, match=rf"the {split} split .*its longest is \d+\.$"):
                tasks.draw(task, corpus, split, 10_000_000, 8, seed=0)

    @pytest.mark.parametrize("length", [64, 2048])
    def test_windows_stand_in_their_split(self, name, length, task, corpus):
        """The last hundred tokens of every window, found again by search."""
        rows = tasks.draw(task, corpus, "validation", length, 16, seed=0)["input_ids"]
        text = corpus.tokens[slice(*corpus.stretch("validation"))].tobytes()
        code = corpus.code[corpus.code_end("train") : corpus.code_end("validation")].tobytes()
        for ids in rows:
            window = ids[-min(length // 2, 100) : -1].astype(corpus.tokens.dtype).tobytes()
            assert window in text or window in code


def data_id(corpus, token):
    return corpus._tokenizer.token_to_id(token)


def frequencies(corpus, split):
    """How often each token stands in a split, separators left out."""
    begin, end = corpus.stretch(split)
    counts = np.bincount(corpus.tokens[begin:end], minlength=corpus.vocab_size)
    counts[corpus.sep_id] = 0
    return counts


class TestPackage:
    def test_floor_is_what_guessing_scores(self, corpus):
        task = tasks.load("package")
        labels = tasks.draw(task, corpus, "test", 32, 800, seed=0)["labels"]
        most = np.bincount(labels, minlength=len(task.LABELS)).max() / len(labels)
        assert most == pytest.approx(task.FLOOR)

    def test_several_files_of_every_package_are_trained_and_tested_on(self, corpus):
        for label in tasks.load("package").LABELS:
            assert min(len(corpus.files(split, label)) for split in SPLITS) > 1

    def test_windows_come_from_files_of_their_label_and_split(self, corpus):
        task = tasks.load("package")
        rows = tasks.draw(task, corpus, "validation", 32, 64, seed=0)
        for ids, label in zip(rows["input_ids"], rows["labels"], strict=True):
            assert (ids[0], ids[-1]) == (corpus.cls_id, corpus.sep_id)
            begin, end = corpus.stretch("validation", package=task.LABELS[label])
            window = ids[1:-1].astype(corpus.tokens.dtype).tobytes()
            assert window in corpus.tokens[begin:end].tobytes()


class TestLanguage:
    def test_every_window_of_the_split_turns_up(self, corpus):
        """At a length that leaves two, both do."""
        begin, end = corpus.stretch("test")
        rows = tasks.draw("language", corpus, "test", end - begin - 1, 20, seed=0)["input_ids"]
        text = corpus.tokens[begin:end]
        first = {bool(np.array_equal(row, text[:-1])) for row in rows}
        assert first == {True, False}
        assert all(np.array_equal(row, text[:-1]) or np.array_equal(row, text[1:]) for row in rows)

    def test_labels_are_the_tokens(self, corpus):
        rows = tasks.draw("language", corpus, "validation", 32, 64, seed=0)
        assert np.array_equal(rows["labels"], rows["input_ids"])
        assert not np.shares_memory(rows["labels"], rows["input_ids"])

    def test_floor_is_the_cross_entropy_under_the_training_splits_frequencies(self, corpus):
        train, test = (frequencies(corpus, split) for split in ("train", "test"))
        nats = -np.log((train + 1) / (train + 1).sum()) @ test / test.sum()
        measured = nats / np.log(2) * corpus.tokens_per_byte
        assert measured == pytest.approx(tasks.load("language").FLOOR, rel=0.02)


class TestRoles:
    def test_labels_are_the_roles_of_the_tokens_they_stand_at(self, corpus):
        task = tasks.load("roles")
        rows = tasks.draw(task, corpus, "test", 64, 200, seed=0)
        begin, end = corpus.stretch("test", prose=False)
        text, width = corpus.tokens[begin:end].tobytes(), corpus.tokens.itemsize
        assert (rows["labels"][:, [0, -1]] == IGNORED).all()
        for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True):
            place, found = -1, []
            while (place := text.find(ids[1:-1].astype(np.int32).tobytes(), place + 1)) >= 0:
                start = begin + place // width
                found.append(corpus.roles[start : start + 62].tolist())
            assert labels[1:-1].tolist() in found
        separators = rows["input_ids"][:, 1:-1] == corpus.sep_id
        assert (rows["labels"][:, 1:-1][separators] == IGNORED).all()

    def test_roles_are_those_of_the_labels(self):
        assert tasks.load("roles").LABELS == ROLES

    def test_floor_is_the_most_that_one_role_scores(self, corpus):
        task, score = tasks.load("roles"), metrics.METRICS["macro-F1"]
        roles = corpus.roles[slice(*corpus.stretch("test", prose=False))]
        truth = roles[roles >= 0]
        best = max(score(truth, np.full(len(truth), n)) for n in range(len(task.LABELS)))
        assert best == pytest.approx(task.FLOOR, rel=0.1)


class TestAnswers:
    @pytest.mark.parametrize("length", [64, 512])
    def test_answer_stands_at_its_span_and_definition_before_it(self, length, corpus):
        """Read back as text: the question names what the window defines, once."""
        rows = tasks.draw("answers", corpus, "test", length, 100, seed=0)
        kinds = Counter()
        for ids, start, end in zip(*rows.values(), strict=True):
            assert (ids[0], ids[-1]) == (corpus.cls_id, corpus.sep_id)
            close = ids.tolist().index(corpus.sep_id)
            assert close < start <= end < length - 1
            assert end - start < 16
            question = corpus.decode(ids[1:close])
            window = corpus.decode(ids[close + 1 : -1])
            before = corpus.decode(ids[close + 1 : start])
            if match := re.fullmatch(r"what does (.+) return\?", question):
                name = match[1]
                assert before.split()[-1] == "return" or before.endswith(("return (", "("))
            else:
                match = re.fullmatch(r"what is the default of (.+) in (.+)\?", question)
                name = match[2]
                assert before.split()[-1] == "="
            kinds[question.split()[1]] += 1
            defined = rf"\bdef {re.escape(name)} \("
            assert len(re.findall(defined, before)) == 1, (question, before)
            assert len(re.findall(defined, window)) == 1, (question, window)
        assert min(kinds.values()) > 10

    def test_answers_are_what_python_says(self, corpus):
        """Against the defaults and returned expressions of the file, as the parser cuts them."""
        asked, root = corpus.questions, Path(ast.__file__).parent
        packages = np.asarray(corpus.package)[asked.file]
        chosen = np.flatnonzero(np.isin(packages, ["asyncio", "email", "logging", "xml"]))[::10]
        texts = {corpus.path[asked.file[n]] for n in chosen}
        known = {path: asked_of((root / path).read_text(encoding="utf-8")) for path in texts}
        for n in chosen:
            question = asked.ids[asked.offsets[n] : asked.offsets[n + 1]].tolist()
            answer = corpus.tokens[asked.start[n] : asked.stop[n]].tolist()
            name = corpus.decode(question[2:]).replace(" ", "")
            found = [text for key, text in known[corpus.path[asked.file[n]]] if key.lower() in name]
            assert answer in [corpus.encode(text) for text in found], name

    def test_definitions_stand_anywhere_in_the_window(self, corpus):
        starts = tasks.draw("answers", corpus, "train", 512, 1000, seed=0)["start_positions"]
        counts = np.histogram(starts, bins=4, range=(0, 512))[0]
        assert counts.min() > 0.6 * counts.mean()

    @pytest.mark.parametrize("length", [64, 256, 2048])
    def test_floor_is_what_the_best_fixed_span_scores(self, length, corpus):
        train, test = (tasks.draw("answers", corpus, s, length, 3000, 0) for s in SPLITS[::2])
        start, end = best_span(train, length)
        score = np.mean(overlap(test["start_positions"], test["end_positions"], start, end))
        floor = tasks.floor(tasks.load("answers"), length)
        assert score == pytest.approx(floor, rel=0.2) or (length > 256 and score < floor)


def overlap(starts, ends, start, end):
    """F1 of a span against true ones."""
    common = np.minimum(ends, end) - np.maximum(starts, start) + 1
    return 2 * np.maximum(common, 0) / ((ends - starts + 1) + (end - start + 1))


def best_span(rows, length):
    """The span that scores most, of those of up to 64 tokens."""
    starts, ends = rows["start_positions"], rows["end_positions"]
    sizes = [size for size in (1, 2, 3, 4, 6, 8, 12, 16, 32, 64) if size < length]
    step = max(1, length // 256)
    tried = [
        (np.mean(overlap(starts, ends, start, start + size - 1)), start, start + size - 1)
        for size in sizes
        for start in range(0, length - size, step)
    ]
    return max(tried)[1:]


def asked_of(text):
    """What a file's functions return and default to: the end of the question, and the answer."""
    found, lines = set(), text.encode().split(b"\n")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            signature = node.args
            names = [a.arg for a in (*signature.posonlyargs, *signature.args)][::-1]
            pairs = [*zip(names, signature.defaults[::-1], strict=False)]
            pairs += zip((a.arg for a in signature.kwonlyargs), signature.kw_defaults, strict=True)
            values = [(f"{name}in{node.name}?", value) for name, value in pairs if value]
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value:
                    values.append((f"{node.name}return?", inner.value))
            found |= {(key, segment(lines, value)) for key, value in values}
    return found


def segment(lines, node):
    """What stands where a node is; ``ast.get_source_segment`` cuts the lines anew every time."""
    parts = lines[node.lineno - 1 : node.end_lineno]
    parts[-1] = parts[-1][: node.end_col_offset]
    parts[0] = parts[0][node.col_offset :]
    return b"\n".join(parts).decode()


def functions_of(corpus, split):
    """Source and first line of every function of a split, in tokens."""
    functions = corpus.functions
    for n in np.flatnonzero(np.asarray(corpus.split)[functions.file] == split):
        source = corpus.code[functions.start[n] : functions.stop[n]]
        yield source, functions.summaries[slice(*functions.summary_offsets[n : n + 2])]


class TestDocstring:
    def test_rows_are_functions_of_their_split_and_what_follows(self, corpus):
        """Against the files themselves, read and parsed here."""
        rows = tasks.draw("docstring", corpus, "train", 256, 40, seed=0)
        root, starts = Path(ast.__file__).parent, corpus.encode("def async")
        train = {p for p, s in zip(corpus.path, corpus.split, strict=True) if s == "train"}
        cut = {tuple(source.tolist()): line for source, line in functions_of(corpus, "train")}
        seen = 0
        for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True):
            target = labels[labels >= 0]
            assert ids[0] in starts
            assert (labels[len(target) :] == IGNORED).all()
            sizes = [n for n in range(1, 257) if tuple(ids[:n].tolist()) in cut]
            if sizes and sizes[-1] < 200:
                line = cut[tuple(ids[: sizes[-1]].tolist())]
                after = ids[sizes[-1] :].astype(corpus.tokens.dtype).tobytes()
                seen += after in corpus.code[: corpus.code_end("train")].tobytes()
                assert target[: len(line)].tolist() == line[:32].tolist() or len(sizes) > 1
        assert seen > 10
        summaries = set()
        for path in [p for p in train if p.startswith(("json/", "argparse", "string"))]:
            for node in ast.walk(ast.parse((root / path).read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef) and len(node.body) > 1:
                    summary = (ast.get_docstring(node) or "").strip().partition("\n")[0]
                    summaries.add(tuple(corpus.encode(summary)))
        known = {tuple(line.tolist()) for _, line in functions_of(corpus, "train")}
        assert summaries - {()} <= known

    def test_the_same_functions_are_asked_about_at_every_length(self, corpus):
        short, long = (
            tasks.draw("docstring", corpus, "train", length, 2000, 0)["labels"]
            for length in (16, 4096)
        )
        lines = [{row.tobytes() for row in rows} for rows in (short, long)]
        assert len(lines[0] & lines[1]) > 0.2 * len(lines[0])

    @pytest.mark.parametrize("length", [64, 256, 1024])
    def test_the_answer_is_not_in_the_question(self, length, corpus):
        """But for two in a thousand, which a comment or a message repeats."""
        rows = tasks.draw("docstring", corpus, "test", length, 1000, seed=0)
        found = 0
        for ids, labels in zip(rows["input_ids"], rows["labels"], strict=True):
            line = labels[labels >= 0][:-1]
            found += len(line) > 4 and line.tobytes() in ids.tobytes()
        assert found < 0.01 * len(rows["labels"])

    def test_floor_is_what_the_best_line_of_training_scores(self, corpus):
        """The best by chrF among those there more than twice, on validation; then on test."""
        task, chrf = tasks.load("docstring"), metrics.METRICS["chrF"]
        lines = {
            split: [corpus.decode(line) for _, line in functions_of(corpus, split)]
            for split in SPLITS
        }
        often = [line for line, n in Counter(lines["train"]).most_common(40) if n > 2]
        tried = lines["validation"][::8]
        guess = max(often, key=lambda line: chrf(tried, [line] * len(tried)))
        score = chrf(lines["test"], [guess] * len(lines["test"]))
        assert score == pytest.approx(task.FLOOR, rel=0.1)
