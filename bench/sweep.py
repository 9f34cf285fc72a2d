"""The engine behind both doors: plan, prepare, measure what is missing, record, report."""

import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import registry, told
from bench.data import corpus
from bench.execute import bodies, processes, turns
from bench.execute.seats import Seat
from bench.execute.tuning import Tuning
from bench.outcome import DONE, FINAL, MEASURED, UNSUPPORTED
from bench.recorder import Recorder
from bench.report import render
from bench.store import Store, environment, now, provenance, sources
from bench.store.trainings import Trainings
from bench.study import Cell, Study
from bench.told import ChangedError
from bench.tools.display import Display

__all__ = ["LOG", "ChangedError", "EditedError", "Summary", "run"]

LOG = "workers.log"


class EditedError(ChangedError):
    """Workers would run other code than this process, whose hash the records would carry."""


@dataclass
class Summary:
    """How a sweep ended.

    Args:
        study: its name.
        report: the report's first page.
        statuses: status of every planned cell that has one, by key.
        planned: cells of the plan.
        measured: cells that this sweep ran.
        reported: whether the report was made anew.
        lacks: what the report could not be made to say, and why.
    """

    study: str
    report: Path
    planned: int
    statuses: dict[str, str] = field(default_factory=dict)
    measured: int = 0
    reported: bool = False
    lacks: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """0 if all that can be measured here was, and told; 1 if something failed.

        What was measured and stayed undecided is no failure: the report says which.
        """
        counts = Counter(self.statuses.values())
        measured = sum(counts[status] for status in MEASURED)
        failed = self.planned - measured - counts[UNSUPPORTED]
        return 1 if failed or not measured or self.lacks else 0

    def __str__(self) -> str:
        counts = Counter(self.statuses.values())
        missing = self.planned - sum(counts.values())
        parts = [f"{count} {status}" for status, count in sorted(counts.items())]
        if missing:
            parts.append(f"{missing} not run")
        return f"{self.study}: {self.planned} cells: {', '.join(parts) or 'none'}"


