"""The benchmark: studies are planned, cells run in processes of their own, reports generated.

A cell's way through the rooms, each of which knows only those named before it:

- ``registry``: what there is, read from the folders ``tasks``, ``probes``, ``claims`` and
  ``models.arms``; ``outcome``: how a cell can end; ``phases``: what is timed; ``signs``: what a
  text may show; ``interrupts``: who may stop all of it
- ``study`` (``studies`` has the files): what is asked, validated and cut into cells
- ``data``, ``tasks``: the rows, and what they are cut from
- ``measure``, ``probes/*/measure.py``: one cell being measured; these alone need torch, with
- ``execute``: processes, turns, and what is decided before the first clock starts
- ``store``: records, and where and with what they were made; ``statistics``: what they decide
- ``frames``: columns and series that tables share; ``drawing``: colours, axes and lines that
  figures share; ``page``: what sections, captions and sentences are made of
- ``probes/*/{tables,figures,section}.py``: one measurement's tables, pictures and words;
  ``claims``: what records say of what people say
- ``report``: joins what is registered into pages
- ``sweep`` (with ``recorder`` and ``told``): all of it in order, resumable; ``tools``: progress,
  listings, this machine; ``cli``, ``plugin``: the two doors
"""

__version__ = "0.1.0"
