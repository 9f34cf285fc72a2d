"""What is said of two arms, on traces whose truth is known."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from bench import registry
from bench.drawing import palette
from bench.page.verdict import sentence
from bench.statistics import verdicts

ROUNDS = 20


def record(arm, speed, seed, *, status="done", **coordinates):
    """An arm that takes 10 ms / speed a step, give or take half a per cent."""
    noise = np.random.default_rng(seed).normal(0, 0.005, 2 * ROUNDS)
    cell = {
        "arm": arm, "kernel": "fused" if registry.family(arm) == "recurrent" else "sdpa",
        "task": "package", "length": 512, "device": "cpu", "dtype": "float32",
        "denormals": "keep", "threads": "all", "axes": {"phase": "training"},
        "probe": "speed", "model": {"match_to": "transformer"},
    } | coordinates  # fmt: skip
    return {
        "key": arm + cell["kernel"] + cell["denormals"], "cell": cell, "status": status,
        "alike": "a", "together": "t",
        "samples": {
            "seconds": list(0.01 / speed * np.exp(noise)),
            "launch": [number // 5 for number in range(ROUNDS)],
            "steal": [0.0] * ROUNDS,
            "psi": [0.0] * ROUNDS,
        },
    }  # fmt: skip


@pytest.fixture
def base():
    found = record("transformer", 1.0, seed=1)
    found["samples"]["canary_seconds"] = record("transformer", 1.0, seed=2)["samples"]["seconds"]
    return found


@pytest.mark.parametrize(
    ("speed", "said"), [(1.5, "faster"), (0.5, "slower"), (1.0, None), (1.002, None)]
)
def test_what_lies_beyond_noise_is_a_difference(base, speed, said):
    (verdict,) = verdicts.of([base, record("lstm", speed, seed=3)])
    assert verdict.difference == said
    assert verdict.ratio.value == pytest.approx(speed, rel=0.01)


def test_sentences(base):
    (faster,) = verdicts.of([base, record("lstm", 1.71, seed=3, threads=1)])
    assert sentence(faster).startswith("LSTM trains 1.71× [1.7")
    assert (
        "faster than transformer at T=512 on cpu, task package, 1 thread; A/A 1.00–1.0"
        in sentence(faster)
    )
    (slower,) = verdicts.of([base, record("lstm", 0.5, seed=3, dtype="bfloat16")])
    assert sentence(slower).startswith("LSTM trains 2.00× [")
    assert "] slower than transformer at T=512" in sentence(slower)
    assert "on cpu, task package, bfloat16; A/A" in sentence(slower)
    (other,) = verdicts.of([base, record("lstm", 0.5, seed=3, data="sst2")])
    assert "on cpu, task package on sst2; A/A" in sentence(other)
    (loop,) = verdicts.of([base, record("lstm", 1.71, seed=3, kernel="loop")])
    assert sentence(loop).startswith("LSTM/loop trains "), "its group may have the fused one too"
    (same,) = verdicts.of([base, record("lstm", 1.0, seed=3)])
    assert ": no difference beyond noise; A/A" in sentence(same)


def test_a_control_reads_in_the_direction_of_the_ratio_beside_it(base):
    """A second process that takes 1.25 times as long is 0.80 times as fast, and 1.25 times slower.

    Both ends are those of the very samples: an inverted one would lie on the other side of 1.
    """
    base["samples"]["canary_seconds"] = [1.25 * s for s in base["samples"]["seconds"]]
    assert verdicts.control(base["samples"]).value == pytest.approx(0.8)
    (faster,) = verdicts.of([base, record("lstm", 2.0, seed=3)])
    faster = replace(faster, veto="")
    assert sentence(faster).endswith("; A/A 0.80–0.80")
    (slower,) = verdicts.of([base, record("lstm", 0.5, seed=3)])
    slower = replace(slower, veto="")
    assert "slower than" in sentence(slower)
    assert sentence(slower).endswith("; A/A 1.25–1.25")
    del base["samples"]["canary_seconds"]
    assert verdicts.control(base["samples"]) is None


def test_a_phase_that_only_another_package_knows_is_called_by_its_own_name(base):
    base["cell"]["axes"]["phase"] = "beam search"
    (faster,) = verdicts.of([base, record("lstm", 1.71, seed=3, axes={"phase": "beam search"})])
    assert sentence(faster).startswith("LSTM is 1.71× [1.7")
    assert "faster in beam search than transformer at T=512" in sentence(faster)
    (same,) = verdicts.of([base, record("lstm", 1.0, seed=3, axes={}, probe="swim")])
    assert sentence(same).startswith("LSTM is 1.00× [")
    assert "as fast in swim as transformer at T=512" in sentence(same)
    (known,) = verdicts.of([base, record("lstm", 1.71, seed=3, axes={}, probe="decode")])
    assert sentence(known).startswith("LSTM decodes 1.71× [1.7")


def test_arms_have_one_name_wherever_people_read(base):
    """And one that is not registered here, of somebody else's records, has its own."""
    for arm in ("rnn", "pretrained", "somebody's"):
        (verdict,) = verdicts.of([base, record(arm, 2.0, seed=3)])
        assert sentence(verdict).startswith(f"{palette.label(arm)} trains 2.0")
    assert palette.label("rnn") == "Elman RNN"


def test_width_is_no_veto(base):
    """A record whose size is not known has a direction all the same."""
    for records in (
        [base, record("lstm", 3.0, seed=3, status="undecided")],
        [base | {"status": "undecided"}, record("lstm", 3.0, seed=3)],
    ):
        (verdict,) = verdicts.of(records)
        assert verdict.difference == "faster"


