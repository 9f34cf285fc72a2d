"""``python -m bench`` is ``rvt``."""

import sys
from pathlib import Path

if not sys.flags.safe_path and Path(sys.path[0]).resolve() != Path(__file__).parents[1].resolve():
    del sys.path[0]  # the working directory, which may hold another ``models`` or ``datasets``

from bench.cli import main

main()
