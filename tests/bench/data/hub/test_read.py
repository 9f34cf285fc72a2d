"""What the files of a data set must hold: other columns, classes and broken rows are refused."""

import io
import json

import numpy as np
import pyarrow.parquet
import pytest
import torch

import models.arms
from bench import outcome, study, tasks
from bench.data.hub.catalogue import find
from bench.data.hub.fetch import DataUnavailable
from bench.data.hub.task import HubTask
from bench.execute import prepare
from bench.execute.sizing import sized
from models.checkpoints import MINILM

from ....architectures import save
from ....conftest import TINY
from . import sets
from .served import open_set, refusal, serve
from .sets import SETS, parquet

COLOURED = """
title = "Photographs"
summary = "Photographs."
[comparison.own]
summary = "own arms"
match_to = "transformer"
hidden_size = 32
num_layers = 1
[[grid]]
probe = "speed"
comparison = "own"
task = "digits"
data = "{name}"
length = 256
arm = ["lstm", "transformer"]
"""


class TestTokenizers:
    """Any tokenizer's marks frame the rows, as they frame the library's."""

    def drawn(self, hub, name, folder):
        task = HubTask(find(serve(hub, name)))
        table = task.open(folder)
        return table, tasks.draw(task, table, "test", 32, 2, seed=0)

    @pytest.mark.parametrize("begins", [True, False])
    def test_a_decoder_s_marks(self, hub, tmp_path, begins):
        """GPT-2's only mark both begins and ends a row; Llama has another to begin with."""
        folder = save("llama", tmp_path / "own")
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config |= {"bos_token": "!" if begins else None}
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        table, rows = self.drawn(hub, "imdb", folder)
        end = table.encode("<|endoftext|>")[0]
        begin = table.encode("!")[0] if begins else end
        assert (table.cls_id, table.sep_id) == (begin, end)
        assert table.pad_id == table.vocab_size - 1 not in (begin, end)
        for ids, mask in zip(rows["input_ids"], rows["attention_mask"], strict=True):
            size = mask.sum()
            assert (ids[0], ids[size - 1]) == (begin, end)
            assert size < len(ids)
            assert set(ids[size:]) == {table.pad_id}

    def test_ids_go_up_to_the_largest(self, hub, tmp_path):
        """A vocabulary may have holes, so that it has fewer entries than ids."""
        folder = save("gpt2", tmp_path / "own")
        fields = json.loads((folder / "tokenizer.json").read_text())
        last = max(fields["model"]["vocab"], key=fields["model"]["vocab"].get)
        fields["model"]["vocab"][last] += 50
        (folder / "tokenizer.json").write_text(json.dumps(fields))
        table, _ = self.drawn(hub, "imdb", folder)
        assert table.vocab_size == fields["model"]["vocab"][last] + 1

    def test_no_mark_to_end_a_row(self, hub, tmp_path):
        folder = save("gpt2", tmp_path / "own")
        (folder / "tokenizer_config.json").write_text('{"pad_token": "!"}')
        with pytest.raises(DataUnavailable, match=r"a sep_token or an eos_token.*Got pad_token"):
            self.drawn(hub, "imdb", folder)


def test_a_model_sees_as_many_colours_as_its_images_have(opened, tmp_path):
    task, table = opened["cifar10"]
    path = tmp_path / "coloured.toml"
    path.write_text(COLOURED.format(name=task.entry.name))
    images = tasks.draw(task, table, "test", 256, 2, seed=0)["pixel_values"]
    for cell in study.load(str(path)).cells:
        config = models.arms.config_from_dict(sized(cell, table)["config"])
        assert config.vision_config.num_channels == task.CHANNELS == images.shape[1]