def test_without_launches_enough_nothing_is_told(base):
    """Unless other groups of the run lend what they know of launches."""
    few = [copy.deepcopy(base), record("lstm", 3.0, seed=3)]
    for one in few:
        one["samples"]["launch"] = [number // 10 for number in range(ROUNDS)]
    (verdict,) = verdicts.of(few)
    assert (verdict.difference, verdict.why) == (None, "fewer than 3 relaunches")
    assert ": undecided, fewer than 3 relaunches; A/A" in sentence(verdict)
    others = [base, record("lstm", 1.0, seed=5)]
    for one in others:
        one |= {"together": "others", "key": one["key"] + "others"}
    assert verdicts.of([*few, *others])[0].difference == "faster"


def test_no_claim_without_a_canary(base):
    del base["samples"]["canary_seconds"]
    (verdict,) = verdicts.of([base, record("lstm", 3.0, seed=3)])
    assert (verdict.difference, verdict.canary) == (None, None)
    assert sentence(verdict).endswith("no A/A")


def test_where_an_arm_differs_from_itself_nothing_is_told(base):
    """However far apart two others are: the test is not to be believed there."""
    base["samples"]["canary_seconds"] = record("transformer", 1.1, seed=2)["samples"]["seconds"]
    for speed in (1.08, 1 / 1.08, 3.0):
        (verdict,) = verdicts.of([base, record("lstm", speed, seed=3)])
        assert (verdict.difference, verdict.why) == (None, "A/A controls differ as well")


def test_a_control_is_part_of_no_bar(base):
    """It wanders by 2%, without a direction; an arm that is faster by 2% is, all the same."""
    noise = np.random.default_rng(9).normal(0, 0.04, 2 * ROUNDS)
    base["samples"]["canary_seconds"] = list(base["samples"]["seconds"] * np.exp(noise))
    (verdict,) = verdicts.of([base, record("lstm", 1.02, seed=3)])
    assert verdict.canary.low < 1 / 1.005 < 1.005 < verdict.canary.high
    assert verdict.difference == "faster"


def test_only_what_was_timed_together_is_compared(base):
    assert verdicts.of([base, record("lstm", 2.0, seed=3) | {"together": "another"}]) == []
    assert verdicts.of([base]) == []
    assert verdicts.of([record("lstm", 2.0, seed=3)]) == []
    failed = record("lstm", 2.0, seed=3, status="killed")
    assert verdicts.of([base, failed]) == []


def test_kernels_of_one_arm_are_told_apart_by_name(base):
    (verdict,) = verdicts.of([base, record("transformer", 0.5, seed=3, kernel="eager")])
    assert sentence(verdict).startswith("transformer/eager trains 2.00×")
    assert "slower than transformer/sdpa" in sentence(verdict)


def flushing(arm, speed, seed, canary=None):
    found = record(arm, speed, seed, denormals="flush")
    if canary is not None:
        other = record(arm, speed * canary, seed + 1)
        found["samples"]["canary_seconds"] = other["samples"]["seconds"]
    return found


def test_arms_are_compared_under_one_setting(base):
    """In the same rounds the LSTM is slow with subnormals kept, and level with them flushed."""
    lstm = record("lstm", 0.1, seed=3)
    other = flushing("transformer", 1.0, seed=5, canary=1.0)
    found = verdicts.of([base, lstm, other, flushing("lstm", 1.0, seed=7)])
    kept, flushed = found
    assert (kept.difference, flushed.difference) == ("slower", None)
    assert (kept.reference, flushed.reference) == (base, other)
    assert "subnormals" not in sentence(kept)
    assert "task package, subnormals flushed: no difference" in sentence(flushed)
    assert verdicts.of([lstm, flushing("lstm", 1.0, seed=7), other])[0].reference is other


def test_an_arm_is_compared_with_itself_under_the_other_setting(base):
    records = [
        base,
        record("lstm", 0.1, seed=3),
        flushing("transformer", 1.0, seed=5, canary=1.0),
        flushing("lstm", 1.2, seed=7),
    ]
    level, faster = verdicts.of_settings(records)
    assert (level.difference, faster.difference) == (None, "faster")
    assert faster.ratio.value == pytest.approx(12, rel=0.01)
    assert sentence(faster).startswith("LSTM/fused with subnormals flushed trains 1")
    assert "faster than with them kept at T=512 on cpu, task package; A/A" in sentence(faster)
    records[3] |= {"together": "other rounds"}
    assert len(verdicts.of_settings(records)) == 1
    records[0]["status"] = "failed"
    assert verdicts.of_settings(records) == []


def test_of_two_controls_the_wider_is_shown_and_one_may_fire_by_chance(base):
    records = [
        base,
        record("lstm", 1.0, seed=3),
        flushing("transformer", 1.0, seed=5, canary=1.1),
        flushing("lstm", 1.05, seed=7),
    ]
    (verdict,) = [v for v in verdicts.of_settings(records) if v.record is records[3]]
    assert {id(control) for control in verdict.controls} == {id(base), id(records[2])}
    widths = [e.high / e.low for r in verdict.controls if (e := verdicts.control(r["samples"]))]
    assert verdict.canary.high / verdict.canary.low == max(widths)
    assert verdict.difference == "faster"


def test_flagged_rounds_are_left_out_of_the_quiet_ratio_only(base):
    arm = record("lstm", 1.0, seed=3)
    for position in (3, 11):
        base["samples"]["psi"][position] = 0.5
        arm["samples"]["seconds"][2 * position] *= 50
    (verdict,) = verdicts.of([base, arm])
    assert [n for n, flag in enumerate(verdicts.flagged(base)) if flag] == [3, 11]
    assert verdict.quiet_ratio.value == pytest.approx(1.0, rel=0.01)
    assert verdict.ratio.value != verdict.quiet_ratio.value
