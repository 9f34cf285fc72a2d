"""What holds for whatever is registered, so that a report can be made of it unseen.

What an arm or a task must be beyond this is tested beside them, over the same folders.
"""

import math
import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import torch

import models.arms
from bench import claims, registry, tasks
from bench.data import metrics
from bench.measure import contract
from bench.outcome import MEASURED
from bench.page.contract import LAST, Question, Section
from bench.page.evidence import Evidence
from bench.page.facets import facets
from bench.report import recompute
from bench.store import Store
from bench.store.records import of
from bench.tools import inventory
from models.arms import Arm
from models.cost import count_flops, count_parameters
from models.groups import parameter_groups
from models.heads import HEADS, example

SHAPE = replace(inventory.SHAPE, embedding_size=32, num_layers=1, num_heads=2, max_positions=64)
ROWS, LENGTH = 2, 12


def part(probe, name):
    found = registry.part(probe, name)
    assert found is not None, f"the probe {probe!r} has no {name}.py: nothing is told of it"
    return found


def parts(name):
    """What every probe's part of this name defines, by probe."""
    return {probe: part(probe, name) for probe in registry.probes()}


@pytest.fixture
def nothing():
    """Records of a study that has none of what is asked for."""
    return Evidence([])


@pytest.mark.parametrize("name", registry.probes())
class TestProbe:
    def test_says_what_it_measures(self, name):
        entry = registry.probes()[name]
        assert entry.summary.endswith(".")
        assert set(entry.literals["HEADS"]) <= set(HEADS)
        for axis in entry.literals["AXES"].values():
            assert set(axis["default"]) <= set(axis["choices"])
        for setting in entry.literals["PROTOCOL"].values():
            assert setting["help"]
            if "choices" in setting:
                assert setting["default"] in setting["choices"]
                continue
            least, default = setting["least"], setting["default"]
            for value in default if isinstance(default, list) else [default]:
                assert least <= value <= setting.get("most", math.inf)

    def test_measures_a_cell_in_rounds(self, name):
        measurement = contract.load(name).Measurement
        for method in ("round", "result"):
            assert callable(getattr(measurement, method))

    def test_says_what_a_cell_is_worth(self, name):
        """By its steps, or, where arms take turns, by the seconds of a start and of a turn."""
        module, literals = contract.load(name), registry.probes()[name].literals
        defaults = {key: field["default"] for key, field in literals["PROTOCOL"].items()}
        axes = {key: axis["default"][0] for key, axis in literals["AXES"].items()}
        if not literals["INTERLEAVED"]:
            assert sum(module.work(defaults, axes)) > 0
            return
        quick, slow = (module.pace(defaults, axes, lambda _, s=s: s) for s in (0.01, 10.0))
        assert 0 < quick[0] < slow[0]
        assert 0 < quick[1] < slow[1]
        assert slow[1] >= 10.0

    def test_recomputes_what_it_measured(self, name, tiny):
        """If it can: nothing that it says of samples is another metric's, or another number."""
        with Store(tiny.folder) as store:
            records = of(store.records(), name, *MEASURED)
        found = recompute.check(records)
        assert found.mistakes == []
        again = registry.part(name, "recompute")
        if again is not None and records:
            assert found.of >= len(records)
            for record in records:
                assert again.metrics(record).keys() <= record["metrics"].keys()

    def test_has_tables_even_of_nothing(self, name, nothing):
        for table, make in part(name, "tables").TABLES.items():
            assert isinstance(make(nothing), pd.DataFrame), table

    def test_has_sections_even_of_nothing(self, name, nothing):
        section = part(name, "section")
        for told in section.SECTIONS:
            assert isinstance(told, Section)
            assert told.title
            assert told.text
            for picture in told.pictures:
                assert facets(picture.rows(nothing), picture.by) == []
            for view in told.tables:
                assert view.name in nothing, f"no probe makes the table {view.name!r}"
        for question in section.QUESTIONS:
            assert isinstance(question, Question)
            assert question.answer(nothing) == []


def test_no_two_probes_make_a_table_of_one_name():
    names = Counter(name for part in parts("tables").values() for name in part.TABLES)
    assert [name for name, count in names.items() if count > 1] == []


def test_no_two_sections_or_pictures_are_called_alike():
    told = [section for part in parts("section").values() for section in part.SECTIONS]
    for names in ([s.title for s in told], [p.name for s in told for p in s.pictures]):
        assert [name for name, count in Counter(names).items() if count > 1] == []


