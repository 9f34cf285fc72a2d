"""The corpus: what is in it, what is labelled how, and that no split sees another."""

import ast
import dataclasses
import keyword
import shutil
import sys
import sysconfig
import tokenize
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.data.contract import CORPUS, IGNORED, SPLITS, TOKENIZERS
from bench.data.corpus import build, labels, leaks, library, load, tokenized, vocabulary
from models.checkpoints import MINILM

ROOT = Path(sysconfig.get_path("stdlib"))


def document(corpus, path):
    """Tokens and roles of a document, without the separator at its end."""
    n = corpus.path.index(path)
    here = slice(corpus.offsets[n], corpus.offsets[n + 1] - 1)
    return corpus.tokens[here], corpus.roles[here]


class TestCorpus:
    def test_is_the_library_of_this_interpreter(self, corpus):
        assert len(corpus.path) > 500
        assert all((ROOT / path.partition("#")[0]).is_file() for path in corpus.path)
        assert set(corpus.package) <= set(sys.stdlib_module_names)
        assert not [path for path in corpus.path if path.startswith("_sysconfigdata")]

    def test_holds_the_manual_in_every_split(self, corpus):
        pages = [n for n, prose in enumerate(corpus.prose) if prose]
        assert {corpus.package[n] for n in pages} == {"pydoc_data"}
        assert {corpus.split[n] for n in pages} == set(SPLITS)
        assert (document(corpus, corpus.path[pages[0]])[1] == IGNORED).all()

    def test_no_file_in_two_splits_and_shares_are_kept(self, corpus):
        assert len(set(corpus.path)) == len(corpus.path)
        for package in ("asyncio", "email"):
            sizes = {s: corpus.sizes[corpus.files(s, package)].sum() for s in SPLITS}
            share = sizes["train"] / sum(sizes.values())
            assert share == pytest.approx(library.SHARES["train"], abs=0.1)

    def test_shares_are_kept_over_all(self):
        sources = library.read()[0]
        sizes = {s: sum(len(one.text) for one in sources if one.split == s) for s in SPLITS}
        for split, share in library.SHARES.items():
            assert sizes[split] / sum(sizes.values()) == pytest.approx(share, abs=0.002)

    def test_a_split_and_a_package_of_it_are_one_stretch(self, corpus):
        last = 0
        for split in SPLITS:
            begin, end = corpus.stretch(split)
            assert begin == last < end
            last = end
            inside = corpus.stretch(split, prose=False)
            package = corpus.stretch(split, package="email")
            assert begin == inside[0] <= package[0] < package[1] <= inside[1] < end
            assert np.diff(package) == corpus.sizes[corpus.files(split, "email")].sum()
        assert last == len(corpus.tokens) == corpus.offsets[-1]
        assert (corpus.tokens[corpus.offsets[1:] - 1] == corpus.sep_id).all()
        assert corpus.stretch("train", package="no such") == (0, 0)

    def test_tokens_are_the_checkpoints_own(self, corpus, tokenizer):
        n = corpus.files("train", "json")[0]
        path = corpus.path[n]
        text = (ROOT / path).read_text()
        expected = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        tokens = document(corpus, path)[0]
        assert tokens.tolist() == expected == corpus.encode(text)
        assert corpus.symbols(tokens[:40]) == tokenizer.convert_ids_to_tokens(tokens[:40])
        assert corpus.encode(corpus.decode(tokens[:40])) == tokens[:40].tolist()

    def test_code_is_the_sources_without_docstrings(self, corpus):
        """Which are taken out here by their lines."""
        documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        for path in ("json/decoder.py", "bisect.py", "asyncio/queues.py"):
            n = corpus.path.index(path)
            text = (ROOT / path).read_text(encoding="utf-8").splitlines()
            lines = dict(enumerate(text, 1))
            for node in ast.walk(ast.parse("\n".join(text))):
                if isinstance(node, documented) and ast.get_docstring(node) is not None:
                    for line in range(node.body[0].lineno, node.body[0].end_lineno + 1):
                        lines.pop(line)
            found = corpus.code[slice(*corpus.code_offsets[n : n + 2])]
            assert found[:-1].tolist() == corpus.encode("\n".join(lines.values())), path

    def test_code_has_the_places_of_its_splits(self, corpus):
        sizes = np.diff(corpus.code_offsets)
        assert not sizes[np.asarray(corpus.prose)].any()
        ends = [corpus.code_end(split) for split in SPLITS]
        assert 0 < ends[0] < ends[1] < ends[2] == len(corpus.code)
        functions = corpus.functions
        assert (functions.start >= corpus.code_offsets[functions.file]).all()
        assert (functions.stop < corpus.code_offsets[functions.file + 1]).all()
        opening = {corpus.encode(word)[0] for word in ("def", "async")}
        assert set(corpus.code[functions.start].tolist()) == opening

    def test_fingerprint_is_stable(self, corpus):
        assert library.fingerprint() == corpus.hash

    def test_is_mapped_and_cannot_be_written(self, corpus):
        for array in (corpus.tokens, corpus.roles, corpus.code):
            assert not array.flags.owndata
            assert not array.flags.writeable

    def test_counts_add_up(self, corpus):
        counted = corpus.description
        assert counted["documents"] == len(corpus.path)
        cut = sum(counted["duplicate_tokens"].values())
        assert counted["tokens"] == sum(counted["split_tokens"].values()) + cut
        assert (corpus.tokens != corpus.sep_id).sum() == sum(counted["split_tokens"].values())
        assert counted["bytes"] > corpus.source_bytes
        assert corpus.tokens_per_byte == pytest.approx(counted["tokens_per_byte"], rel=0.02)
        assert counted["undecodable"] + counted["unparsable"] == len(counted["skipped"])
        assert counted["tokens_per_s"] > 0

    def test_sub_words_have_the_role_of_their_word(self, corpus, tokenizer):
        """Word by word: a file is cut by ``tokenize`` and every word tokenized alone."""
        n = corpus.files("train", "json")[0]
        tokens, roles = document(corpus, corpus.path[n])
        place, checked = 0, 0
        with tokenize.open(ROOT / corpus.path[n]) as file:
            for token in tokenize.generate_tokens(file.readline):
                ids = tokenizer(token.string, add_special_tokens=False)["input_ids"]
                here = slice(place, place + len(ids))
                place += len(ids)
                assert tokens[here].tolist() == ids
                if token.type == tokenize.NAME and ids:
                    role = labels.ROLES[roles[here][0]]
                    assert (role == "keyword") == keyword.iskeyword(token.string)
                    assert len(set(roles[here].tolist())) == 1
                    checked += 1
        assert place == len(tokens)
        assert checked > 300


