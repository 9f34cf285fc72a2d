"""Claims about what is learned: tasks with a known outcome, and the published records."""

import pandas as pd
import pytest

from bench import claims, registry
from bench.claims import (
    holds_on_longer_windows,
    pretraining_explains_more,
    recurrences_learn_more,
    short_reach_blocks_learning,
    transformers_learn_more,
)
from bench.page.judgement import DEPENDS, REFUTED, SUPPORTED, UNDECIDED
from bench.registry.reading import Entry

SOLVED, FAILED = [0.95, 0.96, 0.97, 0.95, 0.96, 0.97], [0.5, 0.51, 0.5, 0.49, 0.5, 0.52]


@pytest.mark.parametrize(
    ("arms", "ours", "theirs"),
    [
        ({"transformer": SOLVED, "lstm": FAILED, "rnn": FAILED}, SUPPORTED, REFUTED),
        ({"transformer": SOLVED, "lstm": SOLVED, "rnn": FAILED}, REFUTED, REFUTED),
        ({"transformer": FAILED, "lstm": SOLVED}, REFUTED, SUPPORTED),
        # Two arms could have been chosen there, so that six seeds are too few.
        ({"transformer": FAILED, "lstm": SOLVED, "rnn": FAILED}, REFUTED, UNDECIDED),
        ({"transformer": FAILED, "lstm": FAILED}, UNDECIDED, UNDECIDED),
        ({"transformer": SOLVED[:5], "lstm": FAILED[:5]}, UNDECIDED, UNDECIDED),
        ({"transformer": SOLVED, "lstm": [None] * 6}, SUPPORTED, REFUTED),
        ({"transformer": SOLVED[:3] + FAILED[:3], "lstm": FAILED}, UNDECIDED, UNDECIDED),
    ],
)
def test_who_learns_what_others_cannot(learning, arms, ours, theirs):
    (mine,) = transformers_learn_more.judge(learning(parity=arms))
    (reverse,) = recurrences_learn_more.judge(learning(parity=arms))
    assert (mine.state, reverse.state) == (ours, theirs)
    rate = mine.effects[0]
    assert rate.where == {"arm": "transformer"}
    assert (rate.n, rate.value) == (
        len(arms["transformer"]), sum(s > 0.9 for s in arms["transformer"]) / rate.n,
    )  # fmt: skip


def test_who_was_cut_off_while_still_learning_has_not_failed(learning):
    frame = learning(parity={"transformer": SOLVED, "lstm": FAILED})["learning"]
    for cut_off, state in ((0, SUPPORTED), (1, UNDECIDED), (6, UNDECIDED)):
        of_lstm = frame["arm"] == "lstm"
        ended = ["ceiling" if s < cut_off else "converged" for s in frame["seed"]]
        told = frame.assign(patience=3, ended=pd.Series(ended).where(of_lstm, "solved"))
        (judgement,) = transformers_learn_more.judge({"learning": told})
        assert judgement.state == state, cut_off
        if cut_off:
            plural = "s" if cut_off > 1 else ""
            assert f"{cut_off} training{plural} stopped while still learning" in judgement.sentence


def test_its_sentence_has_counts_and_scores(learning):
    found = transformers_learn_more.judge(learning(mqar={"transformer": SOLVED, "lstm": FAILED}))
    assert found[0].sentence == (
        "mqar (small, T=40, cpu): a transformer solves 6 of 6 seeds [61%, 100%] (accuracy 0.96), "
        "an LSTM 0 of 6 [0%, 39%] (0.50); exact p 0.031."
    )
    assert transformers_learn_more.headline(found) == (
        "On mqar a transformer solves 100% of 6 seeds, an LSTM 0% of 6; supported in 1 of 1 scope."
    )


def test_where_both_or_neither_solves_it_the_better_score_is_said_and_decides_nothing(learning):
    higher = [score + 0.1 for score in FAILED]
    (neither,) = transformers_learn_more.judge(
        learning(mqar={"transformer": higher, "lstm": FAILED})
    )
    assert (neither.state, neither.why) == (UNDECIDED, "nobody solves it")
    assert neither.sentence == (
        "mqar (small, T=40, cpu): a transformer solves 0 of 6 seeds (accuracy 0.60), an LSTM 0 of "
        "6 (0.50); the former is better in 100% [69%, 100%] of pairs; undecided, nobody solves it."
    )
    (both,) = transformers_learn_more.judge(learning(mqar={"transformer": SOLVED, "lstm": SOLVED}))
    assert both.state == REFUTED
    assert "; the former is better in 50% [22%, 78%] of pairs; " in both.sentence
    apart, better = both.effects[-2:]
    assert (apart.value, better.value, better.n) == (0, 0.5, 6)
    assert better.where == {"arm": "transformer", "reference": "lstm"}
    (few,) = transformers_learn_more.judge(learning(a={"transformer": [0.6], "lstm": [0.5]}))
    assert "of pairs" not in few.sentence


