"""Subjects of the tiny study, as a probe is given them."""

from bench import study
from bench.execute import sizing
from bench.measure.subject import Subject

from ...conftest import TINY

#: The arms of that study.
ARMS = sorted({cell.arm for cell in study.load(str(TINY)).cells})


def subjects(corpus, probe, **changes):
    """The tiny study's subjects of a probe, by arm."""
    cells = [c for c in study.load(str(TINY)).cells if c.probe == probe and c.seed == 0]
    found = {}
    for cell in cells:
        changed = cell.model_copy(update=changes)
        if changed.arm not in found:
            decided = sizing.sized(changed, corpus)
            tried = [[rate, 1.0, False] for rate in changed.protocol.get("learning_rates", ())]
            found[changed.arm] = Subject(changed, decided["config"], corpus, tried)
    return found
