"""``python -P -m models.checkpoints NAME ...`` fetches and verifies checkpoints."""

import sys

from models.checkpoints.catalogue import find
from models.checkpoints.contract import CheckpointError


def main(names: list[str]) -> int:
    """Fetch and verify checkpoints; 0 where all are in place, 1 otherwise."""
    failed = 0
    for name in names:
        try:
            print(f"{name}: verified in {find(name).verify()}")
        except CheckpointError as error:
            print(error, file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
