"""The table of directions, recomputed from the samples that it is made from."""

import math

import numpy as np
import pytest
from scipy import stats

from bench import claims
from bench.page.evidence import Evidence
from bench.page.verdict import sentence
from bench.statistics.directions import NOMINAL, Direction

from ....timed import evidence, records


def logs(record, base):
    one, other = (np.log(np.reshape(r["samples"]["seconds"], (-1, 2))) for r in (record, base))
    return (one - other).mean(axis=1)


def test_a_ratio_is_the_geometric_mean_over_rounds_with_the_look_s_interval():
    rows = evidence()["directions"].to_dict("records")
    assert len(rows) == 51
    for row in rows:
        own = logs(*(evidence().by_key[row[name]] for name in ("record", "reference_record")))
        assert row["time_ratio"] == pytest.approx(math.exp(own.mean()))
        assert row["rounds"] == len(own)
        assert row["level"] == pytest.approx(1 - NOMINAL[10])
        if math.isnan(row["log_se"]):
            assert row["why"]
            continue
        half = stats.t.ppf((1 + row["level"]) / 2, row["freedom"]) * row["log_se"]
        ends = math.exp(own.mean() - half), math.exp(own.mean() + half)
        assert (row["time_ratio_low"], row["time_ratio_high"]) == pytest.approx(ends)
        assert row["log_se"] >= own.std(ddof=1) / math.sqrt(len(own)) * 0.7


def test_rows_are_of_arms_and_of_settings_and_corrected_together():
    frame = evidence()["directions"]
    assert set(frame["contrast"]) == {"arms", "denormals"}
    assert set(frame[frame["contrast"] == "denormals"]["family"]) == {"subnormals"}
    families = frame[frame["contrast"] == "arms"].groupby("phase")["family"].unique()
    assert families["forward"].tolist() == ["reading: recurrent, transformer"]
    assert families["training"].tolist() == [
        "training: recurrent, transformer", "training: transformer"
    ]  # fmt: skip
    assert frame["aa_silent"].all()


def test_an_undecided_record_is_no_veto():
    """These were called unstable once, and nothing was said of them."""
    frame = evidence()["directions"].merge(evidence()["speed"], on="record")
    undecided = frame[frame["status"] == "undecided"]
    assert (undecided["direction"] == "shorter").sum() >= 5
    assert set(undecided[undecided["direction"] == "shorter"]["verdict"].dropna()) == {"faster"}


def test_a_factor_is_found_in_its_direction():
    found = records()
    for record in found:
        if record["cell"]["arm"] == "lstm" and "seconds" in record["samples"]:
            record["samples"]["seconds"] = [4 * s for s in record["samples"]["seconds"]]
    frame = Evidence(found)["directions"]
    frame = frame[(frame["arm"] == "lstm") & (frame["contrast"] == "arms")]
    decided = frame[frame["why"] == ""]
    assert set(decided["direction"]) == {"longer"}
    assert set(decided["length"]) == {16, 32, 48, 64}


def test_controls_that_differ_leave_nothing_decided():
    found = records()
    for record in found:
        if "canary_seconds" in record["samples"]:
            again = record["samples"]["canary_seconds"]
            record["samples"]["canary_seconds"] = [3 * seconds for seconds in again]
    frame = Evidence(found)["directions"]
    assert set(frame["direction"]) == {"undecided"}
    assert not frame["aa_silent"].any()
    assert "A/A controls differ as well" in set(frame["why"])
    forward = frame[(frame["phase"] == "forward") & (frame["contrast"] == "arms")]
    assert (forward["aa_ratio_low"] > 1).any()


def test_without_controls_nothing_is_decided():
    found = records()
    for record in found:
        record["samples"].pop("canary_seconds", None)
    frame = Evidence(found)["directions"]
    assert {"no A/A control", "fewer than 6 rounds"} <= set(frame["why"])
    assert frame["aa_ratio"].isna().all()


def test_nothing_timed_is_no_row():
    assert Evidence([])["directions"].empty
    alone = [r for r in records() if r["cell"]["arm"] == "lstm" and r["cell"]["probe"] == "decode"]
    assert Evidence(alone)["directions"].empty


def with_parts(found, factor=1.0, control=1.0):
    """The records with every second round's body: a tenth of a step, the LSTM's so much longer."""
    for record in found:
        samples = record["samples"]
        if record["cell"]["probe"] != "speed" or "seconds" not in samples:
            continue
        for name, longer in (("", 1.0), ("canary_", control)):
            if f"{name}seconds" in samples:
                longer *= factor if record["cell"]["arm"] == "lstm" else 1.0
                samples[f"{name}body_seconds"] = [
                    None if n // 2 % 2 else longer * seconds / 10
                    for n, seconds in enumerate(samples[f"{name}seconds"])
                ]
    return found


def test_without_parts_there_are_no_columns_of_a_body():
    assert not [name for name in evidence()["directions"] if name.startswith("body_")]


