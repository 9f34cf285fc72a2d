"""How a report is cited."""

from typing import Any


def bibtex(answers: dict[str, Any], claim_id: str | None = None) -> str:
    """An entry of the report, or of one claim in it."""
    name = f"rnn-vs-transformer-{answers['study']}" + (f"-{claim_id}" if claim_id else "")
    year = str(answers["begun"] or "")[:4]
    return (
        f"@misc{{{name},\n  title = {{rnn-vs-transformer: {answers['title']}}},\n"
        f"  author = {{{{The rnn-vs-transformer developers}}}},\n"
        + (f"  year = {{{year}}},\n" if year else "")
        + f"  note = {{version {answers['version']}, records sha256 "
        f"{answers['records']['sha256'][:16]}}},\n}}"
    )
