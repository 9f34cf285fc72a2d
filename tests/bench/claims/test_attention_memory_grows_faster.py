"""Exponents of a step's peak, of sizes whose power is known and of real ones."""

import math

import pandas as pd
import pytest

from bench import claims
from bench.claims import attention_memory_grows_faster as claim
from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED, overall

from ...timed import evidence


def memory(arm, kernel, *sizes, column="tensor_rise_bytes", **others):
    """Rows of one arm: (length, bytes)."""
    return pd.DataFrame(
        {
            "comparison": "scratch", "task": "package", "data": "offline", "length": length,
            "arm": arm, "kernel": kernel, "device": "cpu", "dtype": "float32", "threads": 1,
            "denormals": "keep", "phase": "training", "batch_size": 8, "seed": 0,
            "record": f"{arm}-{kernel}-{length}", column: size,
        } | others
        for length, size in sizes
    )  # fmt: skip


def power(arm, kernel, exponent, lengths=(64, 128, 256), **others):
    return memory(arm, kernel, *((n, 1000.0 * n**exponent) for n in lengths), **others)


def judge(*frames):
    return claim.judge({"memory": pd.concat(frames)})


@pytest.mark.parametrize(
    ("attention", "state"),
    [
        (power("transformer", "eager", 2.0), SUPPORTED),
        (power("transformer", "sdpa", 1.0), REFUTED),
        (power("transformer", "sdpa", 0.5), REFUTED),
        (power("transformer", "eager", 2.0, lengths=(64, 128)), UNDECIDED),
        (memory("transformer", "eager", (64, 1e6), (128, 9e6), (256, 8e6)), DEPENDS),
        (memory("transformer", "eager", (64, 1e6), (128, 2e6), (256, 2e7)), SUPPORTED),
        (memory("transformer", "eager", (64, 1e6), (128, 8e6), (256, 4e6)), DEPENDS),
    ],
    ids=["square", "linear", "less", "two lengths", "up and down", "late", "and back"],
)
def test_states(attention, state):
    (judgement,) = judge(attention, power("lstm", "fused", 1.0))
    assert judgement.state == state
    assert bool(judgement.why) is (state == UNDECIDED)
    assert judgement.figure == "memory"


def test_kernels_are_judged_apart():
    found = judge(
        power("transformer", "eager", 2.0),
        power("transformer", "sdpa", 1.0),
        power("lstm", "fused", 1.0),
    )
    assert {j.scope["reference_kernel"]: j.state for j in found} == {
        "eager": SUPPORTED, "sdpa": REFUTED,
    }  # fmt: skip
    assert overall(found) == DEPENDS
    assert found[0].sentence == (
        "From T=64 to 256 the memory of a training step grows faster with a transformer (eager) "
        "than with an LSTM, exponents 1.00 apart (scratch, package, "
        "cpu, 1 thread)."
    )


def test_on_a_device_it_is_what_was_allocated():
    found = [
        power(arm, kernel, exponent, column="allocated_rise_bytes", device="cuda")
        for arm, kernel, exponent in (("transformer", "eager", 2.0), ("lstm", "fused", 1.0))
    ]
    tensors = [frame.assign(tensor_rise_bytes=math.nan) for frame in found]
    (judgement,) = judge(*tensors)
    assert judgement.state == SUPPORTED


def test_sizes_of_one_arm_alone_say_nothing():
    assert judge(power("transformer", "eager", 2.0)) == []


def test_real_records_of_tiny_models():
    """All that a training step of these takes is gradients of the embedding table."""
    judged = claims.judge("attention_memory_grows_faster", evidence())
    assert {j.scope["phase"]: j.state for j in judged.judgements} == {
        "training": REFUTED, "forward": REFUTED,
    }  # fmt: skip
    assert "exponents 0.07 apart" in judged.headline
