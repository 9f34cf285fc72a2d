"""Claims about what lengthens a reach: pairs of the same seeds, and the published records."""

import pytest

from bench import claims
from bench.claims import (
    attention_does_not_vanish,
    depth_lengthens_reach,
    gates_reach_farther,
    initialization_lengthens_reach,
    training_lengthens_reach,
)
from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED


def of(length, reaches, **more):
    return {"length": length, "reaches": reaches} | more


NEAR, FAR = [9, 9, 10, 10, 9, 9], [18, 18, 19, 20, 18, 17]
#: claim -> what the farther setting has, and what the one beside it has
PAIRS = {
    gates_reach_farther: ({"arm": "lstm"}, {"arm": "rnn"}),
    training_lengthens_reach: ({"when": "100%"}, {"when": "init"}),
    initialization_lengthens_reach: (
        {"initialization": "orthogonal", "comparison": "orthogonal"}, {},
    ),
    depth_lengthens_reach: ({"layers": 4, "comparison": "deep"}, {"layers": 1}),
}  # fmt: skip
each = pytest.mark.parametrize("claim", PAIRS, ids=lambda claim: claim.__name__.split(".")[-1])


def judged(claim, gradient, *lengths):
    """The one judgement of (length, reaches of the setting said to reach farther, of the other)."""
    far, near = PAIRS[claim]
    rows = [
        of(length, reaches, **where)
        for length, ahead, behind in lengths
        for where, reaches in ((far, ahead), (near, behind))
    ]
    (judgement,) = claim.judge(gradient(*rows))
    return judgement


@each
@pytest.mark.parametrize(
    ("far", "near", "state", "why"),
    [
        (FAR, NEAR, SUPPORTED, ""),
        (NEAR, NEAR, REFUTED, ""),
        (NEAR, FAR, REFUTED, ""),
        ([9, 9, 10, 30, 30, 30], NEAR, UNDECIDED, "the interval straddles 1.25"),
        (FAR[:5], NEAR, UNDECIDED, "fewer than six seeds"),
        ([63] * 6, [63] * 6, UNDECIDED, "both reach the whole window"),
        ([63] * 6, NEAR, SUPPORTED, ""),
        (NEAR, [None] * 6, SUPPORTED, ""),
        ([None] * 6, NEAR, REFUTED, ""),
    ],
)
def test_states(claim, gradient, far, near, state, why):
    judgement = judged(claim, gradient, (64, far, near))
    assert (judgement.state, judgement.why) == (state, why)
    settings = 1 if claim is training_lengthens_reach else 2  # before and after is one record
    assert len(judgement.records) == settings * min(len(far), len(near))
    (effect,) = judgement.effects
    assert (effect.n, effect.unit) == (min(len(far), len(near)), "times")
    assert ("at least" in judgement.sentence) is (far == [63] * 6)


@each
def test_it_is_the_median_over_seeds_of_the_ratio(claim, gradient):
    judgement = judged(claim, gradient, (64, [20] * 6, [10] * 6))
    assert "the gradient reaches 20 of 63 tokens, 2.00 times as far" in judgement.sentence
    assert judgement.effects[0].value == pytest.approx(2)
    assert claim.headline([judgement]).endswith("supported in 1 of 1 scope.")


@each
def test_where_it_holds_at_some_lengths_the_first_is_said(claim, gradient):
    lengths = [(64, NEAR, NEAR), (256, FAR, NEAR), (1024, FAR, NEAR)]
    judgement = judged(claim, gradient, *lengths)
    assert judgement.state == DEPENDS
    assert judgement.sentence.endswith("; farther from T=256 on.")
    assert "of 1,023 tokens" in judgement.sentence


@each
def test_a_length_that_decides_nothing_is_not_held(claim, gradient):
    """Neither by the scope nor by the headline."""
    straddling = [9, 9, 10, 30, 30, 30]
    lengths = [(64, NEAR, NEAR), (256, FAR, NEAR), (1024, straddling, NEAR), (4096, FAR[:5], NEAR)]
    judgement = judged(claim, gradient, *lengths)
    assert judgement.scope["lengths"] == [64, 256]
    assert len(judgement.effects) == 4
    judgement = judged(claim, gradient, *lengths[1:])
    assert judgement.scope["lengths"] == [256]
    assert " 2.00 [1.89, 2.00] times as far" in claim.headline([judgement])
    judgement = judged(claim, gradient, *lengths[2:])
    assert judgement.scope["lengths"] == [1024, 4096]


@each
def test_a_long_place_leaves_the_numbers_that_count(claim, gradient):
    far, near = PAIRS[claim]
    where = {"data": "a data set of several words", "dtype": "bfloat16"}
    rows = of(64, FAR, **far | where), of(64, NEAR, **near | where)
    (judgement,) = claim.judge(gradient(*rows))
    assert "2.00 [1.89, 2.00] times as far" in judgement.sentence


@each
def test_other_data_make_no_pair(claim, gradient):
    far, near = PAIRS[claim]
    rows = of(64, FAR, **far, rows=4), of(64, NEAR, **near, rows=8)
    assert claim.judge(gradient(*rows)) == []
    assert claim.judge(gradient(rows[0])) == []


