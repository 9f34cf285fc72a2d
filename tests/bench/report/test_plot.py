"""One comparison plot, asked for rightly and wrongly."""

import re

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex
from typer.testing import CliRunner

from bench import registry
from bench.cli import app
from bench.drawing import colours, comparison
from bench.drawing.palette import colour
from bench.report import plot, selection
from bench.report.selection import PlotError, Request
from bench.store.archive import Archive

from .runs import PUBLISHED, read, retold, timed, write

START = {"comparison": "scratch", "task": "package", "when": "init", "clip_norm": "1.0"}
TRAINING = {"denormals": "keep"}


@pytest.fixture(scope="module")
def records():
    return [
        r for r in read("gradients")
        if "launch" in r["samples"]
        or (r["name"].startswith("gradient scratch package") and r["cell"]["length"] in (64, 256))
    ]  # fmt: skip


@pytest.fixture(scope="module")
def runs(records, tmp_path_factory):
    """Two runs, the second of other seconds on another machine."""

    def moved(record):
        record["environment"]["cpu"] = "another"

    folder = tmp_path_factory.mktemp("runs")
    gradients = [r for r in records if "launch" not in r["samples"]]
    write(gradients + timed(records, 0), folder / "first")
    write(retold(timed(records, 1), moved), folder / "second")
    return folder


def chart(runs, request, *names):
    """What would be drawn."""
    sources = {name: Archive(runs / name / "records.jsonl.gz") for name in names or ("first",)}
    kept = []

    def keep(given, style):
        kept.append(given)
        return drawn(given, style)

    drawn = comparison.draw
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plot.comparison, "draw", keep)
        said = plot.plot(sources, request, runs / "plot.svg")
    return (kept[0] if kept else None), said, runs / "plot.svg"


def texts(path):
    return re.findall(r"<text[^>]*>([^<]+)</text>", path.read_text())


def test_a_line_an_arm_in_its_colour_with_its_band(runs):
    request = Request("length", "tokens_per_s", where=TRAINING, table="speed")
    found, said, path = chart(runs, request)
    assert said.startswith(f"plot: {path} (table speed")
    (panel,) = found.panels.values()
    assert [one.of for one in panel] == ["rnn", "lstm", "gru", "transformer"]
    for one in panel:
        assert list(one.x) == sorted(one.x)
        assert all(a < b < c for a, b, c in zip(one.low, one.y, one.high, strict=True))
        assert to_hex(colour(one.of)) in path.read_text().lower()
    shown = texts(path)
    assert {"tokens per second", "window length T (tokens)"} <= set(shown)
    assert {registry.label(one.of) for one in panel} <= set(shown), "names at their lines"
    assert any("bands are 95% intervals" in text for text in shown)


def test_runs_are_told_apart_and_their_machines_are_said(runs):
    request = Request("length", "step_s", where=TRAINING, table="speed")
    found, _, _ = chart(runs, request, "first", "second")
    (panel,) = found.panels.values()
    assert len(panel) == 8
    assert {(one.label.partition(", ")[2], one.run) for one in panel} == {
        ("first", 0), ("second", 1),
    }  # fmt: skip
    assert "different machines" in found.scope
    assert found.title.endswith("of 2 runs")


def test_what_else_varies_has_panels_if_these_are_few(runs):
    found, _, path = chart(runs, Request("length", "tokens_per_s", table="speed"))
    assert list(found.panels) == ["denormals keep", "denormals flush"]
    assert set(found.panels) <= set(texts(path))


def test_nothing_is_averaged(runs):
    request = Request("length", "reach_tokens", where=START, table="gradient")
    with pytest.raises(PlotError) as told:
        chart(runs, request)
    assert "several rows of table gradient have one length and arm" in str(told.value)
    assert "seed (6: 0, 1, 2, 3, 4, 5)" in str(told.value)
    assert "--where seed=0" in str(told.value)


def test_one_number_is_said_and_not_drawn(runs):
    where = {"arm": "lstm", "length": "64", **TRAINING}
    (runs / "plot.svg").unlink(missing_ok=True)
    found, said, path = chart(runs, Request("length", "speed_ratio", where=where))
    assert found is None
    assert not path.exists()
    assert re.match(r"speed ratio: \d\.\d\d \[\d\.\d\d, \d\.\d\d\] for arm lstm at length 64", said)


def test_one_length_has_names_below(runs):
    where = {"length": "64", **TRAINING}
    found, _, _ = chart(runs, Request("length", "speed_ratio", where=where, table="speed"))
    (panel,) = found.panels.values()
    assert [one.x for one in panel] == [[registry.label(one.of)] for one in panel]
    assert found.xlabel == "arm"
    assert found.ylabel == "speed ratio to transformer"
    assert found.scope.startswith("window length T 64")


