"""Which way things are imported: what is made of others stands after them, and no other way."""

import ast
import functools
import os
import subprocess
import sys
from itertools import combinations
from pathlib import Path

import pytest

import bench
import models
from bench import registry

ROOTS = [Path(package.__file__).parent for package in (bench, models)]

#: Rooms, each of which may import those before it. A star is a probe's name.
CHAINS = {
    "measuring": [
        ("models",),
        ("bench.measure",),
        ("bench.probes.*.measure",),
        ("bench.execute",),
        ("bench.sweep",),
        ("bench.cli", "bench.plugin"),
    ],
    "telling": [
        ("bench.store",),
        ("bench.statistics",),
        ("bench.frames", "bench.drawing", "bench.page"),
        ("bench.probes.*.tables", "bench.probes.*.section", "bench.probes.*.figures",
         "bench.probes.*.line", "bench.claims"),
        ("bench.report",),
        ("bench.cli", "bench.plugin"),
    ],
}  # fmt: skip
PAIRS = [
    (chain, low, high)
    for chain, rooms in CHAINS.items()
    for low, high in combinations(range(len(rooms)), 2)
]
#: What a report is written with, and with it all that these import.
TOLD = ("bench.report", "bench.page", "bench.frames", "bench.drawing", "bench.statistics",
        "bench.claims")  # fmt: skip


@functools.cache
def modules():
    """Every module of the suite, by its dotted name."""
    found = {}
    for root in ROOTS:
        for path in root.rglob("*.py"):
            parts = path.relative_to(root.parent).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


@functools.cache
def imports(name):
    """What a module imports, anywhere in it."""
    found = []
    for node in ast.walk(ast.parse(modules()[name].read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [f"{node.module}.{alias.name}" for alias in node.names]
    return found


def within(name, room):
    parts, wanted = name.split("."), room.split(".")
    return len(parts) >= len(wanted) and all(
        want in ("*", part) for part, want in zip(parts, wanted, strict=False)
    )


@pytest.mark.parametrize(("chain", "low", "high"), PAIRS)
def test_what_comes_first_knows_nothing_of_what_comes_later(chain, low, high):
    before, after = CHAINS[chain][low], CHAINS[chain][high]
    wrong = {
        name: later
        for name in modules()
        if any(within(name, room) for room in before)
        if (later := [n for n in imports(name) if any(within(n, room) for room in after)])
    }
    assert not wrong


def test_every_room_of_a_chain_is_there():
    """Or the test above would hold of nothing."""
    for rooms in CHAINS.values():
        for room in {room for step in rooms for room in step} - {"bench.probes.*.line"}:
            assert any(within(name, room) for name in modules()), room


def test_no_probe_is_named_outside_its_folder():
    """Reports and tools are made of what is registered; a probe may rest on another."""
    for name in modules():
        if within(name, "bench.report") or within(name, "bench.page"):
            named = [n for n in imports(name) if within(n, "bench.probes.*")]
            assert not named, name


def test_a_report_and_all_it_imports_need_no_torch(tmp_path):
    for name in ("torch", "transformers", "datasets", "tokenizers"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} was imported')")
    told = [name for name in modules() if any(within(name, room) for room in TOLD)]
    told += [
        f"{entry.module}.{part}"
        for entry in registry.probes().values()
        for part in ("tables", "section", "figures", "line")
        if f"{entry.module}.{part}" in modules()
    ]
    code = "import sys\nfrom importlib import import_module\n" + (
        "for name in sys.argv[1:]:\n    import_module(name)\n"
    )
    before = os.environ.get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, "-c", code, *sorted(told)],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{before}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_what_a_training_scored_is_read_without_data_or_network():
    code = (
        "import sys\nimport bench.frames.scores\n"
        "print(*{'bench.data.corpus', 'bench.data.hub.fetch', 'models.checkpoints'} "
        "& set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "", done.stderr
    assert done.returncode == 0, done.stderr


def test_every_folder_is_a_package():
    """One without ``__init__`` would be left out of a wheel."""
    for folder in {path.parent for path in modules().values()}:
        assert (folder / "__init__.py").is_file()
