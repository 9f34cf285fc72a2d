"""Where all is kept that is built once."""

import os
from pathlib import Path


def root() -> Path:
    """Folder of all that is built once: ``XDG_CACHE_HOME``, else the user's own cache.

    For a user without a home it is one that cannot be: whoever tries to write there says so, and
    what to set.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or _home()) / "rnn-vs-transformer"


def _home() -> Path:
    try:
        return Path.home() / ".cache"
    except RuntimeError:  # neither HOME nor an entry of the user database
        return Path(os.devnull)
