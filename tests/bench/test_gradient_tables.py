"""What tables and sentences make of curves whose numbers are known."""

import math

import pandas as pd
import pytest

from bench.probes.gradient import findings, tables
from bench.statistics import intervals as stats

LENGTH = 101


def record(curve, arm="lstm", seed=0, status="done", needed=None, solved=False, **cell):
    """A record of one curve a stage, each a function of the distance, or its norms."""
    stages = curve if isinstance(curve, list) else [curve]
    norms = [[f(d) for d in range(LENGTH)] if callable(f) else f for f in stages]
    steps = [*[0, 6, 30][: len(stages) - 1], 60] if len(stages) > 1 else [0]
    zero = [[float(n == 0) for n in norm] for norm in norms]
    recurrent = {"initialization": cell.pop("initialization", "default")}
    model = {"num_layers": cell.pop("layers", 2), "recurrent": recurrent}
    model |= {"match_to": cell.pop("match_to", "transformer"), "hidden_size": 128}
    protocol = {"batch_size": 8, "rows": 8, "learning_rate": cell.pop("learning_rate", 1e-3)}
    protocol |= {"steps": 60 if len(stages) > 1 else 0, "clip_norm": cell.pop("clip_norm", 1.0)}
    where = {
        "comparison": "scratch", "task": "package", "data": "offline", "length": LENGTH,
        "arm": arm, "kernel": "fused", "device": "cpu", "dtype": "float32", "denormals": "keep",
        "threads": 1, "seed": seed, "probe": "gradient", "model": model, "axes": {},
        "protocol": protocol,
    } | cell  # fmt: skip
    slopes = [tables.flow.log_decay(range(len(norm)), norm) for norm in norms]
    samples = {
        "distance": list(range(len(norms[0]))),
        "steps": steps,
        "norm": norms,
        "norm_float64": norms,
        "log_decay": [[slope] * 8 for slope in slopes],
        "zero_by_distance": zero,
        "zero_share": [sum(z) / len(z) for z in zero],
        "subnormal_share": [0.25] * len(norms),
        "state_subnormal_share": [[0.1, 0.5]] * len(norms),
        "state_zero_share": [[0.0, 0.0]] * len(norms),
        "naive_zero_from": [None] * len(norms),
        "kernel_difference": [1e-7] * len(norms),
    }
    metrics = {"needed_distance": needed, "solved": solved, "test_metric": 0.1}
    key = f"{arm}{seed}{where['task']}{where['length']}{where['comparison']}{len(stages)}"
    return {"key": key, "status": status, "cell": where, "samples": samples, "metrics": metrics}


def falling(decay):
    return lambda distance: 3.0 * decay**distance


def told(records, settings=None):
    """The sentences of all questions, in one text."""
    frames = {
        "reach": tables.reach(records),
        "reach_and_learning": tables.reach_and_learning(records),
        "norms": tables.norms(records),
        "subnormals": tables.subnormals(
            pd.DataFrame() if settings is None else settings, tables.gradient(records)
        ),
    }
    return "\n".join(f"{question}\n" + "\n".join(s) for question, s in findings.all_of(frames))


def test_a_curve_is_summed_up_by_its_decay_half_life_and_reach():
    (row,) = tables.gradient([record(falling(0.9))]).to_dict("records")
    assert row["when"] == "init"
    assert row["decay_per_token"] == pytest.approx(0.9)
    assert row["decay_per_token_low"] == pytest.approx(0.9)
    assert row["half_life_tokens"] == pytest.approx(math.log(2) / -math.log(0.9))
    # From the nearest token on, 0.9 ** 43 is the last power above 1%.
    assert row["reach_tokens"] == 44
    assert row["fate"] == "vanishes"
    assert not row["whole_window"]
    assert row["norm_at_loss"] == 3.0
    assert row["state_subnormal_share"] == 0.5


@pytest.mark.parametrize(
    ("curve", "fate", "reached"),
    [
        (falling(1.0), "lasts", 100),
        (falling(1.2), "explodes", 100),
        ([[1.0] + [0.0] * 100], "zero", None),
        ([[1.0, None, *[0.5] * 99]], "not finite", 100),
        ([[1.0]], "alone", None),
    ],
)
def test_every_fate_has_its_word_and_none_is_left_out(curve, fate, reached):
    records = [record(curve)]
    (row,) = tables.gradient(records).to_dict("records")
    assert row["fate"] == fate
    assert row["reach_tokens"] == reached or (reached is None and pd.isna(row["reach_tokens"]))
    (row,) = tables.reach(records).to_dict("records")
    assert row["fate"] == fate
    assert "LSTM" in told(records)


