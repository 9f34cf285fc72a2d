"""What the tests share: the real corpus, and one real run of a tiny study.

Several processes may run them, see ``tox.ini``. What takes more than a few seconds to make is made
by the one that needs it first; the others wait for it, and find it there.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from bench.data import corpus as library
from bench.store import Store
from bench.store.records import of
from models.checkpoints import MINILM

from .records import elsewhere

DATA = Path(__file__).parent / "data"
TINY = DATA / "tiny.toml"
SHORT = DATA / "short.toml"

# A test that hangs ends, where pytest-timeout is installed. Where it is not, its option would be
# unknown in pyproject.toml, and the sweep needs no extras.
os.environ.setdefault("PYTEST_TIMEOUT", "1200")

#: Whether this is one of several processes that run the tests.
BESIDE_OTHERS = "PYTEST_XDIST_WORKER" in os.environ
if BESIDE_OTHERS:
    import torch

    torch.set_num_threads(1)  # a core each
    # What tests start is no such process: pytest-benchmark would time nothing in it.
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
        del os.environ[name]


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
            timeout=900,  # a hang; other work on the machine may take its time
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


Once = Callable[[str, Callable[[Path], Any]], tuple[Path, Any]]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Once:
    """Fill a folder of this name once, whichever process asks first; what that said is kept."""
    base = tmp_path_factory.getbasetemp()
    if BESIDE_OTHERS:
        base = base.parent  # of this run, not of this process

    def filled(name: str, fill: Callable[[Path], Any]) -> tuple[Path, Any]:
        folder, said = base / name, base / f"{name}.json"
        with FileLock(base / f"{name}.lock"):
            if not said.exists():
                shutil.rmtree(folder, ignore_errors=True)  # of a process that failed to
                folder.mkdir()
                said.write_text(json.dumps(fill(folder)))
        return folder, json.loads(said.read_text())

    return filled


@pytest.fixture(scope="session")
def corpus(once: Once) -> library.Corpus:
    """The standard library in the bundled checkpoint's tokens."""
    return library.load(once("corpus", _built)[1], MINILM)


@pytest.fixture(scope="session")
def own_corpus(once: Once) -> library.Corpus:
    """The standard library in tokens of its own."""
    return library.load(once("corpus", _built)[1])


def _built(folder: Path) -> str:
    """Both by one process, which then parses every source once."""
    fingerprint = library.fingerprint()
    for checkpoint in (MINILM, None):
        library.load(fingerprint, checkpoint)
    return fingerprint


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """The bundled checkpoint's; each module has its own, as a pipeline may change its padding."""
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(MINILM.path(), local_files_only=True)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch computes with one thread while the test runs."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass
class TinyRun:
    """The tiny study after ``rvt run``."""

    folder: Path
    first: Finished


@pytest.fixture(scope="session")
def tiny(rvt: Run, once: Once) -> TinyRun:
    """Run the tiny study once; tests that write into its folder copy it first."""
    output, first = once(
        "reports", lambda folder: asdict(rvt("run", str(TINY), "--output", str(folder)))
    )
    return TinyRun(output / "tiny", Finished(**first))


@pytest.fixture(scope="session")
def costs(rvt: Run, once: Once) -> Path:
    """A study of speed, decoding and memory, run once, and copies of its records at more lengths.

    Tests that write into its folder copy it first.
    """

    def make(folder: Path) -> dict[str, Any]:
        done = rvt("run", str(DATA / "costs.toml"), "--output", str(folder))
        assert done.code == 0, done.out + done.err
        with Store(folder / "costs", write=True) as store:
            records = store.records()
            kept = [r for r in of(records, "speed") if r["cell"]["denormals"] == "keep"]
            for probed in (kept, of(records, "memory")):
                records += [elsewhere(r, length=length) for r in probed for length in (32, 48)]
            for record in records:
                store.put(record)
            cells = {record["key"]: record["cell"] for record in records}
            store.set_meta(plan=list(cells), cells=cells)
        return {}

    return once("costs", make)[0] / "costs"
