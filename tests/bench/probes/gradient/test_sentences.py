"""What is said of curves whose numbers are known."""

import pytest

from bench.frames.columns import ENDS
from bench.page.evidence import Evidence
from bench.page.numbers import cell_text
from bench.probes.gradient import section
from bench.probes.gradient.sentences.learning import solved
from bench.statistics import intervals as stats

from .curves import LENGTH, falling, learned, record, told


def test_seeds_have_an_interval_from_six_on_and_a_range_before():
    decays = [0.90, 0.91, 0.92, 0.93, 0.94, 0.95]
    records = [record(falling(decay), seed=seed) for seed, decay in enumerate(decays)]
    (row,) = Evidence(records)["reach"].to_dict("records")
    each = [row["reach_tokens"] for row in Evidence(records)["gradient"].to_dict("records")]
    assert row["seeds"] == 6
    assert row["reach_tokens"] == pytest.approx(sum(sorted(each)[2:4]) / 2, rel=0.02)
    expected = stats.median([float(n) for n in each])
    assert (row["reach_tokens_low"], row["reach_tokens_high"]) == (expected.low, expected.high)
    text = told(records)
    value, low, high = (cell_text(row[f"reach_tokens{end}"], "reach_tokens") for end in ENDS)
    assert f"{value} [{low}, {high}] of 100 tokens" in text, "as the table beside it has them"
    assert "exploratory" not in text
    few = told(records[:3])
    assert f"(from {min(each[:3])} to {max(each[:3])}) of 100 tokens (3 seeds, exploratory)" in few


def test_initialisation_stands_beside_the_end_of_training():
    text = told([record([falling(0.5), falling(0.7), falling(0.9)])])
    assert "reaches at initialisation 7 of 100 tokens (1 seed, exploratory), halving" in text
    assert "halving every 1 token;" in text
    assert "44 of 100 tokens (1 seed, exploratory) after 60 training steps" in text


def test_trainings_say_whether_they_had_ended_when_the_gradient_was_measured():
    found = [record([falling(0.5), falling(0.7)], seed=seed) for seed in range(5)]
    for one, ended in zip(
        found, ["converged", "converged", "solved", "ceiling", None], strict=True
    ):
        one["metrics"]["ended"] = ended
    found.append(record([falling(0.5), falling(0.7)], seed=5, status="diverged"))
    assert (
        "1 thread, after 60 steps: LSTM 1 had solved the task, 2 had converged, "
        "1 was still learning, 1 had diverged, 1 was not asked about."
    ) in told(found)
    assert "after 60 steps: whether they were still learning was not asked." in told(found[4:5])


def test_the_reach_of_a_task_with_a_known_need_is_told_beside_who_learned_it():
    text = told([learned("gru", 0.5, 1.0, True), record(falling(0.5))])
    first, _, rest = text.partition("Does that explain")
    assert "task package, 1 thread, at initialisation: LSTM" in first
    assert "adding" not in first
    assert "GRU by 1 of 1 seeds (reach 7 at initialisation, 100 at the end)" in rest


def test_a_gradient_that_does_not_vanish_is_said_to_be_thin():
    def thin(distance):
        return 0.01 if distance else 1.0

    text = told([record(thin, arm="transformer", seed=seed) for seed in range(6)])
    assert "at initialisation: transformer the whole window of 100 tokens (6 seeds)" in text
    assert "does not vanish: at initialisation, T=101, the farthest tenth of the window gets as " \
        "much as the nearest, 1 times [1, 1], and the position that the loss is read at gets 100 " \
        "times the gradient of its neighbour." in text  # fmt: skip


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.94, "gets 1.94 times [1.94, 1.94] the gradient of the nearest"),
        (0.608, "gets 0.608 times [0.608, 0.608] the gradient of the nearest"),
        (1.02, "gets as much as the nearest, 1.02 times [1.02, 1.02]"),
    ],
)
def test_what_comes_to_the_far_end_is_said_with_its_number(factor, said):
    def stepped(distance):
        return 1.0 if distance <= 50 else factor

    text = told([record(stepped, arm="transformer", seed=seed) for seed in range(6)])
    assert said in text
    assert "level" not in text


def test_too_few_seeds_give_no_interval_of_what_comes_to_the_far_end():
    text = told([record(lambda d: 1.0, arm="transformer", seed=seed) for seed in range(2)])
    assert "as much as the nearest, 1 times (2 seeds, exploratory)" in text


