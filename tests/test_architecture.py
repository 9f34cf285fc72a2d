"""The rooms, the direction of the arrows between them, and what may stand in none."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import bench
import models
from bench import registry

ROOTS = {name: Path(package.__file__).parent for name, package in
         (("bench", bench), ("models", models))}  # fmt: skip
SOURCES = sorted(path for root in ROOTS.values() for path in root.rglob("*.py"))

TORCH = ("torch", "transformers", "datasets", "tokenizers", "safetensors")
DOORS = ("bench.cli", "bench.plugin", "bench.sweep")
#: What tells of records: a page, and what it is made of.
TELLING = ("bench.frames", "bench.drawing", "bench.page", "bench.claims", "bench.report")
#: The same without the words and numbers, which are also said while a sweep runs.
PAGES = tuple(room for room in TELLING if room != "bench.page")
#: What measures them.
MEASURING = ("bench.measure", "bench.execute", "bench.recorder", "bench.tools")

#: room -> what it must not import, anywhere in its files
FORBIDDEN = {
    "models": {"bench"},
    "bench.registry": {*TORCH, "bench"},
    "bench.outcome": {*TORCH, "bench", "models"},
    "bench.phases": {*TORCH, "bench", "models"},
    "bench.signs": {*TORCH, "bench", "models"},
    "bench.interrupts": {*TORCH, "bench", "models"},
    "bench.study": {*TORCH, "bench.tasks", "bench.store", "bench.probes", "bench.execute",
                    *TELLING, *DOORS},
    "bench.data": {"bench.tasks", "bench.probes", "bench.execute", *TELLING, "bench.study",
                   *DOORS},
    "bench.data.contract": {*TORCH, "bench", "models"},
    "bench.tasks": {"bench.probes", "bench.execute", *TELLING, "bench.study", *DOORS},
    "bench.measure": {"bench.probes", "bench.execute", *TELLING, *DOORS},
    "bench.probes": {"bench.execute", "bench.recorder", "bench.tools", "bench.claims",
                     "bench.report", *DOORS},
    "bench.execute": {"bench.probes", "bench.recorder", "bench.tools", *TELLING, *DOORS},
    "bench.recorder": {*TORCH, "bench.probes", "bench.execute", *PAGES, *DOORS},
    "bench.tools": {"bench.probes", "bench.recorder", *PAGES, *DOORS},
    "bench.store": {"torch", "transformers", "bench.probes", "bench.execute", "bench.statistics",
                    *TELLING, *DOORS},
    "bench.statistics": {*TORCH, "models", "bench.probes", *MEASURING, *TELLING, *DOORS},
    "bench.frames": {*TORCH, "models", "bench.probes", "bench.execute", "bench.recorder",
                     "bench.tools", "bench.claims", "bench.report", *DOORS},
    "bench.drawing": {*TORCH, "models", "bench.probes", *MEASURING, "bench.claims",
                      "bench.report", *DOORS},
    "bench.page": {*TORCH, "models", "bench.probes", *MEASURING, "bench.claims", "bench.report",
                   *DOORS},
    "bench.claims": {*TORCH, "models", "bench.probes", *MEASURING, "bench.report", *DOORS},
    "bench.report": {*TORCH, "models", "bench.probes", *MEASURING, *DOORS},
    "bench.sweep": {"bench.probes", "bench.cli", "bench.plugin"},
}  # fmt: skip
#: Rooms that are made of what is registered, and words in them that are a probe's name by chance:
#: where a timed cell has no phase its probe's name stands for one.
UNNAMED = (
    "bench.phases", "bench.report", "bench.page", "bench.frames", "bench.drawing",
    "bench.statistics", "bench.tools", "bench.recorder", "bench.execute", *DOORS,
)  # fmt: skip
PHASES = {
    ("bench.phases", "decode"),
}


def module_of(path):
    root = next(root for root in ROOTS.values() if path.is_relative_to(root))
    parts = path.relative_to(root.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dependencies():
    """Module -> modules that it imports, wherever in its file, but for type checkers alone."""
    modules = {module_of(path): path for path in SOURCES}
    found = {}
    for module, path in modules.items():
        names = set()
        for node in run(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            else:
                names |= {
                    one if (one := f"{node.module}.{alias.name}") in modules else node.module
                    for alias in node.names
                }
        found[module] = sorted(names & modules.keys() - {module})
    return found


def run(node):
    """The imports of a tree that are ever run."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif isinstance(child, ast.If) and ast.unparse(child.test).endswith("TYPE_CHECKING"):
            yield from run(ast.Module(child.orelse, []))
        else:
            yield from run(child)


