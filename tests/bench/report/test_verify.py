"""A report says what its records say; whoever changes a digit of it is found."""

import dataclasses
import gzip
import json
import random
import re
import shutil
from pathlib import Path

import pytest

from bench.page import judgement
from bench.report import answers, placing, recompute, render, verify
from bench.report.printed import Difference
from bench.store import StoreError, archive
from bench.store.archive import Archive

CHANGES = 200
PUBLISHED = Path(__file__).parents[3] / "reports" / "published"
SHOWN = re.compile(rb"<text[^>]*>[^<]*</text>")


@pytest.fixture(scope="module")
def written(tiny, tmp_path_factory):
    """A published report: the tiny study's, with packed records and no store."""
    folder = tmp_path_factory.mktemp("published") / "tiny"
    folder.mkdir()
    archive.write(Archive(tiny.folder / archive.PLAIN), folder / archive.PACKED)
    render.write(Archive(folder / archive.PACKED), folder)
    return folder


@pytest.fixture(scope="module")
def reference(written):
    with verify.drawn(verify.records(written)) as drawn:
        yield drawn


@pytest.fixture
def folder(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "report"))


@pytest.fixture
def look(folder, reference):
    """What comes of the folder as it is now."""
    return lambda: verify.against(folder, verify.records(folder), reference)


class Changed:
    """Records of a file, some of which somebody has changed, with digests that are right."""

    def __init__(self, folder, change):
        source = Archive(folder / archive.PACKED)
        self._records, self.meta = source.records(), source.meta
        for record in self._records:
            change(record)
        digest = archive.write(self, folder / archive.PACKED)
        rewrite(folder / answers.FILE, source.digest.encode(), digest.encode())

    def records(self):
        return self._records


def rewrite(path, before, after):
    text = path.read_bytes()
    assert before in text
    path.write_bytes(text.replace(before, after, 1))