def test_what_hardly_falls_does_not_halve_in_millions_of_tokens():
    """It vanishes at the very end only, so that its window is not reached whole."""
    flat = [1.0 - 1e-9 * d for d in range(90)] + [1e-5] * 11
    slopes = {"log_decay_float64": [[-1e-9] * 8]}
    records = [record([flat, flat], seed=seed) for seed in range(6)]
    for found in records:
        found["samples"] |= {"log_decay_float64": slopes["log_decay_float64"] * 2}
    text = told(records)
    assert "does not decay measurably within the window" in text
    assert "halving" not in text


def test_trainings_are_counted_with_the_needed_distance_inside_the_reach_and_outside():
    trainings = [(1.0, True), (1.0, False), (0.5, True), (0.5, False), (0.5, False)]
    records = [
        learned("gru", decay, decay, solved, seed=seed)
        for seed, (decay, solved) in enumerate(trainings)
    ]
    frame = Evidence(records)["reach_and_learning"]
    assert frame["inside_init"].tolist() == [decay == 1.0 for decay, _ in trainings]
    lines = solved(frame)
    for line in lines[:2]:
        assert "reached the needed distance 1 of 2 (95% interval 9% to 91%) solved" in line
        assert "in which it did not 1 of 3 (95% interval 6% to 79%)" in line
        assert "not measured" not in line
    assert "none of this says that reach is the cause" in lines[2]


def test_reach_may_grow_in_training():
    frame = Evidence([learned("gru", 0.5, 1.0, True)])["reach_and_learning"]
    (row,) = frame.to_dict("records")
    assert (row["inside_init"], row["inside_end"]) == (False, True)
    assert (row["reach_init"], row["reach_end"]) == (7, 100)
    init, end = solved(frame)[:2]
    assert "in which it did not 1 of 1" in init
    assert end.startswith("At the end of training: of trainings in which 1% reached the needed")
    assert "distance 1 of 1" in end


def test_what_was_not_seen_is_neither_inside_nor_outside():
    """Rows whose question stands early do not say how far back a gradient comes."""
    far = learned("gru", 1.0, 1.0, True) | {"metrics": {"needed_distance": 150, "solved": True}}
    frame = Evidence([far])["reach_and_learning"]
    assert frame["inside_init"].tolist() == [None]
    assert "Of 1 it was not measured" in solved(frame)[0]


def test_what_is_varied_stands_beside_the_usual():
    usual = [record(falling(0.5), seed=seed) for seed in range(3)]
    deep = [record(falling(0.9), layers=4, comparison="deep")]
    deep += [record(falling(0.95), comparison="minilm", match_to="pretrained")]
    chrono = [record(falling(1.0), initialization="chrono", comparison="chrono")]
    text = told(usual + deep + chrono)
    assert (
        "with 2 layers: 7 (from 7 to 7) of 100 tokens (3 seeds, exploratory); "
        "with 4 layers: 44 of 100 tokens"
    ) in text, "and not those of another match"
    assert "initialisation default: 7 (from 7 to 7) of 100 tokens" in text
    assert "initialisation chrono: the whole window of 100 tokens" in text
    first = text.partition("What lengthens the reach?")[0]
    assert "deep" not in first, "what is varied is told of where it is varied"


def test_seeds_that_diverged_are_said_where_the_others_ended():
    whole = [record([falling(0.5), falling(0.9)], seed=seed) for seed in range(2)]
    half = record([falling(0.5), falling(0.9)], seed=2, status="diverged")
    for name in ("steps", "norm", "norm_float64", "log_decay", "zero_by_distance"):
        half["samples"][name] = half["samples"][name][:1]
    frame = Evidence([*whole, half])["reach"]
    assert frame[["when", "seeds", "begun_seeds"]].to_numpy().tolist() == [
        ["init", 3, 3],
        ["100%", 2, 3],
    ]
    assert "2 of 3 seeds, as the others diverged, exploratory) after 60" in told([*whole, half])


def test_seeds_that_were_lost_are_among_those_there_should_be():
    whole = [record(falling(0.5), seed=seed) for seed in range(2)]
    assert "lost_seeds" not in Evidence(whole)["reach"].columns
    for status in ("killed", "oom", "timeout"):
        gone = record(falling(0.5), seed=2, status=status) | {"samples": {}, "metrics": {}}
        elsewhere = gone | {"cell": gone["cell"] | {"length": 2 * LENGTH}}
        text = told([*whole, gone, elsewhere])
        assert "(2 of 3 seeds, as the others were lost, exploratory)" in text


def test_the_longest_window_with_an_interval_is_told_first():
    seeds = [record(falling(0.5), seed=seed) for seed in range(6)]
    alone = record(falling(0.9), length=2 * LENGTH)
    assert "at initialisation: LSTM 7 of 100 tokens (6 seeds)" in told([*seeds, alone])


def test_a_report_without_gradients_has_no_sentence_of_them():
    assert not any(question.answer(Evidence([])) for question in section.QUESTIONS)
