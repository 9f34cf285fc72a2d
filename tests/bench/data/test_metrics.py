"""Every metric against cases worked out by hand, and against what its library is known to do."""

import subprocess
import sys

import numpy as np
import pytest

from bench import registry
from bench.data.metrics import METRICS

SHARES = [metric for metric in METRICS.values() if metric.scale == "share"]


def score(name, truth, guess):
    return METRICS[name](truth, guess)


def perfect(name):
    """Truth and a guess that is right throughout."""
    if name in ("MRR", "recall@1"):
        return np.eye(4, dtype=bool), np.eye(4)
    if name == "entity F1":
        return [["B-PER", "O"]], [["B-PER", "O"]]
    if name in ("chrF", "exact match"):
        return ["one text", "another"], ["one text", "another"]
    if name == "span F1":
        return np.array([[2, 5], [3, 3]]), np.array([[2, 5], [3, 3]])
    return np.array([0, 1, 2]), np.array([0, 1, 2])


@pytest.mark.parametrize("metric", SHARES, ids=lambda metric: metric.slug)
class TestEveryShare:
    def test_all_right_is_1(self, metric):
        assert metric(*perfect(metric.name)) == 1
        assert metric.higher_is_better

    def test_nothing_cannot_be_scored(self, metric):
        with pytest.raises(ValueError, match=r"at least one truth\. Got 0"):
            metric([], [])
        truth, guess = perfect(metric.name)
        with pytest.raises(ValueError, match=f"Got {len(truth)} truths and {len(truth) - 1}"):
            metric(truth, guess[:-1])


def test_slugs_are_parts_of_names_and_no_two_alike():
    slugs = [metric.slug for metric in METRICS.values()]
    assert len(set(slugs)) == len(slugs)
    assert all(slug.isidentifier() and slug == slug.lower() for slug in slugs)


def test_every_task_names_a_metric():
    assert {entry.literals["METRIC"] for entry in registry.tasks().values()} <= set(METRICS)


