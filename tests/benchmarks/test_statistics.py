"""What the statistics of a large study cost. Run with ``tox -e benchmarks``."""

import time

import numpy as np

from bench.statistics import intervals as stats
from bench.statistics.decisions import LOOKS

RECORDS, GOAL_SECONDS = 10_000, 10


def test_ten_thousand_records_take_seconds():
    """Median and paired ratio of each, as many records at every look; seconds of one core."""
    rng = np.random.default_rng(0)
    launches = np.repeat(range(4), np.diff((0, *LOOKS)))
    reference = rng.lognormal(-4.6, 0.05, (RECORDS, 2 * LOOKS[-1]))
    samples = rng.lognormal(-4.6, 0.05, reference.shape)
    seconds = {}
    for look in LOOKS:
        start = time.process_time()
        of_look = [int(launch) for launch in launches[:look]]
        for base, own in zip(
            reference[:: len(LOOKS), : 2 * look].tolist(),
            samples[:: len(LOOKS), : 2 * look].tolist(),
            strict=True,
        ):
            stats.median(own, 2, of_look)
            stats.paired_ratio(base, own, 2, of_look)
        seconds[look] = time.process_time() - start
    per_record = {look: f"{s / (RECORDS // 4) * 1e6:.0f}" for look, s in seconds.items()}
    print(f"\n{RECORDS:,} records: {sum(seconds.values()):.1f} s, microseconds each: {per_record}")
    assert sum(seconds.values()) < GOAL_SECONDS
