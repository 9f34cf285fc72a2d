"""``python -m bench`` is ``rvt``."""

from bench.cli import main

main()
