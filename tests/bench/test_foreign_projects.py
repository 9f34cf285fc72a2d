"""Projects of other people in an environment that has the suite: their tests are as they were."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ENTRY = "rnn-vs-transformer"
OUTCOME = re.compile(r"^(?:PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS) .*$", re.MULTILINE)

#: By name: the files (those in ``site`` are installed), what pytest is told, and how tests end.
PROJECTS: dict[str, tuple[dict[str, str], list[str], dict[str, int]]] = {
    "a package bench": (
        {
            "bench/__init__.py": "",
            "bench/core.py": "def double(x):\n    return 2 * x\n",
            "tests/__init__.py": "",
            "tests/test_core.py": "from bench.core import double\n"
            "def test_double():\n    assert double(2) == 4\n",
        },
        [],
        {"PASSED": 1},
    ),
    "a package bench beside its sources": (
        {
            "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['src']\n"
            "addopts = ['--import-mode=importlib']\n",
            "src/bench/__init__.py": "",
            "src/bench/plugin.py": "NAME = 'own'\n",
            "tests/test_plugin.py": "from bench.plugin import NAME\n"
            "def test_name():\n    assert NAME == 'own'\n",
        },
        [],
        {"PASSED": 1},
    ),
    "models, datasets and statistics": (
        {
            "models/__init__.py": "from models.net import NET\n",
            "models/net.py": "NET = 'own'\n",
            "datasets.py": "ROWS = 'own'\n",
            "conftest.py": "",
            "test_models.py": "import datasets\nimport models\n"
            "def test_own():\n    assert (models.NET, datasets.ROWS) == ('own', 'own')\n",
        },
        [],
        {"PASSED": 1},
    ),
    # https://github.com/microsoft/playwright-pytest: pytest_playwright/pytest_playwright.py
    "playwright's plugin": (
        {
            "site/browsers-1.0.dist-info/METADATA": "Name: browsers\nVersion: 1.0\n",
            "site/browsers-1.0.dist-info/entry_points.txt": "[pytest11]\nbrowsers = browsers\n",
            "site/browsers.py": "import pytest\n"
            "def pytest_addoption(parser):\n"
            "    group = parser.getgroup('playwright', 'Playwright')\n"
            "    group.addoption('--browser', action='append', default=[])\n"
            "    group.addoption('--device', default=None)\n"
            "    group.addoption('--output', default='test-results')\n"
            "@pytest.fixture\ndef device(pytestconfig):\n"
            "    return pytestconfig.getoption('--device')\n",
            "test_page.py": "def test_device(device):\n    assert device == 'iPhone 13'\n",
        },
        ["--device", "iPhone 13"],
        {"PASSED": 1},
    ),
    # https://github.com/triton-lang/triton: python/test/conftest.py
    "Triton's conftest": (
        {
            "conftest.py": "import pytest\n"
            "def pytest_addoption(parser):\n"
            "    parser.addoption('--device', action='store', default='cuda')\n"
            "@pytest.fixture\ndef device(request):\n"
            "    return request.config.getoption('--device')\n",
            "test_core.py": "def test_device(device):\n    assert device == 'cuda'\n",
        },
        [],
        {"PASSED": 1},
    ),
    # https://github.com/kornia/kornia: conftest.py
    "Kornia's conftest": (
        {
            "conftest.py": "def pytest_addoption(parser):\n"
            "    parser.addoption('--device', action='store', default='cpu')\n"
            "    parser.addoption('--dtype', action='store', default='float32')\n"
            "def pytest_generate_tests(metafunc):\n"
            "    names = metafunc.config.getoption('--device').split(',')\n"
            "    metafunc.parametrize('device', names)\n",
            "test_image.py": "import pytest\ndef test_device(device):\n"
            "    if device == 'mps':\n        pytest.skip('none here')\n",
        },
        ["--device=cpu,mps"],
        {"PASSED": 1, "SKIPPED": 1},
    ),
    "its own --benchmark": (
        {
            "conftest.py": "import pytest\n"
            "def pytest_addoption(parser):\n"
            "    parser.addoption('--benchmark', action='store_true')\n"
            "def pytest_collection_modifyitems(config, items):\n"
            "    if not config.getoption('--benchmark'):\n"
            "        for item in items:\n"
            "            item.add_marker(pytest.mark.skip('slow'))\n",
            "test_slow.py": "def test_slow():\n    pass\n",
        },
        ["--benchmark"],
        {"PASSED": 1},
    ),
    "its own --data, --study and --reports": (
        {
            "conftest.py": "import pytest\n"
            "def pytest_addoption(parser):\n"
            "    for name in ('--data', '--study', '--reports'):\n"
            "        parser.addoption(name, default='own')\n"
            "@pytest.fixture\ndef told(request):\n"
            "    return [request.config.getoption(n) for n in ('data', 'study', 'reports')]\n",
            "test_told.py": "def test_told(told):\n    assert told == ['rows', 'own', 'own']\n",
        },
        ["--data", "rows"],
        {"PASSED": 1},
    ),
    "fixtures called cell, outcome and verdict": (
        {
            "test_cells.py": "import pytest\n"
            "@pytest.fixture(params=[1, 2])\ndef cell(request):\n    return request.param\n"
            "@pytest.fixture\ndef outcome(cell):\n    return 2 * cell\n"
            "@pytest.fixture\ndef verdict(outcome):\n    return outcome > 2\n"
            "def test_cell(cell, outcome, verdict):\n    assert verdict is (cell == 2)\n"
        },
        [],
        {"PASSED": 2},
    ),
    "benchmarks of its own": (
        {
            "conftest.py": "def pytest_benchmark_update_machine_info(machine_info):\n"
            "    assert machine_info['node'] is not None\n"
            "    assert 'python_version' in machine_info\n",
            "test_speed.py": "def test_speed(benchmark):\n"
            "    assert benchmark.pedantic(int, rounds=2) == 0\n",
        },
        ["--benchmark-json=out.json"],
        {"PASSED": 1},
    ),
    "strict, with tests that fail": (
        {
            "tox.ini": "[pytest]\naddopts = --strict-markers --strict-config\n"
            "filterwarnings = error\nxfail_strict = true\nmarkers = slow\n",
            "test_all.py": "import pytest, warnings\n"
            "@pytest.mark.slow\ndef test_passes():\n    pass\n"
            "def test_fails():\n    assert 1 == 2\n"
            "def test_warns():\n    warnings.warn('old')\n"
            "@pytest.mark.skip\ndef test_skipped():\n    pass\n"
            "@pytest.mark.xfail\ndef test_expected():\n    assert False\n"
            "def test_error(no_such_fixture):\n    pass\n",
        },
        [],
        {"PASSED": 1, "FAILED": 2, "SKIPPED": 1, "XFAIL": 1, "ERROR": 1},
    ),
    "a look at what is loaded": (
        {
            "test_loaded.py": "import sys\n"
            "def test_nothing_that_was_not_asked_for():\n"
            "    assert not {'bench', 'models', 'torch', 'pandas'} & set(sys.modules)\n"
        },
        [],
        {"PASSED": 1},
    ),
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The environment of an interpreter that has the suite, as its wheel lays it down."""
    site = tmp_path_factory.mktemp("site")
    said = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for module in said["tool"]["setuptools"]["py-modules"]:
        shutil.copy(ROOT / f"{module}.py", site)
    for package in said["tool"]["setuptools"]["packages"]["find"]["include"]:
        name = package.rstrip("*")
        (site / name).symlink_to(ROOT / name)
    about = site / "rnn_vs_transformer-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {ENTRY}\nVersion: 1.0\n")
    entries = said["project"]["entry-points"]["pytest11"]
    (about / "entry_points.txt").write_text(
        "[pytest11]\n" + "".join(f"{name} = {module}\n" for name, module in entries.items())
    )
    assert list(entries) == [ENTRY], "what the tests leave out by name"
    return os.environ | {"PYTHONPATH": str(site), "COLUMNS": "200"}


