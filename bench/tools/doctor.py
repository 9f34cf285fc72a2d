"""What this machine is, how noisy it is, and what a study will need here."""

import math
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.table import Table

from bench import study
from bench.data import corpus
from bench.execute import processes, turns
from bench.page.numbers import fixed, interval, listed
from bench.statistics import verdicts
from bench.statistics.decisions import LOOKS
from bench.statistics.stopping import SIZE
from bench.store import environment, limits
from bench.study import DEVICES, Cell, Study
from bench.tools.display import Display, duration

_NOISE = "noise"


class Collected:
    """A listener that keeps how cells ended."""

    def __init__(self) -> None:
        self.ended: list[tuple[Cell, dict[str, Any]]] = []

    def cell_progress(self, cell: Cell, share: float) -> None:
        pass

    def cell_ended(self, cell: Cell, outcome: dict[str, Any]) -> None:
        self.ended.append((cell, outcome))


def examine(planned: Study, display: Display) -> bool:
    """Print what there is, measure the noise, and say what the study will need.

    Returns:
        Whether every cell of the study can run here or is known to be unsupported.

    Raises:
        CorpusError, ServerError, CellFailed: the machine cannot measure at all; says why.
    """
    for line in (*_machine(), *limits.said()):
        display.say(line)
    library = corpus.fingerprint()
    display.say(f"corpus: {library}")
    with tempfile.TemporaryDirectory() as folder, processes.Server(Path(folder) / "log") as server:
        devices = processes.ask(server, {"job": "devices", "names": list(DEVICES)})
        for name, answer in devices.items():
            display.say(f"{name}: {answer}")
        display.say(_subnormals(processes.ask(server, {"job": "subnormals"})))
        display.say("measuring the noise of this machine (half a minute)")
        half_width = _noise(server, library, display)
        decided = processes.prepare(
            server, planned.cells, library, environment.threads(), planned.timeout_s
        )
    answers = decided["cells"]
    estimate = sum(answer.get("estimate_s", 0.0) for answer in answers.values())
    estimate += sum(body["estimate_s"] for body in decided["pretrainings"])
    display.plan(planned, planned.cells, answers, estimate, decided["pretrainings"])
    display.say(_need(planned, estimate, half_width))
    kinds = Counter(answer["failed"] for answer in answers.values() if "failed" in answer)
    return not set(kinds) - {"unsupported"}


def _machine() -> Iterator[str]:
    machine = environment.machine()
    yield (
        f"{machine['cpu']} ({machine['architecture']}, {machine['system']}), "
        f"{machine['threads']} of {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB; load {machine['load_1m']}"
    )
    yield ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    # As PyTorch and kernel 'native' look for one.
    names = [os.environ["CXX"]] if os.environ.get("CXX") else ["g++", "clang++"]
    if not any(map(shutil.which, names)):
        yield (
            "kernels 'compiled' and 'native' cannot run on the CPU: there is no C++ compiler "
            f"({' or '.join(names)})"
        )


def _subnormals(answer: dict[str, Any]) -> str:
    """What the processor takes longer for, and what that decides."""
    ratios = listed(f"{name} {fixed(ratio, 2)}×" for name, ratio in answer["ratios"].items())
    cells = (
        "keep-against-flush cells will run"
        if answer["slow"]
        else (
            f"no effect on this processor, so keep-against-flush cells will not run "
            f"(they do above {answer['least']:g}×)"
        )
    )
    return f"subnormal numbers take {ratios} as long as normal ones: {cells}"


def _noise(server: processes.Server, library: str, display: Display) -> float:
    """Run one model against itself; half the width of the interval that its rounds leave."""
    noise = study.load(_NOISE)
    threads = environment.threads()
    decided = processes.prepare(server, noise.cells, library, threads, noise.timeout_s)["cells"]
    table = Table("A/A", "step", "ratio", "rounds", "steal", "other work", "flagged rounds")
    widths = []
    for group in noise.groups:
        refused = next((decided[c.key] for c in group if "failed" in decided[c.key]), None)
        if refused is not None:
            display.say(f"{group[0].name}: {refused['failed']}: {refused['reason']}")
            continue
        heard = Collected()
        turns.run_group(
            server,
            group,
            {cell.key: decided[cell.key]["config"] for cell in group},
            corpus=library,
            threads=environment.threads(),
            timeout_s=noise.timeout_s,
            listener=heard,
        )
        for cell, outcome in heard.ended:
            samples = outcome["samples"]
            ratio = verdicts.control(samples)
            if ratio is None:
                display.say(f"{cell.name}: {outcome['status']}: {outcome['reason']}")
                continue
            flags = verdicts.flagged(outcome)
            table.add_row(
                cell.arm,
                f"{1e3 * outcome['metrics']['step_s']:.1f} ms",
                f"{fixed(ratio.value, 3)} {interval(ratio)}",
                str(len(flags)),
                _share(samples["steal"]),
                _share(samples["psi"]),
                f"{sum(flags)} of {len(flags)}",
            )
            # As wide as ten rounds leave it, whenever the measurement stopped.
            if not math.isnan(ratio.low):
                width = math.log(ratio.high / ratio.low) / 2
                widths.append(width * math.sqrt(len(flags) / LOOKS[0]))
    display.console.print(table)
    return max(widths, default=math.nan)


def _share(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{sum(known) / len(known):.1%}" if known else "unknown"


def _need(planned: Study, estimate_s: float, half_width: float) -> str:
    """How long the study takes, in words, and how many rounds this machine's noise asks for."""
    said = f"{planned.name} will take about {duration(estimate_s)} here"
    if math.isnan(half_width):
        return f"{said}; its noise could not be measured"
    said += f". {LOOKS[0]} rounds tell two arms apart to ±{half_width:.1%} now"
    asked = [c.protocol["precision"] for c in planned.cells if c.protocol.get("want") == SIZE]
    if not asked:
        return f"{said}; it asks for no size"
    precision = min(asked)
    rounds = LOOKS[0] * (half_width / precision) ** 2  # it narrows with their root
    look = next((look for look in LOOKS if rounds <= look), None)
    said += f"; ±{precision:.1%} needs "
    if look is None:
        return f"{said}more than the {LOOKS[-1]} that are tried: expect undecided cells"
    return f"{said}about {math.ceil(max(rounds, 1))}, so that groups end at the look after {look}"