def test_depths_widest_apart_are_compared(gradient):
    rows = [of(64, [6 * layers] * 6, layers=layers) for layers in (2, 4, 1)]
    (judgement,) = depth_lengthens_reach.judge(gradient(*rows))
    assert "(package, 4 layers, cpu)" in judgement.sentence
    assert "4.00 times as far as with 1 layer;" in judgement.sentence
    assert judgement.scope["depths"] == [1, 4]
    assert depth_lengthens_reach.headline([judgement]) == (
        "An LSTM's gradient reaches 4.00 times as far with 4 layers as with 1; supported in 1 of "
        "1 scope."
    )


def test_trainings_are_compared_with_their_own_start(gradient):
    """Clipped otherwise it is another training."""
    rows = of(64, NEAR, clip_norm=0.05), of(64, FAR, when="100%")
    assert training_lengthens_reach.judge(gradient(*rows)) == []


def test_gates_are_compared_before_and_after_training(gradient):
    rows = [
        of(64, reaches, arm=arm, when=when)
        for when, ahead in (("init", NEAR), ("100%", FAR))
        for arm, reaches in (("lstm", ahead), ("gru", ahead), ("rnn", NEAR), ("transformer", FAR))
    ]
    found = gates_reach_farther.judge(gradient(*rows))
    assert [(j.scope["arm"], j.scope["when"], j.state) for j in found] == [
        ("lstm", "init", REFUTED), ("gru", "init", REFUTED),
        ("lstm", "100%", SUPPORTED), ("gru", "100%", SUPPORTED),
    ]  # fmt: skip
    assert gates_reach_farther.headline(found) == (
        "An LSTM's gradient reaches 2.00 [1.89, 2.00] times as far as without gates after "
        "training; supported in 2 of 4 scopes, refuted in 2; not at initialisation."
    )


def level(length, ratios, **more):
    return of(length, [length - 1] * len(ratios), arm="transformer", **more), ratios


@pytest.mark.parametrize(
    ("ratios", "state"),
    [
        ([1.0, 1.1, 0.9, 1.0, 1.0, 1.2], SUPPORTED),
        ([0.02] * 6, SUPPORTED),
        ([400_000.0] * 6, SUPPORTED),
        ([1e-9] * 6, REFUTED),
        ([1e-9, 1e-9, 1e-9, 1, 1, 1], UNDECIDED),
        ([1.0] * 5, UNDECIDED),
    ],
)
def test_attention(gradient, ratios, state):
    rows, _ = level(256, ratios)
    tables = gradient(rows)
    tables["gradient"]["far_over_near"] = ratios
    (judgement,) = attention_does_not_vanish.judge(tables)
    assert judgement.state == state
    assert judgement.sentence.startswith("A transformer (scratch, package, ")
    thin, even = judgement.effects
    assert (thin.value, even.n) == (pytest.approx(0.5), len(ratios))
    if state == SUPPORTED:
        headline = attention_does_not_vanish.headline([judgement])
        assert headline.startswith("Of 256 tokens the farthest tenth gets ")
        assert "of the nearest, a token there 1/2 of the loss's own; supported in" in headline


def test_numbers_of_attention_are_of_the_seeds_that_have_one(gradient):
    tables = gradient(level(256, [1.0] * 8)[0])
    table = tables["gradient"]
    table.loc[table["seed"] == 0, "far_over_near"] = float("nan")
    table.loc[table["seed"] < 2, "norm_at_loss"] = 0.0
    (judgement,) = attention_does_not_vanish.judge(tables)
    assert [(e.n, len(e.records)) for e in judgement.effects] == [(6, 6), (7, 7)]
    table.loc[:, "norm_at_nearest"] = 0.0
    (judgement,) = attention_does_not_vanish.judge(tables)
    assert "loss's own" not in attention_does_not_vanish.headline([judgement])


def test_attention_holds_windows_that_decide(gradient):
    rows = level(64, [1.0] * 6)[0], level(256, [1.0] * 6)[0], level(1024, [1.0] * 5)[0]
    (judgement,) = attention_does_not_vanish.judge(gradient(*rows))
    assert judgement.scope["lengths"] == [64, 256]
    assert "256 tokens" in attention_does_not_vanish.headline([judgement])


def test_attention_that_vanishes_on_long_windows_does_so_from_there(gradient):
    tables = gradient(*(level(length, [1.0] * 6)[0] for length in (64, 256)))
    table = tables["gradient"]
    table.loc[table["length"] == 256, "far_over_near"] = 1e-5
    (judgement,) = attention_does_not_vanish.judge(tables)
    assert judgement.state == DEPENDS
    assert judgement.sentence.endswith("; it does not vanish up to T=64.")
    headline = attention_does_not_vanish.headline([judgement])
    assert headline == judgement.sentence


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gates_reach_farther", "not with orthogonal initialisation"),
        ("training_lengthens_reach", "An LSTM's gradient reaches 2.61 [1.60, 3.05] times as far"),
        ("initialization_lengthens_reach", "3.78 [3.78, 3.89] times as far with orthogonal"),
        ("depth_lengthens_reach", "supported in 3 of 3 scopes"),
        ("attention_does_not_vanish", "gets 1.00 [0.99, 1.01] times the gradient of the nearest"),
    ],
)
def test_of_the_published_records(published, name, said):
    found = claims.judge(name, published["gradients"])
    assert said in found.headline
    assert published["anchors"]["gradient"].empty
    assert claims.judge(name, published["anchors"]).undecided.startswith("Undecided: needs probe")