def a_digit(generator, path):
    """The place of a digit that is read, and the file's bytes; None where it has none."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    shown = [(0, len(data))]
    if path.suffix == ".svg":
        shown = [m.span() for m in SHOWN.finditer(data) if re.search(rb">.*\d", m[0])]
    if not shown:
        return None
    start, end = generator.choice(shown)
    places = range(data.index(b">", start) if path.suffix == ".svg" else start, end)
    while data[place := generator.choice(places)] not in b"0123456789":
        pass
    return place, data


def changes(generator, folder):
    """So many times: a file with another digit somewhere, which is as it was afterwards."""
    kinds = [
        sorted(path for pattern in patterns for path in folder.glob(pattern)
               if a_digit(generator, path))
        for patterns in (("*.md", "*.html", "pages/*"), ("tables/*",), ("figures/*.svg",),
                         (answers.FILE,), (archive.PACKED,))
    ]  # fmt: skip
    for number in range(CHANGES):
        path = generator.choice(kinds[number % len(kinds)])
        whole, (place, data) = path.read_bytes(), a_digit(generator, path)
        other = str((int(chr(data[place])) + generator.randrange(1, 10)) % 10).encode()
        text = data[:place] + other + data[place + 1 :]
        path.write_bytes(gzip.compress(text, 1) if path.suffix == ".gz" else text)
        yield path, place
        path.write_bytes(whole)


def test_what_is_published_is_verified_anywhere(folder, rvt, without_torch, tmp_path):
    """Without torch, elsewhere, at another time of day, with other hashes; and nothing is left."""
    elsewhere = {"TZ": "Pacific/Apia", "PYTHONHASHSEED": "7", "LC_ALL": "C"}
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    done = rvt("verify", str(folder), cwd=tmp_path, env=without_torch | elsewhere)
    assert done.code == 0, done.out + done.err
    assert re.fullmatch(
        r"[\d,]+ numbers of \d+ pages, \d+ tables, \d+ pictures and claim.json recomputed from "
        r"\d+ records, and \d+ metrics from their samples \([a-z0-9, ]+\): all agree\n",
        done.out,
    )
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("of", ["tiny", "gradients"])
def test_of_changed_digits_all_are_found(of, request, tmp_path):
    report = PUBLISHED / of if of == "gradients" else request.getfixturevalue("written")
    folder, missed = Path(shutil.copytree(report, tmp_path / of)), []
    source = verify.records(folder)
    with verify.drawn(source) as reference:
        for path, place in changes(random.Random(14), folder):
            try:
                read = verify.records(folder) if path.suffix == ".gz" else source
                if verify.against(folder, read, reference).state == verify.CONSISTENT:
                    missed.append((path.name, place))
            except StoreError as error:
                assert re.search(r"line \d+", str(error)), error
        assert missed == []
        assert verify.against(folder, source, reference).differences == []


def test_a_changed_number_is_named_with_its_line(folder, look):
    lines = (folder / "tables" / "models.csv").read_text().splitlines()
    number = re.search(r"\d\d\d\d+", lines[1])[0]
    rewrite(folder / "tables" / "models.csv", number.encode(), b"1" + number.encode())
    (found,) = look().differences
    assert found == Difference(
        "tables/models.csv", 2, f'"1{number}"', f'"{number}"'
    )  # fmt: skip
    assert look().state == verify.INCONSISTENT
    assert list(look().lines())[-1] == verify.INCONSISTENT


def test_changed_samples_are_found_though_every_digest_is_right(folder, reference):
    def change(record):
        if "train_s" in record["metrics"]:
            record["samples"]["seconds"][0] *= 1.1

    Changed(folder, change)
    source = verify.records(folder)
    again = recompute.check(source.records())
    found = verify.against(folder, source, dataclasses.replace(reference, again=again))
    told = [difference for difference in found.differences if difference.file == archive.PACKED]
    assert told
    for difference in told:
        assert difference.printed.startswith("train_s ")
        assert source.records()[difference.line - 2]["metrics"]["train_s"]


def test_other_records_are_not_those_of_the_report(folder, look):
    answer = (folder / answers.FILE).read_bytes()
    Changed(folder, lambda record: record["metrics"].pop("peak_rss_bytes", None))
    (folder / answers.FILE).write_bytes(answer)
    (found,) = look().differences
    assert (found.file, found.line) == (archive.PACKED, 1)


@pytest.mark.parametrize("file", [answers.FILE, render.PAGE, render.HTML])
def test_a_changed_verdict_changes_the_decision(folder, look, file):
    text = (folder / file).read_text()
    state = next(state for state in judgement.STATES if state in text.lower())
    other = next(one for one in judgement.STATES if one != state)
    (folder / file).write_text(re.sub(state, other, text, count=1, flags=re.IGNORECASE))
    found = look()
    assert found.state == verify.DECISION
    assert list(found.lines())[-1] == verify.DECISION


def test_files_that_are_missing_or_too_many_are_named(folder, look):
    (folder / "tables" / "models.csv").rename(folder / "tables" / "mine.csv")
    shutil.rmtree(folder / "figures")
    found = {difference.file: difference for difference in look().differences}
    assert found["tables/models.csv"].printed == "no such file"
    assert found["tables/mine.csv"].recomputed == "no such file"
    assert any(name.startswith("figures/") for name in found)
    lines = list(look().lines())
    assert len(lines) < len(found), "twenty at most"
    assert f"and {len(found) - 20:,} more" in lines


def beside(found):
    """Files that differ, but those in pixels."""
    return {d.file for d in found.differences if not d.file.endswith(".png")}


class TestOtherVersions:
    @pytest.fixture
    def folder(self, folder):
        """Drawn by a matplotlib of another day."""
        said = answers.drawn_by()["matplotlib"]
        rewrite(folder / answers.FILE, f'"matplotlib": "{said}"'.encode(), b'"matplotlib": "0.1"')
        (folder / placing.LIST).unlink()
        return folder

    @pytest.fixture
    def picture(self, folder):
        return min(folder.glob("figures/*.svg"))

    def test_shapes_are_not_compared_and_that_is_said(self, look, picture):
        picture.write_bytes(re.sub(rb' d="M [\d.]+', b' d="M 0.125', picture.read_bytes()))
        picture.with_suffix(".png").write_bytes(b"other pixels")
        found = look()
        assert beside(found) == {placing.LIST}, "nothing else proves them"
        assert "matplotlib 0.1, here" in found.note
        assert found.note in found.lines()

    def test_their_words_and_numbers_are(self, look, picture):
        place, data = a_digit(random.Random(14), picture)
        other = str((int(chr(data[place])) + 1) % 10).encode()
        picture.write_bytes(data[:place] + other + data[place + 1 :])
        assert beside(look()) == {f"figures/{picture.name}", placing.LIST}

    def test_last_digits_of_numbers_written_out_may_differ(self, folder, look):
        table = next(p for p in folder.glob("tables/*") if re.search(r"\d\.\d{15}", p.read_text()))
        table.write_text(re.sub(r"(\d\.\d{14})\d", r"\g<1>1", table.read_text()))
        assert beside(look()) == {placing.LIST}
        table.write_text(re.sub(r"(\d\.\d{5})\d", r"\g<1>1", table.read_text()))
        assert beside(look()) == {f"tables/{table.name}", placing.LIST}

    def test_files_are_as_they_were_written(self, folder, look, written, picture):
        shutil.copy(written / placing.LIST, folder)
        listed = placing.written(folder)
        listed[answers.FILE] = placing.digest(folder / answers.FILE)  # as this fixture wrote it
        (folder / placing.LIST).write_text(json.dumps(listed))
        assert look().differences == []
        picture.write_bytes(re.sub(rb' d="M [\d.]+', b' d="M 0.125', picture.read_bytes()))
        assert [d.file for d in look().differences] == [f"figures/{picture.name}"]


def test_exit_codes(folder, rvt, tmp_path):
    done = rvt("verify", str(tmp_path / "nothing"))
    assert (done.code, done.out) == (2, "")
    assert "is no report: it lacks README.md, claim.json, records.jsonl.gz" in done.err
    data = gzip.decompress((folder / archive.PACKED).read_bytes())
    rewrite(folder / answers.FILE, b'"count": ', b'"count": 1')
    done = rvt("verify", str(folder))
    assert (done.code, done.err) == (1, "")
    assert "claim.json, line " in done.out
    (folder / archive.PACKED).write_bytes(gzip.compress(data.partition(b"\n")[2]))
    done = rvt("verify", str(folder))
    assert (done.code, done.out) == (3, "")
    assert "no first line" in done.err
    (folder / archive.PACKED).write_bytes(gzip.compress(data.replace(b'"done"', b'"lost"', 1)))
    done = rvt("verify", str(folder))
    assert done.code == 3
    assert re.search(r"line \d+ is not what was written", done.err)
