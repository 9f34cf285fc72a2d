"""The pytest door: ``pytest --benchmark`` runs a study and shows it in pytest-benchmark's table.

``pytest_rnn_vs_transformer`` loads it in a clone; elsewhere ``-p bench.plugin`` does.

Measuring is the engine's. The sweep runs before the first test; each test then hands the measured
times to pytest-benchmark's fixture, through its public ``timer`` and ``pedantic``.
"""

import math
import os
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bench.statistics.intervals import Estimate
    from bench.statistics.verdicts import Verdict
    from bench.study import Study
    from bench.sweep import Summary

_CELLS = Path(__file__).with_name("benchmark_cells.py")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the sweep."""
    group = parser.getgroup("rnn-vs-transformer", "recurrent networks and transformers")
    group.addoption("--benchmark", action="store_true", help="Run a study instead of the tests.")
    group.addoption(
        "--study", metavar="NAME_OR_TOML", default="quick", help="Which one. Default: quick."
    )
    group.addoption(
        "--device", metavar="LIST", help="Comma-separated devices, instead of the study's own."
    )
    group.addoption(
        "--data",
        metavar="LIST",
        help="Comma-separated data sets, or hub for all, instead of the study's own.",
    )
    group.addoption(
        "--reports",
        metavar="DIR",
        type=Path,
        help="Folder that gets a folder for the study. Default: reports/local.",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Read the study before anything is collected, and collect its cells only."""
    if not config.getoption("--benchmark"):
        return
    if (reason := _refusal(config)) is not None:
        pytest.exit(reason, returncode=2)
    from bench import registry, study
    from bench.cli import REPORTS, names
    from bench.store import sources

    sources.begun()  # the code that this process has imported, and what records will be of

    name: str = config.getoption("--study")
    devices, data = (names(config.getoption(option)) for option in ("--device", "--data"))
    try:
        registry.check()
        loaded = study.load(name, devices, data)
    except registry.RegistryError as error:
        pytest.exit(str(error), returncode=2)
    except study.StudyError as error:
        pytest.exit(f"wrong study\n{error}", returncode=2)
    folder = (config.getoption("--reports") or config.invocation_params.dir / REPORTS) / loaded.name
    config.pluginmanager.register(Door(config, loaded, folder), "rnn-vs-transformer-door")
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        # Names are pasted from where pytest printed them, which may have been another folder.
        config.args = [f"{_CELLS}{arg.removeprefix(_file(arg))}" for arg in config.args]
    else:
        config.args = [str(_CELLS)]
    # -k knows no "=", which cells have in their names: see pytest_itemcollected.
    config.option.keyword = config.option.keyword.replace("=", ":")


def _refusal(config: pytest.Config) -> str | None:
    """Why this command cannot measure what it asks for, and what to write instead."""
    option = config.getoption
    if option("benchmark_disable", None) is None:
        return (
            "expected pytest-benchmark, which gets the times. Got none: leave out -p no:benchmark"
        )
    if option("benchmark_disable") and not option("benchmark_enable"):
        return (
            "expected benchmarks that are enabled: pytest-benchmark gets the times. "
            "Got --benchmark-disable; --benchmark-enable overrides it"
        )
    if option("dist", "no") != "no" or "PYTEST_XDIST_WORKER" in os.environ:
        return (
            "expected one process, as what is timed must not share the machine. "
            "Got pytest-xdist's workers: leave out -n, or write -n 0"
        )
    if option("benchmark_compare_fail") and not option("benchmark_compare"):
        return "expected --benchmark-compare. Got --benchmark-compare-fail without it"
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        for arg in config.args:
            if Path(_file(arg)).name != _CELLS.name:
                return (
                    "expected names of cells as --collect-only lists them "
                    f"({_CELLS.name}::test_timed[...]), or none. Got {arg}. --study names a study"
                )
    return None


def _file(node_id: str) -> str:
    return node_id.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: Any) -> None:
    """Keep the host's name out of the JSON, and a clock that moves between runs of one machine."""
    if config.getoption("--benchmark"):
        machine_info.pop("node", None)
        for name in ("hz_actual", "hz_actual_friendly"):
            machine_info["cpu"].pop(name, None)


class Replay:
    """A timer for pytest-benchmark that reads as if the measured rounds happened just now.

    ``pedantic`` reads the clock before and after each round; nothing else reads it.
    """

    def __init__(self) -> None:
        self.__name__ = "perf_counter"  # what the worker read
        self.load([])

    def __call__(self) -> float:
        return next(self._clock)

    def load(self, seconds: Sequence[float]) -> None:
        """Take the rounds to replay, and start at the first."""
        self._clock = self._readings(seconds)

    def _readings(self, seconds: Sequence[float]) -> Iterator[float]:
        now = 0.0
        for passed in seconds:
            yield now
            now += passed
            yield now


