"""A server of workers, and what is decided of the tiny study's cells."""

import pytest

from bench import study
from bench.data import corpus as library
from bench.execute import processes

from ...conftest import TINY
from .groups import THREADS


@pytest.fixture(scope="package")
def server(tmp_path_factory):
    with processes.Server(tmp_path_factory.mktemp("server") / "log") as running:
        yield running


@pytest.fixture(scope="package")
def fingerprint():
    return library.fingerprint()


@pytest.fixture(scope="package")
def decided(server, fingerprint):
    cells = study.load(str(TINY)).cells
    return processes.prepare(server, cells, fingerprint, THREADS)["cells"]
