"""From a store to a report: README.md, report.html in one file, figures, tables, records.

Everything is made in a folder beside its place and moved there when it is whole.
"""

import base64
import html
import json
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup
from matplotlib.figure import Figure

from bench import __version__, registry
from bench.outcome import DIVERGED
from bench.report import figures, findings, tables
from bench.store import Store, StoreError

PAGE = "README.md"
HTML = "report.html"
_PARTS = (PAGE, HTML, "figures", "tables", "records.jsonl")

Record = dict[str, Any]


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
    context = {
        "title": store.meta("title"),
        "source": store.meta("source"),
        "summary": store.meta("summary"),
        "version": __version__,
        "findings": findings.all_of(records),
        "facts": _facts(store, records, len(plan)),
        "sections": _sections(store, records, plan, cells, work),
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
    store: Store, records: list[Record], plan: list[str], cells: dict[str, Record], work: Path
) -> list[Section]:
    sections = [
        Section(
            "Gradient by distance from the loss",
            "How much of the loss's gradient arrives at each input token. A line that falls along "
            "a straight slope decays by the same factor every token; one that enters the grey "
            "strip has become exactly 0.0, so the tokens beyond it teach the model nothing.",
        ),
        Section(
            "Training and forward speed",
            "Tokens per second, every arm of a group timed in turn in a process of its own.",
        ),
        Section(
            "Learning",
            "Accuracy and loss by step. The dashed line is the floor: what guessing scores.",
        ),
        Section("Global gradient norm", "The norm over all parameters, taken before clipping."),
    ]
    draw: list[tuple[str, str, Callable[[list[Record]], Figure | None]]] = [
        ("gradient", "gradient_flow", figures.gradient_flow),
        ("speed", "tokens_per_s", figures.throughput),
        ("learning", "learning_curves", lambda rs: figures.learning_curves(rs, _floor(rs))),
        ("learning", "gradient_norm", figures.gradient_norm),
    ]
    comparisons = store.meta("comparisons")
    for section, (probe, name, function) in zip(sections, draw, strict=True):
        # A training that diverged is drawn as far as it went.
        diverged = [
            r for r in tables.of(records, probe, DIVERGED) if r["samples"].get("validation")
        ]
        for facet, members in _facets(tables.of(records, probe) + diverged):
            figure = function(members)
            if figure is None:
                continue
            file = _slug(f"{name}-{facet}")
            figures.save(figure, work / "figures", file)
            comparison = members[0]["cell"]["comparison"]
            caption = _caption(section.title, comparisons[comparison]["summary"], members)
            section.pictures.append(Picture(file, f"{section.title}: {facet}", caption))
    frames = [tables.gradient(records), tables.speed(records), tables.learning(records)]
    for section, name, frame in zip(
        sections, ("gradient", "speed", "learning"), frames, strict=False
    ):
        tables.write_csv(frame, work / "tables" / f"{name}.csv")
        if not frame.empty:
            section.tables.append((f"tables/{name}.csv", _shown(name, frame)))
    models = tables.models(records)
    tables.write_csv(models, work / "tables" / "models.csv")
    missing = tables.missing(cells, plan, records)
    tables.write_csv(missing, work / "tables" / "missing.csv")
    sections = [section for section in sections if section.pictures or section.tables]
    if not models.empty:
        text = (
            "Matched means: as many parameters outside the embedding tables (params), forward "
            "FLOPs of a row (flops) or numbers of state (state), within 1%, counted exactly. "
            "FLOPs are those of matrix products, 2 for a multiply-add, at the length given; state "
            "is what reading one more token needs: a recurrence's state, or keys and values."
        )
        sections.append(Section("What was compared", text, tables=[("tables/models.csv", models)]))
    if not missing.empty:
        text = f"{len(missing)} of {len(plan)} planned cells have no result. None is left out:"
        columns = ["probe", "phase", "comparison", "length", "arm", "seed", "status", "reason"]
        sections.append(
            Section(
                "Cells without a result", text, tables=[("tables/missing.csv", missing[columns])]
            )
        )
    return sections


def _facets(records: list[Record]) -> list[tuple[str, list[Record]]]:
    """Records by what one figure has in common; the name keeps what is not the default."""
    found: dict[str, list[Record]] = {}
    for record in records:
        cell = record["cell"]
        parts = [cell["comparison"], cell["task"], cell["device"], cell["dtype"]]
        if cell["denormals"] != "keep":
            parts.append(cell["denormals"])
        found.setdefault("-".join(parts), []).append(record)
    return list(found.items())