def test_missing_seeds_leave_open_what_they_could_have_changed(learning):
    """Had two of nine solved it, and seven not, so might half of all seeds: [6%, 55%]."""
    for lost, state in ((0, SUPPORTED), (1, SUPPORTED), (2, UNDECIDED)):
        arms = {"transformer": SOLVED[:1] * 9, "lstm": FAILED[:1] * 9}
        frame = learning(mqar=arms)["learning"].astype({"solved": object})
        gone = (frame["arm"] == "lstm") & (frame["seed"] < lost)
        told = frame.assign(missing=pd.Series("killed", frame.index).where(gone))
        told.loc[gone, ["test_metric", "solved"]] = None
        (judgement,) = transformers_learn_more.judge({"learning": told})
        assert judgement.state == state, lost
        if lost:
            assert f"an LSTM 0 of 9, {lost} missing" in judgement.sentence
    assert judgement.why == "2 trainings are missing"
    told["missing"] = told["missing"].where(told["arm"] != "lstm", "oom")
    assert transformers_learn_more.judge({"learning": told}) == [], "no other family was trained"


def test_an_arm_that_was_lost_altogether_might_have_solved_it(learning):
    arms = {"transformer": SOLVED[:1] * 9, "lstm": FAILED[:1] * 9, "gru": FAILED[:1] * 9}
    frame = learning(mqar=arms)["learning"].astype({"solved": object})
    gone = frame["arm"] == "gru"
    told = frame.assign(missing=pd.Series("killed", frame.index).where(gone))
    told.loc[gone, ["test_metric", "solved"]] = None
    (judgement,) = transformers_learn_more.judge({"learning": told})
    assert (judgement.state, judgement.why) == (UNDECIDED, "9 trainings are missing")


def test_many_tasks_need_more_seeds(learning):
    """Six seeds reach 5% for one task; for two Holm asks for more."""
    arms = {"transformer": SOLVED, "lstm": FAILED}
    for seeds, state in ((1, UNDECIDED), (2, SUPPORTED)):
        arms = {"transformer": SOLVED * seeds, "lstm": FAILED * seeds}
        found = transformers_learn_more.judge(learning(mqar=arms, reverse=arms))
        assert [j.state for j in found] == [state] * 2


@pytest.mark.parametrize(("seeds", "most"), [(6, 1), (7, 3), (8, 6)])
def test_needs_say_how_many_seeds_suffice(learning, seeds, most):
    """All seeds of one sign have the smallest p; it must stand for every task."""
    arms = {"transformer": [0.95] * seeds, "lstm": [0.5] * seeds}
    for count, state in ((most, SUPPORTED), (most + 1, UNDECIDED)):
        tasks = {f"task {number}": arms for number in range(count)}
        found = transformers_learn_more.judge(learning(**tasks))
        assert {j.state for j in found} == {state}
    told = {6: "six seeds; with", 7: "seven for up to three", 8: "eight for up to six"}
    for claim in (transformers_learn_more, recurrences_learn_more):
        assert told[seeds] in claim.NEEDS


def test_one_family_alone_and_pretrained_weights_are_no_contest(learning):
    assert transformers_learn_more.judge(learning(adding={"lstm": SOLVED, "rnn": FAILED})) == []
    assert transformers_learn_more.judge(learning(a={"pretrained": SOLVED, "rnn": FAILED})) == []


def test_the_longest_training_counts(learning):
    short, long = (
        learning(mqar={"transformer": scores, "lstm": FAILED})["learning"]
        for scores in (FAILED, SOLVED)
    )
    frame = pd.concat([long.assign(steps=1000), short])
    (judgement,) = transformers_learn_more.judge({"learning": frame})
    assert judgement.state == SUPPORTED


