"""The probes: one kind of measurement each, a folder each, and this folder is their registry.

``<name>/__init__.py`` says literally, beside its docstring, what it measures:

- ``HEADS``: the AutoClasses it can measure
- ``AXES``: coordinates of its own, name to ``choices`` and those taken by ``default``
- ``PROTOCOL``: its settings, name to ``default``, ``least`` or ``choices``, and ``help``;
  ``batch_size``, the rows of a step, is one of them, as estimates and captions rest on it. With
  ``tokens_per_step``, which a study may ask for in its place, tokens are held constant over
  lengths, see :mod:`bench.study.steps`
- ``TIMED``: whether its samples are times that pytest-benchmark can show
- ``INTERLEAVED``: whether the arms of a group are taken in turn, round by round; such a probe has
  the settings ``ROUNDS`` below too, and leaves the sample ``seconds`` (of one step, twice a
  round) and the metric ``tokens_per_step``: those it really had, padding apart, whatever was asked
- ``ABREAST``, if cells on few threads may run beside one another, as no claim is about their time
- ``SUMMARIES``, if it leaves further samples of each turn: metric to the sample that it is the
  median of. A cell timed in turn has several processes, none of which can tell alone
- ``PARTS``, the same of seconds that not every cell has, and None in both turns of a round that has
  none. Both are kept of the A/A control too

Beside it stand

- ``measure.py``: how a cell is measured, see :mod:`bench.measure.contract`; it alone needs torch
- ``tables.py``: ``TABLES``, name to a function of the evidence that returns a data frame; and
  ``exponents(records)``, if it has rows for the table ``growth`` beside those of a step's time,
  which every probe taken in turn has there, as in ``crossover``, ``settings`` and the figures of
  tokens per second (from its table of the probe's own name, if it has one)
- ``section.py``: ``SECTIONS`` of the page, with their pictures, captions and tables, and
  ``QUESTIONS`` with the sentences that answer them, see :mod:`bench.page.contract`
- ``figures.py``, or a folder ``figures``: what draws them
- ``recompute.py``, if metrics follow from what else a record says, beside those of every arm that
  is taken in turn: ``metrics(record)``, each by the formula that it was measured with
- ``line.py``, if a finished cell has a number of its own to say: ``line(metrics, samples)``
"""

#: Settings of every probe whose arms are taken in turn, beside its own; read literally.
ROUNDS = {
    "rounds": {
        "default": 80,
        "least": 2,
        "most": 80,
        "help": "most rounds, each a random order and its reverse; looked at after 10, 20, 40, 80",
    },
    "precision": {
        "default": 0.025,
        "least": 0.0,
        "help": "half width, as a share, of the interval of a ratio whose size is known",
    },
    "budget_s": {
        "default": 60.0,
        "least": 0.0,
        "help": "seconds of rounds after which what is not known is undecided",
    },
    "want": {
        "choices": ["direction", "size"],
        "default": "size",  # what records of before were measured for
        "help": "what ends a group: who is faster is known, or by how much, within the precision",
    },
}