def _floor(records: list[Record]) -> float:
    floor: float = registry.tasks()[records[0]["cell"]["task"]].literals["FLOOR"]
    return floor


def _caption(title: str, comparison: str, records: list[Record]) -> str:
    """What it shows, on which machine, with which versions and seeds, and what it does not say."""
    seeds = _distinct(records, lambda r: r["cell"]["seed"])
    batches = _distinct(records, lambda r: r["cell"]["protocol"]["batch_size"])
    steps = [n for n in _distinct(records, lambda r: r["cell"]["protocol"].get("steps", 0)) if n]
    trained = f"{_listed(steps)} training steps; " if steps else ""
    return (
        f"{title}; {comparison}. {'; '.join(_distinct(records, _machine))}. "
        f"Batch {_listed(batches)}; {trained}seed{'s' if len(seeds) > 1 else ''} {_listed(seeds)}. "
        f"{_LIMITS[title](records)}"
    )


def _gradient_limits(records: list[Record]) -> str:
    return (
        "The mean over rows of the norm at one position, taken in float64. Compare slopes, not "
        "heights: embeddings have other scales in other arms. It says how much of the loss "
        "reaches a token, not whether the task needs that token, and holds for one task, these "
        "sizes and each architecture's usual initialisation."
    )


def _speed_limits(records: list[Record]) -> str:
    shares = [r["model"]["parameters"] for r in records]
    share = max(p["embedding"] / p["total"] for p in shares)
    text = (
        f"Medians; bands are exact 95% intervals over "
        f"{_listed(_distinct(records, _rounds))} rounds. A training step updates every "
        f"parameter, up to {share:.0%} of which are embedding tables. "
    )
    if any(r["cell"]["device"] == "cpu" for r in records):
        text += (
            "On a CPU PyTorch has a fused kernel for the LSTM only and runs an Elman network and a "
            "GRU step by step: what lies between those and the LSTM is the library, not the "
            "architecture. "
        )
    if all(r["cell"]["denormals"] == "keep" for r in records):
        text += "Subnormal floats are kept, which is slow on some processors. "
    return text + (
        "There is no A/A control in this version, so a few per cent may be noise, and nothing "
        "follows for another machine, size or batch."
    )


def _learning_limits(records: list[Record]) -> str:
    trials = _distinct(records, lambda r: len(r["cell"]["protocol"]["learning_rates"]))
    text = f"Learning rates tried for every arm: {_listed(trials)}. "
    if len(_distinct(records, lambda r: r["cell"]["seed"])) < _EXPLORATORY:
        text += f"Fewer than {_EXPLORATORY} seeds: exploratory. "
    if any(r["cell"]["arm"] == "pretrained" for r in records):
        text += (
            "Pretrained weights against random ones is a comparison of systems, not of "
            "architectures. "
        )
    return text + "It does not say which architecture learns better in the end."


def _norm_limits(records: list[Record]) -> str:
    return (
        "Norms of different architectures have different scales: compare a line with itself, not "
        "with another arm's."
    )


_EXPLORATORY = 6  # seeds below which a paired test cannot reach 5%
_LIMITS: dict[str, Callable[[list[Record]], str]] = {
    "Gradient by distance from the loss": _gradient_limits,
    "Training and forward speed": _speed_limits,
    "Learning": _learning_limits,
    "Global gradient norm": _norm_limits,
}


def _rounds(record: Record) -> int:
    return len(record["samples"]["seconds"]) // 2


def _distinct(records: list[Record], of: Callable[[Record], Any]) -> list[Any]:
    return sorted({of(record) for record in records})


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


_SHOWN = {
    "gradient": [
        "comparison", "length", "arm", "when", "steps", "norm_at_loss", "norm_at_half",
        "norm_at_end", "subnormal_share", "zero_share", "zero_from_distance",
        "float32_norm_zero_from_distance",
    ],
    "speed": [
        "comparison", "phase", "length", "arm", "kernel", "denormals", "step_s", "tokens_per_s",
        "tokens_per_s_low", "tokens_per_s_high", "speed_ratio", "speed_ratio_low",
        "speed_ratio_high", "reference",
    ],
    "learning": [
        "comparison", "length", "arm", "seed", "steps", "batch_size", "learning_rate",
        "test_accuracy", "test_loss", "tokens_per_s", "diverged_at_step",
    ],
}  # fmt: skip


def _shown(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The columns of a table that a page shows; the CSV has them all."""
    return frame[[column for column in _SHOWN[name] if column in frame.columns]]


def _slug(text: str) -> str:
    """A file name from a facet's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _listed(items: list[Any]) -> str:
    return ", ".join(str(item) for item in items)


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
