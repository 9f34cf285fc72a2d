"""The circumstances of a run: one line of them for the first page, all of them for another."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, cast

from bench import phases, registry
from bench.outcome import LOST, MEASURED, UNDECIDED
from bench.page.captions import distinct, machine
from bench.page.numbers import listed
from bench.page.words import lost_to
from bench.report import compared
from bench.report.content import Content
from bench.store.records import Record, held, operators

_NAMED = 6  # arms of probes that lost cells, named on the first page
_MANY = 6  # values from which on only the ends are named


def line(content: Content) -> str:
    """Machine, threads, date, commit, and how many numbers were computed again."""
    records = content.records
    parts = distinct(records, _place)[:2]
    parts += [str(begun)[:10]] if (begun := content.meta("begun")) else []
    commits = distinct(records, lambda r: (r["environment"]["commit"] or "")[:12])
    dirty = any(record["environment"]["dirty"] for record in records)
    changed = ", in part with uncommitted changes" if dirty else ""
    parts += [f"commit {commit}{changed}" for commit in commits[:2] if commit]
    if (again := content.recomputed).of:
        parts.append(f"{again.agreeing:,} of {again.of:,} metrics follow from their raw samples")
    measured = sum(record["status"] in MEASURED for record in records)
    if measured < content.planned:
        parts.append(f"{measured:,} of {content.planned:,} cells have a result")
    if open_ := sum(record["status"] == UNDECIDED for record in records):
        parts.append(f"{open_:,} of {content.planned:,} cells undecided")
    return " · ".join(parts)


def partial(content: Content) -> str | None:
    """What a run that ended before its plan has not measured; None of one that went through."""
    missing = content.frames["missing"]
    if missing.empty or not (rows := missing[missing["status"] == compared.NOT_RUN]).size:
        return None
    left = []
    for names, found in rows.groupby(["probe", "phase", "dtype"], sort=False):
        probe, phase, dtype = map(str, cast("tuple[Any, ...]", names))
        what = phases.noun(phase) if phase else probe
        if phase and not registry.probes()[probe].literals["INTERLEAVED"]:
            what = f"{probe} of a {what}"
        lengths = _span(sorted(found["length"].unique()))
        left.append(f"{what} in {dtype} at T = {lengths} ({len(found)})")
    run = content.planned - len(rows)
    return (
        f"Part of a study: {run:,} of {content.planned:,} planned cells were run. "
        f"Not yet, with how many of each: {'; '.join(left)}."
    )


def lost(content: Content) -> str | None:
    """Cells that were run and have no result, by arm and probe, and what they were lost to.

    Without it an arm that failed altogether would be on no first page, and what is said of the
    others would seem to be of all. None where none were lost: what cannot exist was not, a loss
    that stopped being a number is a result, and what was never run is ``partial``'s.
    """
    ran: Counter[tuple[str, str]] = Counter()
    gone: dict[tuple[str, str], Counter[str]] = {}
    for record in content.records:
        where = record["cell"]["arm"], record["cell"]["probe"]
        ran[where] += 1
        if record["status"] in LOST:
            gone.setdefault(where, Counter())[record["status"]] += 1
    if not gone:
        return None
    wholly_first = sorted(gone, key=lambda where: gone[where].total() < ran[where])
    told = [
        f"{registry.label(arm)}, {_of(gone[arm, probe].total(), ran[arm, probe])} of {probe} "
        f"({lost_to(gone[arm, probe])})"
        for arm, probe in wholly_first[:_NAMED]
    ]
    if more := len(gone) - len(told):
        told.append(f"and so on in {more} more")
    return f"Cells without a result: {'; '.join(told)}. What is said here is of the rest."


def _of(count: int, planned: int) -> str:
    """``1 of 3``, ``all 3``, ``the only one``."""
    if count < planned:
        return f"{count:,} of {planned:,}"
    return f"all {count:,}" if count > 1 else "the only one"


def _place(record: Record) -> str:
    """What a cell ran on: an accelerator by its name, then the processor and the threads of it."""
    cell, where = record["cell"], record["environment"]
    used = where["threads"] if cell["threads"] == "all" else cell["threads"]
    on = [] if cell["device"] == "cpu" else [_accelerator(record)]
    return ", ".join([*on, where["cpu"], f"{used} thread{'' if used == 1 else 's'}"])


def _accelerator(record: Record) -> str:
    """By the name that a cell saw which was measured; of others the machine's GPU, else a kind."""
    device, gpus = record["cell"]["device"], record["environment"].get("gpus") or [{}]
    name = record["metrics"].get("accelerator")
    return str(name or (device == "cuda" and gpus[0].get("name")) or device)


def asked(content: Content) -> list[str]:
    """What was measured by each probe: lengths, models, seeds and settings, a sentence each."""
    probes: dict[str, list[Record]] = {}
    for record in content.records:
        probes.setdefault(record["cell"]["probe"], []).append(record)
    return [_asked(probe, records) for probe, records in probes.items()]