def test_the_first_table_with_something_is_taken(runs):
    where = {"phase": "training", **TRAINING}
    _, said, _ = chart(runs, Request("length", "tokens_per_s", where=where))
    assert "(table speed" in said


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (Request("lenght", "step_s"), "unknown column 'lenght'. Did you mean 'length'"),
        (Request("length", "step_s", "arms"), "unknown column 'arms'. Did you mean 'arm'"),
        (Request("length", "step_s", table="sped"), "unknown table 'sped'. Did you mean 'speed'"),
        (Request("length", "step_s", where={"armm": "x"}), "unknown column 'armm'"),
        (Request("reach_tokens", "step_s"), "no table has reach_tokens, step_s, arm together"),
        (
            Request("length", "step_s", where={"arm": "lsmt"}, table="speed"),
            "--where arm=lsmt left nothing. Its values there: rnn, lstm, gru, transformer",
        ),
        (
            Request("length", "step_s", where={"arm": "lstm", "reference": "lstm"}, table="speed"),
            "--where reference=lstm left nothing of the rows that arm=lstm left",
        ),
        (Request("length", "verdict", table="speed"), "verdict holds no number in the"),
        (Request("arm", "step_s", "step_iqr_s", table="speed"), "step_iqr_s has 24 values, and at"),
    ],
)
def test_wrong_requests_say_what_there_is(runs, request_, words):
    with pytest.raises(PlotError) as told:
        chart(runs, request_)
    assert words in str(told.value)


def test_columns_are_listed_by_table(runs):
    with pytest.raises(PlotError) as told:
        chart(runs, Request("lenght", "step_s"))
    lines = str(told.value).splitlines()[1:]
    assert {"speed", "reach", "models"} <= {line.partition(":")[0].strip() for line in lines}
    assert "step_s_low" not in str(told.value)


def test_filters_compare_numbers_as_numbers():
    assert selection.parsed(["clip_norm=1", "a=b=c"]) == {"clip_norm": "1", "a": "b=c"}
    assert selection._equal(1.0, "1")
    assert not selection._equal(True, "1x")
    with pytest.raises(PlotError, match="expected --where COLUMN=VALUE"):
        selection.parsed(["seed"])


def test_the_same_records_make_the_same_bytes(runs):
    request = Request("length", "step_s", where=TRAINING, table="speed", dark=True)
    first = chart(runs, request)[2].read_bytes()
    assert chart(runs, request)[2].read_bytes() == first
    assert colours.dark(colours.INK).encode() in first
    assert not plt.get_fignums(), "figures are closed"


def test_names_are_no_mathematics(runs, records, tmp_path):
    def odd(record):
        record["cell"]["comparison"] = "$x_y [/x]"

    write(retold(timed(records, 0), odd), tmp_path / "odd")
    request = Request("length", "step_s", where=TRAINING, table="speed")
    _, _, path = chart(tmp_path, request, "odd")
    assert any(text.startswith("$x_y [/x], task package") for text in texts(path))


def test_over_texts_series_stand_beside_one_another(runs):
    found, _, path = chart(runs, Request("arm", "step_s", "length", TRAINING, "speed"))
    (panel,) = found.panels.values()
    figure = comparison.draw(found, {})
    spots = sorted(line.get_xdata()[0] for line in figure.axes[0].lines)
    assert spots[:4] == pytest.approx([-0.2, 0.0, 0.2, 0.8])
    plt.close(figure)
    assert [one.label for one in panel] == [
        f"window length T {one.of}" for one in panel
    ]  # fmt: skip
    assert {one.label for one in panel} <= set(texts(path)), "a legend"


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("tokens_per_s", "tokens per second"), ("step_s", "step (seconds)"),
        ("peak_tensor_bytes", "peak tensor (bytes)"), ("reach_tokens", "reach (tokens)"),
        ("length", "window length T (tokens)"), ("zero_share", "zero (share)"),
        ("decay_per_token", "decay per token"),
    ],
)  # fmt: skip
def test_units_in_words(column, words):
    assert plot.words(column) == words


def test_runs_are_called_by_what_tells_them_apart(tmp_path):
    files = [tmp_path / name / "x" / "records.jsonl" for name in ("a", "b")]
    assert plot.called(files) == ["a/x", "b/x"]
    assert plot.called(files[:1]) == ["x"]


def test_codes(runs, tmp_path):
    def rvt(*arguments):
        return CliRunner().invoke(app, ["plot", *map(str, arguments)])

    target = tmp_path / "plot.png"
    asked = ("--y", "step_s", "--table", "speed", "--where", "denormals=keep", "--output")
    done = rvt(runs / "first", runs / "second", *asked, target)
    assert (done.exit_code, target.is_file()) == (0, True), done.output
    for arguments, code, words in [
        ((runs / "first", *asked, tmp_path / "plot.pdf"), 2, "expected a file .svg or .png"),
        ((tmp_path, *asked, target), 2, "no records in"),
        ((runs / "first", *asked, tmp_path / "no" / "plot.svg"), 3, "cannot write"),
        ((PUBLISHED / "anchors", *asked, target), 2, "unknown table 'speed'"),
    ]:
        done = rvt(*arguments)
        assert (done.exit_code, words in done.stderr) == (code, True), done.output