def test_naming_a_metric_imports_no_library():
    code = (
        "import sys\nfrom bench.data.metrics import METRICS\nassert METRICS\n"
        "assert not {'torch', 'sklearn', 'sacrebleu', 'seqeval'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_metric_knows_its_direction_and_how_it_is_written():
    assert METRICS["accuracy"].reaches(0.9, 0.9)
    assert not METRICS["accuracy"].reaches(0.89, 0.9)
    assert METRICS["nats"].reaches(0.01, 0.02)
    assert not METRICS["nats"].reaches(0.03, 0.02)
    for metric in METRICS.values():
        assert not metric.reaches(float("nan"), 0.5)
    assert METRICS["chrF"].text(0.1234) == "0.12"
    assert METRICS["mean squared error"].text(5.3e-5) == "5.3e-05"
    assert METRICS["bits per byte"].text(2.3612) == "2.36"


def test_arrays_are_not_compared_all_with_all():
    with pytest.raises(ValueError, match=r"shape \(3,\). Got \(3, 1\)"):
        score("accuracy", np.zeros(3), np.zeros((3, 1)))
    with pytest.raises(ValueError, match="shape"):
        score("mean squared error", np.zeros((3, 1)), np.zeros(3))


@pytest.mark.parametrize("name", ["nats", "bits per byte"])
def test_a_loss_in_other_units_has_no_guesses(name):
    with pytest.raises(ValueError, match="from the loss"):
        score(name, [1], [1])


class TestClasses:
    def test_accuracy(self):
        assert score("accuracy", [0, 1, 2, 2], [0, 2, 2, 2]) == 0.75

    def test_macro_f1(self):
        # Class 0: 1 hit, 1 false, 1 missed: 2/4. Class 1: 2, 1, 0: 4/5. Class 2: 0, 0, 1: 0.
        truth, guess = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
        assert score("macro-F1", truth, guess) == pytest.approx((0.5 + 0.8 + 0) / 3)

    def test_a_rare_class_weighs_as_much_as_a_frequent_one(self):
        truth, always = [0] * 99 + [1], [0] * 100
        assert score("accuracy", truth, always) == 0.99
        assert score("macro-F1", truth, always) == pytest.approx((198 / 199 + 0) / 2)

    def test_a_class_that_occurs_nowhere_counts_neither_for_nor_against(self):
        assert score("macro-F1", [0, 3], [0, 3]) == 1

    def test_a_class_that_is_guessed_and_never_true_counts_against(self):
        assert score("macro-F1", [0, 0], [0, 3]) == pytest.approx((2 / 3 + 0) / 2)


class TestEntities:
    def test_half_an_entity_is_none(self):
        truth = [["B-PER", "I-PER", "O", "B-LOC"]]
        assert score("entity F1", truth, [["B-PER", "O", "O", "B-LOC"]]) == 0.5

    def test_right_words_of_the_wrong_kind_are_wrong(self):
        assert score("entity F1", [["B-PER", "O"]], [["B-LOC", "O"]]) == 0

    def test_precision_and_recall(self):
        truth = [["B-PER", "O", "O"], ["B-LOC", "B-LOC", "O"]]
        guess = [["B-PER", "O", "B-PER"], ["O", "O", "O"]]  # 1 of 2 guessed, 1 of 3 there
        assert score("entity F1", truth, guess) == pytest.approx(2 * 0.5 / 3 / (0.5 + 1 / 3))

    def test_an_inside_that_follows_nothing_begins_an_entity_as_conll_counts(self):
        truth = [["B-PER", "I-PER", "O", "B-LOC"]]
        assert score("entity F1", truth, [["I-PER", "I-PER", "O", "B-LOC"]]) == 1
        assert score("entity F1", truth, [["B-PER", "I-LOC", "O", "B-LOC"]]) == pytest.approx(
            2 * (1 / 3) * (1 / 2) / (1 / 3 + 1 / 2)
        )

    def test_entities_do_not_run_across_rows(self):
        assert score("entity F1", [["O", "B-PER"], ["I-PER"]], [["O", "B-PER"], ["I-PER"]]) == 1
        # One entity of two rows would be wrong as a whole.
        two = score("entity F1", [["O", "B-PER"], ["B-PER"]], [["O", "B-PER"], ["O"]])
        assert two == pytest.approx(2 / 3)

    def test_no_entity_at_all_is_0_without_a_warning(self):
        assert score("entity F1", [["O", "O"]], [["O", "O"]]) == 0

    def test_a_row_of_another_size_is_refused(self):
        with pytest.raises(ValueError, match=r"a row's 2 tokens\. Got 1"):
            score("entity F1", [["O", "O"]], [["O"]])


class TestSpans:
    @pytest.mark.parametrize(
        ("guess", "expected"),
        [
            ([2, 5], 1),
            ([4, 7], 0.5),  # 2 of 4 and 2 of 4
            ([2, 2], 2 * 1 / (4 + 1)),
            ([0, 9], 2 * 4 / (4 + 10)),
            ([6, 7], 0),
            ([5, 2], 0),  # ends before it starts
            ([9, 0], 0),
        ],
    )
    def test_f1_of_one_span(self, guess, expected):
        assert score("span F1", np.array([[2, 5]]), np.array([guess])) == pytest.approx(expected)

    def test_against_sets_of_positions(self):
        truth, guess = np.random.default_rng(0).integers(0, 12, (2, 200, 2))
        truth.sort(axis=1)
        f1 = []
        for (a, b), (c, d) in zip(truth, guess, strict=True):
            true, said = set(range(a, b + 1)), set(range(c, d + 1))
            precision = len(true & said) / len(said) if said else 0
            recall = len(true & said) / len(true)
            f1.append(2 * precision * recall / (precision + recall) if true & said else 0)
        assert score("span F1", truth, guess) == pytest.approx(np.mean(f1))

    def test_exact_match_needs_both_ends(self):
        truth = np.array([[2, 5], [3, 3], [0, 1]])
        assert score("exact match", truth, np.array([[2, 5], [3, 4], [1, 1]])) == pytest.approx(
            1 / 3
        )


class TestTexts:
    def test_exact_match_passes_over_blanks_around_a_text_and_nothing_else(self):
        truth = ["Return it.", "Return it.", "Return it."]
        assert score("exact match", truth, [" Return it.\n", "return it.", "Return  it."]) == (
            pytest.approx(1 / 3)
        )

    def test_chrf_where_precision_is_recall(self):
        # 2 of 3 letters, 1 of 2 pairs, 0 of 1 triple.
        assert score("chrF", ["abc"], ["abd"]) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)

    def test_chrf_weighs_recall_twice(self):
        # Precision 2/4 and 1/3, recall 1 and 1; the truth has no triples.
        precision = (1 / 2 + 1 / 3) / 2
        assert score("chrF", ["ab"], ["abcd"]) == pytest.approx(5 * precision / (4 * precision + 1))

    def test_an_empty_guess_is_not_left_out(self):
        assert score("chrF", ["abc"], [""]) == 0
        assert score("chrF", ["abc"], [" \n"]) == 0
        # Half of all letters, pairs and triples found, none wrong.
        assert score("chrF", ["abc", "abc"], ["abc", ""]) == pytest.approx(5 * 0.5 / (4 + 0.5))

    def test_an_empty_truth_gives_nothing_away(self):
        assert score("chrF", [""], [""]) == 0
        assert score("chrF", ["", "abc"], ["", "abd"]) == score("chrF", ["abc"], ["abd"])

    def test_much_text_is_no_better_than_the_text(self):
        rambling = "abcdefghij " * 20
        assert score("chrF", ["abc"], [rambling]) < 0.2


