"""What every test needs that calls ``torch.compile``."""

import os
import shutil

import pytest

_CXX = os.environ.get("CXX", "g++")

#: For a whole module, as its ``pytestmark``.
COMPILES = [
    pytest.mark.skipif(
        shutil.which(_CXX) is None, reason=f"torch.compile needs a C++ compiler, found no {_CXX}"
    ),
    # Both are torch's own, in its compiler.
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning"),
    pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning"),
]


def compiles(test):
    """For one test."""
    for mark in COMPILES:
        test = mark(test)
    return test
