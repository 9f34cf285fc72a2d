"""What is drawn of trainings, from real records told what another task would have made of them."""

import json

import pytest

from bench.drawing import palette
from bench.probes.learning import figures

from .trainings import ADDING, BEYOND, LANGUAGE, PARITY, as_before, cut_short, retold


def texts(figure):
    return [text.get_text() for here in figure.axes for text in here.texts]


def levels(here):
    """Heights of the lines drawn across a panel."""
    return {
        line.get_ydata()[0]
        for line in here.lines
        if len(set(line.get_ydata())) == 1 and list(line.get_xdata()) == [0, 1]
    }


def test_nothing_measured_is_no_figure(trained):
    assert figures.learning_curves([]) is None
    assert figures.learning_costs([]) is None
    assert figures.out_of_distribution([]) is None
    assert figures.out_of_distribution(trained) is None, "tested on no other length"


def test_trainings_of_different_lengths_share_a_figure(trained):
    """Two grids of one study may train the same arm for different numbers of steps."""
    shorter = json.loads(json.dumps(trained[0]))
    shorter["cell"]["protocol"]["steps"] = 2
    for name in ("loss", "gradient_norm", "seconds", "validation"):
        shorter["samples"][name] = shorter["samples"][name][:2]
    assert figures.learning_curves([shorter, *trained[1:]]) is not None


def test_where_a_training_diverged_is_marked(trained):
    figure = figures.learning_curves([cut_short(trained[0]), *trained[1:]])
    assert [line for here in figure.axes for line in here.lines if line.get_marker() == "x"]


def test_a_share_is_drawn_with_its_floor_and_threshold(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 0.9], "transformer": [0.5, 0.6]})
    figure = figures.learning_curves(made)
    above = figure.axes[0]
    assert levels(above) == {0.5, 0.95}
    assert above.get_ylabel() == "validation accuracy"
    assert {"floor\n0.5", "solved\n0.95"} <= set(texts(figure))
    low, high = above.get_ylim()
    assert low <= 0
    assert high >= 1


def test_an_error_is_drawn_on_a_log_axis_and_lower_is_said_to_be_better(trained):
    made = retold(trained, ADDING, {"lstm": [5e-5, 0.16], "transformer": [0.17, 0.3]})
    above, below = figures.learning_curves(made).axes
    assert above.get_yscale() == below.get_yscale() == "log"
    assert above.get_ylabel() == "validation mean squared error\n(lower is better)"
    assert levels(above) == {1 / 6, 0.01}
    low, high = above.get_ylim()
    assert low < 5e-5
    assert high > 0.3


def test_bits_are_drawn_beyond_1_with_their_floor_and_no_threshold(trained):
    made = retold(trained, LANGUAGE, {"lstm": [2.1, 2.2], "transformer": [4.0, 1.9]})
    figure = figures.learning_curves(made)
    low, high = figure.axes[0].get_ylim()
    assert low < 1.9
    assert high > 4
    assert levels(figure.axes[0]) == {2.36}
    assert not any("solved" in text for text in texts(figure))


def test_every_seed_is_drawn_thin_and_the_median_thick(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 0.8], "transformer": [0.5, 0.6]})
    figure = figures.learning_curves(made)
    blue = [line for line in figure.axes[0].lines if line.get_color() == palette.colour("lstm")]
    assert sorted(line.get_ydata()[-1] for line in blue) == pytest.approx([0.8, 0.9, 1.0])
    thick = max(blue, key=lambda line: line.get_linewidth())
    assert thick.get_ydata()[-1] == pytest.approx(0.9)


def test_the_floor_of_records_of_before_is_the_tasks(trained):
    figure = figures.learning_curves([as_before(record) for record in trained])
    assert 0.125 in levels(figure.axes[0])


def test_out_of_distribution_shows_where_training_ended_and_who_reads_no_further(trained):
    made = retold(trained, PARITY, {"lstm": [1, 1], "transformer": [0.6, 0.7]}, BEYOND, 8)
    figure = figures.out_of_distribution(made)
    (here,) = figure.axes
    thick = {
        line.get_color(): dict(zip(line.get_xdata(), line.get_ydata(), strict=True))
        for line in here.lines
        if line.get_marker() == "o"
    }
    assert thick[palette.colour("lstm")] == {8: 1.0, 16: 1.0, 32: 0.9, 64: 0.8}
    assert thick[palette.colour("transformer")] == pytest.approx({8: 0.7, 16: 0.65, 32: 0.5})
    assert 16 in {line.get_xdata()[0] for line in here.lines if line.get_linestyle() == ":"}
    assert {" trained to 16", "floor\n0.5", "solved\n0.95"} <= set(texts(figure))
    assert here.get_title() == "trained on T = 8 to 16"


