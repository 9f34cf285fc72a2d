"""What the first page says of a run that ended before its plan."""

from types import SimpleNamespace

import pandas as pd

from bench.report import compared, facts


def missing(*rows):
    names = ("probe", "phase", "dtype", "length", "status")
    return pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows], columns=names)


def test_what_was_not_run_is_named_by_what_it_is():
    frame = missing(
        ("speed", "training", "tf32", 1024, compared.NOT_RUN),
        ("speed", "training", "tf32", 128, compared.NOT_RUN),
        ("memory", "training", "bfloat16", 128, compared.NOT_RUN),
        ("learning", "", "float32", 64, compared.NOT_RUN),
        ("speed", "forward", "tf32", 64, "unsupported"),
    )
    assert facts.partial(SimpleNamespace(frames={"missing": frame}, planned=9)) == (
        "Part of a study: 5 of 9 planned cells were run. Not yet, with how many of each: "
        "training step in tf32 at T = 128, 1024 (2); memory of a training step in bfloat16 at "
        "T = 128 (1); learning in float32 at T = 64 (1)."
    )


def test_of_a_run_that_went_through_nothing_is_said():
    for frame in (missing(), missing(("speed", "training", "tf32", 64, "unsupported"))):
        assert facts.partial(SimpleNamespace(frames={"missing": frame}, planned=9)) is None


def ended(arm, probe, status):
    return {"cell": {"arm": arm, "probe": probe}, "status": status}


def test_arms_that_lost_cells_are_named_those_without_any_result_first():
    records = [
        ended("gru", "learning", "killed"), ended("gru", "learning", "done"),
        ended("gru", "learning", "oom"), ended("lstm", "speed", "oom"),
        ended("lstm", "speed", "oom"), ended("rnn", "speed", "timeout"),
        ended("transformer", "speed", "unsupported"), ended("rnn", "learning", "diverged"),
    ]  # fmt: skip
    assert facts.lost(SimpleNamespace(records=records)) == (
        "Cells without a result: LSTM, all 2 of speed (out of memory); Elman RNN, the only one "
        "of speed (timed out); GRU, 2 of 3 of learning (1 killed, 1 out of memory). "
        "What is said here is of the rest."
    )


def test_of_many_arms_the_first_are_named():
    records = [ended(f"arm{n}", "speed", "failed") for n in range(9)]
    told = facts.lost(SimpleNamespace(records=records))
    assert told.count("(failed)") == 6
    assert "; and so on in 3 more. " in told


def test_where_nothing_was_lost_nothing_is_said():
    records = [ended("lstm", "speed", "done"), ended("rnn", "speed", "unsupported")]
    assert facts.lost(SimpleNamespace(records=records)) is None