def whole(corpus, split):
    return corpus.tokens[slice(*corpus.stretch(split))]


def code(corpus, split):
    begin = ([0] + [corpus.code_end(name) for name in SPLITS])[SPLITS.index(split)]
    return corpus.code[begin : corpus.code_end(split)]


class TestLeakage:
    """Against sets of slices, which share nothing with the hashes of the build."""

    SIZE = leaks.SHINGLE

    @pytest.fixture(params=TOKENIZERS)
    def corpus(self, request, corpus, own_corpus):
        return own_corpus if request.param == CORPUS else corpus

    def slices(self, corpus, tokens):
        raw, width = tokens.tobytes(), tokens.itemsize
        separators = np.cumsum(np.concatenate([[0], tokens == corpus.sep_id]))
        whole = np.flatnonzero(separators[self.SIZE :] == separators[: -self.SIZE])
        return (hash(raw[n * width : (n + self.SIZE) * width]) for n in whole.tolist())

    @pytest.mark.parametrize("stretch", [whole, code])
    def test_no_shingle_is_in_two_splits(self, stretch, corpus):
        validation, test = (set(self.slices(corpus, stretch(corpus, s))) for s in SPLITS[1:])
        assert len(validation) > 100_000
        assert len(test) > 100_000
        assert validation.isdisjoint(test)
        assert (validation | test).isdisjoint(self.slices(corpus, stretch(corpus, "train")))

    def test_so_no_window_of_twice_its_size_is(self, corpus):
        """As every such window holds a shingle whole."""
        for split in SPLITS[1:]:
            begin, end = corpus.stretch(split)
            ends = np.flatnonzero(corpus.tokens[begin:end] == corpus.sep_id)
            assert np.diff(ends, prepend=-1).min() > self.SIZE

    def test_hardly_a_window_is_pieced_together_from_another_split(self, corpus):
        """Near duplicates: windows of 64 made to four fifths of runs of 16 that train has too."""
        streams = [corpus.tokens[slice(*corpus.stretch(split))] for split in ("train", "test")]
        train, test = (leaks.shingles(stream, 16) for stream in streams)
        train.sort()
        found = train[np.searchsorted(train, test).clip(max=len(train) - 1)] == test
        covered = np.convolve(found, np.ones(16))[: len(streams[1])] > 0
        share = np.convolve(covered, np.ones(64) / 64, mode="valid")
        assert 0 < (share > 0.8).mean() < 0.03

    def test_no_function_is_in_two_splits(self, corpus):
        functions = corpus.functions
        split = np.asarray(corpus.split)[functions.file]
        width = corpus.code.itemsize
        seen = set()
        for name in SPLITS:
            fresh = set()
            for n in np.flatnonzero(split == name):
                first, last = functions.start[n], functions.stop[n]
                raw = corpus.code[first:last].tobytes()
                count = max(last - first - self.SIZE + 1, 1)
                fresh |= {hash(raw[k * width : (k + self.SIZE) * width]) for k in range(count)}
            assert len(fresh) > 10_000
            assert seen.isdisjoint(fresh)
            seen |= fresh