def reached(start, edges):
    """Modules that are imported from one on, each with the one that it is imported by."""
    by, todo = {}, [start]
    while todo:
        module = todo.pop()
        for other in edges[module]:
            if other not in by:
                by[other] = module
                todo.append(other)
    return by


def within(name, room):
    return name == room or name.startswith(room + ".")


@pytest.mark.parametrize("room", FORBIDDEN)
def test_arrows_point_one_way(room):
    files = [path for path in SOURCES if within(module_of(path), room)]
    assert files
    for path in files:
        wrong = [
            name
            for name in imports(path)
            for ban in FORBIDDEN[room]
            if within(name, ban) and not within(name, room)
        ]
        assert not wrong, f"{module_of(path)} imports {wrong}"


def test_no_probe_is_named_outside_its_folder():
    """Neither imported nor by a text that is its name; a probe may rest on another."""
    probes, found = set(registry.probes()), set()
    for path in SOURCES:
        module = module_of(path)
        if any(within(module, room) for room in UNNAMED):
            assert not [name for name in imports(path) if within(name, "bench.probes")], module
            found |= {
                (module, node.value)
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Constant) and node.value in probes
            }
    assert found == PHASES


def test_a_report_and_all_it_imports_need_no_torch(tmp_path):
    for name in ("torch", "transformers", "datasets", "tokenizers"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} was imported')")
    known = {module_of(path) for path in SOURCES}
    told = [name for name in known if any(within(name, room) for room in TELLING)]
    told += [name for name in known if within(name, "bench.statistics")]
    for entry in registry.probes().values():
        parts = [f"{entry.module}.{part.removesuffix('.py')}" for part in registry.TOLD]
        told += [part for part in dict.fromkeys(parts) if part in known]
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


def test_every_folder_is_a_package():
    """One without ``__init__`` would be left out of a wheel."""
    for folder in {path.parent for path in SOURCES}:
        assert (folder / "__init__.py").is_file()


def test_no_two_files_import_each_other():
    """Nor several in a circle; an import inside a function is one."""
    edges, circles = dependencies(), set()
    for start in edges:
        by = reached(start, edges)
        if start in by:
            way = [by[start]]
            while way[-1] != start:
                way.append(by[way[-1]])
            first = way.index(min(way))
            circles.add(" <- ".join([*way[first:], *way[:first], way[first]]))
    assert not circles, "\n".join(sorted(circles))


def room_of(module):
    """``bench.tasks`` of all in it; of ``models`` a registry's contract and its entries are two.

    An entry is made of rooms that are made of the contract: an arm's file of a network's folder.
    """
    parts = module.split(".")
    if parts[:2] == ["models", "arms"] and len(parts) > 2:
        return "models.arms.*"
    return ".".join(parts[:2])


def test_no_two_rooms_import_each_other():
    """Nor several in a circle: what is in one would be read only with the other."""
    edges, why = {}, {}
    for module, others in dependencies().items():
        room = room_of(module)
        edges.setdefault(room, set())
        for other in others:
            if len(other.split(".")) > 1 and room_of(other) != room:
                edges[room].add(room_of(other))
                why.setdefault((room, room_of(other)), f"{module} imports {other}")
    circles = set()
    for start in edges:
        by = reached(start, edges)
        circles |= {
            f"{low} -> {high}: {said}"
            for (low, high), said in why.items()
            if start in by and low == start and (high == start or start in reached(high, edges))
        }
    assert not circles, "\n".join(sorted(circles))


def test_nothing_is_unpickled_and_no_remote_code_runs():
    for path in SOURCES:
        banned = {
            "pickle",
            "cPickle",
            "dill",
            "cloudpickle",
            "shelve",
            "marshal",
            "multiprocessing",
        }
        assert not banned & {name.partition(".")[0] for name in imports(path)}, path.name
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword):
                assert node.arg != "trust_remote_code", path.name
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                assert (node.value.id, node.attr) != ("torch", "load"), path.name


def test_no_exception_is_swallowed_whole():
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ExceptHandler):
                broad = node.type is None or (
                    isinstance(node.type, ast.Name)
                    and node.type.id in ("Exception", "BaseException")
                )
                silent = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
                assert not (broad and silent), f"{path.name}:{node.lineno}"
