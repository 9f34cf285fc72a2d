"""From a store to a report: README.md, report.html in one file, figures, tables, records.

Everything is made in a folder beside its place and moved there when it is whole.
"""

import base64
import html
import json
import math
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from bench import __version__, registry
from bench.drawing import palette, style
from bench.frames import scores
from bench.measure.metrics import METRICS
from bench.outcome import DIVERGED, UNSTABLE
from bench.page import numbers
from bench.probes.gradient import figures as gradients
from bench.probes.gradient import reach_figures
from bench.probes.learning import figures
from bench.probes.speed import figures as costs
from bench.report import findings, tables
from bench.statistics import intervals as stats
from bench.store import Store, StoreError
from bench.store.records import coordinate, coordinates, of

PAGE = "README.md"
HTML = "report.html"
_PARTS = (PAGE, HTML, "figures", "tables", "records.jsonl")

Record = dict[str, Any]
Draw = Callable[[pd.DataFrame], Figure | None]
Limits = Callable[[list[Record], pd.DataFrame], str]


@dataclass
class Picture:
    """A figure on a page: its file's name, what it shows, and its caption."""

    name: str
    alt: str
    caption: str


@dataclass
class Section:
    """A heading with figures and tables under it."""

    title: str
    text: str
    pictures: list[Picture] = field(default_factory=list)
    tables: list[tuple[str, pd.DataFrame]] = field(default_factory=list)

    @property
    def paragraphs(self) -> list[str]:
        """The text, cut at its empty lines."""
        return self.text.split("\n\n")


