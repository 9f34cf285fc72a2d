"""Files of records: whole, proven line by line, and read where there is no store."""

import gzip
import json
import random
import shutil

import pytest

from bench.store import Store, StoreError, archive
from bench.store.archive import Archive


@pytest.fixture(scope="module")
def store(tiny):
    with Store(tiny.folder) as opened:
        yield opened


@pytest.fixture(params=[archive.PLAIN, archive.PACKED])
def path(request, store, tmp_path):
    archive.write(store, tmp_path / request.param)
    return tmp_path / request.param


def lines(path):
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()


def rewrite(path, changed):
    text = "".join(f"{line}\n" for line in changed).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def test_what_is_written_is_read(path, store):
    read = Archive(path)
    assert read.lacks is None
    assert read.records() == store.records()
    for name in ("title", "summary", "plan", "comparisons", "published", "source", "cells"):
        assert read.meta(name) == store.meta(name), name
    assert read.meta("nothing", 3) == 3
    assert read.digest == archive.write(store, path)


def test_a_store_and_its_records_leave_the_same_bytes(store, path, tmp_path):
    class Parsed:
        records, meta = store.records, store.meta

    archive.write(Parsed(), tmp_path / f"again-{path.name}")
    assert (tmp_path / f"again-{path.name}").read_bytes() == path.read_bytes()


def test_same_records_same_bytes(path, store):
    before = path.read_bytes()
    archive.write(store, path)
    assert path.read_bytes() == before
    archive.write(Archive(path), path)
    assert path.read_bytes() == before


def test_a_report_is_written_from_it_alone(path, rvt, tiny, tmp_path):
    done = rvt("report", str(path), "--output", str(tmp_path / "again"))
    assert done.code == 0, done.err
    for name in ("README.md", "report.html"):
        again, first = tmp_path / "again" / name, tiny.folder / name
        text = again.read_text().replace(path.name, "records.jsonl")  # which it names
        assert text == first.read_text(), name


def test_a_published_folder_stays_packed(store, rvt, tmp_path):
    archive.write(store, tmp_path / archive.PACKED)
    before = (tmp_path / archive.PACKED).read_bytes()
    assert rvt("report", str(tmp_path)).code == 0
    assert (tmp_path / "README.md").is_file()
    assert (tmp_path / archive.PACKED).read_bytes() == before
    assert not (tmp_path / archive.PLAIN).exists()


def test_an_edited_line_is_named(path):
    generator = random.Random(0)
    whole = lines(path)
    for _ in range(20):
        number = generator.randrange(1, len(whole))
        line = whole[number]
        places = [i for i, sign in enumerate(line) if sign.isdigit()]
        place = generator.choice(places)
        digit = str((int(line[place]) + generator.randrange(1, 10)) % 10)
        rewrite(path, [*whole[:number], line[:place] + digit + line[place + 1 :],
                       *whole[number + 1 :]])  # fmt: skip
        with pytest.raises(StoreError, match=rf"line {number + 1}\b"):
            Archive(path)


def test_a_lost_end_is_said(path):
    whole = lines(path)
    rewrite(path, whole[:-1])
    said = rf"expected {len(whole) - 1} records.*line {len(whole) - 1}"
    with pytest.raises(StoreError, match=said):
        Archive(path)
    rewrite(path, [*whole, whole[-1]])
    with pytest.raises(StoreError, match=rf"line {len(whole) + 1}: expected"):
        Archive(path)


def test_a_cut_file_is_damaged(store, tmp_path):
    path = tmp_path / archive.PACKED
    archive.write(store, path)
    data = path.read_bytes()
    for share in (0.1, 0.5, 0.99):
        path.write_bytes(data[: int(share * len(data))])
        with pytest.raises(StoreError, match=r"damaged behind line \d+"):
            Archive(path)
    path.write_bytes(b"no gzip at all")
    with pytest.raises(StoreError, match="damaged"):
        Archive(path)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "line 2 is no record"),
        ("{", "line 2 is no record"),
        ("[]", "expected an object"),
        ('{"a": NaN}', "NaN is no JSON"),
        ("[" * 30 + "]" * 30, "expected an object"),
        ('{"a": ' + "[" * 30 + "]" * 30 + "}", "nested deeper"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", "line 2 is no record"),
        ("{}", "expected 'key', a text"),
    ],
)
def test_what_is_no_record_is_named(store, tmp_path, line, said):
    path = tmp_path / archive.PLAIN
    rewrite(path, [json.dumps(store.records()[0]), line])  # of before there were first lines
    with pytest.raises(StoreError, match=said):
        Archive(path)


