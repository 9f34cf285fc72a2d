"""A package of somebody else's: what CONTRIBUTING prints, as it stands there."""

import os
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from ..conftest import Finished, Run

ROOT = Path(__file__).parents[2]
#: A fenced block whose first line is the path of what follows.
_BLOCK = re.compile(r"^```(?:python|toml)\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def printed() -> dict[str, str]:
    """The files that CONTRIBUTING prints, by path."""
    return dict(_BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text()))


def on_path(*folders: Path) -> dict[str, str]:
    """An environment in which these folders come first."""
    before = [text for text in [os.environ.get("PYTHONPATH", "")] if text]
    return {"PYTHONPATH": os.pathsep.join([*map(str, folders), *before])}


def install(folder: Path, files: dict[str, str]) -> None:
    """Put files where they belong, and beside them what pip would write of ``pyproject.toml``."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    about = folder / f"{project['name']}-{project['version']}.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (about / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
            for group, points in project["entry-points"].items()
        )
    )


@dataclass
class Mine:
    """That package, installed, and the command line beside it."""

    folder: Path
    _rvt: Run

    @property
    def env(self) -> dict[str, str]:
        return on_path(self.folder)

    def rvt(self, *arguments: str, beside: Path | None = None) -> Finished:
        """Run ``rvt`` where the package is installed, and what lies in one more folder."""
        return self._rvt(*arguments, env=on_path(*([beside] if beside else []), self.folder))


@pytest.fixture(scope="session")
def mine(rvt: Run, tmp_path_factory: pytest.TempPathFactory) -> Mine:
    folder = tmp_path_factory.mktemp("installed")
    install(folder, printed())
    return Mine(folder, rvt)