class Door:
    """One sweep inside one pytest session."""

    def __init__(self, config: pytest.Config, study: "Study", folder: Path) -> None:
        self.config, self.study, self.folder = config, study, folder
        self.outcomes: dict[str, dict[str, Any]] = {}
        self.replays: dict[str, Replay] = {}
        self.summary: Summary | None = None
        self.compared = False
        self.verdicts: dict[str, Verdict] = {}

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """One test for each cell: timed ones hand their samples to the benchmark fixture."""
        from bench import registry

        if "cell" not in metafunc.fixturenames:
            return
        wanted = "benchmark" in metafunc.fixturenames
        parameters = []
        for cell in self.study.cells:
            if registry.probes()[cell.probe].literals["TIMED"] is not wanted:
                continue
            replay = self.replays.setdefault(cell.key, Replay())
            marks = [pytest.mark.benchmark(group=cell.group, timer=replay)] if wanted else []
            parameters.append(pytest.param(cell.key, marks=marks, id=cell.name.replace(" ", "-")))
        metafunc.parametrize("cell", parameters)

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Give a cell a second name for ``-k``, whose expressions have no "="."""
        item.extra_keyword_matches.add(item.name.replace("=", ":"))

    @pytest.hookimpl(optionalhook=True)
    def pytest_benchmark_compare_machine_info(self) -> None:
        """Called for each saved run that this one is compared with."""
        self.compared = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, Any]:
        """Run the sweep over the cells that will be tested, then their tests."""
        option = session.config.option
        keys = [
            str(item.callspec.params["cell"])
            for item in session.items
            if isinstance(item, pytest.Function) and item.get_closest_marker("skip") is None
        ]
        if keys and not option.collectonly and not option.setupplan:
            if option.benchmark_compare_fail and not self.compared:
                pytest.exit(
                    "expected a saved run to compare with. Got none: "
                    "run it once with --benchmark-autosave and without --benchmark-compare-fail",
                    returncode=2,
                )
            self._sweep(keys)
        return (yield)

    def _sweep(self, keys: list[str]) -> None:
        from bench import sweep
        from bench.data.corpus import CorpusError
        from bench.execute.processes import CellFailed, ServerError
        from bench.statistics import verdicts
        from bench.store import Store, StoreError
        from bench.tools.console import console
        from bench.tools.display import Display

        capture = self.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            print(flush=True)
            try:
                self.summary = sweep.run(
                    self.study, self.folder, Display(console(120)), again=True, selected=keys
                )
                with Store(self.folder) as store:
                    self.outcomes = {record["key"]: record for record in store.records()}
            except sweep.ChangedError as error:
                pytest.exit(str(error), returncode=2)
            except StoreError as error:
                pytest.exit(str(error), returncode=3)
            except (ServerError, CorpusError) as error:
                pytest.exit(str(error), returncode=1)
            except CellFailed as error:
                pytest.exit(f"preparing the sweep failed: {error.reason}", returncode=1)
            except KeyboardInterrupt:
                pytest.exit(
                    "interrupted; what has ended is kept, and the same command goes on from there",
                    returncode=130,
                )
        found = verdicts.of(list(self.outcomes.values()))
        self.verdicts = {verdict.record["key"]: verdict for verdict in found}
        for key, outcome in self.outcomes.items():
            if key in self.replays:
                self.replays[key].load(outcome["samples"].get("seconds", []))

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Nothing measured is a failure here as it is for ``rvt run``."""
        if self.summary is not None and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = self.summary.exit_code

    def pytest_unconfigure(self) -> None:
        """The last line says where the report is."""
        if self.summary is not None:
            print(f"{self.summary}\nreport: {_relative(self.summary.report)}")

    @pytest.fixture
    def outcome(self, cell: str) -> dict[str, Any]:
        """The record of a test's cell; skips what cannot exist, fails what went wrong."""
        from bench.outcome import MEASURED, UNSUPPORTED

        record = self.outcomes[cell]
        if record["status"] == UNSUPPORTED:
            pytest.skip(f"{record['status']}: {record['reason']}")
        if record["status"] not in MEASURED:
            pytest.fail(f"{record['status']}: {record['reason']}", pytrace=False)
        return record

    @pytest.fixture
    def verdict(self, cell: str) -> "Verdict | None":
        """A timed cell beside its group's reference; None for the reference and what has none."""
        return self.verdicts.get(cell)


def extra_info(record: dict[str, Any], verdict: "Verdict | None") -> dict[str, Any]:
    """What a benchmark entry says beside its times; numbers and short text only."""
    compared: dict[str, Any] = {}
    if verdict is not None:
        compared = {
            "reference": verdict.reference["cell"]["arm"],
            "verdict": verdict.difference,
            **_estimate("ratio", verdict.ratio),
            **_estimate("aa", verdict.canary),
        }
    cell, model = record["cell"], record["model"]
    names = ("probe", "comparison", "task", "data", "length", "arm", "kernel", "device", "dtype",
             "denormals", "threads", "seed")  # fmt: skip
    scalars = {
        name: value
        for name, value in record["metrics"].items()
        if isinstance(value, int | float | str | None)
    }
    return {
        "status": record["status"],
        **{name: cell[name] for name in names},
        **cell["axes"],
        "parameters": model["parameters"]["total"],
        "body_parameters": model["parameters"]["body"],
        "match_error": model["match"]["error"],
        "batch_size": cell["protocol"]["batch_size"],
        **scalars,
        **compared,
    }


def _estimate(name: str, estimate: "Estimate | None") -> dict[str, float | None]:
    """A value and the ends of its interval, null where JSON has no number for it."""
    if estimate is None:
        return {}
    values = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {key: value if math.isfinite(value) else None for key, value in values.items()}


def _relative(path: Path) -> Path:
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
