"""What the tests share: the real corpus, and one real run of two tiny studies."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from bench.data import corpus as library
from bench.store import Store
from bench.store.records import of
from models.checkpoints import MINILM

from .records import elsewhere

DATA = Path(__file__).parent / "data"
TINY = DATA / "tiny.toml"


@dataclass
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str


Run = Callable[..., Finished]


@pytest.fixture(scope="session")
def rvt() -> Run:
    """Run the command line as a user does, in a process of its own."""

    def run(
        *arguments: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "bench", *arguments],
            cwd=cwd,
            env=os.environ | (env or {}),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def corpus() -> library.Corpus:
    """The tokenized standard library."""
    return library.load(library.fingerprint(), MINILM)


@dataclass
class TinyRun:
    """The tiny study after ``rvt run``."""

    folder: Path
    first: Finished


@pytest.fixture(scope="session")
def tiny(rvt: Run, tmp_path_factory: pytest.TempPathFactory) -> TinyRun:
    """Run the tiny study once; tests that write into its folder copy it first."""
    output = tmp_path_factory.mktemp("reports")
    first = rvt("run", str(TINY), "--output", str(output))
    return TinyRun(output / "tiny", first)


@pytest.fixture(scope="session")
def costs(rvt: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of speed, decoding and memory, run once, and copies of its records at more lengths.

    Tests that write into its folder copy it first.
    """
    output = tmp_path_factory.mktemp("costs")
    done = rvt("run", str(DATA / "costs.toml"), "--output", str(output))
    assert done.code == 0, done.out + done.err
    with Store(output / "costs", write=True) as store:
        records = store.records()
        kept = [r for r in of(records, "speed") if r["cell"]["denormals"] == "keep"]
        for probed in (kept, of(records, "memory")):
            records += [elsewhere(r, length=length) for r in probed for length in (32, 48)]
        for record in records:
            store.put(record)
        cells = {record["key"]: record["cell"] for record in records}
        store.set_meta(plan=list(cells), cells=cells)
    return output / "costs"