class TestReading:
    @pytest.mark.parametrize(
        ("features", "got"),
        [
            (
                {"review": sets.TEXT, "label": sets.NUMBER},
                "review (string), label (integer)",
            ),
            ({"text": sets.TEXT, "label": sets.TEXT}, "label (string)"),
            ({"text": sets.List(sets.TEXT), "label": sets.NUMBER}, "text (strings)"),
        ],
    )
    def test_columns_changed(self, features, got, hub):
        files = SETS["imdb"]()
        value = {"text": "a", "strings": ["a"]}
        columns = {
            name: [value["strings"] if isinstance(kind, sets.List) else
                   "a" if kind is sets.TEXT else 1]
            for name, kind in features.items()
        }  # fmt: skip
        files["plain_text/test-00000-of-00001.parquet"] = parquet(features, columns)
        message = refusal(serve(hub, "imdb", files))
        assert "test-00000-of-00001.parquet of stanfordnlp/imdb at commit" in message
        assert got in message
        assert "give a commit that has them: imdb@<40 hex digits>" in message

    def test_classes_changed_places(self, hub):
        files = SETS["imdb"]()
        features = {"text": sets.TEXT, "label": sets.ClassLabel(names=["pos", "neg"])}
        files["plain_text/test-00000-of-00001.parquet"] = parquet(
            features, {"text": ["a"], "label": [1]}
        )
        message = refusal(serve(hub, "imdb", files))
        assert "expected classes neg, pos in column label. Got pos, neg" in message

    @pytest.mark.parametrize("name", ["imdb", "conll2003", "opus_books", "flickr8k", "squad"])
    def test_files_without_what_datasets_adds(self, name, hub, monkeypatch, opened):
        """Older files carry no classes; types and ranges are all there is to check."""
        with monkeypatch.context() as patch:
            patch.setattr(sets, "parquet", lambda *args: parquet(*args, metadata=False))
            files = SETS[name]()
        table = open_set(serve(hub, name, files))
        _, expected = opened[name]
        for split in tasks.SPLITS:
            for column, values in expected.splits[split].columns.items():
                found = table.splits[split][column]
                if hasattr(values, "flat") and hasattr(values, "sizes"):
                    assert np.array_equal(found.flat, values.flat)

    def test_files_that_say_more_than_is_understood(self, hub, monkeypatch):
        """What a later `datasets` adds to the schema is no reason to refuse the rows."""
        features = {"text": sets.TEXT, "label": sets.NUMBER}
        table = sets.Dataset.from_dict(
            {"text": ["a", "b"], "label": [0, 1]}, features=sets.Features(features)
        ).data.table
        said = {"huggingface": json.dumps({"info": {"features": {"text": {"_type": "Unheard"}}}})}
        file = io.BytesIO()
        pyarrow.parquet.write_table(table.replace_schema_metadata(said), file)
        files = SETS["imdb"]() | {"plain_text/test-00000-of-00001.parquet": file.getvalue()}
        assert len(open_set(serve(hub, "imdb", files)).splits["test"]) == 2

    def test_classes_out_of_range(self, hub):
        files = SETS["imdb"]()
        files["plain_text/test-00000-of-00001.parquet"] = parquet(
            {"text": sets.TEXT, "label": sets.NUMBER}, {"text": ["a"], "label": [-1]}
        )
        message = refusal(serve(hub, "imdb", files))
        assert "expected classes 0 to 1 in column label. Got -1" in message

    @pytest.mark.parametrize(
        ("name", "file", "spoil", "got"),
        [
            ("opus_books", "en-fr/train", {"translation": None}, "TypeError"),
            ("conll2003", "data/test", {"ner_tags": [0, None]}, "TypeError"),
            ("conll2003", "data/test", {"tokens": ["Nadim", None, "in", "Japan"]}, "TypeError"),
            ("conll2003", "data/test", {"ner_tags": [1, 2, 0]}, "4 words and 3 labels"),
            ("conll2003", "data/test", {"ner_tags": [1, 2, 0, 5, 0]}, "4 words and 5 labels"),
            ("flickr8k", "data/test", {"image": {"bytes": None, "path": "x"}}, "TypeError"),
            ("squad", "plain_text/validation",
             {"answers": {"text": ["Ghent"], "answer_start": []}}, "IndexError"),
            ("squad", "plain_text/validation",
             {"answers": {"text": [None], "answer_start": [0]}}, "TypeError"),
        ],
    )  # fmt: skip
    def test_nulls_and_short_lists_inside_a_row(self, name, file, spoil, got, hub):
        """Named by file and row; the same file with row 1 whole is read by the other tests."""
        files = SETS[name]()
        (path,) = (found for found in files if found.startswith(file))
        table = pyarrow.parquet.read_table(io.BytesIO(files[path]))
        rows = table.to_pylist()
        rows[1] |= spoil
        written = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), written)
        message = refusal(serve(hub, name, files | {path: written.getvalue()}))
        assert f"row 1 (the first is 0) of {path.rpartition('/')[2]}" in message
        assert got in message
        assert f"{name}@<40 hex digits>" in message

    def test_an_article_without_a_name_is_left_out(self, hub):
        files = SETS["squad"]()
        path = "plain_text/train-00000-of-00001.parquet"
        table = pyarrow.parquet.read_table(io.BytesIO(files[path]))
        rows = table.to_pylist()
        rows[0]["title"] = None
        written = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=table.schema), written)
        left_out = open_set(serve(hub, "squad", files | {path: written.getvalue()})).left_out
        assert left_out["empty, or no row of this task"] == 2  # and one of the test split

    def test_what_is_no_parquet(self, hub):
        files = SETS["imdb"]() | {"plain_text/test-00000-of-00001.parquet": b"PAR1 no more"}
        message = refusal(serve(hub, "imdb", files))
        assert "cannot be read as Parquet" in message

    def test_an_empty_split(self, hub):
        files = SETS["wikitext2"]()
        files["wikitext-2-raw-v1/test-00000-of-00001.parquet"] = parquet(
            {"text": sets.TEXT}, {"text": ["", ""]}
        )
        message = refusal(serve(hub, "wikitext2", files))
        assert "Got none in test" in message

    def test_an_image_that_is_there_twice_is_left_out(self, hub):
        files = SETS["flickr8k"]()
        path = "data/test-00000-of-00001-42a2661d12c73e48.parquet"
        table = pyarrow.parquet.read_table(io.BytesIO(files[path]))
        written = io.BytesIO()
        pyarrow.parquet.write_table(pyarrow.concat_tables([table, table]), written)
        table = open_set(serve(hub, "flickr8k", files | {path: written.getvalue()}))
        assert len(table.splits["test"]) == 2
        assert table.left_out["twice"] == 2

    def test_an_image_that_is_none(self, hub):
        files = SETS["flickr8k"]()
        features = {"image": sets.Image()} | {f"caption_{n}": sets.TEXT for n in range(5)}
        columns = {"image": [{"bytes": b"no image", "path": None}]}
        columns |= {f"caption_{n}": ["a"] for n in range(5)}
        files["data/test-00000-of-00001-42a2661d12c73e48.parquet"] = parquet(features, columns)
        task = HubTask(find(serve(hub, "flickr8k", files)))
        table = task.open(MINILM.path())
        with pytest.raises(DataUnavailable, match="expected an image file in column image"):
            tasks.draw(task, table, "test", 256, 1, 0)

    def test_a_broken_image_costs_its_own_cells_alone(self, hub):
        """They are decoded at the first draw: what else is planned goes on."""
        files = SETS["flickr8k"]()
        features = {"image": sets.Image()} | {f"caption_{n}": sets.TEXT for n in range(5)}
        columns = {"image": [{"bytes": b"no image", "path": None}]}
        columns |= {f"caption_{n}": ["a"] for n in range(5)}
        files["data/test-00000-of-00001-42a2661d12c73e48.parquet"] = parquet(features, columns)
        first = next(c for c in study.load(str(TINY)).cells if c.arm == "transformer")
        healthy = first.model_copy(update={"task": "parity"})
        broken = healthy.model_copy(
            update={"task": "digits", "data": serve(hub, "flickr8k", files), "length": 256}
        )
        job = {
            "cells": [{"key": c.key, "cell": c.model_dump(mode="json")} for c in (broken, healthy)],
            "corpus": "",
            "threads": torch.get_num_threads(),
        }
        decided = prepare.run(job)["cells"]
        assert decided[broken.key]["failed"] == outcome.UNAVAILABLE
        assert "expected an image file in column image" in decided[broken.key]["reason"]
        assert decided[healthy.key]["estimate_s"] > 0
