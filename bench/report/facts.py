"""The circumstances of a run, a line each: cells, time, machine, corpus, data, code."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from bench.page.captions import machine
from bench.store.archive import Source
from bench.store.records import Record


def of(store: Source, records: Sequence[Record], planned: int) -> list[tuple[str, str]]:
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
    for number, name in enumerate(sorted({machine(r) for r in records}), 1):
        facts.append(("Machine" if number == 1 else f"Machine {number}", name))
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