def test_a_floor_that_depends_on_the_length_is_drawn_as_it_does(trained, halving):
    says = {"metric": "nats", "higher_is_better": False, "floor": 1 / 16, "solved_at": None}
    beyond = {arm: {32: 0.02, 64: 0.01} for arm in ("lstm", "transformer")}
    made = retold(trained, says, {"lstm": [0.05, 0.05], "transformer": [0.05, 0.06]}, beyond)
    for record in made:
        record["cell"]["task"] = halving
    figure = figures.out_of_distribution(made)
    dashed = [line for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert [list(line.get_ydata()) for line in dashed] == [[1 / 16, 1 / 32, 1 / 64]]


def test_costs_are_drawn_by_tokens_and_by_seconds_with_the_median_of_both(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.6]})
    for record in made:
        seed, steps = record["cell"]["seed"], len(record["samples"]["loss"])
        record["samples"]["seconds"] = [1.0 + 2 * seed] * steps
        record["metrics"]["tokens"] = 100 * steps
    tokens, seconds = (figure := figures.learning_costs(made)).axes
    assert (tokens.get_xlabel(), seconds.get_xlabel()) == (
        "tokens seen", "seconds of training steps on this machine",
    )  # fmt: skip
    steps = [point[0] for point in made[0]["samples"]["validation"]]
    for here, each in ((tokens, 100), (seconds, 2)):  # seeds of 1 and 3 seconds a step
        medians = [line for line in here.lines if line.get_linewidth() == 1.6]
        assert [list(line.get_xdata()) for line in medians] == [[each * s for s in steps]] * 2
    assert levels(tokens) == levels(seconds) == {0.5, 0.95}
    last = steps[-1]
    said = f"Only LSTM learns package (T = 16): {100 * last} tokens, {2 * last} s"
    assert figure.get_suptitle() == said


def test_of_seeds_that_ended_the_median_goes_on_in_costs_too(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.6]})
    early = next(r for r in made if r["cell"]["arm"] == "lstm")
    early["samples"]["validation"] = early["samples"]["validation"][:2]
    points = len(made[-1]["samples"]["validation"])
    drawn = {}
    for ended in ("converged", None):
        early["metrics"]["ended"] = ended
        here = figures.learning_costs(made).axes[0]
        drawn[ended] = [len(x.get_xdata()) for x in here.lines if x.get_linewidth() == 1.6]
    assert drawn["converged"] == [points, points]
    assert sorted(drawn[None]) == [2, points]


@pytest.mark.parametrize(
    ("scores", "title"),
    [
        ({"lstm": [0.5, 0.5], "transformer": [0.5, 0.6]}, "None of these learns package (T = 16)"),
        (
            {"lstm": [1.0, 0.5], "transformer": [0.5, 0.6]},
            "None of these learns package (T = 16) in most seeds",
        ),
    ],
)
def test_a_title_of_costs_says_who_never_gets_there(trained, scores, title):
    figure = figures.learning_costs(retold(trained, PARITY, scores))
    assert figure.get_suptitle().replace("\n", " ") == title


def test_a_title_says_how_long_those_had_who_were_still_learning(trained):
    made = retold(trained, PARITY, {"lstm": [1.0, 1.0], "transformer": [0.5, 0.6]})
    who = figures.learning_curves(made).get_suptitle().replace("\n", " ")
    assert who == "An LSTM solved package (T = 16) each time, a transformer never"
    for record in made:
        record["metrics"]["ended"] = "solved" if record["cell"]["arm"] == "lstm" else "ceiling"
    who = figures.learning_curves(made).get_suptitle().replace("\n", " ")
    assert who == "An LSTM solved package (T = 16) each time, a transformer never in 3 steps"
    costs = figures.learning_costs(made).get_suptitle().replace("\n", " ")
    assert costs.startswith("Only LSTM learns package (T = 16) in 3 steps: ")


def test_without_a_threshold_a_title_of_costs_asks(trained):
    made = retold(trained, LANGUAGE, {"lstm": [2.1, 2.0], "transformer": [1.9, 1.8]})
    title = figures.learning_costs(made).get_suptitle()
    assert title == "Who learns package (T = 16) from the fewest tokens, and who soonest?"
