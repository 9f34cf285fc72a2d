"""The tables of speed, recomputed from the samples that they are made from."""

import copy
import math

import numpy as np
import pandas as pd
import pytest

from bench import registry
from bench.frames.parts import SHARES
from bench.outcome import MEASURED
from bench.page.evidence import Evidence
from bench.report import recompute
from bench.store.records import of

from ..costs import answers, drawn, scaled, training


def table(name, records, ceilings=None):
    return Evidence(records, ceilings)[name]


def by_turn(record, name="seconds"):
    return np.reshape(record["samples"][name], (-1, 2))


def test_tokens_per_second_are_recomputed_from_the_samples(costly):
    rows = table("speed", costly).to_dict("records")
    records = of(costly, "speed", *MEASURED)
    assert [row["record"] for row in rows] == [record["key"] for record in records]
    for row, record in zip(rows, records, strict=True):
        step = np.median(by_turn(record).mean(axis=1))
        assert record["metrics"]["step_s"] == pytest.approx(step)
        assert row["tokens_per_s"] == pytest.approx(record["metrics"]["tokens_per_step"] / step)
        assert row["tokens_per_s_low"] <= row["tokens_per_s"] <= row["tokens_per_s_high"]


def test_ratio_control_and_spread_are_recomputed_from_the_samples(costly):
    frame = table("speed", costly).set_index("record")
    by_key = {record["key"]: record for record in costly}
    compared = frame[frame["reference"].notna()]
    assert len(compared) == len(frame) / 2
    for key, row in compared.iterrows():
        record = by_key[key]
        base = next(
            r for r in costly
            if (r["alike"], r["cell"]["arm"]) == (record["alike"], "transformer")
            and r["cell"]["denormals"] == record["cell"]["denormals"]
        )  # fmt: skip
        own, other, canary = (
            by_turn(*which) for which in ((record,), (base,), (base, "canary_seconds"))
        )
        ratio = np.exp((np.log(other) - np.log(own)).mean())
        assert row["speed_ratio"] == pytest.approx(ratio)
        assert row["speed_ratio_low"] <= ratio <= row["speed_ratio_high"]
        noise = np.exp(np.median((np.log(other) - np.log(canary)).mean(axis=1)))
        assert row["aa_ratio"] == pytest.approx(noise)
        assert row["step_p95_s"] == pytest.approx(np.percentile(own, 95))
        assert row["samples"] == own.size


def test_growth_is_the_power_of_the_length(costly):
    squared = {length: (length / 16) ** 2 for length in (16, 32, 48)}
    frame = table("growth", scaled(training(costly), "lstm", squared))
    frame = frame[frame["quantity"] == "step_s"].set_index("arm")
    assert frame.loc["lstm", "exponent"] == pytest.approx(2, abs=1e-6)
    assert frame.loc["transformer", "exponent"] == pytest.approx(0, abs=1e-6)
    low, high = frame.loc["lstm", "exponent_low"], frame.loc["lstm", "exponent_high"]
    assert low <= frame.loc["lstm", "exponent"] <= high


def test_growth_is_of_what_decoding_and_memory_leave_too(costly):
    frame = table("growth", costly)
    known = set(zip(frame["phase"], frame["quantity"], strict=True))
    assert {("training", "step_s"), ("training", "tensor_rise_bytes")} <= known
    longer = [r for r in copy.deepcopy(of(costly, "decode")) if r["cell"]["length"] == 16]
    for record in longer:
        record["cell"]["length"] = 64
    known = table("growth", of(costly, "decode") + longer)
    assert set(known["quantity"]) == {"step_s", "first_token_s"}
    assert set(known["lengths"]) == {3}


def test_share_of_the_roofline_names_both_numbers(costly):
    """Each cell beside the ceilings of its own number of threads."""
    most = {"gemm_flops_per_s": {"float32": 1e11}, "copy_bytes_per_s": 1e10}
    ceilings = {"cpu": {"1": most, "all": {"gemm_flops_per_s": {"float32": 2e11}}}}
    frame = table("speed", costly, ceilings)
    record = next(r for r in costly if r["key"] == frame.loc[0, "record"])
    rows = record["cell"]["protocol"]["batch_size"]
    got = rows * record["model"]["cost"]["training_flops"] / frame.loc[0, "step_s"]
    assert frame.loc[0, "achieved_flops_per_s"] == pytest.approx(got)
    assert frame.loc[0, "ceiling_flops_per_s"] == 1e11
    assert frame.loc[0, "roofline_share"] == pytest.approx(got / 1e11)
    assert (table("decode", costly, ceilings)["roofline_share"] > 0).all()
    on_all = copy.deepcopy(costly)
    for record in on_all:
        record["cell"]["threads"] = "all"
    assert table("speed", on_all, ceilings).loc[0, "ceiling_flops_per_s"] == 2e11
    for known in (None, {"cpu": {"2": most}}, {"cpu": {}}, {"cpu": {"failed": "no memory"}}):
        assert table("speed", costly, known)["roofline_share"].isna().all()


def test_a_prefill_has_a_share_of_its_own_cost(costly):
    record = copy.deepcopy(next(r for r in training(costly) if r["cell"]["arm"] == "lstm"))
    record["cell"]["axes"]["phase"] = "prefill"
    ceilings = {"cpu": {"1": {"gemm_flops_per_s": {"float32": 1e9}}}}
    (row,) = table("speed", [record], ceilings).to_dict("records")
    assert math.isnan(row["roofline_share"]), "its cost is not known"
    record["model"]["cost"]["prefill_flops"] = 10**6
    (row,) = table("speed", [record], ceilings).to_dict("records")
    rows = record["cell"]["protocol"]["batch_size"]
    assert row["roofline_share"] == pytest.approx(rows * 1e6 / row["step_s"] / 1e9)