def test_an_unknown_status_or_schema_is_refused(store, tmp_path):
    path = tmp_path / archive.PLAIN
    rewrite(path, [json.dumps(store.records()[0] | {"status": "fine"})])
    with pytest.raises(StoreError, match="status must be one of"):
        Archive(path)
    rewrite(path, ['{"schema": 99}'])
    with pytest.raises(StoreError, match=r"schema 1.*Got 99"):
        Archive(path)


def test_what_a_report_reads_must_be_there(store, tmp_path):
    path, record = tmp_path / archive.PLAIN, store.records()[0]
    for name, inside in (("cell", "arm"), ("environment", "cpu"), ("provenance", "code")):
        kept = {key: value for key, value in record[name].items() if key != inside}
        rewrite(path, [json.dumps(record), json.dumps(record | {name: kept})])
        with pytest.raises(StoreError, match=f"line 2 is no record.*'{inside}' in '{name}'"):
            Archive(path)
    rewrite(path, [json.dumps({key: record[key] for key in record if key != "reason"})])
    with pytest.raises(StoreError, match=r"line 1 is no record.*'reason'"):
        Archive(path)
    rewrite(path, [json.dumps(record)] * 3)
    with pytest.raises(StoreError, match="line 2 is of the cell of line 1"):
        Archive(path)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("title", None, "study's title"),
        ("plan", {}, "study's plan"),
        ("cells", [], "study's cells"),
        ("plan", ["nothing"], "what 'nothing' is"),
        ("comparisons", {}, "what 'scratch' is"),
    ],
)
def test_a_first_line_says_what_the_records_are_of(path, name, value, said):
    first, *others = lines(path)
    header = json.loads(first)
    header["of"][name] = value
    del header["sha256"]
    rewrite(path, [json.dumps(header), *others])
    with pytest.raises(StoreError, match=f"line 1 does not say .*{said}"):
        Archive(path)


def test_an_edited_first_line_is_named(path):
    before = Archive(path).digest
    first, *others = lines(path)
    edited = first.replace('"elapsed_s": ', '"elapsed_s": 1')
    rewrite(path, [edited, *others])
    with pytest.raises(StoreError, match="line 1 is not what was written"):
        Archive(path)
    header = json.loads(edited)
    del header["sha256"]  # as in files of before: the digest that claim.json states proves it
    rewrite(path, [json.dumps(header), *others])
    assert Archive(path).digest != before


def test_files_of_before_are_read_and_not_proven(store, tmp_path):
    path = tmp_path / archive.PLAIN
    rewrite(path, [json.dumps(record) for record in store.records()])
    read = Archive(path)
    assert "no first line" in read.lacks
    assert not read.digest
    assert read.records() == store.records()
    assert read.meta("plan") == [record["key"] for record in store.records()]
    assert set(read.meta("comparisons")) == {"scratch"}


def test_what_has_no_records_is_said(rvt, tmp_path, tiny):
    done = rvt("report", str(tmp_path / "nowhere"))
    assert done.code == 2
    assert "expected the file records.sqlite, records.jsonl.gz or records.jsonl" in done.err
    shutil.copy(tiny.folder / "README.md", tmp_path / "other.md")
    done = rvt("report", str(tmp_path / "other.md"))
    assert done.code == 2
    assert "expected records.sqlite, records.jsonl.gz or records.jsonl" in done.err
    assert "Traceback" not in done.err
    (tmp_path / "in the way").write_text("")
    shutil.copy(tiny.folder / "records.jsonl", tmp_path)
    done = rvt("report", str(tmp_path), "--output", str(tmp_path / "in the way"))
    assert (done.code, done.err.count("\n")) == (3, 1)
    assert "in the way: File exists" in done.err