def settings(*rows):
    """(needed distance inside the reach or not, seeds that solve, of so many) of each setting."""
    return {
        "reach_and_learning": pd.DataFrame(
            {
                "comparison": "small", "task": f"task {number}", "data": "offline", "length": 50,
                "arm": "lstm", "layers": 1, "initialization": "default", "training_steps": 600,
                "clip_norm": 1.0, "needed_distance": 47, "device": "cpu", "dtype": "float32",
                "inside_init": inside, "inside_end": inside, "solved": seed < solved,
                "record": f"{number}-{seed}",
            }
            for number, (inside, solved, seeds) in enumerate(rows)
            for seed in range(seeds)
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([(False, 0, 3)] * 35 + [(True, 3, 3)] * 6, SUPPORTED),
        ([(False, 0, 3)] * 34 + [(True, 3, 3)] * 6, UNDECIDED),  # 10% may solve it
        ([(False, 0, 3)] * 35 + [(True, 0, 3)] * 6, UNDECIDED),
        ([(False, 0, 30), (True, 30, 30)], UNDECIDED),
        ([(False, 3, 3)] * 4 + [(True, 3, 3)] * 4, REFUTED),
        ([(True, 3, 3)] * 4, UNDECIDED),
        ([(None, 3, 3)] * 4 + [(False, 3, 3)], REFUTED),
    ],
)
def test_short_reach(rows, state):
    """A setting counts once, however many seeds it has."""
    (judgement,) = short_reach_blocks_learning.judge(settings(*rows))
    assert (judgement.scope["when"], judgement.state) == ("init", state)
    outside = sum(inside is False for inside, *_ in rows)
    counted = {tuple(e.where.values()): e.n for e in judgement.effects}
    assert counted.get(("outside", "init"), 0) == counted.get(("outside", "100%"), 0) == outside


def test_a_reach_that_is_long_because_the_task_was_learned_decides_nothing():
    """After training those that solved it reach it, those that did not do not."""
    tables = settings(*[(True, 3, 3)] * 40, *[(False, 0, 3)] * 40)
    tables["reach_and_learning"]["inside_init"] = True
    (judgement,) = short_reach_blocks_learning.judge(tables)
    assert (judgement.state, judgement.why) == (UNDECIDED, "no task needs more than the reach")
    assert [(e.n, e.value) for e in judgement.effects if e.where["when"] == "100%"] == [
        (40, 0.0), (40, 1.0),
    ]  # fmt: skip
    tables["reach_and_learning"]["inside_init"] = None
    assert short_reach_blocks_learning.judge(tables) == []


def test_its_headline_has_both_outcomes():
    refuted, supported = (
        short_reach_blocks_learning.judge(settings(*rows, *[(True, 3, 3)] * 6))
        for rows in ([(False, 3, 3)] * 4, [(False, 0, 3)] * 40)
    )
    assert short_reach_blocks_learning.headline(refuted) == (
        "4 of 4 settings whose reach at initialisation is too short solve their task all the "
        "same, 100% [51%, 100%] (cpu)."
    )
    assert short_reach_blocks_learning.headline(supported) == (
        "0 of 40 settings whose reach at initialisation is too short solve their task, 0% [0%, 9%] "
        "(cpu)."
    )


def test_short_reach_is_of_recurrent_networks():
    tables = settings(*[(False, 3, 3)] * 4)
    tables["reach_and_learning"]["arm"] = "transformer"
    assert short_reach_blocks_learning.judge(tables) == []


def longer(kept, seeds=6, solved=True):
    """What of a score of 1 above a floor of 0.5 is kept, by length; None cannot be read."""
    tested = {40: 1.0, **kept}
    return {
        "out_of_distribution": pd.DataFrame(
            {
                "comparison": "small", "task": "parity", "data": "offline", "length": 40,
                "arm": "lstm", "device": "cpu", "dtype": "float32", "seed": seed,
                "test_length": length, "floor": 0.5, "record": f"r{seed}", "metric": "accuracy",
                "test_metric": None if share is None else 0.5 + share / 2,
                "solved": solved and length == 40,
            }
            for seed in range(seeds)
            for length, share in tested.items()
        )
    }  # fmt: skip