LIBRARY = {
    "json/__init__.py": "import os\n" * 400,
    "json/one.py": "".join(f"def f{n}(a{n}): return a{n} + {n}\n" for n in range(100)),
    "json/two.py": "".join(f"def g{n}(b{n}=None): return b{n}.g{n}\n" for n in range(40))
    + "import os\n" * 30
    + "".join(f"x{n} = {n} * 'é'\n" for n in range(20)),
    "json/three.py": "".join(f"class C{n}: '''Say {n}.'''\n" for n in range(40))
    + "import os\n" * 9,
    "json/old.py": "print 2\n" * 9,
    "pydoc_data/topics.py": "topics = {'a': \n",
    "json/tests/own.py": "nothing = 'of it'\n",
    "site.py": "def main():\n    '''Start.'''\n    return 1\n"
    + "".join(f"y{n} = {n}\n" for n in range(20)),
    "elsewhere.py": "no = 'part of the library'\n",
}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A library of a few files, one of which each cannot be parsed or decoded, and its corpus."""
    root = tmp_path / "lib"
    for path, text in LIBRARY.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    (root / "json/latin.py").write_bytes("é = 1\n".encode("latin-1") * 9)
    monkeypatch.setattr(library.sysconfig, "get_path", lambda name: str(root))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "kept"))
    file = MINILM.path() / "tokenizer.json"
    folder = tmp_path / "cache" / "corpus"
    build.build(folder, file)
    assert [path.name for path in folder.parent.iterdir()] == ["corpus"]
    return tokenized._open(folder, "small", file, MINILM.name, "")


class TestSplit:
    SHARES = tuple(library.SHARES.values())

    def shares(self, packages):
        split = library._split(packages)
        sizes = {path: size for files in packages.values() for path, size in files.items()}
        assert split.keys() == sizes.keys()
        total = sum(sizes.values())
        return [sum(n for p, n in sizes.items() if split[p] == s) / total for s in SPLITS]

    def test_modules_of_one_file_are_shared_out_together(self):
        modules = {f"m{n}": {f"m{n}.py": 90 + n} for n in range(100)}
        assert self.shares(modules) == pytest.approx(self.SHARES, abs=0.01)

    def test_they_even_out_what_packages_left(self):
        package = {"p": {"p/all.py": 1000, "p/a.py": 2, "p/b.py": 1}}
        modules = {f"m{n}": {f"m{n}.py": 30} for n in range(200)}
        assert self.shares(package | modules) == pytest.approx(self.SHARES, abs=0.01)

    def test_a_package_of_enough_files_is_shared_out_by_itself(self):
        package = {f"p/{n}.py": 10 for n in range(100)}
        split = library._split({"p": package, "m": {"m.py": 100_000}})
        counts = Counter(split[path] for path in package)
        assert [counts[s] / 100 for s in SPLITS] == pytest.approx(self.SHARES, abs=0.02)

    def test_a_file_that_no_split_has_room_for_is_trained_on(self):
        """Largest first to who lacks most would make ``b`` all that validation has."""
        sizes = {"p/a.py": 50, "p/b.py": 25} | {f"p/{n}.py": 1 for n in range(25)}
        split = library._split({"p": sizes})
        assert split["p/a.py"] == split["p/b.py"] == "train"
        assert min(Counter(split.values()).values()) > 1

    def test_order_of_the_files_does_not_matter(self):
        sizes = {f"p/{n}.py": n % 7 for n in range(50)}
        assert library._split({"p": sizes}) == library._split({"p": dict(sorted(sizes.items()))})


class TestSmallLibrary:
    def test_what_does_not_parse_or_decode_is_skipped_and_counted(self, small):
        counted = small.description
        assert (counted["undecodable"], counted["unparsable"]) == (1, 2)
        assert counted["skipped"] == ["json/latin.py", "pydoc_data/topics.py", "json/old.py"]
        assert set(small.path) == {
            "json/__init__.py",
            "json/one.py",
            "json/two.py",
            "json/three.py",
            "site.py",
        }

    def test_what_two_splits_share_is_cut_from_the_later_one(self, small):
        assert dict(zip(small.path, small.split, strict=True)) == {
            "json/__init__.py": "train",
            "json/one.py": "train",
            "json/two.py": "validation",
            "json/three.py": "test",
            "site.py": "test",
        }
        tokens = document(small, "json/two.py")[0]
        assert (tokens == small.sep_id).sum() == 1
        assert "import" not in small.decode(tokens)
        assert small.description["duplicate_tokens"]["validation"] == 60
        assert "import" in small.decode(document(small, "json/three.py")[0])  # 18 tokens

    def test_bytes_are_those_of_what_is_left(self, small):
        texts = [LIBRARY[path] for path in small.path]
        whole = sum(len(text.encode()) for text in texts)
        assert small.source_bytes == whole - len("import os\n") * 30
        assert small.description["bytes"] == whole

    def test_a_manual_that_is_no_dictionary_of_texts_stops_nothing(self, small):
        path = Path(library.sysconfig.get_path("stdlib")) / "pydoc_data/topics.py"
        for page in ("", "{'a': page}", "{'a': '\0'}"):
            path.write_text(f"topics = {page}\n", encoding="utf-8")
            sources, _, unparsable = library.read()
            assert unparsable == ("pydoc_data/topics.py",)
            assert not any(source.prose for source in sources)
            assert len(library.fingerprint()) == 64

    def test_a_cache_that_cannot_be_written_is_said_by_its_name(self, small, tmp_path):
        """A file stands where a folder is needed."""
        (tmp_path / "taken").write_text("")
        with pytest.raises(library.CorpusError, match="set XDG_CACHE_HOME") as caught:
            build.build(tmp_path / "taken" / "corpus-0", MINILM.path() / "tokenizer.json")
        assert str(caught.value).startswith("the cache corpus-0 cannot be written (")
        assert str(tmp_path) not in str(caught.value)

    def test_no_library_is_said(self, tmp_path, monkeypatch):
        monkeypatch.setattr(library.sysconfig, "get_path", lambda name: str(tmp_path))
        with pytest.raises(library.CorpusError, match="Found none"):
            library.fingerprint()


def test_a_corpus_from_elsewhere_is_read_and_never_built(corpus, own_corpus, monkeypatch, tmp_path):
    """By an interpreter with another library, and through the tokenizer that came with it."""
    monkeypatch.setenv("RVT_CORPUS", corpus.hash)
    monkeypatch.setattr(library, "read", lambda: pytest.fail("no source is read"))
    monkeypatch.setattr(vocabulary.metadata, "version", lambda name: "another")
    assert library.fingerprint() == corpus.hash
    for checkpoint, known in ((MINILM, corpus), (None, own_corpus)):
        found = load(corpus.hash, checkpoint)
        assert found.tokenizer_digest == known.tokenizer_digest
        assert np.array_equal(found.tokens, known.tokens)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for checkpoint, name in ((MINILM, "corpus"), (None, "tokenizer")):
        with pytest.raises(library.CorpusError, match=f"expected one {name}-.* Found none. Copy"):
            load(corpus.hash, checkpoint)
    for digest in "ab":
        (tmp_path / f"rnn-vs-transformer/tokenizer-{corpus.hash[:16]}-{digest}").mkdir(parents=True)
    with pytest.raises(library.CorpusError, match=r"Found tokenizer-.*-a, .*-b\. Keep the one"):
        load(corpus.hash)


@pytest.fixture
def kept(small, tmp_path):
    """The corpus of the few files in a cache of its own, as ``load`` finds it there."""
    identity = library.fingerprint()
    return identity, tokenized.load(identity), tmp_path / "kept" / "rnn-vs-transformer"


def same(one, other):
    arrays = ("tokens", "offsets", "roles", "code", "code_offsets")
    alike = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in arrays)
    parts = [(getattr(one, part), getattr(other, part)) for part in ("functions", "questions")]
    return alike and all(
        np.array_equal(getattr(a, field.name), getattr(b, field.name))
        for a, b in parts
        for field in dataclasses.fields(a)
    )


def test_whatever_the_cache_lacks_is_built_again(kept):
    """Every file of it is removed once, and cut once."""
    identity, whole, root = kept
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) == 10 + 2 + 1  # of the corpus, of its tokenizer, and what was parsed
    for path in files:
        before = path.read_bytes()
        path.unlink()
        assert same(tokenized.load(identity), whole), path
        path.write_bytes(before[: len(before) // 2])
        assert same(tokenized.load(identity), whole), path


def test_what_is_damaged_of_a_corpus_from_elsewhere_is_named(kept, monkeypatch):
    identity, _, root = kept
    monkeypatch.setenv(library.ELSEWHERE, identity)
    (damaged,) = root.glob("corpus-*")
    (damaged / build.DESCRIPTION).unlink()
    with pytest.raises(library.CorpusError, match=r"is damaged .*Copy it again"):
        tokenized.load(identity)
    assert damaged.is_dir(), "nothing of it is removed"


def test_what_was_parsed_once_is_not_parsed_for_the_next_tokenizer(kept, monkeypatch):
    identity, whole, root = kept
    shutil.rmtree(next(root.glob("corpus-*")))
    calls = []
    read = labels.read
    monkeypatch.setattr(labels, "read", lambda text: calls.append(text) or read(text))
    assert same(tokenized.load(identity), whole)
    assert not calls
    next(root.glob("parsed-*")).unlink()
    shutil.rmtree(next(root.glob("corpus-*")))
    assert same(tokenized.load(identity), whole)
    assert calls


def test_a_damaged_cache_that_cannot_be_removed_is_named(tmp_path, monkeypatch):
    def refuse(folder):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(library.shutil, "rmtree", refuse)  # root may remove everything
    with pytest.raises(library.CorpusError, match=r"^corpus-0 in the cache .*denied.*Delete it"):
        library.discard(tmp_path / "corpus-0")


@pytest.mark.parametrize("wrong", ["b74f", "*" * 64, "../" + "0" * 61])
def test_what_is_no_hash_of_a_corpus_is_said(monkeypatch, wrong):
    monkeypatch.setenv("RVT_CORPUS", wrong)
    with pytest.raises(library.CorpusError, match="RVT_CORPUS: expected the 64 hex digits"):
        library.fingerprint()
