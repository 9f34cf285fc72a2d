"""Published records as runs that can be told otherwise: a second run, another machine."""

import copy
import gzip
import json
from pathlib import Path

import numpy as np

from bench.store.archive import Archive

PUBLISHED = Path(__file__).parents[3] / "reports" / "published"
ROUNDS, LAUNCHES = 10, 2
WITHIN, BETWEEN = 0.05, 0.01  # spread of log-ratios, of rounds and of launches


def read(study):
    """The records of a published study."""
    return Archive(PUBLISHED / study / "records.jsonl.gz").records()


def write(records, folder):
    """A folder with these records; returns it."""
    folder.mkdir(parents=True)
    lines = [json.dumps(record) + "\n" for record in records]
    (folder / "records.jsonl.gz").write_bytes(gzip.compress("".join(lines).encode(), 1))
    return folder


def opened(records, folder):
    """The same as a report reads them."""
    return Archive(write(records, folder) / "records.jsonl.gz")


def retold(records, change):
    """Copies of records, each changed by a function of it."""
    copies = copy.deepcopy(records)
    for record in copies:
        change(record)
    return copies


def timed(records, seed, slower=None, control=1.0):
    """Timed records with seconds of our own: ten rounds of two launches.

    Args:
        seed: of the noise.
        slower: arm to the factor that it is slower by, the reference being at 10 ms.
        control: how much slower the reference is beside itself.
    """
    random = np.random.default_rng(seed)
    launch = [number * LAUNCHES // ROUNDS for number in range(ROUNDS)]

    def seconds(factor):
        shift = random.normal(0, BETWEEN, LAUNCHES)[launch]
        logs = np.log(0.01 * factor) + shift + random.normal(0, WITHIN, ROUNDS)
        return [float(s) for s in np.exp(np.repeat(logs, 2))]

    def change(record):
        quiet = {"launch": launch, "psi": [0.0] * ROUNDS, "steal": [0.0] * ROUNDS}
        record["samples"] = quiet | {
            "seconds": seconds((slower or {}).get(record["cell"]["arm"], 1))
        }
        if record["cell"]["arm"] == record["cell"]["model"]["match_to"]:
            record["samples"]["canary_seconds"] = seconds(control)

    return retold([r for r in records if "launch" in r["samples"]], change)