def run(
    study: Study,
    folder: Path,
    display: Display,
    *,
    fresh: bool = False,
    again: bool = False,
    allow_mixed: bool = False,
    dry_run: bool = False,
    selected: Sequence[str] | None = None,
) -> Summary:
    """Run what is missing of a study and write its report.

    Args:
        study: the validated plan.
        folder: where records and report go.
        display: shows plan, progress and messages.
        fresh: put existing records aside and measure everything.
        again: do so only where nothing is missing, or where what made them has changed.
        allow_mixed: go on with records that other code, versions or data made.
        dry_run: plan and estimate only; records stay as they are.
        selected: keys of the cells to run, all where None; groups that are timed in turn are run
            whole.

    Raises:
        StoreError: the store is locked, damaged or cannot be written.
        ChangedError: the records do not belong to what is here now.
        EditedError: code was edited while the sweep began; later edits are not run.
        KeyboardInterrupt: after the record being written is safe.
    """
    started = time.monotonic()
    wanted = list(study.cells) if selected is None else _chosen(study.cells, selected)
    with Store(folder, write=not dry_run, absent=dry_run) as store:
        if store.found:
            display.say(store.found)
        told.refuse_other(store, study)
        provenance.commit()  # now: later ones are not of the code that runs
        library = corpus.fingerprint()
        made_of = provenance.made_of(set[str]().union(*map(provenance.used, wanted)))
        digests = provenance.digests(made_of)
        shared = provenance.shared(environment.cpu(), environment.threads())
        made_with = shared | {"corpus": library} | digests
        unused = digests.keys() - _used(study.cells, store.statuses())
        changed = _changed(
            store.meta("provenance"),
            {name: value for name, value in made_with.items() if name not in unused},
        )
        pending = _pending(wanted, store.statuses())
        if half := _half_done(wanted, store):
            keys = {cell.key for cell in (*pending, *half)}
            pending = [cell for cell in wanted if cell.key in keys]
        # A run that was stopped at its report goes on with that, instead of measuring again.
        unreported = not pending and not fresh and _unreported(store, folder)
        again = again and (bool(changed) or not unreported)
        anew: list[Cell] = []
        if again and not pending and len(wanted) < len(study.cells):
            pending = anew = wanted  # a part of the study is measured anew, in its place
        elif fresh or (again and (changed or not pending)):
            pending, changed = wanted, []
            if not dry_run:
                Trainings(folder).clear()
                if (aside := store.archive()) is not None:
                    display.say(f"earlier records put aside: {aside}")
        if changed and not allow_mixed:
            raise ChangedError(
                f"the records in {folder} were made with other {_and(changed)} than are here now. "
                "Measure again with --fresh (the old records are put aside), or mix them, "
                "labelled, with --allow-mixed."
            )
        summary = Summary(study.name, folder / render.PAGE, len(wanted), {})
        if dry_run and not pending:
            recorded = f"{len(wanted)} of {len(wanted)} cells are recorded"
            if unreported:
                display.say(f"nothing to measure: {recorded}; the report is to be written")
            else:
                display.say(f"nothing to do: {recorded}")
            return summary
        if anew and not dry_run:  # with what was stopped at that before, elsewhere in the study
            begun = {cell.key for cell in (*_half_done(study.cells, store), *anew)}
            store.set_meta(anew={"keys": sorted(begun), "since": now()})
        if not dry_run:
            ended = {key for key, status in store.statuses().items() if status in FINAL}
            Trainings(folder).clear(ended)  # what is measured anew is trained anew
        news = False if dry_run else told.tell(store, study)
        if pending:
            with _log(folder, dry_run) as log, processes.Server(log) as server:
                _refuse_other(server.code)
                display.say(f"{study.title}: preparing {len(pending)} of {len(wanted)} cells")
                decided = processes.prepare(
                    server, pending, library, environment.threads(), study.timeout_s
                )
                estimate = sum(
                    answer.get("estimate_s", 0.0) for answer in decided["cells"].values()
                )
                missing = decided["pretrainings"]
                first_s = sum(body["estimate_s"] for body in missing)
                display.plan(study, pending, decided["cells"], estimate + first_s, missing)
                if dry_run:
                    return summary
                told.begin(store, made_with, made_of, decided["corpus"], estimate + first_s)
                _pretrain(study, server, decided, library, display)
                recorder = Recorder(store, decided, display, made_with, estimate, started)
                answers = decided["cells"]
                runnable = [cell for cell in pending if "failed" not in answers[cell.key]]
                told.measure_ceilings(store, server, runnable, study.timeout_s)
                _measure(study, pending, server, decided, library, recorder)
                told.measure_ceilings(store, server, runnable, study.timeout_s)
                summary.measured = len(pending)
                if store.meta("anew") is not None and not _half_done(study.cells, store):
                    store.set_meta(anew=None)
                if edited := sources.edited_since():
                    display.say(f"edited while this ran, which ran as before: {_and(edited)}")
        summary.statuses = _statuses(wanted, store)
        if pending or news or unreported:
            summary.reported = True
            display.say("writing the report")
            try:
                render.write(store, folder)
            except render.Incomplete as error:
                summary.lacks = error.failures
                display.say(str(error))
    return summary


def _refuse_other(code: dict[str, str]) -> None:
    """Refuse workers whose files are not those that this process began with."""
    if names := sources.differing(sources.begun().digests, code):
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        got = "another" if names[0] in code else "none"
        raise EditedError(
            f"expected workers to import {names[0]}{more} as this process did. Got {got}: code was "
            "edited while the sweep began, or lies in the working directory, where workers do not "
            "look. Start it again, or install that code."
        )


def _chosen(cells: Sequence[Cell], selected: Sequence[str]) -> list[Cell]:
    """The selected cells, and with them all that must be timed in the same rounds."""
    alike = {
        cell.alike
        for cell in cells
        if cell.key in selected and registry.probes()[cell.probe].literals["INTERLEAVED"]
    }
    return [cell for cell in cells if cell.key in selected or cell.alike in alike]


def _pending(cells: Sequence[Cell], statuses: dict[str, str]) -> list[Cell]:
    """Cells without a final record, and with them all that are timed in turn with one of them."""
    missing = {cell.alike for cell in cells if statuses.get(cell.key) not in FINAL}
    return [
        cell
        for cell in cells
        if cell.alike in missing
        and (
            registry.probes()[cell.probe].literals["INTERLEAVED"]
            or statuses.get(cell.key) not in FINAL
        )
    ]


