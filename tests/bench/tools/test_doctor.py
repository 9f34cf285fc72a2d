"""``rvt doctor`` examines a real machine: this one."""

import math

import pytest
from rich.console import Console

from bench import study
from bench.store import environment
from bench.tools import doctor
from bench.tools.display import Display

from ...conftest import TINY

NOISE = """\
title = "Noise"
summary = "x"

[comparison.lstm]
summary = "an LSTM against itself"
match_to = "lstm"

[[grid]]
probe = "speed"
comparison = "lstm"
task = "package"
length = 16
arm = "lstm"
phase = "training"
batch_size = 2
threads = 1
rounds = 6
warmup_steps = 2
"""


def test_says_what_is_here_how_noisy_it_is_and_what_a_study_needs(tmp_path, monkeypatch):
    path = tmp_path / "noise.toml"
    path.write_text(NOISE)
    monkeypatch.setattr(doctor, "_NOISE", str(path))
    console = Console(width=160, record=True, quiet=False)
    assert doctor.examine(study.load(str(TINY)), Display(console)) is True
    said = console.export_text()
    assert f"{environment.threads()} of " in said
    assert "no xpu device on this machine" in said
    assert "tiny will take about" in said
    assert "subnormal numbers take product " in said
    assert said.count("keep-against-flush cells will ") == 1
    assert "6 rounds" not in said, "the table says rounds in a column"
    (row,) = [line for line in said.splitlines() if line.startswith("│ lstm ")]
    cells = [part.strip() for part in row.strip("│").split("│")]
    assert cells[1].endswith(" ms")
    assert cells[3] == "6"
    assert cells[6].endswith("of 6")
    assert "unsupported: T=64 is beyond the 32 positions of transformer" in said


@pytest.mark.parametrize(
    ("ratio", "slow", "said"),
    [
        (30.0, True, "product 30.00× as long as normal ones: keep-against-flush cells will run"),
        (1.0, False, "no effect on this processor, so keep-against-flush cells will not run"),
    ],
)
def test_subnormal_numbers_decide_about_cells(ratio, slow, said):
    answer = {"ratios": {"product": ratio}, "slow": slow, "least": 1.2}
    assert said in doctor._subnormals(answer)


@pytest.mark.parametrize(
    ("half_width", "said"),
    [
        (0.01, "needs about 2, so that groups end at the look after 10"),
        (0.03, "needs about 15, so that groups end at the look after 20"),
        (0.07, "needs about 79, so that groups end at the look after 80"),
        (0.5, "needs more than the 80 that are tried: expect undecided cells"),
        (math.nan, "its noise could not be measured"),
    ],
)
def test_rounds_grow_with_the_square_of_the_noise(half_width, said):
    assert doctor._need(study.load("noise"), 90.0, half_width).endswith(said)


def test_a_study_says_how_precise_it_wants_to_be():
    said = doctor._need(study.load("gradients"), 90.0, 0.09)
    assert said.endswith("±5.0% needs about 33, so that groups end at the look after 40")
    said = doctor._need(study.load("quick"), 90.0, 0.18)
    assert said.endswith("10 rounds tell two arms apart to ±18.0% now; it asks for no size")


def test_a_refused_noise_study_is_said_and_stops_nothing(tmp_path, monkeypatch):
    path = tmp_path / "noise.toml"
    path.write_text(NOISE.replace("threads = 1", "threads = 4096"))
    monkeypatch.setattr(doctor, "_NOISE", str(path))
    console = Console(width=160, record=True)
    doctor.examine(study.load(str(TINY)), Display(console))
    said = console.export_text()
    assert "unsupported: threads=4096 on a machine" in said
    assert "its noise could not be measured" in said


def test_every_shipped_noise_group_has_its_own_reference():
    for group in study.load("noise").groups:
        assert [cell.arm for cell in group] == [group[0].model.match_to]