def test_the_page_has_an_order():
    """Only those that nobody placed stand beside one another."""
    for kind in ("SECTIONS", "QUESTIONS"):
        told = [(each.place, probe) for probe, part in parts("section").items()
                for each in getattr(part, kind)]  # fmt: skip
        assert all(0 < place <= LAST for place, _ in told)
        shared = {
            place for place, count in Counter(place for place, _ in told).items() if count > 1
        }
        assert shared <= {LAST}, (kind, sorted(told))


PARTS = """
import sys
from bench import registry
from importlib import import_module
for probe in registry.probes():
    for part in ("tables", "section", "line", "recompute", "figures"):
        registry.part(probe, part)
for claim in registry.claims().values():
    import_module(claim.module)
assert not {"torch", "transformers"} & set(sys.modules)
"""


def test_what_pages_are_made_of_needs_no_torch(tmp_path):
    for name in ("torch", "transformers"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} was imported')")
    before = os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, "-c", PARTS], env=os.environ | {"PYTHONPATH": f"{tmp_path}:{before}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", registry.claims())
class TestClaim:
    def test_is_a_sentence_that_can_be_judged(self, name, nothing):
        literals = registry.claims()[name].literals
        assert literals["SENTENCE"][-1].isalnum(), "on a page its state stands behind it"
        assert registry.claims()[name].summary.endswith(".")
        assert set(literals["TABLES"]) <= set(nothing)
        assert literals["SUPPORTED"] != literals["REFUTED"]
        assert literals["DELTA"] is None or literals["DELTA"] > 0

    def test_is_not_asked_where_its_tables_have_no_rows(self, name, nothing):
        assert not claims.judge(name, nothing).judgements
        assert callable(import_module(registry.claims()[name].module).judge)


@pytest.mark.parametrize("name", registry.tasks())
class TestTask:
    def test_draws_rows_that_its_head_takes(self, name, corpus):
        task, literals = tasks.load(name), registry.tasks()[name].literals
        assert literals["HEAD"] in HEADS
        assert literals["METRIC"] in metrics.METRICS
        data = tasks.open_data(name, tasks.OFFLINE, corpus.hash)
        length = max(task.LENGTHS[0], min(32, task.LENGTHS[1]))
        few, many = (tasks.draw(name, data, "train", length, count, seed=3) for count in (8, 40))
        assert few.keys() == many.keys()
        assert {len(array) for array in many.values()} == {40}
        for key, array in few.items():
            assert np.array_equal(array, many[key][:8])
        assert all(math.isfinite(tasks.floor(task, window)) for window in task.LENGTHS)


@pytest.mark.parametrize("name", registry.arms())
class TestArm:
    def test_is_one(self, name):
        arm, literals = models.arms.load(name), registry.arms()[name].literals
        assert isinstance(arm, Arm)
        assert registry.arms()[name].summary.endswith(".")
        assert {arm.reference_kernel, arm.traced_kernel(literals["KERNELS"][0])} <= set(
            literals["KERNELS"]
        )
        assert arm.heads
        assert set(arm.heads) <= set(HEADS)

    def test_answers_for_its_cost_and_its_parameters(self, name):
        arm = models.arms.load(name)
        for head in arm.heads:
            config = arm.config(replace(SHAPE, head=head))
            model = arm.build(config, head, 0, arm.reference_kernel)
            cost = arm.cost(config, head)
            assert cost.parameters == count_parameters(model)
            fed = example(config, head, rows=1, length=LENGTH)
            if head != "AutoProcessor":  # which compares rows with one another
                counted = count_flops(model, fed, training=False)
                assert cost.forward_flops(LENGTH) == counted, head
            groups = [name for names in parameter_groups(model).values() for name in names]
            assert sorted(groups) == sorted(
                name for name, weight in model.named_parameters() if weight.requires_grad
            )

    def test_tells_the_gradient_at_its_states(self, name):
        arm = models.arms.load(name)
        for head in arm.heads:
            config = arm.config(replace(SHAPE, head=head))
            position = arm.loss_position(LENGTH, head, config)
            if position is None:
                continue
            assert 0 <= position < LENGTH
            model = arm.build(config, head, 0, arm.traced_kernel(arm.reference_kernel))
            fed = example(config, head, rows=ROWS, length=LENGTH)
            with arm.trace(model) as gradients:
                loss = model(**fed).loss
            loss.backward()
            for layers in gradients().values():
                assert layers
                for gradient in layers:
                    assert gradient.shape[:2] == (ROWS, LENGTH)
                    assert torch.isfinite(gradient).all()
                    assert gradient.any()


def test_what_a_training_scored_is_read_without_data_or_network():
    code = (
        "import sys\nimport bench.frames.scores\n"
        "print(*{'bench.data.corpus', 'bench.data.hub.fetch', 'models.checkpoints'} "
        "& set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "", done.stderr
    assert done.returncode == 0, done.stderr