def test_seeds_have_an_interval_from_six_on_and_a_range_before():
    decays = [0.90, 0.91, 0.92, 0.93, 0.94, 0.95]
    records = [record(falling(decay), seed=seed) for seed, decay in enumerate(decays)]
    (row,) = tables.reach(records).to_dict("records")
    each = [row["reach_tokens"] for row in tables.gradient(records).to_dict("records")]
    assert row["seeds"] == 6
    assert row["reach_tokens"] == pytest.approx(sum(sorted(each)[2:4]) / 2, rel=0.02)
    expected = stats.median([float(n) for n in each])
    assert (row["reach_tokens_low"], row["reach_tokens_high"]) == (expected.low, expected.high)
    text = told(records)
    assert f"{row['reach_tokens']:.0f} tokens [{expected.low:.0f}, {expected.high:.0f}]" in text
    assert "exploratory" not in text
    few = told(records[:3])
    assert f"(from {min(each[:3])} to {max(each[:3])}) of 100 (3 seeds, exploratory)" in few


def test_initialisation_stands_beside_the_end_of_training():
    text = told([record([falling(0.5), falling(0.7), falling(0.9)])])
    assert "at initialisation 7 tokens of 100 (1 seed, exploratory), halving every 1 tokens" in text
    assert "44 tokens of 100 (1 seed, exploratory) after 60 training steps" in text


def test_the_reach_of_a_task_with_a_known_need_is_told_beside_who_learned_it():
    text = told([learned("gru", 0.5, 1.0, True), record(falling(0.5))])
    first, _, rest = text.partition("Does that explain")
    assert "task package, at initialisation: LSTM" in first
    assert "adding" not in first
    assert "GRU by 1 of 1 seeds (reach 7 at initialisation, 100 at the end)" in rest


def test_a_level_gradient_is_said_to_be_thin():
    def thin(distance):
        return 0.01 if distance else 1.0

    text = told([record(thin, arm="transformer", seed=seed) for seed in range(6)])
    assert "scratch, task package, at initialisation: transformer all 100 tokens" in text
    assert "level: the farthest tenth of the window gets 1 times the norm of the nearest" in text
    slope = [record(lambda d: 0.97**d, arm="transformer", seed=seed) for seed in range(6)]
    assert "not level: the farthest tenth of the window gets 0.0645 times" in told(slope)
    assert "a token gets 0.01 times what the loss's own position gets" in text


def learned(arm, start, end, solved, **cell):
    curves = [falling(decay) for decay in (start, end)]
    return record(curves, arm=arm, task="adding", needed=80, solved=solved, **cell)


def test_trainings_are_counted_with_the_needed_distance_inside_the_reach_and_outside():
    trainings = [(1.0, True), (1.0, False), (0.5, True), (0.5, False), (0.5, False)]
    records = [
        learned("gru", decay, decay, solved, seed=seed)
        for seed, (decay, solved) in enumerate(trainings)
    ]
    frame = tables.reach_and_learning(records)
    assert frame["inside_init"].tolist() == [decay == 1.0 for decay, _ in trainings]
    lines = findings._learning(frame)
    for line in lines[:2]:
        assert "reached the needed distance 1 of 2 (95% interval 9% to 91%) solved" in line
        assert "in which it did not 1 of 3 (95% interval 6% to 79%)" in line
        assert "not measured" not in line
    assert "none of this says that reach is the cause" in lines[2]


def test_reach_may_grow_in_training():
    frame = tables.reach_and_learning([learned("gru", 0.5, 1.0, True)])
    (row,) = frame.to_dict("records")
    assert (row["inside_init"], row["inside_end"]) == (False, True)
    assert (row["reach_init"], row["reach_end"]) == (7, 100)
    init, end = findings._learning(frame)[:2]
    assert "in which it did not 1 of 1" in init
    assert end.startswith("At the end of training: of trainings in which 1% reached the needed")
    assert "distance 1 of 1" in end


def test_what_was_not_seen_is_neither_inside_nor_outside():
    """Rows whose question stands early do not say how far back a gradient comes."""
    far = learned("gru", 1.0, 1.0, True) | {"metrics": {"needed_distance": 150, "solved": True}}
    frame = tables.reach_and_learning([far])
    assert frame["inside_init"].tolist() == [None]
    assert "Of 1 it was not measured" in findings._learning(frame)[0]


def test_norms_after_clipping_are_those_before_scaled():
    one = record([falling(0.9), falling(0.9)])
    one["samples"] |= {
        "gradient_norm": [0.5, 5.0, 2.0, None],
        "group_norms": [["embeddings", [0.3, 3.0, 1.2, None]], ["head", [0.4, 4.0, 1.6, None]]],
    }
    frame = tables.norms([one]).set_index("group")
    assert frame.loc["all", "clipped_share"] == 0.5
    assert frame.loc["all", "norm_median"] == 2.0
    assert frame.loc["all", "clipped_norm_median"] == pytest.approx(1.0, rel=1e-5)
    assert frame.loc["head", "clipped_norm_median"] == pytest.approx(0.8, rel=1e-5)
    shares = frame.loc[["embeddings", "head"], "square_share"]
    assert shares.sum() == pytest.approx(1.0)
    assert "clipped above 1: LSTM 50% of the steps" in told([one])


def flushed(**changes):
    """A row of what settings do, of a training step with subnormal floats flushed."""
    where = record(falling(0.9))["cell"]
    names = ("comparison", "task", "data", "length", "arm", "device", "dtype", "threads")
    row = {name: where[name] for name in names} | {
        "kernel": "fused", "coordinate": "denormals", "phase": "training", "status": "done",
        "ratio": 3.0, "ratio_low": 2.5, "ratio_high": 3.5, "verdict": "faster", "batch_size": 4,
        "denormals": "flush / keep",
    }  # fmt: skip
    return pd.DataFrame([row | changes])