def ranks(truth, guess):
    """Rank of the best relevant item of each row, every tie against it."""
    found = []
    for relevant, scores in zip(truth, guess, strict=True):
        best = scores[relevant].max()
        found.append(1 + sum(scores[~relevant] >= best))
    return np.array(found)


class TestRetrieval:
    def test_by_hand(self):
        truth = np.eye(3, dtype=bool)
        guess = np.array([[0.9, 0.1, 0.2], [0.5, 0.4, 0.6], [0.1, 0.2, 0.3]])  # ranks 1, 3, 1
        assert score("MRR", truth, guess) == pytest.approx((1 + 1 / 3 + 1) / 3)
        assert score("recall@1", truth, guess) == pytest.approx(2 / 3)

    @pytest.mark.parametrize("several", [False, True])
    def test_against_counting_ranks(self, several):
        random = np.random.default_rng(0)
        guess = random.integers(0, 6, (50, 8)) / 7  # many ties
        truth = np.eye(8, dtype=bool)[random.integers(0, 8, 50)]
        if several:
            truth |= random.random((50, 8)) < 0.2
        expected = ranks(truth, guess)
        assert score("MRR", truth, guess) == pytest.approx(np.mean(1 / expected))
        assert score("recall@1", truth, guess) == pytest.approx(np.mean(expected == 1))

    @pytest.mark.parametrize("value", [0.0, 1.0, np.nan, np.inf, -np.inf])
    def test_a_model_that_says_the_same_of_all_scores_no_better_than_chance(self, value):
        items = 10
        truth, guess = np.eye(items, dtype=bool), np.full((items, items), value)
        chance = np.mean(1 / np.arange(1, items + 1))
        assert score("MRR", truth, guess) == pytest.approx(1 / items)
        assert 1 / items < chance
        assert score("recall@1", truth, guess) == 0

    def test_what_is_not_a_number_never_helps(self):
        truth, guess = np.eye(4, dtype=bool), np.eye(4)
        broken = guess.copy()
        broken[0, 0] = broken[1, 2] = np.nan  # the right one of row 0, a wrong one of row 1
        assert score("recall@1", truth, broken) == 0.5
        assert score("MRR", truth, broken) == pytest.approx((1 / 4 + 1 / 2 + 1 + 1) / 4)

    def test_chance_is_what_random_scores_give(self):
        items, random = 20, np.random.default_rng(0)
        truth = np.tile(np.eye(items, dtype=bool), (50, 1))
        guess = random.random(truth.shape)
        chance = np.mean(1 / np.arange(1, items + 1))
        assert score("MRR", truth, guess) == pytest.approx(chance, rel=0.1)
        assert score("recall@1", truth, guess) == pytest.approx(1 / items, abs=0.02)

    @pytest.mark.parametrize("name", ["MRR", "recall@1"])
    def test_a_query_without_an_answer_is_refused(self, name):
        truth = np.array([[True, False], [False, False]])
        with pytest.raises(ValueError, match="Got none for number 1"):
            score(name, truth, np.eye(2))


class TestNumbers:
    def test_mean_squared_error(self):
        assert score("mean squared error", [1.0, 2.0], [1.5, 1.0]) == pytest.approx(0.625)

    def test_the_best_constant_of_the_adding_problem_scores_a_sixth(self):
        pairs = np.random.default_rng(0).random((100_000, 2)).sum(axis=1)
        found = score("mean squared error", pairs, np.ones_like(pairs))
        assert found == pytest.approx(1 / 6, rel=0.02)

    def test_what_is_not_a_number_stays_so(self):
        assert np.isnan(score("mean squared error", [1.0], [np.nan]))