def test_a_share_above_the_ceiling_is_shown_and_named(costly):
    ceilings = {"cpu": {"1": {"gemm_flops_per_s": {"float32": 1.0}, "copy_bytes_per_s": 1.0}}}
    evidence = Evidence(costly, ceilings)
    frame = pd.concat([evidence["speed"], evidence["decode"]])
    assert (frame["roofline_share"] > 1).all()
    figures = drawn("speed", "roofline", costly, ceilings)
    assert len(figures) == 2, "of a setting at one length there is no chart"
    for figure, caption in figures.values():
        for here in figure.axes:
            heights = [y for line in here.lines for y in line.get_ydata()]
            assert here.get_ylim()[1] > max(heights) > 1
        count = sum(len(line.get_xdata()) for here in figure.axes for line in here.lines
                    if line.get_marker() == "o")  # fmt: skip
        assert f" {count} above 100%" in caption
    ceilings["cpu"]["1"] = {"gemm_flops_per_s": {"float32": 1e30}, "copy_bytes_per_s": 1e30}
    for _, caption in drawn("speed", "roofline", costly, ceilings).values():
        assert "above 100%" not in caption


def trained(records):
    """Training steps with subnormals kept, as they were measured."""
    return [r for r in of(records, "speed", *MEASURED) if r["cell"]["denormals"] == "keep"]


def test_parts_add_up_to_a_step(costly):
    rows = table("parts", trained(costly)).to_dict("records")
    assert len(rows) == len(trained(costly)) > 0
    for row, record in zip(rows, trained(costly), strict=True):
        samples = record["samples"]
        timed = [n for n, value in enumerate(samples["body_seconds"]) if value is not None]
        of_step = sum(
            np.array([samples[f"{name}_seconds"][n] for n in timed])
            for name in ("forward", "backward", "update")
        )
        body = np.array([samples["body_seconds"][n] for n in timed])
        means = body.reshape(-1, 2).mean(axis=1) / of_step.reshape(-1, 2).mean(axis=1)
        assert row["body_share"] == pytest.approx(np.median(means))
        assert sum(row[name] for name in SHARES) == pytest.approx(1)
        assert min(row[name] for name in SHARES) > 0
        assert row["body_s"] == pytest.approx(record["metrics"]["body_s"])
        assert row["step_s"] == pytest.approx(record["metrics"]["step_s"])
        assert row["body_s_low"] <= row["body_s"] or math.isnan(row["body_s_low"])
    beside = [row for row in rows if row["reference"]]
    assert len(beside) == len(rows) / 2
    known = table("directions", trained(costly)).set_index("record")["body_time_ratio"]
    assert {row["record"]: row["body_time_ratio"] for row in beside} == known.to_dict()


def test_parts_are_of_the_same_rounds_in_every_arm_and_control(costly):
    names = registry.probes()["speed"].literals["PARTS"].values()
    for record in trained(costly):
        samples = record["samples"]
        known = [samples[name] for name in names]
        if "canary_seconds" in samples:
            known += [samples[f"canary_{name}"] for name in names]
        for one in known:
            assert len(one) == 2 * len(samples["launch"])
            assert all(value is not None for value in one)


def test_records_of_before_parts_leave_them_out(costly):
    literals = registry.probes()["speed"].literals["PARTS"]
    old = copy.deepcopy(trained(costly))
    for record in old:
        for name in literals.values():
            record["samples"].pop(name)
            record["samples"].pop(f"canary_{name}", None)
    assert table("parts", old).empty
    assert set(table("growth", old)["quantity"]) <= {"step_s"}
    assert not [name for name in table("directions", old) if name.startswith("body_")]
    assert drawn("speed", "step_parts", old) == {}


def test_growth_of_the_body_is_told_beside_the_step_s(costly):
    longer = scaled(training(costly), "lstm", {16: 1, 32: 2, 48: 3})
    for record in longer:
        factor = record["cell"]["length"] / 16
        flat = record["samples"]["seconds"]
        record["samples"]["launch"] = [0] * (len(flat) // 2)
        record["samples"]["body_seconds"] = [1e-3 * factor**2] * len(flat)
    frame = table("growth", longer)
    frame = frame[frame["arm"] == "lstm"].set_index("quantity")
    assert frame.loc["step_s", "exponent"] == pytest.approx(1, abs=1e-6)
    assert frame.loc["body_s", "exponent"] == pytest.approx(2, abs=1e-6)
    said = [line for line in answers("speed", longer) if "the body of a training step" in line]
    assert len(said) == 1
    assert "LSTM as T^2.00" in said[0]


def test_what_parts_took_follows_from_the_samples(costly):
    """A number that was changed is found, in the samples or in what was made of them."""
    assert not recompute.check(costly).mistakes
    changed = copy.deepcopy(costly)
    record = trained(changed)[0]
    parts = registry.probes()["speed"].literals["PARTS"]
    assert set(parts) <= set(record["metrics"])
    record["metrics"]["body_s"] *= 1.01
    record["samples"]["forward_seconds"] = [
        None if value is None else 2 * value for value in record["samples"]["forward_seconds"]
    ]
    found = {mistake.metric for mistake in recompute.check(changed).mistakes}
    assert found == {"body_s", "forward_s"}
