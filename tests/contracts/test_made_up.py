"""An arm, a task, a probe and a claim that nobody here has heard of go all the way.

They are what CONTRIBUTING prints. One run of a small study measures them; each is listed, planned,
measured, stored, drawn, told and judged, and nothing of the suite names them.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import asdict

import pytest

from bench import registry
from bench.outcome import DONE
from bench.store import Store

from ..conftest import DATA, Finished
from ..records import probes, read_csv
from .conftest import ROOT, Mine, install, printed

STUDY = DATA / "mine.toml"
MINE = {"arms": "leaky", "tasks": "first", "probes": "untrained", "claims": "untrained"}
LABEL = "leaky integrator"
SENTENCE = re.compile(
    r"2 untrained models lose 0\.\d\d to 0\.\d\d nats, 0\.0\d apart: "
    r"scratch, task first, T=(8|16), cpu\."
)
PAGES = ("README.md", "report.html")
OWN = ("pages/untrained.md", "pages/untrained.html")


@pytest.fixture(scope="session")
def measured(mine, once):
    """The folder of the finished study; a test that writes into it copies it first."""
    folder, said = once(
        "mine", lambda folder: asdict(mine.rvt("run", str(STUDY), "--output", str(folder)))
    )
    return folder / "mine", Finished(**said)


@pytest.fixture(scope="session")
def folder(measured):
    return measured[0]


@pytest.fixture(scope="session")
def records(folder):
    with Store(folder) as store:
        return store.records()


def of(records, probe, arm="leaky"):
    return [r for r in records if (r["cell"]["probe"], r["cell"]["arm"]) == (probe, arm)]


@pytest.mark.parametrize(("kind", "name"), MINE.items())
def test_listed(kind, name, mine):
    done = mine.rvt("ls", kind)
    assert done.code == 0, done.err
    assert any(name in line.split() for line in done.out.replace("│", " ").splitlines())


def test_planned(mine, tmp_path):
    done = mine.rvt("run", str(STUDY), "--dry-run", "--output", str(tmp_path))
    assert done.code == 0, done.err
    assert "estimate: " in done.out
    (row,) = [line for line in done.out.splitlines() if "untrained" in line]
    assert "leaky, transformer" in row


def test_unknown_names_are_answered_with_mine_too(mine, tmp_path):
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(
        STUDY.read_text().replace('"leaky"', '"leeky"').replace("untrained", "untraned")
    )
    done = mine.rvt("run", str(wrong))
    assert done.code == 2
    assert "Did you mean 'leaky'" in done.err
    assert "Did you mean 'untrained'" in done.err


def test_measured(measured):
    folder, said = measured
    assert said.code == 0, said.err
    assert f"report: {folder / 'README.md'}" in said.out
    assert "LSTM" not in said.out


def test_stored(records):
    assert {record["status"] for record in records} == {DONE}
    losses = [r["metrics"]["untrained_loss_nats"] for r in of(records, "untrained")]
    assert losses == pytest.approx([math.log(2)] * 2, abs=0.05)
    for record in of(records, "untrained"):
        parameters = record["model"]["parameters"]
        assert abs(record["model"]["match"]["error"]) < 0.01
        assert parameters["embedding"] == 3 * 32


def test_its_groups_of_parameters_and_its_states_are_kept(records):
    (record,) = of(records, "gradient")
    names = [name for name, _ in record["samples"]["group_norms"]]
    assert names == ["embeddings", "layer 1", "head"]
    assert "h, layer 1" in json.dumps(record["samples"]["states"])


def test_drawn(folder):
    for kind in (".svg", "-dark.svg"):
        assert list((folder / "figures").glob(f"untrained*{kind}"))
    text = (folder / "pages/untrained.md").read_text()
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert any(link.startswith("../figures/untrained") for link in links)
    assert all((folder / "pages" / link).is_file() for link in links)
    assert "(pages/untrained.md)" in (folder / "README.md").read_text()


@pytest.mark.parametrize("page", OWN)
def test_told(folder, page):
    text = (folder / page).read_text()
    assert "Before training" in text
    assert "What does a model lose before it is trained?" in text
    assert f"Untrained, {LABEL} loses 0.69 nats at T=8" in text
    assert "How fast it falls is not shown." in text


@pytest.mark.parametrize("page", PAGES)
def test_judged(folder, page):
    text = (folder / page).read_text()
    assert "Before training, every architecture is as wrong as every other: supported" in text
    assert SENTENCE.search(text)


@pytest.mark.parametrize("page", PAGES)
def test_a_claim_of_the_suite_judges_it(folder, page):
    """By what the arm says of its family: of the other arm, a transformer, nothing is claimed."""
    text = (folder / page).read_text()
    sentence = registry.claims()["gradient_vanishes"].literals["SENTENCE"]
    assert f"{sentence}: undecided" in text
    assert "Undecided in 1 of 1 scopes: fewer than" in text
    assert "Nothing has been measured" not in text


def test_tables_have_its_rows(folder, records):
    rows = read_csv(folder / "tables/untrained.csv")
    assert [(row["arm"], row["length"]) for row in rows if row["arm"] == "leaky"] == [
        ("leaky", "8"), ("leaky", "16"),
    ]  # fmt: skip
    ours = {probe: list(registry.part(probe, "tables").TABLES) for probe in probes(records)}
    assert len(ours) > 1
    for probe, names in (ours | {"no probe": ["models"]}).items():
        tables = [read_csv(folder / f"tables/{name}.csv") for name in names]
        assert any(row.get("arm") == "leaky" for rows in tables for row in rows), probe


def test_written_again_without_torch(mine, folder, tmp_path):
    """The same page, by what of the package needs none."""
    again = shutil.copytree(folder, tmp_path / "mine")
    (again / "README.md").unlink()
    for name in ("torch", "transformers"):
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} was imported')")
    done = mine.rvt("report", str(again), beside=tmp_path)
    assert done.code == 0, done.err
    for page in (*PAGES, *OWN):
        assert (again / page).read_bytes() == (folder / page).read_bytes(), page


def test_a_report_is_written_where_the_package_is_not(rvt, folder, tmp_path):
    """What was measured with it is a record all the same."""
    again = shutil.copytree(folder, tmp_path / "mine")
    done = rvt("report", str(again))
    assert done.code == 0, done.err
    text = (again / "README.md").read_text()
    assert "Before training" not in text
    assert not (again / "pages/untrained.md").exists()
    assert "leaky" in (again / "pages/method.md").read_text()


def test_what_another_arm_of_that_name_measured_is_not_mixed(folder, rvt, tmp_path):
    """Code of a package decides numbers as the suite's own does."""
    files = printed()
    changed = files["mine/arms/leaky.py"].replace("(1 - decay) * now", "now")
    install(tmp_path / "changed", files | {"mine/arms/leaky.py": changed})
    shutil.copytree(folder, tmp_path / "mine")
    other = Mine(tmp_path / "changed", rvt)
    done = other.rvt("run", str(STUDY), "--output", str(tmp_path))
    assert done.code == 2, done.out
    assert "made with other code" in done.err


def test_the_contracts_hold_for_it(mine):
    """The very tests that run over whatever is registered."""
    mine_only = " or ".join(set(MINE.values()))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "-p", "no:xdist",
         "-k", mine_only, "tests/contracts/test_registered.py"],
        cwd=ROOT, env=os.environ | mine.env, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    for name in MINE.values():
        assert f"[{name}" in done.stdout