def test_a_body_has_a_ratio_a_control_and_a_decision_of_its_own():
    frame = Evidence(with_parts(records(), factor=4))["directions"]
    plain = evidence()["directions"]
    assert frame[plain.columns].equals(plain), "the step's do not change"
    of = frame[frame["body_time_ratio"].notna()]
    assert set(of["phase"]) == {"training", "forward"}
    between = of[(of["contrast"] == "arms") & (of["arm"] == "lstm")]
    for row in between.to_dict("records"):
        by_key = evidence().by_key
        own = logs(*(by_key[row[name]] for name in ("record", "reference_record")))[::2]
        assert row["body_rounds"] == len(own)
        assert row["body_time_ratio"] == pytest.approx(4 * math.exp(own.mean()))
        assert row["body_time_ratio_low"] < row["body_time_ratio"] or row["body_why"]
    decode = frame[frame["phase"] == "decode"]
    assert set(decode["body_direction"]) == {""}
    assert decode["body_time_ratio"].isna().all()


def test_a_body_is_vetoed_by_its_own_control():
    frame = Evidence(with_parts(records(), control=5))["directions"]
    assert frame["aa_silent"].all()
    assert not frame["body_aa_silent"].any()
    assert set(frame[frame["body_time_ratio"].notna()]["body_direction"]) == {"undecided"}


def with_first_tokens(factor):
    """The records, an LSTM's first token made so many times as long; its control runs again."""
    found = [r for r in records() if r["cell"]["denormals"] == "keep"]
    for record in found:
        samples = record["samples"]
        if "first_token_seconds" not in samples:
            continue
        steps = np.array(samples["seconds"])
        times = factor if record["cell"]["arm"] == "lstm" else 1
        samples["first_token_seconds"] = list(times * steps)
        if "canary_seconds" in samples:
            samples["canary_first_token_seconds"] = list(samples["canary_seconds"])
    return found


def test_a_prompt_s_first_token_is_read_and_the_others_are_decoded():
    frame = Evidence(with_first_tokens(6))["directions"]
    first = frame[frame["phase"] == "first_token"]
    steps = frame[frame["phase"] == "decode"].set_index("record")
    assert set(first["record"]) == set(steps.index)
    lstm = first[first["arm"] == "lstm"]
    ratios = lstm["time_ratio"].to_numpy() / steps.loc[lstm["record"], "time_ratio"].to_numpy()
    assert ratios == pytest.approx(6)
    assert set(lstm.loc[lstm["why"] == "", "direction"]) == {"longer"}
    assert set(first["family"]) == set(frame.loc[frame["phase"] == "forward", "family"])
    judged = claims.judge("recurrence_reads_slowly", Evidence(with_first_tokens(6)))
    first = [j for j in judged.judgements if j.scope["phase"] == "first_token"]
    (said,) = {j.sentence.partition(" takes")[0] for j in first}
    assert said == "A prompt's first token"


def test_first_tokens_without_a_control_are_not_compared():
    """Records of before have none of their controls' first tokens."""
    assert "first_token" not in set(evidence()["directions"]["phase"])


def test_first_tokens_have_controls_of_their_own():
    found = with_first_tokens(6)
    for record in found:
        again = record["samples"].get("canary_first_token_seconds")
        if again is not None:
            record["samples"]["canary_first_token_seconds"] = [3 * seconds for seconds in again]
    frame = Evidence(found)["directions"]
    silent = frame.groupby("phase")["aa_silent"].all()
    assert not silent["first_token"]
    assert silent["decode"]
    assert silent["forward"]


def test_a_verdict_is_no_more_certain_than_the_claim_that_it_is_one_of():
    """Among many comparisons a narrow difference is chance, and its own sentence says so."""
    rows = evidence()["directions"].query(
        "contrast == 'arms' and why == 'no difference beyond noise'"
    )
    row = rows[rows["family"].duplicated(keep=False)].iloc[0]
    found = records()
    for record in found:
        if record["key"] == row["record"]:  # its interval now ends just above 1
            scale = 1.0005 / row["time_ratio_low"]
            record["samples"]["seconds"] = [scale * s for s in record["samples"]["seconds"]]
    now = Evidence(found)
    (alone,) = (v for v in now.compared if v.record["key"] == row["record"])
    (together,) = (v for v in now.verdicts if v.record["key"] == row["record"])
    assert alone.difference == "slower"
    assert together.difference is None
    said = now["decode" if row["phase"] == "decode" else "speed"].set_index("record")
    said = said.loc[row["record"]]
    assert said["verdict"] == "undecided"
    assert "undecided, not certain among" in said["sentence"]


def test_what_a_claim_calls_the_same_is_faster_nowhere(monkeypatch):
    """A difference of less than 3% may be certain, and is none all the same."""
    monkeypatch.setattr(Direction, "same", lambda direction: direction.excludes_one)
    now = Evidence(records())
    same = now["directions"].query("direction == 'same' and contrast == 'arms'")
    assert len(same)
    for verdict in now.verdicts:
        if verdict.record["key"] in set(same["record"]):
            assert verdict.difference is None
            assert "the same within 3%" in sentence(verdict)
