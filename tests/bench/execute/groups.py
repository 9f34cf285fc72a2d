"""Groups of the tiny study, run by real workers, and who listens."""

import os
import signal

import psutil

from bench import study
from bench.execute import turns
from bench.store import environment

from ...conftest import TINY

THREADS = environment.threads()


class Heard:
    """A listener that remembers, and may do something when told of progress."""

    def __init__(self, on_progress=None):
        self.outcomes, self.shares, self._on_progress = {}, [], on_progress

    def cell_progress(self, cell, share):
        self.shares.append((cell.key, share))
        if self._on_progress:
            self._on_progress(cell)

    def cell_ended(self, cell, outcome):
        self.outcomes[cell.key] = outcome


def cells_of(probe):
    planned = study.load(str(TINY))
    return [group for group in planned.groups if group[0].probe == probe]


def run(server, decided, fingerprint, cells, heard, timeout_s=60.0, earlier=(), kept=None):
    turns.run_group(
        server,
        cells,
        {cell.key: decided[cell.key]["config"] for cell in cells},
        corpus=fingerprint,
        threads=THREADS,
        timeout_s=timeout_s,
        listener=heard,
        earlier=earlier,
        kept=kept,
    )
    return heard


def both_settings(decided):
    """A group with every arm's subnormals kept and flushed, and the configurations of all."""
    kept = cells_of("speed")[0]
    flushed = [cell.model_copy(update={"denormals": "flush"}) for cell in kept]
    configs = {new.key: decided[cell.key] for new, cell in zip(flushed, kept, strict=True)}
    # One launch of two rounds is enough to see who takes turns, and too few for an interval.
    return changed(decided | configs, [*kept, *flushed], rounds=2)


def changed(decided, group, **protocol):
    """The cells of a group with other settings, and the configurations of all."""
    others = [cell.model_copy(update={"protocol": cell.protocol | protocol}) for cell in group]
    configs = {new.key: decided[cell.key] for new, cell in zip(others, group, strict=True)}
    return others, decided | configs


def killer(which, times=1):
    """Kills one worker of those that have started since now, or since it last did."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    done = []

    def kill(cell):
        now = {child.pid for child in psutil.Process().children(recursive=True)}
        if len(done) < times and (new := sorted(now - before)):
            done.append(cell)
            before.update(new)
            os.kill(new[which], signal.SIGKILL)

    return kill


def children_of(process):
    return [child for child in process.children(recursive=True) if child.is_running()]


def planned(probe, **changes):
    """A cell of a probe, with other coordinates."""
    cell = next(c for c in study.load(str(TINY)).cells if c.probe == probe)
    return cell.model_copy(update=changes)
