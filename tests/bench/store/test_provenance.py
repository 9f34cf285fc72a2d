"""What records must share: the code that measures, and the checkpoints that models start from."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import bench
from bench import registry, study
from bench.store import Store, provenance
from models.checkpoints import CATALOGUE, CONFIG, MINILM, WEIGHTS

from ...conftest import TINY

ROOT = Path(bench.__file__).parents[1]
TOKENIZER = "tokenizer.json"

#: Appends a line to one file after the other, and says whether the hash is another each time.
EDITED = """
import json, sys
from pathlib import Path
from bench.store import provenance, sources

def code_hash():
    sources.begun.cache_clear()
    return provenance.code_hash(sources.begun().digests)

before, changed = code_hash(), {}
for path in json.loads(sys.argv[1]):
    with open(path, "a") as file:
        file.write("# edited\\n")
    after = code_hash()
    changed[path], before = after != before, after
print(json.dumps(changed))
"""


def edited(tmp_path, paths):
    """Of each file, by its path in a copy of this suite, whether an edit changes the hash."""
    for name in ("bench", "models"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    assert not [path for path in paths if not (tmp_path / path).is_file()]
    done = subprocess.run(
        [sys.executable, "-c", EDITED, json.dumps(paths)],
        cwd=tmp_path, check=True, capture_output=True, text=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    return json.loads(done.stdout)


def test_the_code_is_what_can_change_a_measurement(tmp_path):
    """Neither what a report is made of nor a door is."""
    measures = ["models/cost.py", "models/arms/lstm.py", "bench/tasks/parity.py"]
    measures += ["models/recurrent/native.cpp"]
    measures += ["bench/data/corpus/build.py", "bench/data/hub/rows.py", "bench/outcome.py"]
    measures += ["bench/measure/scoring.py", "bench/execute/turns.py"]
    tells = ["bench/cli.py", "bench/registry/__init__.py"]
    tells += ["bench/page/words.py", "bench/store/records.py"]
    for name in registry.probes():
        measures += [f"bench/probes/{name}/{part}.py" for part in ("__init__", "measure")]
        tells.append(f"bench/probes/{name}/section.py")
    changed = edited(tmp_path, [*measures, *tells])
    assert {path for path, another in changed.items() if another} == set(measures)


def test_of_an_extension_too(tmp_path):
    """An installed package's arms, tasks and what its probes measure with."""
    measures = ["mine/arms/own.py", "mine/tasks/own.py", "mine/probes/own/measure.py"]
    measures += ["mine/probes/own/__init__.py", "mine/probes/own/both.py"]
    tells = ["mine/probes/own/section.py", "mine/probes/own/figures/one.py", "mine/claims/own.py"]
    tells += ["mine/probes/own/words/__init__.py", "mine/probes/own/words/of_one.py"]
    for path in ("mine/__init__.py", *measures, *tells):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "mine/probes/own/measure.py").write_text("from . import both\n")
    (tmp_path / "mine/probes/own/section.py").write_text(
        "from mine.probes.own import both\n\ndef late():\n    from .words.of_one import a\n"
    )
    installed = tmp_path / "mine-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (installed / "entry_points.txt").write_text("[rnn_vs_transformer]\nmine = mine\n")
    changed = edited(tmp_path, [*measures, *tells])
    assert {path for path, another in changed.items() if another} == set(measures)


def test_digests_of_what_can_be_had(saved, tmp_path):
    names = [str(saved), "gpt2", "t5-efficient-tiny", "nope", str(tmp_path), MINILM.name]
    made = provenance.made_of(names)
    assert made.keys() == {str(saved), "gpt2", MINILM.name}
    assert made["gpt2"]["digest"] == CATALOGUE["gpt2"].revision
    assert made[MINILM.name]["files"] == MINILM.sha256
    weights = hashlib.sha256((saved / WEIGHTS).read_bytes()).hexdigest()
    assert made[str(saved)]["files"][WEIGHTS] == weights
    assert provenance.digests(made)["checkpoint gpt2"] == CATALOGUE["gpt2"].revision


def test_a_cell_uses_the_checkpoint_that_it_names_or_the_bundled_one():
    own = study.load(str(TINY)).cells[0]
    assert provenance.used(own) == set()
    cell = own.model_copy(
        update={"model": own.model.model_copy(update={"tokenizer": "checkpoint"})}
    )
    assert provenance.used(cell) == {MINILM.name}
    named = cell.model_copy(update={"model": cell.model.model_copy(update={"checkpoint": "gpt2"})})
    assert provenance.used(named) == {"gpt2"}


GRID = """
[comparison.{name}]
summary = "x"
match_to = "pretrained"
checkpoint = '{folder}'

[[grid]]
probe = "gradient"
comparison = "{name}"
task = "package"
length = 16
arm = "pretrained"
batch_size = 2
steps = 0
"""


def test_each_checkpoint_answers_for_its_own_cells(saved, rvt, tmp_path):
    """One that is wrong fails its cells alone; one that changed since is not mixed."""
    names = ("own", "foreign", "wrong", "impossible")
    own, foreign, wrong, impossible = (
        shutil.copytree(saved, tmp_path / name, dirs_exist_ok=True) for name in names
    )
    (foreign / TOKENIZER).unlink()
    config = json.loads((own / CONFIG).read_text())
    (wrong / CONFIG).write_text(json.dumps(config | {"hidden_size": "x"}))
    (impossible / CONFIG).write_text(json.dumps(config | {"num_attention_heads": 0}))
    grids = [GRID.format(name=name, folder=tmp_path / name) for name in names]
    (tmp_path / "named.toml").write_text("\n".join(['title = "x"', 'summary = "x"', *grids]))

    def run():
        return rvt("run", str(tmp_path / "named.toml"), "--output", str(tmp_path / "reports"))

    first = run()
    with Store(tmp_path / "reports" / "named") as store:
        records = {record["cell"]["comparison"]: record for record in store.records()}
        held = store.meta("checkpoints")
    assert {name: record["status"] for name, record in records.items()} == {
        "own": "done", "foreign": "unavailable", "wrong": "unavailable", "impossible": "failed",
    }, first.err  # fmt: skip
    assert "save_pretrained(folder)" in records["foreign"]["reason"]
    assert "hidden_size" in records["wrong"]["reason"]
    made_with = records["own"]["provenance"]
    assert made_with[f"checkpoint {own}"]
    assert f"checkpoint {MINILM.name}" not in made_with, "it has a tokenizer of its own"
    assert f"checkpoint {wrong}" not in made_with, "it is another cell's"
    assert held[str(own)]["digest"] == made_with[f"checkpoint {own}"]

    shutil.copy(own / CONFIG, wrong)  # nothing was made with it, so nothing would be mixed
    spoiled = bytearray((own / WEIGHTS).read_bytes())
    spoiled[-1] ^= 1
    (own / WEIGHTS).write_bytes(spoiled)
    second = run()
    assert second.code == 2
    assert f"made with other checkpoint {own} (" in second.err
    assert str(wrong) not in second.err
