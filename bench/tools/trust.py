"""``rvt doctor --trust``: pairs whose true ratio is known, through the engine, again and again.

A sample of the one arm is five steps; its twin's are five as well, so that a direction is a false
alarm, or six, so that 1.2 is the true ratio whatever a step takes.
"""

import math
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench import study
from bench.data import corpus
from bench.execute import processes, turns
from bench.outcome import MEASURED
from bench.page.numbers import fixed, percent
from bench.statistics.calibration import SIZE, Calibration, Trial, calibration
from bench.statistics.calibration import pair as calibrated
from bench.statistics.directions import Pair
from bench.statistics.intervals import log_ratios
from bench.statistics.summaries import PER_ROUND
from bench.store import environment, limits
from bench.study import Cell
from bench.tools.display import Display, duration
from bench.tools.doctor import Collected

_STUDY = "trust"
STEPS, MORE = 5, 6
LEAST = 20  # pairs of an arm with itself, below which a machine is neither trusted nor not
_KNOWN_OF = 4  # of so many pairs of an arm with itself, one has another with the known ratio


class TrustError(RuntimeError):
    """The pair cannot be timed here; says why."""


@dataclass(frozen=True)
class Found:
    """What the pairs say that were timed before the last one, or before Ctrl-C.

    Args:
        trials: in the order of measurement.
        said: of all of them.
        interrupted: whether there were to be more.
        code: what a command ends with that was stopped, 0 otherwise.
    """

    trials: tuple[Trial, ...]
    said: Calibration
    interrupted: bool
    code: int = 0

    @property
    def troubles(self) -> list[str]:
        """Why pairs were no measurement, each reason once."""
        return list(dict.fromkeys(t.trouble for t in self.trials if t.trouble is not None))

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against claims from this machine, and enough for them."""
        return self._enough and self.said.silent and not self.troubles

    @property
    def _enough(self) -> bool:
        return self.said.decided and self.said.same >= LEAST

    def document(self) -> dict[str, Any]:
        """All of it for a machine; what is not known is None."""
        told = {name: _json(value) for name, value in asdict(self.said).items()}
        return {
            "trusted": self.trusted,
            "interrupted": self.interrupted,
            **told,
            "trials": [asdict(trial) for trial in self.trials],
            "machine": environment.machine(),
            "limits": list(limits.said()),
        }

    def lines(self) -> Iterator[str]:
        """The same for a person."""
        said = self.said
        if self.interrupted:
            yield f"interrupted after {len(self.trials)} pairs"
        yield (
            f"an arm beside itself: {said.fired} of {said.same} pairs called different, "
            f"{_share(said)}; by chance up to {said.allowed}"
        )
        yield (
            f"{MORE} steps beside {STEPS}: {said.right} of {said.known} pairs called slower, "
            f"{said.wrong} faster; {_took(said.direction_s, 'half of them')} to a right direction"
        )
        yield f"±{percent(SIZE)} of a ratio: {_took(said.size_s, 'half of all pairs')}"
        yield (
            f"a pair's ratio varies by {_spread(said.within)} from round to round and by "
            f"{_spread(said.between)} from launch to launch"
        )
        yield self._verdict()

    def _verdict(self) -> str:
        said = self.said
        if self.troubles:
            return f"claims from this machine cannot be trusted now: {'; '.join(self.troubles)}"
        if not said.silent:
            return (
                "claims from this machine cannot be trusted: it calls two different that are the "
                "same, or the wrong one slower, more often than chance does"
            )
        if not self._enough:
            return (
                f"whether claims from this machine can be trusted is not known from {said.same} "
                f"pairs: nothing speaks against it; {LEAST} are the least (--pairs {LEAST})"
            )
        return (
            "claims from this machine can be trusted: no more directions are wrong than chance "
            f"allows, and false alarms in more than {percent(said.false_alarms.high)} are excluded"
        )


def examine(pairs: int, display: Display) -> Found:
    """Time so many pairs of an arm with itself, and a quarter as many with the known ratio.

    Ctrl-C ends it early; what is known by then is returned.

    Raises:
        TrustError: the pair cannot be timed here.
        CorpusError, ServerError, CellFailed: the machine cannot measure at all; says why.
    """
    for line in limits.said():
        display.say(line)
    found: list[Trial] = []
    code = 0
    loaded = study.load(_STUDY)
    plan = list(_plan(loaded.cells[0], pairs))
    started = time.monotonic()
    try:
        for trial in _trials(plan, loaded.timeout_s, display):
            found.append(trial)
            left = (time.monotonic() - started) / len(found) * (len(plan) - len(found))
            line = f"pair {len(found)} of {len(plan)}, {_line(trial)}"
            display.say(f"{line}; {duration(left)} left")
    except KeyboardInterrupt as stopped:
        code = getattr(stopped, "code", 130)
    return Found(tuple(found), calibration(found), bool(code), code)


def _trials(
    plan: Sequence[tuple[Cell, Cell]], timeout_s: float, display: Display
) -> Iterator[Trial]:
    library = corpus.fingerprint()
    with tempfile.TemporaryDirectory() as folder, processes.Server(Path(folder) / "log") as server:
        threads = environment.threads()
        decided = processes.prepare(server, plan[0], library, threads, timeout_s)["cells"]
        answers = [decided[cell.key] for cell in plan[0]]
        if "failed" in answers[0]:
            raise TrustError(f"{plan[0][0].name}: {answers[0]['failed']}: {answers[0]['reason']}")
        expected = duration(sum(answer["estimate_s"] for answer in answers) * len(plan))
        known = sum(pair[0].protocol["repeats"] != pair[1].protocol["repeats"] for pair in plan)
        display.say(f"{len(plan)} pairs, {known} of them with the known ratio: about {expected}")
        earlier: list[Pair] = []  # which say how far launches differ here
        for pair in plan:
            trial = _trial(server, pair, answers[0]["config"], library, timeout_s, earlier)
            if trial.logs and trial.trouble is None:
                pool = (pair[0].device, pair[0].threads)
                earlier.append(replace(calibrated(trial), pool=pool))
            yield trial


def _plan(cell: Cell, pairs: int) -> Iterator[tuple[Cell, Cell]]:
    """The pairs in the order of measurement; each is visited in random orders of its own.

    The first of a pair is its reference. A direction is all that is wanted of the known ratio.
    """
    for number in range(pairs):
        yield _pair(cell, f"pair {number}", STEPS, want="size")
        if number % _KNOWN_OF == 0:
            yield _pair(cell, f"known {number}", MORE, want="direction")


def _pair(cell: Cell, name: str, steps: int, want: str) -> tuple[Cell, Cell]:
    first, second = (
        cell.model_copy(
            update={
                "comparison": f"{name} {which}",
                "protocol": cell.protocol | {"repeats": repeats, "want": want},
            }
        )
        for which, repeats in (("first", STEPS), ("second", steps))
    )
    return first, second


def _trial(
    server: processes.Server,
    pair: Sequence[Cell],
    config: dict[str, Any],
    library: str,
    timeout_s: float,
    earlier: Sequence[Pair],
) -> Trial:
    """Time a pair as a group of its own; one that could not be says why."""
    heard, watch = Collected(), limits.Watch()
    start = time.monotonic()
    turns.run_group(
        server,
        pair,
        {cell.key: config for cell in pair},
        corpus=library,
        threads=environment.threads(),
        timeout_s=timeout_s,
        listener=heard,
        earlier=earlier,
    )
    seconds = time.monotonic() - start
    ratio = pair[1].protocol["repeats"] / pair[0].protocol["repeats"]
    for cell, outcome in heard.ended:
        if outcome["status"] not in MEASURED:
            reason = f"{cell.name}: {outcome['status']}: {outcome['reason']}"
            return Trial(ratio, (), (), seconds, reason)
    outcomes = {cell.key: outcome["samples"] for cell, outcome in heard.ended}
    first, second = (outcomes[cell.key] for cell in pair)
    logs = tuple(log_ratios(second["seconds"], first["seconds"], PER_ROUND).tolist())
    return Trial(ratio, logs, tuple(first["launch"]), seconds, watch.trouble())


def _line(trial: Trial) -> str:
    if trial.trouble is not None:
        return f"no measurement: {trial.trouble}"
    mean = math.exp(sum(trial.logs) / len(trial.logs))
    rounds = f"{len(trial.logs)} rounds, {duration(trial.seconds)}"
    return f"{fixed(trial.true, 1)} in truth: {fixed(mean, 3)} after {rounds}"


def _share(said: Calibration) -> str:
    if not said.same:
        return "none measured"
    low, high = said.false_alarms.low, said.false_alarms.high
    return f"{percent(said.false_alarms.value, 1)} [{percent(low, 1)}, {percent(high, 1)}]"


def _took(seconds: float, of: str) -> str:
    if math.isnan(seconds):
        return "not known how long it takes"
    return f"{duration(seconds)} in the median" if seconds < math.inf else f"not reached by {of}"


def _spread(deviation: float) -> str:
    return "an unknown share" if math.isnan(deviation) else percent(deviation, 1)


def _json(value: Any) -> Any:
    """Strict JSON has no NaN and nothing infinite."""
    if isinstance(value, dict):
        return {name: _json(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
