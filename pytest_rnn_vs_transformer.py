"""What pytest loads in every project of an environment: options for a sweep, in a clone only.

Anywhere else such options, and packages named ``bench`` and ``models``, are the project's own;
``pytest -p bench.plugin`` asks for the suite's.
"""

import sys
from pathlib import Path

import pytest


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Load the sweep's plugin where pytest is started in a clone, and from that clone.

    The folder decides, not pytest's ``rootdir``: that is elsewhere as soon as an option names a
    file elsewhere (``--study ~/mine.toml``).
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / Path(__file__).name).is_file() and (folder / "pyproject.toml").is_file():
            sys.path.insert(0, str(folder))  # before another checkout that is installed
            pluginmanager.import_plugin("bench.plugin")
            return
