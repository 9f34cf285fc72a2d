"""Where all is kept that is built once."""

import os
from pathlib import Path


def root() -> Path:
    """Folder of all that is built once: ``XDG_CACHE_HOME``, else the user's own cache."""
    default = Path.home() / ".cache"
    return Path(os.environ.get("XDG_CACHE_HOME") or default) / "rnn-vs-transformer"