@pytest.mark.parametrize(
    ("tables", "state", "said"),
    [
        (longer({100: 1.0, 500: 0.95}), SUPPORTED, "at T=500 95% of the score above guessing"),
        (longer({100: 1.0, 500: 0.5}), DEPENDS, "it holds up to T=100"),
        (longer({100: 0.2, 500: -0.5}), REFUTED, "at T=500 nothing of the score above guessing"),
        (longer({100: None}), REFUTED, "reads no windows of 100"),
        (longer({100: 1.0, 500: None}), DEPENDS, "it holds up to T=100"),
        (longer({100: 1.0}, seeds=5), UNDECIDED, "fewer than six seeds that learned"),
        (longer({100: 1.0}, solved=False), UNDECIDED, "solved there by 0 of 6 seeds"),
    ],
)
def test_longer_windows(tables, state, said):
    (judgement,) = holds_on_longer_windows.judge(tables)
    assert judgement.state == state
    assert said in judgement.sentence
    assert judgement.records == [f"r{seed}" for seed in range(len(judgement.records))]


@pytest.mark.parametrize(
    ("metric", "floor", "score", "learned"),
    [
        ("accuracy", 0.5, 0.499, False),
        ("accuracy", 0.5, 0.54, False),
        ("accuracy", 0.5, 0.56, True),
        ("mean squared error", 0.2, 0.21, False),
        ("mean squared error", 0.2, 0.19, False),
        ("mean squared error", 0.2, 0.17, True),
    ],
)
def test_without_a_threshold_learned_is_better_than_guessing(metric, floor, score, learned):
    tables = longer({100: 1.0})
    scores = {"metric": metric, "floor": floor, "test_metric": score, "solved": None}
    table = tables["out_of_distribution"].assign(**scores)
    (judgement,) = holds_on_longer_windows.judge({"out_of_distribution": table})
    assert (judgement.why != "not learned") is learned
    assert judgement.state == (SUPPORTED if learned else UNDECIDED)


def test_a_seed_without_a_score_where_others_have_one_was_not_measured():
    table = longer({100: 1.0}, seeds=7)["out_of_distribution"]
    table.loc[(table["test_length"] == 100) & (table["seed"] == 0), "test_metric"] = float("nan")
    (judgement,) = holds_on_longer_windows.judge({"out_of_distribution": table})
    assert judgement.state == SUPPORTED
    assert "is kept by 6 seeds" in judgement.sentence
    assert [(e.n, len(e.records)) for e in judgement.effects] == [(6, 6)]
    table.loc[(table["test_length"] == 100) & (table["seed"] == 1), "test_metric"] = float("nan")
    (judgement,) = holds_on_longer_windows.judge({"out_of_distribution": table})
    assert judgement.state == UNDECIDED
    table.loc[table["test_length"] == 100, "floor"] = float("nan")
    (judgement,) = holds_on_longer_windows.judge({"out_of_distribution": table})
    assert (judgement.state, "not measured at T=100" in judgement.sentence) == (UNDECIDED, True)


def test_longer_windows_that_decide_are_those_that_are_held():
    (judgement,) = holds_on_longer_windows.judge(longer({100: 1.0, 500: 0.95}))
    assert judgement.scope["test_lengths"] == [100, 500]
    frame = longer({100: 1.0, 500: 0.95})["out_of_distribution"]
    few = frame[(frame["test_length"] < 500) | (frame["seed"] < 5)]
    (judgement,) = holds_on_longer_windows.judge({"out_of_distribution": few})
    assert (judgement.state, judgement.scope["test_lengths"]) == (SUPPORTED, [100])


def test_who_was_tested_on_no_longer_windows_is_not_asked():
    assert holds_on_longer_windows.judge(longer({20: 1.0})) == []


@pytest.fixture
def pretrained_lstm(monkeypatch):
    """An arm of the recurrent family that starts from a checkpoint, beside those registered."""
    literals = {"FAMILY": "recurrent", "WEIGHTS": "pretrained", "LABEL": "LSTM (pretrained)"}
    found = registry.arms() | {"pretrained_lstm": Entry("pretrained_lstm", "", literals)}
    monkeypatch.setattr(registry, "arms", lambda: found)


@pytest.mark.usefixtures("pretrained_lstm")
@pytest.mark.parametrize(
    ("scores", "state"),
    [
        ((0.6, 0.62, 0.9, 0.91), SUPPORTED),
        ((0.6, 0.9, 0.62, 0.92), REFUTED),
        ((0.9, 0.6, 0.92, 0.62), REFUTED),
        ((0.6, 0.8, 0.8, 1.0), UNDECIDED),
    ],
)
def test_pretraining_beside_architecture(learning, scores, state):
    """Accuracies of LSTM and transformer from scratch, then of both pretrained."""
    arms = ("lstm", "transformer", "pretrained_lstm", "pretrained")
    tables = learning(roles={arm: [s] * 6 for arm, s in zip(arms, scores, strict=True)})
    (judgement,) = pretraining_explains_more.judge(tables)
    assert judgement.state == state
    assert len(judgement.records) == 24
    less = learning(roles={arm: [s] * 5 for arm, s in zip(arms, scores, strict=True)})
    assert pretraining_explains_more.judge(less)[0].state == UNDECIDED