def test_the_cost_of_subnormals_stands_beside_their_share():
    records = [record(falling(0.5), seed=seed) for seed in range(3)]
    frame = tables.subnormals(flushed(), tables.gradient(records))
    (row,) = frame.to_dict("records")
    assert (row["speedup"], row["speedup_low"], row["speedup_high"]) == (3.0, 2.5, 3.5)
    assert (row["subnormal_share"], row["state_subnormal_share"]) == (0.25, 0.5)
    text = told(records, flushed())
    assert "T=101 3.00× [2.50, 3.50] with 25.0% of the entries" in text
    assert "(faster)" in text
    assert "unstable, so no claim" in told(records, flushed(status="unstable"))
    (row,) = tables.subnormals(flushed(length=7), tables.gradient(records)).to_dict("records")
    assert math.isnan(row["subnormal_share"]), "what was not measured is unknown, not left out"
    assert "with an unknown share" in told(records, flushed(length=7))


def test_a_processor_that_is_slow_on_subnormals_is_said_to_be():
    ratios = {"product": 40.0, "elementwise": 100.0, "sigmoid": 1.0}
    ceilings = {"cpu": {"1": {"subnormal_ratios": ratios}}}
    frame = tables.subnormals(flushed(), tables.gradient([record(falling(0.5))]), ceilings)
    assert frame["product_ratio"].tolist() == [40.0]
    assert "takes 40.00 times as long for a matrix product" in findings._cost(frame)[-1]
    unknown = tables.subnormals(flushed(), tables.gradient([record(falling(0.5))]), {})
    assert "itself takes" not in "".join(findings._cost(unknown))


def test_what_is_varied_stands_beside_the_usual():
    usual = [record(falling(0.5), seed=seed) for seed in range(3)]
    deep = [record(falling(0.9), layers=4, comparison="deep")]
    deep += [record(falling(0.95), comparison="minilm", match_to="pretrained")]
    chrono = [record(falling(1.0), initialization="chrono", comparison="chrono")]
    text = told(usual + deep + chrono)
    assert (
        "number of layers 2: 7 tokens (from 7 to 7) of 100 (3 seeds, exploratory); "
        "number of layers 4: 44 tokens"
    ) in text, "and not those of another match"
    assert "initialisation default: 7 tokens" in text
    assert "initialisation chrono: all 100 tokens" in text
    first = text.partition("What lengthens the reach?")[0]
    assert "deep" not in first, "what is varied is told of where it is varied"


def test_records_of_before_there_were_stages_are_passed_over():
    old = record(falling(0.5))
    old["samples"] = {"distance_init": [0, 1], "norm_init": [1.0, 0.5]}
    assert tables.gradient([old]).empty
    assert tables.reach([old]).empty


def test_a_seed_that_reaches_nothing_counts_as_nothing():
    """Not left out: two of six reach no token, and the median says so."""
    nothing = [[1.0] + [0.0] * 100]
    records = [record(nothing if seed < 4 else falling(0.5), seed=seed) for seed in range(6)]
    (row,) = tables.reach(records).to_dict("records")
    assert (row["seeds"], row["reach_tokens"], row["reach_most"]) == (6, 0.0, 7.0)
    assert row["fate"] == "zero in 4, vanishes in 2"


def test_seeds_that_diverged_are_said_where_the_others_ended():
    whole = [record([falling(0.5), falling(0.9)], seed=seed) for seed in range(2)]
    half = record([falling(0.5), falling(0.9)], seed=2, status="diverged")
    for name in ("steps", "norm", "norm_float64", "log_decay", "zero_by_distance"):
        half["samples"][name] = half["samples"][name][:1]
    frame = tables.reach([*whole, half])
    assert frame[["when", "seeds", "begun_seeds"]].to_numpy().tolist() == [
        ["init", 3, 3],
        ["100%", 2, 3],
    ]
    assert "2 of 3 seeds, as the others diverged, exploratory) after 60" in told([*whole, half])


def test_two_rates_are_two_trainings_and_not_two_seeds():
    one, other = (
        record([falling(0.5), falling(0.9)], learning_rate=rate) | {"key": str(rate)}
        for rate in (1e-3, 1e-2)
    )
    assert tables.reach([one, other])["seeds"].tolist() == [1, 1, 1, 1]


def test_the_longest_window_with_an_interval_is_told_first():
    seeds = [record(falling(0.5), seed=seed) for seed in range(6)]
    alone = record(falling(0.9), length=2 * LENGTH)
    assert "at initialisation: LSTM 7 tokens [7, 7] of 100 (6 seeds)" in told([*seeds, alone])


def test_a_report_without_gradients_has_no_sentence_of_them():
    assert all(not sentences for _, sentences in findings.all_of({
        name: pd.DataFrame() for name in ("reach", "reach_and_learning", "norms", "subnormals")
    }))  # fmt: skip
