"""A probe that is taken in turn has what speed has, whoever it is from, and speed needs no other.

Real folders, in a copy of the suite: decoding is taken out of it, and one that nobody knows put in.
"""

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
import models
from bench.store.records import of

INIT = '''"""Steps of a beam search."""

HEADS = ["AutoModelForCausalLM"]
AXES = {}
PROTOCOL = {"batch_size": {"default": 1, "least": 1, "help": "rows searched together"}}
TIMED = True
INTERLEAVED = True
'''
TELL = """
import json, sys
from bench import registry
from bench.page.evidence import Evidence
from bench.page.facets import facets, same
from bench.probes.speed import figures, section

with open(sys.argv[1]) as file:
    evidence = Evidence(json.load(file))
frames = {name: evidence[name] for name in ("crossover", "growth", "settings")}
frames["throughput"] = section._everything(evidence)
titles = []
for _, rows in facets(frames["throughput"]):
    figure = figures.throughput(rows, same(evidence["crossover"], rows))
    titles += [here.get_title() for here in (figure.axes if figure else ()) if here.get_title()]
sentences = [line for q in section.QUESTIONS for line in q.answer(evidence)]
phases = {name: sorted(set(frame["phase"])) for name, frame in frames.items()}
print(json.dumps({"probes": sorted(registry.probes()), "phases": phases, "titles": titles,
                  "sentences": len(sentences)}))
"""


@pytest.fixture
def suite(tmp_path):
    """A copy of the suite without the probe ``decode``."""
    for package in (bench, models):
        root = Path(package.__file__).parent
        shutil.copytree(root, tmp_path / root.name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.rmtree(tmp_path / "bench/probes/decode")
    return tmp_path


def told(suite, records):
    """What the copy says of records."""
    (suite / "records.json").write_text(json.dumps(records))
    before = os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, "-c", TELL, str(suite / "records.json")],
        cwd=suite, env=os.environ | {"PYTHONPATH": f"{suite}{os.pathsep}{before}"},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_speed_is_told_where_there_is_no_decoding(suite, costly):
    said = told(suite, costly)
    assert "decode" not in said["probes"]
    assert said["phases"] == {name: ["training"] for name in said["phases"]}
    assert said["sentences"]


def test_a_probe_that_nobody_knows_has_all_that_rounds_say(suite, costly):
    folder = suite / "bench/probes/beam"
    folder.mkdir()
    (folder / "__init__.py").write_text(INIT)
    (folder / "measure.py").write_text("def pace(): ...\n\n\nclass Measurement: ...\n")
    (folder / "tables.py").write_text("TABLES = {}\n")
    (folder / "section.py").write_text("SECTIONS = []\nQUESTIONS = []\n")
    said = told(suite, of(costly, "speed") + searched(costly))
    assert "beam" in said["probes"]
    assert said["phases"] == {name: ["beam", "training"] for name in said["phases"]}
    assert any(title.startswith("beam") for title in said["titles"])


def searched(records):
    """What decoding left, as of a beam search at three lengths, on one thread and on two."""
    found = []
    for length in (16, 32, 64):
        for threads in (1, 2):
            for record in copy.deepcopy(of(records, "decode")):
                cell = record["cell"]
                if cell["length"] == 16:
                    cell |= {"probe": "beam", "axes": {}, "length": length, "threads": threads}
                    for name in ("key", "alike", "together"):
                        record[name] += f" {length} {threads}"
                    found.append(record)
    return found