def _asked(probe: str, records: list[Record]) -> str:
    def of(name: str) -> str:
        return _span(distinct(records, lambda r: r["cell"]["protocol"].get(name, 0)))

    batch = _span(distinct(records, lambda r: held(r["cell"]["protocol"])))
    seeds = _span(distinct(records, lambda r: r["cell"]["seed"]))
    lengths = _span(distinct(records, lambda r: r["cell"]["length"]))
    types = listed(distinct(records, lambda r: f"{r['cell']['device']} {r['cell']['dtype']}"))
    trained = f"; {of('steps')} training steps" if of("steps") not in ("", "0") else ""
    return (
        f"{probe}: {len(records):,} cells; {types}; T = {lengths}; seeds {seeds}; "
        f"batch {batch}{trained}"
    )


def _span(values: Sequence[Any]) -> str:
    """``1, 2, 3``; of many the least, the largest and how many."""
    if len(values) <= _MANY:
        return listed(values)
    return f"{values[0]} to {values[-1]} ({len(values)} of them)"


def of(content: Content) -> list[tuple[str, str]]:
    """All circumstances, name and text each."""
    records = content.records
    counts = Counter(record["status"] for record in records)
    counts[compared.NOT_RUN] = content.planned - len(records)
    done = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()) if n) or "none"
    facts = [("Cells", f"{content.planned} planned; {done}")]
    if elapsed := content.meta("elapsed_s"):
        estimate = content.meta("estimate_s", 0)
        facts.append(("Time", f"{elapsed / 60:.1f} min; the plan had said {estimate / 60:.1f} min"))
    facts += _numbered("Machine", sorted({machine(record) for record in records}))
    facts += _kernels(records)
    facts += _corpus(content)
    if data := content.meta("data"):
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


def _kernels(records: Sequence[Record]) -> list[tuple[str, str]]:
    """What ran under the name of each kernel, by the profiler; nothing of records of before."""
    found: dict[str, set[str]] = {}
    for record in records:
        cell, ran = record["cell"], record["metrics"].get("kernel_ran")
        if ran is not None:
            called = f"{registry.label(cell['arm'])}/{cell['kernel']}"
            ran_as = f"{called}, {cell['device']} {cell['dtype']}"
            found.setdefault(operators(ran), set()).add(ran_as)
    texts = [f"{ran}: {'; '.join(sorted(cells))}" for ran, cells in sorted(found.items())]
    return [("Kernels that ran", ". ".join(texts))] if texts else []


def _numbered(name: str, texts: Iterable[str]) -> list[tuple[str, str]]:
    return [(name if n == 1 else f"{name} {n}", text) for n, text in enumerate(texts, 1)]


def _corpus(content: Content) -> list[tuple[str, str]]:
    hashes = {record["provenance"]["corpus"] for record in content.records}
    if len(hashes) > 1:
        return [("Corpus (mixed)", ", ".join(sorted(text[:16] for text in hashes)))]
    library = content.meta("corpus")
    if not library:
        return []
    found = [
        (
            "Corpus",
            f"the Python standard library: {library['files']} files, "
            f"{library['source_bytes'] / 1e6:.1f} MB, {library['tokens']:,} tokens; "
            f"hash {library['hash'][:16]}",
        )
    ]
    if tokenizers := library.get("tokenizers"):
        for name, known in tokenizers.items():
            found += [("Splits", _splits(library | known)), ("Tokenizer", _tokenizer(name, known))]
    elif "duplicate_tokens" in library:  # stores of before have not counted
        found += [
            ("Splits", _splits(library)),
            (
                "Tokenizer",
                f"the bundled checkpoint's, for every arm: {library['tokens_per_byte']:.3f} "
                f"tokens a byte, {library['tokens_per_s']:,.0f} tokens/s when the corpus was built",
            ),
        ]
    return found


def _tokenizer(name: str, known: dict[str, Any]) -> str:
    """Whose token ids, how many there are, and what they make of a byte."""
    return (
        f"{name}: {known['vocab_size']:,} entries, hash {known['sha256'][:16]}; "
        f"{known['tokens_per_byte']:.3f} tokens a byte, {known['tokens_per_s']:,.0f} tokens/s "
        "when the corpus was built"
    )


def _splits(library: dict[str, Any]) -> str:
    """How the corpus is split, and what was left out of it."""
    kept = ", ".join(f"{count:,} {name}" for name, count in library["split_tokens"].items())
    cut = ", ".join(f"{n:,} of {name}" for name, n in library["duplicate_tokens"].items() if n)
    return (
        f"by file, in tokens: {kept}; left out because an earlier split has them: {cut or 'none'}; "
        f"sources that could not be read: {len(library['skipped'])}"
    )
