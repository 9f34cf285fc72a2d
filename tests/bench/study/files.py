"""Study files that a test writes."""

from pathlib import Path


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    return str(path)