def test_a_pretrained_transformer_beside_recurrences_from_scratch_does_not_tell(learning):
    arms = {"lstm": SOLVED, "transformer": SOLVED, "pretrained": SOLVED}
    assert pretraining_explains_more.judge(learning(roles=arms)) == []


def pretrained_here(learning, scores, *, body=1000, seeds=6):
    """LSTM and transformer from scratch, then both pretrained here, of so many parameters each."""
    halves = [
        learning(roles=dict(zip(("lstm", "transformer"), ([s] * seeds for s in pair), strict=True)))
        for pair in (scores[:2], scores[2:])
    ]
    random, here = (half["learning"] for half in halves)
    here = here.assign(comparison="self", pretraining="next token", record="self-" + here["record"])
    frame = pd.concat([random.assign(pretraining=None), here], ignore_index=True)
    return frame.assign(body_parameters=body)


@pytest.mark.parametrize(
    ("scores", "state"),
    [((0.6, 0.62, 0.9, 0.91), SUPPORTED), ((0.6, 0.9, 0.62, 0.92), REFUTED)],
)
def test_families_pretrained_here_are_set_beside_their_like(learning, scores, state):
    frame = pretrained_here(learning, scores)
    # Better ones that are nobody's like: larger, and a checkpoint's.
    other = learning(roles={"lstm": [0.99] * 6, "pretrained": [0.995] * 6})["learning"].assign(
        comparison="minilm", body_parameters=10**7, record="minilm"
    )
    (judgement,) = pretraining_explains_more.judge({"learning": pd.concat([frame, other])})
    assert judgement.state == state
    assert len(judgement.records) == 24
    assert "minilm" not in judgement.records
    assert "pretraining here changes accuracy by" in judgement.sentence
    gains = {e.quantity: e.value for e in judgement.effects if ", " in e.quantity}
    assert gains == pytest.approx(
        {
            "gain of pretraining, recurrent": scores[2] - scores[0],
            "gain of pretraining, transformer": scores[3] - scores[1],
        }
    )


def test_pretrained_here_is_not_from_scratch(learning):
    frame = pretrained_here(learning, (0.95, 0.5, 0.5, 0.95))
    for claim in (transformers_learn_more, recurrences_learn_more):
        assert [j.scope["comparison"] for j in claim.judge({"learning": frame})] == ["small"]


def test_one_family_pretrained_here_beside_a_checkpoint_does_not_tell(learning):
    frame = pretrained_here(learning, (0.6, 0.6, 0.9, 0.9))
    frame = frame[(frame["arm"] == "lstm") | frame["pretraining"].isna()]
    checkpoint = learning(roles={"pretrained": [0.99] * 6})["learning"]
    assert pretraining_explains_more.judge({"learning": pd.concat([frame, checkpoint])}) == []


def test_of_the_published_records(published):
    gradients, anchors = published["gradients"], published["anchors"]
    blocks = claims.judge("short_reach_blocks_learning", gradients)
    assert blocks.headline == (
        "5 of 14 settings whose reach at initialisation is too short solve their task all the "
        "same, 36% [16%, 61%] (cpu)."
    )
    for name in ("transformers_learn_more", "recurrences_learn_more"):
        judged = claims.judge(name, anchors)
        assert judged.undecided == ("Undecided in 6 of 6 scopes: fewer than six seeds (6).")
        (parity,) = (j for j in judged.judgements if j.scope["task"] == "parity")
        assert "an Elman RNN" in parity.sentence
    longer = claims.judge("holds_on_longer_windows", anchors)
    assert longer.state == UNDECIDED
    assert {j.why for j in longer.judgements} == {
        "not learned", "fewer than six seeds that learned",
    }  # fmt: skip
    assert claims.judge("pretraining_explains_more", anchors).undecided == (
        "Undecided: needs pretrained and scratch weights of both families on the same task, with "
        "six seeds."
    )