@contextmanager
def _log(folder: Path, dry_run: bool) -> Iterator[Path]:
    """The file that takes what workers print; of a dry run nothing is left."""
    if not dry_run:
        yield folder / LOG
        return
    with tempfile.TemporaryDirectory() as place:
        yield Path(place) / LOG


def _half_done(cells: Sequence[Cell], store: Store) -> list[Cell]:
    """Cells that were to be measured anew in their place, and whose records are those of before."""
    begun = store.meta("anew")
    if begun is None:
        return []
    old = {record["key"] for record in store.records() if record["ended"] < begun["since"]}
    return [cell for cell in cells if cell.key in begun["keys"] and cell.key in old]


def _unreported(store: Store, folder: Path) -> bool:
    """Whether there are records of which the report is not, or is not whole."""
    return store.meta("plan") is not None and not render.current(store, folder)


def _statuses(cells: Sequence[Cell], store: Store) -> dict[str, str]:
    known = store.statuses()
    return {cell.key: known[cell.key] for cell in cells if cell.key in known}


def _used(cells: Sequence[Cell], statuses: dict[str, str]) -> set[str]:
    """Checkpoints that final records were made with, as provenance calls them."""
    return {
        provenance.CHECKPOINT + name
        for cell in cells
        if statuses.get(cell.key) in FINAL
        for name in provenance.used(cell)
    }


def _changed(before: dict[str, str] | None, current: dict[str, str]) -> list[str]:
    """What differs, in words."""
    if before is None:
        return []
    return [
        f"{name} ({before.get(name, 'none')[:12]} -> {value[:12]})"
        for name, value in current.items()
        if before.get(name) != value
    ]


def _and(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else names[0]


def _pretrain(
    study: Study, server: processes.Server, decided: dict[str, Any], library: str, display: Display
) -> None:
    """Make the weights that cells start from and that are not in the cache yet."""
    missing = decided["pretrainings"]
    if missing:
        with display.progress(sum(body["estimate_s"] for body in missing)):
            bodies.run(
                server,
                missing,
                decided["cells"],
                display,
                corpus=library,
                threads=environment.threads(),
                timeout_s=study.timeout_s,
            )


def _measure(
    study: Study,
    pending: Sequence[Cell],
    server: processes.Server,
    decided: dict[str, Any],
    library: str,
    recorder: Recorder,
) -> None:
    keys = {cell.key for cell in pending}
    answers, threads = decided["cells"], environment.threads()
    configs = {key: answer.get("config") for key, answer in answers.items()}

    def measured(trials: Sequence[tuple[Cell, Cell]]) -> Iterator[tuple[Cell, dict[str, Any]]]:
        seats = [
            Seat(server, trial, configs[cell.key], library, threads, study.timeout_s, recorder)
            for trial, cell in trials
        ]
        for seat in turns.side_by_side(seats, turns.abreast(trials[0][0], threads)):
            yield seat.cell, seat.ended_as(DONE)

    tuning = Tuning(study.cells, recorder.trained - keys, measured, recorder.trials, recorder.tried)
    with recorder.display.progress(recorder.estimate_s):
        for batch in turns.batches(study.groups, threads):
            wanted = [cell for cell in batch if cell.key in keys]
            tuning.try_rates([cell for cell in wanted if configs[cell.key] is not None])
            runnable = []
            for cell in wanted:
                failure = _refusal(answers[cell.key]) or tuning.failure(cell)
                if failure is None:
                    runnable.append(cell)
                else:
                    recorder.cell_ended(cell, failure)
            if runnable:
                recorder.group_begins()
                turns.run_group(
                    server,
                    runnable,
                    {cell.key: configs[cell.key] for cell in runnable},
                    corpus=library,
                    threads=threads,
                    timeout_s=study.timeout_s,
                    listener=recorder,
                    earlier=recorder.pairs,
                    tried={cell.key: tuning.tried(cell) for cell in runnable},
                    kept={cell.key: recorder.kept(cell) for cell in runnable},
                )
                recorder.group_ended()


def _refusal(answer: dict[str, Any]) -> dict[str, Any] | None:
    """The outcome of a cell that was found not to run before anything was."""
    if "failed" not in answer:
        return None
    return {
        "status": answer["failed"],
        "reason": answer["reason"],
        "metrics": {},
        "samples": {},
        "seconds": 0.0,
        "together": None,
    }