def write(store: Store, folder: Path) -> Path:
    """Write the report of a store into ``folder``; returns its first page.

    Raises:
        StoreError: the store holds no plan, or the folder cannot be written.
    """
    if store.meta("plan") is None:
        raise StoreError(f"no study was run in {folder}: there is nothing to report")
    try:
        work = Path(tempfile.mkdtemp(dir=folder, prefix=".report-"))
    except OSError as error:
        raise StoreError(
            f"cannot write the report to {folder}: {error.strerror}. The records are kept."
        ) from None
    try:
        _write(store, work)
        for name in _PARTS:
            target = folder / name
            if target.is_dir():
                shutil.rmtree(target)
            (work / name).replace(target)
    except OSError as error:
        raise StoreError(
            f"cannot write the report to {folder}: {error.strerror}. The records are kept."
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder / PAGE


def _write(store: Store, work: Path) -> None:
    records, plan, cells = store.records(), store.meta("plan"), store.meta("cells")
    (work / "figures").mkdir()
    (work / "tables").mkdir()
    with (work / "records.jsonl").open("w", encoding="utf-8") as lines:
        for record in records:
            lines.write(json.dumps(record, allow_nan=False, sort_keys=True) + "\n")
    frames = tables.all_of(records, store.meta("ceilings"), store.meta("published") or [])
    context = {
        "title": store.meta("title"),
        "source": store.meta("source"),
        "options": "".join(f" {part}" for part in store.meta("options") or ()),
        "summary": store.meta("summary"),
        "version": __version__,
        "findings": findings.all_of(frames),
        "facts": _facts(store, records, len(plan)),
        "sections": _sections(store, records, frames, plan, cells, work),
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"md": markdown, "cell": cell_text, "svg": _svg(work)}
    for name in (PAGE, HTML):
        page = environment.get_template(f"{name}.jinja" if name == PAGE else name).render(context)
        (work / name).write_text(page, encoding="utf-8")


def _sections(
    store: Store,
    records: list[Record],
    frames: dict[str, pd.DataFrame],
    plan: list[str],
    cells: dict[str, Record],
    work: Path,
) -> list[Section]:
    comparisons = store.meta("comparisons")
    by_key = {record["key"]: record for record in records}

    def picture(
        section: Section, name: str, facet: str, figure: Figure | None, members: list[Record],
        limits: str,
    ) -> None:  # fmt: skip
        if figure is None:
            return
        file = _slug(f"{name}-{facet}")
        style.save(figure, work / "figures", file)
        compared = dict.fromkeys(r["cell"]["comparison"] for r in members)
        summary = "; ".join(comparisons[name]["summary"] for name in compared)
        caption = _caption(section.title, summary, members) + " " + limits
        section.pictures.append(Picture(file, f"{section.title}: {facet}", caption))

    def of_frame(
        section: Section, name: str, frame: pd.DataFrame, draw: Draw, limits: Limits,
        by: Sequence[str] = _FACET,
    ) -> None:  # fmt: skip
        for facet, rows in _facets(frame, by):
            members = [by_key[key] for key in rows["record"]]
            picture(section, name, facet, draw(rows), members, limits(members, rows))

    def of_records(
        section: Section, name: str, probe: str, draw: Callable[[list[Record]], Figure | None],
        limits: Callable[[list[Record]], str],
    ) -> None:  # fmt: skip
        # A training that diverged is drawn as far as it went.
        diverged = [r for r in of(records, probe, DIVERGED) if r["samples"].get("validation")]
        where = pd.DataFrame(
            [coordinates(r["cell"]) | {"record": r["key"]} for r in of(records, probe) + diverged]
        )
        for facet, rows in _facets(where, _FACET):
            members = [by_key[key] for key in rows["record"]]
            picture(section, name, facet, draw(members), members, limits(members))

    def of_flows(
        section: Section, name: str, draw: Callable[[list[Record]], Figure | None],
        limits: Callable[[list[Record]], str], trained: bool = False,
    ) -> None:  # fmt: skip
        where = frames["gradient"]
        if len(where):
            where = _usual(where, ("clip_norm", "initialization") if trained else ("clip_norm",))
            where = where[where["training_steps"] > 0] if trained else where
        for facet, rows in _facets(where, _FLOW_FACET):
            members = [by_key[key] for key in dict.fromkeys(rows["record"])]
            picture(section, name, facet, draw(members), members, limits(members))

    def of_reach(
        section: Section, name: str, draw: Draw, limits: Limits, by: Sequence[str]
    ) -> None:
        # The table has a row for what seeds have in common; the caption names all of them.
        seeds = dict(_facets(frames["gradient"], by))
        for facet, rows in _facets(frames["reach"], by):
            members = [by_key[key] for key in dict.fromkeys(seeds[facet]["record"])]
            picture(section, name, facet, draw(rows), members, limits(members, rows))

    flow = Section(
        "Gradient by distance from the loss",
        "How much of the loss's gradient arrives at each input token. A line that falls along "
        "a straight slope decays by the same factor every token; one that enters the grey "
        "strip has become exactly 0.0, so the tokens beyond it teach the model nothing.",
    )
    of_flows(flow, "gradient_flow", gradients.gradient_flow, _gradient_limits)
    reach = Section(
        "How far a gradient reaches",
        "The effective reach: the farthest distance at which 1% of the gradient's largest norm is "
        "left, the loss's own token aside. A reach that grows with the window goes with it; a "
        "level one is a distance that the arm has, however long its window.",
    )
    of_reach(reach, "reach_by_length", reach_figures.by_length, _reach_limits, _FLOW_FACET)
    of_reach(
        reach, "reach_by_setting", reach_figures.by_setting, _setting_reach_limits,
        ("task", "data", "device", "dtype", "denormals", "threads"),
    )  # fmt: skip
    evolving = Section(
        "The gradient through training",
        "The same curves as training changes the weights. In the map a column is a measurement "
        "and the colour how much arrives that far from the loss; below, the stages side by side.",
    )
    of_flows(evolving, "flow_heatmap", gradients.flow_heatmap, _heatmap_limits, trained=True)
    of_flows(evolving, "flow_strip", gradients.flow_strip, _gradient_limits, trained=True)
    states = Section(
        "Gradient at the states",
        "The gradient at what a model keeps in between, layer by layer: a recurrence's hidden "
        "state h, an LSTM's cell state c, a transformer's residual stream behind each layer.",
    )
    of_flows(states, "state_flow", gradients.state_flow, _state_flow_limits, trained=True)
    needed = Section(
        "Does the reach say who learns the task?",
        "In these tasks it is known how far back the answer depends on. Left of 1 the gradient of "
        "that token is below 1% of the largest. If reach explained learning, filled markers would "
        "stand on the right only, and hollow ones on the left.",
    )
    of_frame(
        needed, "reach_and_learning", frames["reach_and_learning"],
        reach_figures.reach_and_learning, _needed_limits,
        ("task", "data", "device", "dtype", "denormals", "threads"),
    )  # fmt: skip
    subnormal = Section("What subnormal floats cost", _SUBNORMAL_TEXT)
    of_frame(
        subnormal, "subnormals", frames["subnormals"], reach_figures.subnormals, _subnormal_limits,
        ("comparison", "task", "data", "device", "dtype", "threads"),
    )  # fmt: skip
    speed = Section(
        "Speed",
        "Tokens per second. The arms of a group are alive at once, each in a process of its own, "
        "and take turns: a round is a random order and its reverse. The reference, the arm that "
        "the others are matched to, runs twice, so that its ratio to itself (A/A) shows the noise "
        "of these very rounds. Every few rounds all arms get new processes, and the intervals are "
        "looked at after 10, 20, 40 and 80 rounds only; what is not precise enough when the budget "
        "ends is unstable: drawn hollow, and no claim rests on it.",
    )
    timed = [frame for name in ("speed", "decode") if not (frame := frames[name]).empty]
    everything = pd.concat(timed, ignore_index=True) if timed else pd.DataFrame()
    of_frame(
        speed, "tokens_per_s", everything,
        lambda rows: costs.throughput(rows, _same(frames["crossover"], rows)), _speed_limits,
    )  # fmt: skip
    decoding = Section(
        "Decoding",
        "Greedy generation of a fixed length after a context of T tokens: the time to the first "
        "token, which is that of reading the context, and of every further one.",
    )
    of_frame(decoding, "first_token", frames["decode"], costs.first_token, _decode_limits)
    of_frame(
        decoding, "decode_by_position", frames["decode_positions"], costs.by_position,
        _decode_limits,
    )  # fmt: skip
    memory = Section(
        "Memory",
        "What one step takes beyond what lasts from step to step (weights, the optimizer's state, "
        "a batch), in a run of its own, and what a row keeps in order to read one more token.",
    )
    of_frame(memory, "memory", frames["memory"], costs.memory, _memory_limits)
    of_frame(
        memory, "state", frames["state"], costs.state, _state_limits,
        ("comparison", "task", "data", "dtype"),
    )  # fmt: skip
    roofline = Section(
        "Share of the machine's ceilings",
        "What was achieved of what this machine can do, measured in the same run: the FLOP/s of "
        "large matrix products for whole windows, and the bandwidth of copying memory for a "
        "decoded step.",
    )
    of_frame(roofline, "roofline", everything, costs.roofline, _roofline_limits)
    setting = Section(
        "What settings do",
        "The same arm under two settings: subnormal floats flushed to zero "
        "rather than kept, all threads rather than one, a shorter type rather than float32.",
    )
    of_frame(setting, "setting", frames["settings"], costs.setting, _setting_limits)
    learning = Section(
        "Learning",
        "Every task by its own metric, and the loss, by step. The dashed line is the floor: what "
        "the best guess without looking scores. The dash-dotted one is the threshold from which "
        "the task counts as solved, where it has one.",
    )
    of_records(learning, "learning_curves", "learning", figures.learning_curves, _learning_limits)
    longer = Section(
        "Longer windows than those trained on",
        "The same models, tested on windows of other lengths. The dotted line is the longest "
        "window trained on; to the right of it is out of distribution.",
    )
    of_records(
        longer, "out_of_distribution", "learning", figures.out_of_distribution, _longer_limits
    )
    norm = Section(
        "Gradient norm through training",
        "The norm over all parameters, taken before clipping, at every step. Above the dashed "
        "line the gradient was scaled down to it; the bars below mark those steps.",
    )
    of_records(norm, "gradient_norm", "learning", gradients.gradient_norm, _norm_limits)
    of_flows(norm, "gradient_norm_measured", gradients.gradient_norm, _norm_limits, trained=True)
    of_flows(norm, "group_norms", gradients.group_norms, _group_limits, trained=True)
    known = Section(
        "Beside published results",
        "What others report of the same task, and ours. Agrees: both lie on the same side of the "
        "task's threshold; a failure of ours counts only where the arm has learned the trained "
        "lengths, or another arm solves the task with the same training. Published figures are "
        "mostly the best of many runs of larger models that were trained far longer.",
    )
    sections = [
        known, flow, reach, evolving, states, needed, subnormal, speed, decoding, memory, roofline,
        setting, learning, longer, norm,
    ]  # fmt: skip
    for section, names in (
        (known, ["published"]), (reach, ["reach"]), (needed, ["reach_and_learning"]),
        (subnormal, ["subnormals"]), (norm, ["norms"]),
        (speed, ["speed", "crossover", "growth"]), (decoding, ["decode"]),
        (memory, ["memory"]), (setting, ["settings"]),
        (learning, ["tasks", "learning"]), (longer, ["out_of_distribution"]),
    ):  # fmt: skip
        for name in names:
            if not frames[name].empty:
                frame = _on_page(name, frames[name])
                section.tables.append((f"tables/{name}.csv", _shown(name, frame)))
    missing = tables.missing(cells, plan, records)
    for name, frame in (frames | {"missing": missing}).items():
        tables.write_csv(frame, work / "tables" / f"{name}.csv")
    sections = [section for section in sections if section.pictures or section.tables]
    if not frames["models"].empty:
        text = (
            "Matched means: as many parameters outside the embedding tables (params), forward "
            "FLOPs of a row (flops) or numbers of state (state), within 1%, counted exactly. "
            "FLOPs are those of matrix products, 2 for a multiply-add, at the length given; state "
            "is what reading one more token needs: a recurrence's state, or keys and values."
        )
        models = [("tables/models.csv", _shown("models", frames["models"]))]
        sections.append(Section("What was compared", text, tables=models))
    if not missing.empty:
        text = f"{len(missing)} of {len(plan)} planned cells have no result. None is left out:"
        columns = [
            "probe", "phase", "comparison", "task", "data", "length", "arm", "seed", "status",
            "reason",
        ]  # fmt: skip
        sections.append(
            Section(
                "Cells without a result", text, tables=[("tables/missing.csv", missing[columns])]
            )
        )
    return sections


_FACET = ("comparison", "task", "data", "device", "dtype", "denormals", "threads")
_FLOW_FACET = (*_FACET, "clip_norm")
_USUAL = {"data": "offline", "denormals": "keep", "threads": "all", "clip_norm": 1.0}
_NAMED = {"threads": "threads", "clip_norm": "clipped at"}


def _facets(frame: pd.DataFrame, by: Sequence[str]) -> list[tuple[str, pd.DataFrame]]:
    """Rows by what one figure has in common; the name keeps what is not the default.

    Batch sizes share a figure where each phase has one.
    """
    if frame.empty:
        return []
    found = []
    for values, rows in frame.groupby(list(by), sort=False):
        parts = [
            f"{_NAMED[name]} {value}" if name in _NAMED else str(value)
            for name, value in zip(by, values, strict=True)
            if _USUAL.get(name) != value
        ]
        name = "-".join(parts)
        sizes = rows.groupby("phase")["batch_size"].nunique() if "phase" in rows.columns else None
        if sizes is None or sizes.max() == 1:
            found.append((name, rows))
        else:
            found += [
                (f"{name}-batch {size}", part)
                for size, part in rows.groupby("batch_size", sort=False)
            ]
    return found


def _usual(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows of each task that have of these settings what most have, as pictures are many.

    What a varied setting does to the reach has a figure of its own.
    """
    for name in names:
        most = frame.groupby(["task", "data"], sort=False)[name].transform(
            lambda values: values.mode().iloc[0]
        )
        frame = frame[frame[name] == most]
    return frame


def _same(frame: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of another table that belong to the same facet."""
    if frame.empty:
        return frame
    names = [*_FACET, "phase", "batch_size", "seed"]
    known = {tuple(row) for row in rows[names].itertuples(index=False)}
    return frame[[tuple(row) in known for row in frame[names].itertuples(index=False)]]


def _caption(title: str, comparison: str, records: list[Record]) -> str:
    """What it shows, on which machine, with which versions and seeds, and what it does not say."""
    seeds = _distinct(records, lambda r: r["cell"]["seed"])
    batches = _distinct(records, lambda r: r["cell"]["protocol"]["batch_size"])
    steps = [n for n in _distinct(records, lambda r: r["cell"]["protocol"].get("steps", 0)) if n]
    trained = f"{_listed(steps)} training steps; " if steps else ""
    threads = [n for n in _distinct(records, lambda r: r["cell"]["threads"]) if n != "all"]
    used = f"On {_listed(threads)} thread{'' if threads == [1] else 's'}. " if threads else ""
    return (
        f"{title}; {comparison}. {'; '.join(_distinct(records, _machine))}. "
        f"{used}Batch {_listed(batches)}; {trained}"
        f"seed{'s' if len(seeds) > 1 else ''} {_listed(seeds)}."
    )


def _gradient_limits(records: list[Record]) -> str:
    return (
        f"{_seeds_and_rows(records)}The norm at one position, mean over rows, taken in float64 of "
        f"gradients of the cell's type. {_runs(records)}"
        "Compare slopes, not heights: embeddings have other scales in other arms. It says how much "
        "of the loss reaches a token, not whether the task needs that token, and holds for one "
        "task, these sizes and this initialisation."
    )


def _seeds_and_rows(records: list[Record]) -> str:
    """What thick, thin and shaded are."""
    seeds: dict[tuple[Any, ...], set[int]] = {}
    for record in records:
        cell = record["cell"]
        seeds.setdefault((cell["arm"], cell["length"]), set()).add(cell["seed"])
    counts = {len(found) for found in seeds.values()}
    text = "Thick: the median over seeds, thin: each. " if max(counts) > 1 else ""
    return text + ("Shaded: quartiles over rows of a single seed. " if 1 in counts else "")


def _runs(records: list[Record]) -> str:
    """Whether a point stands for more than one distance, as those of long windows do."""
    if all(np.diff(record["samples"]["distance"]).max(initial=1) == 1 for record in records):
        return ""
    return "Far from the loss a point is the mean of a run of neighbouring distances. "


def _heatmap_limits(records: list[Record]) -> str:
    return (
        "The median over the seeds that came that far; each measurement, at a small mark of the "
        "axis, fills the steps nearest to it. One colour scale for all panels: compare how fast "
        "colours change upwards, not heights between arms. It does not say what happened between "
        "two measurements."
    )


def _state_flow_limits(records: list[Record]) -> str:
    return (
        "Of the longest window trained on; the median over seeds, in float64 where the device has "
        "it, so that it goes on where float32 ends. Recurrences run step by step here, proven "
        "equal to their fused kernels. An exact zero is no loss of precision where no path leads "
        "from the state to the loss, as behind a transformer's last layer. Norms of states of "
        "other kinds and arms have other scales and are not compared."
    )


def _reach_limits(records: list[Record], rows: pd.DataFrame) -> str:
    return (
        f"{_reach_bars(rows)} {_trainings(rows)}"
        "A triangle reaches the window's end, so its reach is at least that. "
        "It is a threshold on a curve, not on what can be learned: less than 1% may still be "
        "enough to learn from, and more does not say that it is used."
    )


def _trainings(rows: pd.DataFrame) -> str:
    """How long each length was trained, where they differ."""
    trained = rows[rows["training_steps"] > 0].groupby("length")["training_steps"].max()
    if trained.nunique() < 2:
        return ""
    told = ", ".join(f"{steps} steps at T={length}" for length, steps in trained.items())
    return f"The trainings are not equally long: {told}. "


def _reach_bars(rows: pd.DataFrame) -> str:
    """What the bars of a reach are."""
    short, known = rows["seeds"].min() < _EXPLORATORY, rows["reach_tokens_low"].notna().any()
    parts = ["95% intervals of the median over seeds"] if known else []
    parts += [f"the range of fewer than {_EXPLORATORY} seeds (exploratory)"] if short else []
    return f"Medians over seeds; bars: {', or '.join(parts)}."


def _setting_reach_limits(records: list[Record], rows: pd.DataFrame) -> str:
    return (
        f"{_reach_bars(rows)} Settings that differ in more than what they are named by are not "
        "one change: their numbers of parameters are matched anew. It says how far the gradient "
        "reaches under a setting, not that it learns better there."
    )


def _needed_limits(records: list[Record], rows: pd.DataFrame) -> str:
    known = rows.dropna(subset=["inside_init"])
    inside, solved = known["inside_init"].astype(bool), known["solved"].astype(bool)
    unseen = len(rows) - len(known)
    return (
        f"{_task(records)}Of {len(known)} trainings {int(inside.sum())} start with the needed "
        f"distance inside their reach, {int((inside & solved).sum())} of these solve the task; of "
        f"the other {int((~inside).sum())} it is {int((~inside & solved).sum())}. "
        + (f"Of {unseen} the rows measured do not go back as far. " if unseen else "")
        + "The learning rate was not tuned, and few trainings of few arms cannot part reach from "
        "what else differs: it does not say that reach is the cause, nor who would solve the task "
        "in the end."
    )


_SUBNORMAL_TEXT = (
    "A float32 keeps 24 bits of a number and the power of two to scale them by. The smallest "
    "power of full precision is 2^-126, about 1.2e-38; what is smaller is stored with fewer and "
    "fewer of the 24 bits, down to 2^-149, about 1.4e-45. These are subnormal numbers, and below "
    "them there is only zero. A gradient that loses the same factor with every token passes "
    "through all of this: far enough from the loss its entries are subnormal, and farther still "
    "exactly zero. Arithmetic units are built for normal numbers. Many x86 processors leave an "
    "operation on a subnormal one to a slow path that takes many times as long; other processors "
    "take no longer at all. Where they do, training can spend most of its time on the part of the "
    "gradient that teaches least. A processor can be told to flush subnormal numbers, which takes "
    "them for zero."
    "\n\n"
    "Look at whether points rise to the right. To the right stand arms and lengths more of whose "
    "gradient is subnormal; upwards, how many times as fast the same training step is when they "
    "are flushed. What lies in the grey band is no faster than the same arm beside itself. An arm "
    "without subnormal numbers should stay at 1, and a longer window may lie further left than a "
    "shorter one, as what lies beyond its subnormal numbers is exactly zero. The share is counted "
    "at initialisation, in what was measured, and not in everything that a step computes, so it "
    "need not be proportional to the time lost; the figure does not say that flushing is harmless "
    "to what is learned, and it holds for the processor named below it."
)


def _subnormal_limits(records: list[Record], rows: pd.DataFrame) -> str:
    text = "Numbers at the points: T. Points of the same share stand side by side. "
    stable = rows[rows["status"] != UNSTABLE].sort_values("speedup")
    if len(stable):
        most = stable.iloc[-1]
        text += (
            f"The largest ratio is {most['speedup']:.2f} [{most['speedup_low']:.2f}, "
            f"{most['speedup_high']:.2f}], that of the {palette.label(most['arm'])} at T = "
            f"{most['length']}, where {most['subnormal_share']:.1%} of the gradient's entries at "
            "the embeddings are subnormal. "
        )
    if loose := int((rows["status"] == UNSTABLE).sum()):
        text += f"Hollow: {loose} of {len(rows)} are unstable; no claim rests on them. "
    if "verdict" in rows.columns:
        faster = int((rows["verdict"] == "faster").sum())
        text += f"Faster beyond the A/A controls of both settings: {faster} of {len(rows)}. "
    return text + "Nothing follows for another processor, size or batch."


def _speed_limits(records: list[Record], rows: pd.DataFrame) -> str:
    shares = [r["model"]["parameters"] for r in records if r["model"].get("parameters")]
    text = _interval_text(rows) + _noise_text(rows)
    if (rows["phase"] == "training").any() and shares:
        share = max(p["embedding"] / p["total"] for p in shares)
        text += (
            f"A training step updates every parameter, up to {share:.0%} of which are embedding "
            "tables. "
        )
    if any(r["cell"]["device"] == "cpu" for r in records):
        text += (
            "On a CPU PyTorch has a fused kernel for the LSTM only; an Elman network and a GRU run "
            "on this suite's own: part of what lies between those and the LSTM is the kernel, not "
            "the architecture. "
        )
    if all(r["cell"]["denormals"] == "keep" for r in records):
        text += "Subnormal floats are kept, which is slow on some processors. "
    return text + (
        "Dotted: where two arms are equally fast, and the interval of that. Nothing follows for "
        "another machine, size or batch."
    )


def _interval_text(rows: pd.DataFrame) -> str:
    """How the medians and their intervals are made."""
    rounds, launches = (_listed(sorted(set(rows[name]))) for name in ("rounds", "launches"))
    text = (
        f"Medians with 95% intervals over {rounds} rounds; launches of new processes: {launches}. "
        "The interval of one launch is made of order statistics, that of several is a bootstrap of "
        "launches and the rounds within them. "
    )
    if short := int((rows["rounds"] < stats.LEAST_ROUNDS).sum()):
        text += f"Of {len(rows)}, {short} have fewer than {stats.LEAST_ROUNDS} rounds and no band. "
    if loose := int((rows["status"] == UNSTABLE).sum()):
        text += f"Hollow: {loose} of {len(rows)} are unstable; no claim rests on them. "
    return text


def _noise_text(rows: pd.DataFrame) -> str:
    """What the A/A control and the flags of the rounds say."""
    text = ""
    if rows["aa_ratio"].notna().any():
        # Every arm of a group repeats its reference's.
        names = ["aa_ratio", "aa_ratio_low", "aa_ratio_high"]
        noise = rows.drop_duplicates(["phase", "length", "batch_size", "seed", *names])[names]
        noise = noise.dropna(subset=["aa_ratio"])
        held = int(((noise["aa_ratio_low"] <= 1) & (noise["aa_ratio_high"] >= 1)).sum())
        ends = noise["aa_ratio"].agg(["min", "max"])
        span = " to ".join(dict.fromkeys(f"{end:.3f}" for end in ends))
        text += (
            f"A/A, the reference beside itself in a process of its own: "
            f"{span} in {len(noise)} group{'s' if len(noise) > 1 else ''}, its interval holds 1 in "
            f"{held}; an arm is "
            "called faster or slower only beyond its own group's. "
        )
    else:
        text += "Without an A/A control here, so no arm is called faster or slower. "
    flags, rounds = int(rows["flagged_rounds"].sum()), int(rows["rounds"].sum())
    if flags:
        text += (
            f"In {flags / rounds:.0%} of the rounds other work took part of the machine; none is "
            "left out, and the table has every ratio without them too. "
        )
    return text


def _decode_limits(records: list[Record], rows: pd.DataFrame) -> str:
    tokens = _listed(_distinct(records, lambda r: r["cell"]["protocol"]["new_tokens"]))
    text = _interval_text(rows) if "rounds" in rows.columns else (
        "Points: medians of the quarters of what was generated after each context, with their "
        "quartiles; the thin line joins contexts. "
    )  # fmt: skip
    return text + (
        f"{tokens} new tokens a row, greedy, the end of a sequence off; cached logits were proven "
        "equal to uncached ones first. A step includes what generate itself does between two "
        "tokens, which weighs most on the smallest models: it says nothing of a server that "
        "batches, nor of longer contexts."
    )


def _memory_limits(records: list[Record], rows: pd.DataFrame) -> str:
    return (
        "Tensors: bytes of PyTorch's tensors alive at once, counted as its dispatcher hands them "
        "out, the same each run; what a kernel takes and gives back within one call is not seen. "
        "Resident: how far the process's peak rose in a step, as the system tells; it includes "
        "workspaces and fragments, and pages that were free already do not show, so it may lie "
        "below. Nothing follows for another allocator, batch or size."
    )


def _state_limits(records: list[Record], rows: pd.DataFrame) -> str:
    return (
        "Lines are counted from the architecture, for one row at the end of its window: a "
        "recurrence's state, or every layer's keys and values; markers are the bytes of the real "
        "state or cache after the prompt. It says what must be kept, not what is read in a step."
    )


def _roofline_limits(records: list[Record], rows: pd.DataFrame) -> str:
    parts = []
    for name, unit, what in (
        ("ceiling_flops_per_s", "GFLOP/s", "matrix products"),
        ("ceiling_bytes_per_s", "GB/s", "copying"),
    ):
        if name in rows.columns:
            found = sorted(set(rows[name].dropna()))
            parts += [f"{value / 1e9:.1f} {unit} of {what}" for value in found]
    text = (
        f"Ceilings: {', '.join(parts)}, each of as many threads as its cells have and the best of "
        "several tries before and after all cells. FLOPs are counted from the architecture, those "
        "of matrix products only; a prefill makes the logits of its last position only. The bytes "
        "of a decoded step are the matrices that the decoder multiplies with, once, and what its "
        "rows keep (a weight that a cache holds need not come from memory). A low share is time "
        "spent elsewhere: on launching kernels, elementwise work, or waiting for the step before; "
        "it does not say that more could be had."
    )
    above = (rows["roofline_share"] > 1).sum()
    if above:
        text += (
            f" {above} of {rows['roofline_share'].count()} lie above 100%: for these the ceiling "
            "is too low, as other work ran while it was measured, or a cache held what is read."
        )
    return text


def _setting_limits(records: list[Record], rows: pd.DataFrame) -> str:
    """Which kind of ratio it is, of all rows or of how many of them."""
    paired, text = int(rows["paired"].sum()), ""
    if paired:
        which = "" if paired == len(rows) else f" for {paired} of {len(rows)} ratios"
        text += (
            f"The two settings took turns in the same rounds{which}: the median of each round's "
            "ratio, with its 95% interval. Faster or slower is said only beyond the A/A controls "
            "of both settings; the table has them. "
        )
    if paired < len(rows):
        which = "" if not paired else f" for the other {len(rows) - paired}"
        text += (
            f"The two settings were measured in different groups, one after the other{which}: "
            "ratios of medians, with the interval that those of the two medians give (MOVER). "
            "Their rounds are no pairs, and a drift of the machine in between is in the ratio and "
            "not in its interval. "
        )
    return text + "Hollow: one of the two is unstable."


def _learning_limits(records: list[Record]) -> str:
    trials = _distinct(records, lambda r: len(r["cell"]["protocol"]["learning_rates"]))
    text = f"{_task(records)}Learning rates tried for every arm: {_listed(trials)}. "
    if len(_distinct(records, lambda r: r["cell"]["seed"])) < _EXPLORATORY:
        text += f"Fewer than {_EXPLORATORY} seeds: exploratory. "
    if any(r["cell"]["arm"] == "pretrained" for r in records):
        text += (
            "Pretrained weights against random ones is a comparison of systems, not of "
            "architectures. "
        )
    return text + "It does not say which architecture learns better in the end."


def _task(records: list[Record]) -> str:
    """The task of a figure, and how it is scored."""
    first = scores.Scores(records[0])
    name = registry.named(*(coordinate(first.cell, name) for name in ("task", "data")))
    direction = "higher" if first.metric.higher_is_better else "lower"
    return f"Task {name}, by {first.metric.name}: {direction} is better. "


def _longer_limits(records: list[Record]) -> str:
    tested = _listed(_distinct(records, lambda r: r["cell"]["protocol"]["eval_rows"]))
    return (
        f"{_task(records)}{tested} rows for each length; a thin line a seed, a thick one the "
        "median, as far as every seed has a score. A line that ends early is of an arm that reads "
        "no longer windows, as one with learned positions. It does not say what training on longer "
        "windows would give."
    )


def _norm_limits(records: list[Record]) -> str:
    return (
        "Of more than 400 steps the median of each few; a bar for every clipped step and seed, and "
        "the share over all of them. Norms of different architectures have different scales: "
        "compare a line with itself, not with another arm's."
    )


def _group_limits(records: list[Record]) -> str:
    return (
        "Of the longest window, before clipping, the median over seeds. A larger group has a "
        "larger norm for its size alone: it says whose gradient the global norm is, not how much "
        "each weight changes."
    )


_EXPLORATORY = 6  # seeds below which a paired test cannot reach 5%


def _distinct(records: list[Record], of: Callable[[Record], Any]) -> list[Any]:
    return sorted({of(record) for record in records}, key=lambda value: (str(type(value)), value))


def _machine(record: Record) -> str:
    where = record["environment"]
    versions = where["versions"]
    device = record["cell"]["device"]
    name = f"CPU {where['cpu']}"
    if device != "cpu":
        name = (
            f"{device} {record['metrics'].get('accelerator') or 'device'} in a machine with {name}"
        )
    return (
        f"{name}, {where['threads']} threads; "
        f"Python {versions['python']}, torch {versions['torch']}, "
        f"transformers {versions['transformers']}"
    )


def _facts(store: Store, records: list[Record], planned: int) -> list[tuple[str, str]]:
    """The circumstances, a line each."""
    counts = Counter(record["status"] for record in records)
    done = ", ".join(f"{n} {status}" for status, n in sorted(counts.items())) or "none"
    facts = [("Cells", f"{planned} planned; {done}")]
    if elapsed := store.meta("elapsed_s"):
        facts.append(
            (
                "Time",
                f"{elapsed / 60:.1f} min; the plan had said "
                f"{(store.meta('estimate_s') or 0) / 60:.1f} min",
            )
        )
    for number, machine in enumerate(sorted({_machine(r) for r in records}), 1):
        facts.append(("Machine" if number == 1 else f"Machine {number}", machine))
    hashes = {r["provenance"]["corpus"] for r in records}
    if len(hashes) > 1:
        facts.append(("Corpus (mixed)", ", ".join(sorted(text[:16] for text in hashes))))
    elif library := store.meta("corpus"):
        facts.append(
            (
                "Corpus",
                f"the Python standard library: {library['files']} files, "
                f"{library['source_bytes'] / 1e6:.1f} MB, {library['tokens']:,} tokens; "
                f"hash {library['hash'][:16]}",
            )
        )
        if "duplicate_tokens" in library:  # stores of before have not counted
            facts.append(("Splits", _splits(library)))
            facts.append(
                (
                    "Tokenizer",
                    f"the bundled checkpoint's, for every arm: {library['tokens_per_byte']:.3f} "
                    f"tokens a byte, {library['tokens_per_s']:,.0f} tokens/s when the corpus was "
                    "built",
                )
            )
    if data := store.meta("data"):
        named = [f"{name}: {made['repo']}@{made['revision']}" for name, made in data.items()]
        facts.append(("Data", "; ".join(named)))
    made = {
        (r["provenance"]["code"][:12], r["environment"]["commit"], r["environment"]["dirty"])
        for r in records
    }
    for code, commit, dirty in sorted(made, key=str):
        text = f"measuring code {code}"
        if commit:
            text += f"; commit {commit[:12]}{' with uncommitted changes' if dirty else ''}"
        facts.append(("Code" if len(made) == 1 else "Code (mixed)", text))
    return facts


def _splits(library: dict[str, Any]) -> str:
    """How the corpus is split, and what was left out of it."""
    kept = ", ".join(f"{count:,} {name}" for name, count in library["split_tokens"].items())
    cut = ", ".join(f"{n:,} of {name}" for name, n in library["duplicate_tokens"].items() if n)
    return (
        f"by file, in tokens: {kept}; left out because an earlier split has them: {cut or 'none'}; "
        f"sources that could not be read: {len(library['skipped'])}"
    )


#: Coordinates that a page shows only where they differ.
_WHERE = ["task", "data", "kernel", "device", "dtype", "denormals", "threads", "batch_size", "seed"]
_SHOWN = {
    "models": [
        "comparison", "task", "data", "arm", "body_parameters", "embedding_parameters",
        "total_parameters", "matched_to", "match", "target", "match_error", "at_length",
        "forward_flops_per_token", "training_flops_per_token", "state_bytes",
    ],
    "reach": [
        "comparison", "length", "arm", *_WHERE, "layers", "initialization", "clip_norm", "when",
        "steps", "seeds", "diverged", "fate", "decay_per_token", "half_life_tokens",
        "reach_tokens", "whole_window", "subnormal_share", "zero_share",
    ],
    "reach_and_learning": [
        "comparison", "length", "arm", *_WHERE, "needed_distance", "reach_init", "inside_init",
        "reach_end", "inside_end", "metric", "test_metric", "solved",
    ],
    "norms": [
        "comparison", "probe", "length", "arm", *_WHERE, "training_steps", "clip_norm",
        "clipped_share", "norm_median", "norm_most", "clipped_norm_median",
    ],
    "subnormals": [
        "comparison", "length", "arm", *_WHERE, "status", "subnormal_share",
        "state_subnormal_share", "zero_share", "speedup", "aa_ratio", "verdict",
    ],
    "speed": [
        "comparison", "phase", "length", "arm", *_WHERE, "status", "rounds", "flagged_rounds",
        "step_s", "tokens_per_s", "speed_ratio", "quiet_ratio", "aa_ratio", "verdict",
        "roofline_share",
    ],
    "decode": [
        "comparison", "length", "arm", *_WHERE, "status", "rounds", "step_s", "tokens_per_s",
        "first_token_s", "late_over_early", "speed_ratio", "aa_ratio", "verdict", "state_bytes",
        "state_end_bytes",
    ],
    "crossover": [
        "comparison", "phase", "arm", *_WHERE, "reference", "shortest", "longest",
        "unstable_lengths", "at_length", "outcome",
    ],
    "growth": [
        "comparison", "phase", "arm", *_WHERE, "quantity", "shortest", "longest", "exponent",
    ],
    "settings": [
        "comparison", "phase", "length", "arm", *_WHERE, "status", "paired", "ratio",
        "quiet_ratio", "aa_ratio", "verdict",
    ],
    "memory": [
        "comparison", "phase", "length", "arm", *_WHERE, "peak_tensor_bytes",
        "tensor_growth_bytes", "peak_rss_bytes", "rss_growth_bytes", "peak_allocated_bytes",
        "allocated_growth_bytes", "peak_reserved_bytes",
    ],
    "published": [
        "task", "arm", "tested", "metric", "published", "published_solves", "ours_median",
        "ours_best", "seeds", "solved_seeds", "verdict", "because", "source",
    ],
    "tasks": [
        "task", "data", "comparison", "head", "length", "metric", "floor", "solved_at", "arm",
        *_WHERE[2:], "steps", "seeds", "diverged", "initial_median", "median", "least", "most",
        "solve_rate", "expected",
    ],
    "learning": [
        "comparison", "length", "arm", *_WHERE, "steps", "learning_rate", "metric", "test_metric",
        "test_loss", *(f"test_{metric.slug}" for metric in METRICS.values()), "tokens_per_s",
        "diverged_at_step",
    ],
    "out_of_distribution": [
        "comparison", "length", "arm", *_WHERE, "metric", "test_length", "test_metric", "floor",
        "solved",
    ],
}  # fmt: skip


def _shown(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of a table that a page shows, intervals beside their values; the CSV has all."""
    columns = {}
    everywhere = set(_WHERE) - ({"task"} if name in ("tasks", "published") else set())
    for column in _SHOWN[name]:
        if column not in frame.columns or frame[column].isna().all():
            continue
        if column in everywhere and frame[column].nunique() == 1:
            continue  # the same everywhere: in the captions and in the CSV
        if f"{column}_low" in frame.columns:
            ends = [frame[f"{column}{end}"] for end in ("", "_low", "_high")]
            columns[column] = pd.Series(
                [_ranged(column, *row) for row in zip(*ends, strict=True)], frame.index, dtype=str
            )
        else:
            columns[column] = frame[column]
    if "expected" in columns:  # once for each task
        again = frame.duplicated(["task", "data"])
        columns["expected"] = frame["expected"].mask(again, "")
    return pd.DataFrame(columns)


def _on_page(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that a page shows: of long ones what stands for the rest."""
    if name == "reach":
        alike = list(frame.columns[: frame.columns.get_loc("when")])
        last = frame.groupby(alike, dropna=False)["steps"].transform("max")
        return frame[(frame["steps"] == 0) | (frame["steps"] == last)]
    return frame[frame["group"] == "all"] if name == "norms" else frame


def _ranged(column: str, value: float, low: float, high: float) -> str:
    """``1.71 [1.66, 1.77]``, the interval only where there is one."""
    text = cell_text(value, column)
    if value != value or low != low:  # a NaN
        return text
    return f"{text} [{cell_text(low, column)}, {cell_text(high, column)}]"


def _slug(text: str) -> str:
    """A file name from a facet's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _listed(items: list[Any]) -> str:
    return ", ".join(str(item) for item in items)


_LONG = 100  # from so many tokens on, tenths of one are not shown


def cell_text(value: Any, column: str = "") -> str:
    """A value of a table as a person reads it."""
    if value is None or (isinstance(value, float) and value != value):
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if column == "match_error":
        return f"{value:+.2%}"
    if column.endswith("_share"):
        return f"{value:.1%}"
    if column == "solve_rate":
        return f"{value:.0%}"
    if column.endswith("_bytes"):
        return numbers.in_units(value, "B")
    if column.endswith("_s") and not column.endswith("_per_s"):
        return numbers.in_units(value, "s")
    if column.endswith("_tokens") or column.startswith("reach_"):
        if math.isinf(value):
            return "∞"
        return f"{value:,.0f}" if value >= _LONG else f"{value:.3g}"
    if column.endswith("_ratio") or column in ("ratio", "exponent", "speedup"):
        return f"{value:.2f}"
    if column == "at_length":
        return f"{value:.0f}"
    if column.endswith(("distance", "step")) or column in ("seed", "steps"):
        return f"{value:.0f}"
    if column == "learning_rate":
        return f"{value:g}"
    if isinstance(value, int) or column.startswith("tokens"):
        return f"{value:,.0f}"
    if value != 0 and not 1e-3 <= abs(value) < 1e5:
        return f"{value:.2e}"
    return f"{value:.3f}" if value else "0"


def markdown(text: Any) -> str:
    """Text that Markdown shows as it is."""
    escaped = html.escape(str(text), quote=False)
    return re.sub(r"([\\`*_{}\[\]|#~])", r"\\\1", escaped).replace("\n", " ")


def _svg(work: Path) -> Any:
    """A filter: a figure's file as a data URI, so that the page is one file."""

    def inline(name: str) -> Markup:
        data = base64.b64encode((work / "figures" / f"{name}.svg").read_bytes()).decode()
        return Markup(f"data:image/svg+xml;base64,{data}")  # noqa: S704  # base64 of our own file

    return inline