def run_pytest(folder, env, *arguments):
    """Bare ``pytest``: with ``-P`` the folder is no place to import from, as for the script."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder, env=env, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def fill(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("name", PROJECTS)
def test_a_foreign_project_is_as_without_the_suite(name, tmp_path, installed):
    files, arguments, expected = PROJECTS[name]
    fill(tmp_path, files)
    env = installed | {"PYTHONPATH": f"{installed['PYTHONPATH']}{os.pathsep}{tmp_path}/site"}
    ended = []
    for without in ([], ["-p", f"no:{ENTRY}"]):
        code, said = run_pytest(tmp_path, env, *without, "-q", "-rA", *arguments)
        outcomes = OUTCOME.findall(said)
        kinds = [outcome.split()[0] for outcome in outcomes]
        assert {kind: kinds.count(kind) for kind in kinds} == expected, said
        ended.append((code, outcomes))
    assert ended[0] == ended[1]


def test_as_many_projects_as_are_promised():
    assert len(PROJECTS) == 12


def test_the_options_are_a_clones_and_the_code_is_that_clones(tmp_path, installed):
    """Another tree is installed; pytest is started inside this one, below its root."""
    clone = tmp_path / "clone"
    shutil.copytree(ROOT / "bench", clone / "bench", ignore=shutil.ignore_patterns("__pycache__"))
    (clone / "models").symlink_to(ROOT / "models")
    (clone / "docs").mkdir()
    for name in ("pyproject.toml", "pytest_rnn_vs_transformer.py"):
        shutil.copy(ROOT / name, clone)
    shutil.copy(ROOT / "tests/data/tiny.toml", clone / "bench/studies/mine.toml")
    ask = ("--benchmark", "--study", "mine", "--collect-only", "-q", "-k", "decode and T=16")
    code, said = run_pytest(clone / "docs", installed, *ask)
    assert code == 0, said
    assert "bench/benchmark_cells.py::test_timed[decode" in said
    code, said = run_pytest(tmp_path, installed, *ask)
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments: --benchmark --study" in said
