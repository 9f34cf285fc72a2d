"""What every test needs that calls ``torch.compile``, or a kernel that is compiled when used."""

import os
import shutil

import pytest

_CXX = os.environ.get("CXX", "g++")
NEEDS_COMPILER = pytest.mark.skipif(
    shutil.which(_CXX) is None, reason=f"compiling needs a C++ compiler, found no {_CXX}"
)

#: For a whole module, as its ``pytestmark``.
COMPILES = [
    NEEDS_COMPILER,
    # Both are torch's own, in its compiler.
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
]


def compiles(test):
    """For one test."""
    for mark in COMPILES:
        test = mark(test)
    return test


def quick(*values):
    """A parameter set whose kernel takes at most seconds; ``native`` is skipped where it cannot."""
    return pytest.param(*values, marks=[NEEDS_COMPILER] if "native" in values else [])
