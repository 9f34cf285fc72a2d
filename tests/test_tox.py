"""What measures through tox is told what the suite's own words tell people to set."""

import ast
import re
import subprocess
import sys
from fnmatch import fnmatchcase

import pytest

from .test_architecture import SOURCES
from .test_docs import PAGES, ROOT

#: Variables of the libraries that compute or fetch, wherever a text names one.
NAMED = re.compile(r"\b(?:CUBLAS|CUDA|HF|HIP|KMP|MKL|OMP|PYTORCH|RVT|TOKENIZERS|XDG)_[A-Z_]+\b")


def read(tree):
    """Names of variables that a module asks its environment for, by text or by constant."""
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        key = None
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            key = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "os.environ.get",
            "os.getenv",
        ):
            key = node.args[0]
        if key is not None:
            yield constants[key.id] if isinstance(key, ast.Name) else key.value


@pytest.fixture(scope="module")
def named():
    """Every variable that the suite reads, sets, or speaks of."""
    found = set()
    for path in SOURCES:
        text = path.read_text()
        found |= set(NAMED.findall(text)) | set(read(ast.parse(text)))
    for path in PAGES:
        found |= set(NAMED.findall(path.read_text()))
    assert {"CXX", "RVT_CORPUS", "XDG_CACHE_HOME"} <= found
    return found | {"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"}  # which PyTorch reads for it


@pytest.mark.parametrize("environment", ["bench", "benchmarks"])
def test_tox_passes_on_what_measuring_is_told(named, environment):
    done = subprocess.run(
        [sys.executable, "-m", "tox", "config", "-e", environment, "-k", "pass_env"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    passed = done.stdout.split()[2:]  # behind the section and the setting's name
    lost = [name for name in sorted(named) if not any(fnmatchcase(name, p) for p in passed)]
    assert not lost
