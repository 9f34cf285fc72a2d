"""Workers, and what happens when they die, hang or run out of memory. All of them are real."""

import itertools
import math
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from bench import outcome, study
from bench.data import corpus as library
from bench.execute import prepare, turns
from bench.execute import processes as local
from bench.execute.channel import Channel, Closed, Silent
from bench.execute.worker import describe
from bench.probes.decode import measure as decode
from bench.store import environment

from ...conftest import TINY

THREADS = environment.threads()


class Heard:
    """A listener that remembers, and may do something when told of progress."""

    def __init__(self, on_progress=None):
        self.outcomes, self.shares, self._on_progress = {}, [], on_progress

    def cell_progress(self, cell, share):
        self.shares.append((cell.key, share))
        if self._on_progress:
            self._on_progress(cell)

    def cell_ended(self, cell, outcome):
        self.outcomes[cell.key] = outcome


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with local.Server(tmp_path_factory.mktemp("server") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def fingerprint():
    return library.fingerprint()


@pytest.fixture(scope="module")
def decided(server, fingerprint):
    cells = study.load(str(TINY)).cells
    return local.prepare(server, cells, fingerprint, THREADS)["cells"]


def cells_of(probe):
    planned = study.load(str(TINY))
    return [group for group in planned.groups if group[0].probe == probe]


def run(server, decided, fingerprint, cells, heard, timeout_s=60.0):
    turns.run_group(
        server,
        cells,
        {cell.key: decided[cell.key]["config"] for cell in cells},
        corpus=fingerprint,
        threads=THREADS,
        timeout_s=timeout_s,
        listener=heard,
    )
    return heard


def both_settings(decided):
    """A group with every arm's subnormals kept and flushed, and the configurations of all."""
    kept = cells_of("speed")[0]
    flushed = [cell.model_copy(update={"denormals": "flush"}) for cell in kept]
    configs = {new.key: decided[cell.key] for new, cell in zip(flushed, kept, strict=True)}
    # One launch of two rounds is enough to see who takes turns, and too few for an interval.
    return changed(decided | configs, [*kept, *flushed], rounds=2)


def changed(decided, group, **protocol):
    """The cells of a group with other settings, and the configurations of all."""
    others = [cell.model_copy(update={"protocol": cell.protocol | protocol}) for cell in group]
    configs = {new.key: decided[cell.key] for new, cell in zip(others, group, strict=True)}
    return others, decided | configs


def killer(which, times=1):
    """Kills one worker of those that have started since now, or since it last did."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    done = []

    def kill(cell):
        now = {child.pid for child in psutil.Process().children(recursive=True)}
        if len(done) < times and (new := sorted(now - before)):
            done.append(cell)
            before.update(new)
            os.kill(new[which], signal.SIGKILL)

    return kill


@pytest.fixture(scope="module")
def singles(decided):
    """A group whose cells have one thread each, and the configurations of all."""
    group = cells_of("gradient")[0]
    cells = [cell.model_copy(update={"threads": 1}) for cell in group]
    return cells, {new.key: decided[cell.key] for new, cell in zip(cells, group, strict=True)}


class TestAbreast:
    """Cells that are not timed and leave threads to others run beside one another."""

    def run(self, server, singles, fingerprint, heard, threads):
        cells, configs = singles
        turns.run_group(
            server,
            cells,
            {cell.key: configs[cell.key]["config"] for cell in cells},
            corpus=fingerprint,
            threads=threads,
            timeout_s=60.0,
            listener=heard,
        )
        return heard

    @pytest.mark.parametrize(
        ("probe", "changes", "width"),
        [
            ("gradient", {"threads": 1}, 4),
            ("gradient", {"threads": 3}, 1),
            ("gradient", {"threads": "all"}, 1),
            ("gradient", {"threads": 1, "device": "cuda"}, 1),
            ("learning", {"threads": 1}, 1),
            ("memory", {"threads": 1}, 1),
        ],
    )
    def test_as_many_as_there_are_threads_for(self, probe, changes, width):
        cell = cells_of("gradient")[0][0].model_copy(update={"probe": probe} | changes)
        assert turns.abreast(cell, 4) == width

    def test_beside_one_another_as_alone(self, server, singles, fingerprint):
        """Two are alive at once, and measure what each does alone."""
        alive = set()

        def look(cell):
            workers = psutil.Process(server._process.pid).children()
            alive.add(sum(child.status() != psutil.STATUS_ZOMBIE for child in workers))

        both = self.run(server, singles, fingerprint, Heard(look), threads=2).outcomes
        assert max(alive) == 2
        alone = self.run(server, singles, fingerprint, Heard(), threads=1).outcomes
        for cell in singles[0]:
            assert both[cell.key]["status"] == outcome.DONE
            samples = [found[cell.key]["samples"] for found in (both, alone)]
            assert samples[0]["norm"] == samples[1]["norm"]
            assert samples[0]["loss"] == samples[1]["loss"]
            assert both[cell.key]["seconds"] > 0

    @pytest.mark.parametrize("which", [0, -1])
    def test_one_that_dies_takes_no_other_along(self, server, singles, fingerprint, which):
        heard = self.run(server, singles, fingerprint, Heard(killer(which)), threads=2)
        statuses = [heard.outcomes[cell.key]["status"] for cell in singles[0]]
        assert sorted(statuses) == sorted([outcome.KILLED, *[outcome.DONE] * (len(singles[0]) - 1)])


def children_of(process):
    return [child for child in process.children(recursive=True) if child.is_running()]


class TestPreparation:
    def test_decides_about_every_cell(self, decided):
        for cell in study.load(str(TINY)).cells:
            answer = decided[cell.key]
            if cell.length == 64 and cell.arm == "transformer":
                assert answer["failed"] == outcome.UNSUPPORTED
                assert "beyond the 32 positions" in answer["reason"]
            else:
                assert abs(answer["match"]["error"]) <= 0.01
                assert answer["match"]["quantity"] == "params"
                assert answer["match"]["got"] == answer["parameters"]["body"]
                assert answer["cost"]["length"] == cell.length
                assert answer["cost"]["forward_flops_per_token"] > answer["parameters"]["body"]
                assert answer["estimate_s"] > 0

    def test_absent_device_and_foreign_kernel_are_unsupported(self, server, fingerprint):
        cell = study.load(str(TINY)).cells[0]
        wrong = [
            cell.model_copy(update={"device": "xpu"}),
            cell.model_copy(update={"kernel": "sdpa"}),
        ]
        answers = local.prepare(server, wrong, fingerprint, THREADS)["cells"]
        reasons = [answers[cell.key]["reason"] for cell in wrong]
        assert [answers[cell.key]["failed"] for cell in wrong] == [outcome.UNSUPPORTED] * 2
        assert "no xpu device" in reasons[0]
        assert "lstm has no kernel 'sdpa'; it has fused" in reasons[1]

    def test_more_threads_than_there_are_is_unsupported(self, server, fingerprint):
        cells = study.load(str(TINY)).cells
        speed = next(cell for cell in cells if cell.probe == "speed")
        wrong = speed.model_copy(update={"threads": THREADS + 1})
        (answer,) = local.prepare(server, [wrong], fingerprint, THREADS)["cells"].values()
        assert answer["failed"] == outcome.UNSUPPORTED
        assert f"threads={THREADS + 1} on a machine that gives this process" in answer["reason"]

    def test_matched_by_flops_at_each_length(self, server, fingerprint):
        """Attention grows with the length, so an LSTM that keeps up with it grows too."""
        planned = [c for c in study.load(str(TINY)).cells if c.arm == "lstm" and c.probe == "speed"]
        by_flops = planned[0].model.model_copy(update={"match": "flops"})
        cells = [
            planned[0].model_copy(update={"model": by_flops, "length": length, "dtype": dtype})
            for length, dtype in ((32, "float32"), (512, "float32"), (512, "float64"))
        ]
        answers = local.prepare(server, cells, fingerprint, THREADS)["cells"]
        short, long, double = (answers[cell.key] for cell in cells)
        assert short["match"]["quantity"] == "flops"
        assert short["config"]["hidden_size"] < long["config"]["hidden_size"]
        assert long["match"]["got"] == long["cost"]["forward_flops_per_token"] * 512
        assert double["cost"]["state_bytes"] == 2 * long["cost"]["state_bytes"]

    def test_a_quantity_that_an_arm_cannot_change_is_invalid(self, server, fingerprint):
        cell = study.load(str(TINY)).cells[0]
        wrong = cell.model_copy(
            update={"model": cell.model.model_copy(update={"match": "state", "match_to": "lstm"}),
                    "arm": "transformer", "kernel": "sdpa"}
        )  # fmt: skip
        answer = local.prepare(server, [wrong], fingerprint, THREADS)["cells"][wrong.key]
        assert answer["failed"] == outcome.INVALID
        assert "no free dimension changes it" in answer["reason"]

    def test_an_arm_that_cannot_be_matched_is_invalid(self, server, fingerprint):
        cell = study.load(str(TINY)).cells[0]
        tiny = cell.model.model_copy(update={"hidden_size": 4, "num_heads": 1})
        wrong = cell.model_copy(update={"model": tiny})
        answer = local.prepare(server, [wrong], fingerprint, THREADS)["cells"][wrong.key]
        assert answer["failed"] == outcome.INVALID
        assert "within 1.0%" in answer["reason"]


class TestGroups:
    def test_arms_of_a_group_are_taken_in_turn(self, server, decided, fingerprint):
        group = cells_of("speed")[0]
        heard = run(server, decided, fingerprint, group, Heard())
        for cell in group:
            ended = heard.outcomes[cell.key]
            assert ended["status"] == outcome.DONE
            assert len(ended["samples"]["seconds"]) == 2 * cell.protocol["rounds"]
            assert ended["metrics"]["peak_rss_bytes"] < 4 * 2**30
            samples, metrics = ended["samples"], ended["metrics"]
            assert samples["launch"] == [0, 0, 0, 0, 0, 1], "fresh processes every five rounds"
            assert len(samples["steal"]) == len(samples["psi"]) == cell.protocol["rounds"]
            rounds = [sum(pair) / 2 for pair in zip(*[iter(samples["seconds"])] * 2, strict=True)]
            assert metrics["step_s"] == pytest.approx(statistics.median(rounds))
            tokens = cell.protocol["batch_size"] * cell.length
            assert metrics["tokens_per_s"] == tokens / metrics["step_s"]
        (base,) = (heard.outcomes[c.key] for c in group if c.arm == c.model.match_to)
        assert len(base["samples"]["canary_seconds"]) == 2 * group[0].protocol["rounds"]
        others = [ended for ended in heard.outcomes.values() if ended is not base]
        assert all("canary_seconds" not in ended["samples"] for ended in others)

    def test_summaries_are_of_all_launches(self, server, decided, fingerprint):
        group = cells_of("decode")[0]
        heard = run(server, decided, fingerprint, group, Heard())
        for ended in heard.outcomes.values():
            metrics, samples = ended["metrics"], ended["samples"]
            assert samples["launch"] == [0, 0, 0, 0, 0, 1]
            for name, of in decode.SUMMARIES.items() | {("step_s", "seconds")}:
                assert len(samples[of]) == 2 * group[0].protocol["rounds"]
                rounds = [sum(pair) / 2 for pair in zip(*[iter(samples[of])] * 2, strict=True)]
                assert metrics[name] == pytest.approx(statistics.median(rounds))
            assert metrics["tokens_per_s"] == metrics["tokens_per_step"] / metrics["step_s"]

    @pytest.mark.parametrize("rounds", [6, 20])
    def test_what_stays_imprecise_is_unstable(self, server, decided, fingerprint, rounds):
        group, configs = changed(decided, cells_of("speed")[0], rounds=rounds, precision=1e-9)
        heard = run(server, configs, fingerprint, group, Heard())
        for cell in group:
            ended = heard.outcomes[cell.key]
            assert ended["status"] == outcome.UNSTABLE
            assert f"after {rounds} rounds; within ±0.0% is wanted" in ended["reason"]
            assert ended["samples"]["launch"] == [number // 5 for number in range(rounds)]
            assert len(ended["samples"]["seconds"]) == 2 * rounds

    def test_precise_enough_at_the_first_look_is_done(self, server, decided, fingerprint):
        group, configs = changed(decided, cells_of("speed")[0], rounds=80, precision=1e9)
        heard = run(server, configs, fingerprint, group, Heard())
        for ended in heard.outcomes.values():
            assert (ended["status"], len(ended["samples"]["launch"])) == (outcome.DONE, 10)

    def test_a_budget_that_ends_first_leaves_cells_unstable(self, server, decided, fingerprint):
        group, configs = changed(decided, cells_of("speed")[0], precision=1e9, budget_s=1e-6)
        heard = run(server, configs, fingerprint, group, Heard())
        for ended in heard.outcomes.values():
            assert ended["status"] == outcome.UNSTABLE
            assert "the budget of 1e-06 s ended first" in ended["reason"]
            assert len(ended["samples"]["seconds"]) == 2, "a round is not broken off"

    def test_a_group_whose_canary_died_is_measured_again(self, server, decided, fingerprint):
        """Workers start in the order of the cells, the canary last."""
        group = cells_of("speed")[0]
        heard = run(server, decided, fingerprint, group, Heard(killer(-1)))
        ended = [heard.outcomes[cell.key] for cell in group]
        assert [one["status"] for one in ended] == [outcome.DONE, outcome.DONE]
        assert len(ended[1]["samples"]["canary_seconds"]) == len(ended[0]["samples"]["seconds"])
        assert ended[0]["together"] == ended[1]["together"]

    def test_a_canary_that_dies_twice_fails_its_group(self, server, decided, fingerprint):
        group = cells_of("speed")[0]
        heard = run(server, decided, fingerprint, group, Heard(killer(-1, times=2)))
        for cell in group:
            ended = heard.outcomes[cell.key]
            assert ended["status"] == outcome.FAILED, "tried again when the sweep is resumed"
            assert "its A/A control, ended: the worker died of SIGKILL" in ended["reason"]

    def test_without_its_reference_a_group_goes_on(self, server, decided, fingerprint):
        group = cells_of("speed")[0]
        assert group[1].arm == group[1].model.match_to
        heard = run(server, decided, fingerprint, group, Heard(killer(1)))
        other, base = (heard.outcomes[cell.key] for cell in group)
        assert (other["status"], base["status"]) == (outcome.DONE, outcome.KILLED)
        assert other["together"] != base["together"]
        assert "canary_seconds" in other["samples"], "it is its own reference now"

    def test_a_group_of_which_nothing_is_left_ends(self, server, decided, fingerprint):
        """The canary of a dead arm is no reason to go on."""
        group = cells_of("speed")[0][:1]
        heard = run(server, decided, fingerprint, group, Heard(killer(0)))
        (ended,) = heard.outcomes.values()
        assert ended["status"] == outcome.KILLED

    def test_both_settings_take_turns_with_a_control_each(self, server, decided, fingerprint):
        group, configs = both_settings(decided)
        heard = run(server, configs, fingerprint, group, Heard())
        ended = [heard.outcomes[cell.key] for cell in group]
        assert {one["status"] for one in ended} == {outcome.UNSTABLE}
        assert len({one["together"] for one in ended}) == 1
        assert {len(one["samples"]["seconds"]) for one in ended} == {4}
        controlled = [(c.arm, c.denormals) for c in group
                      if "canary_seconds" in heard.outcomes[c.key]["samples"]]  # fmt: skip
        base = group[0].model.match_to
        assert controlled == [(base, "keep"), (base, "flush")]

    def test_a_canary_that_dies_twice_fails_its_own_setting(self, server, decided, fingerprint):
        group, configs = both_settings(decided)
        heard = run(server, configs, fingerprint, group, Heard(killer(-1, times=2)))
        for cell in group:
            ended = heard.outcomes[cell.key]
            if cell.denormals == "keep":
                assert ended["status"] == outcome.UNSTABLE, "measured, but in two rounds only"
            else:
                assert "its A/A control, ended: the worker died" in ended["reason"]

    def test_an_imprecise_effect_of_a_setting_is_unstable(self):
        """It is a ratio that is reported, though both arms' to their references are precise."""
        cell = cells_of("speed")[0][1]
        flush = cell.model_copy(update={"denormals": "flush"})
        steady, drift = [0.01] * 20, [0.01 * (1 + n // 2 % 2) for n in range(20)]

        def seat(of, seconds):
            return SimpleNamespace(cell=of, samples={"seconds": seconds})

        seats = [seat(cell, steady), seat(flush, drift)]
        controls = {
            "keep": turns._Control(seats[0], seat(cell, steady)),
            "flush": turns._Control(seats[1], seat(flush, drift)),
        }
        rounds = SimpleNamespace(count=10, launches=[0] * 10)
        wide = turns._too_wide(seats, controls, rounds, 0.025)
        assert list(wide) == [flush.key]
        assert "its ratio to itself with subnormals kept is " in wide[flush.key]

    def test_a_killed_worker_is_recorded_and_the_group_goes_on(self, server, decided, fingerprint):
        group = cells_of("speed")[0]
        before = {child.pid for child in psutil.Process().children(recursive=True)}
        heard = run(server, decided, fingerprint, group, Heard(killer(0)))
        statuses = [heard.outcomes[cell.key]["status"] for cell in group]
        assert statuses == [outcome.KILLED, outcome.DONE]
        killed = next(e for e in heard.outcomes.values() if e["status"] == outcome.KILLED)
        assert "SIGKILL" in killed["reason"]
        assert {c.pid for c in psutil.Process().children(recursive=True)} <= before

    def test_a_silent_worker_is_killed_and_named(self, server, decided, fingerprint):
        group = cells_of("learning")[0][:1]
        before = {child.pid for child in psutil.Process().children(recursive=True)}
        heard = run(server, decided, fingerprint, group, Heard(), timeout_s=0.01)
        (ended,) = heard.outcomes.values()
        assert ended["status"] == outcome.TIMEOUT
        assert {c.pid for c in psutil.Process().children(recursive=True)} <= before

    def test_a_loss_that_is_not_finite_is_diverged_with_its_step(
        self, server, decided, fingerprint
    ):
        cell = cells_of("learning")[0][1]
        wild = cell.model_copy(
            update={"protocol": cell.protocol | {"learning_rates": [1e10], "steps": 12}}
        )
        configs = decided | {wild.key: decided[cell.key]}
        heard = run(server, configs, fingerprint, [wild], Heard())
        ended = heard.outcomes[wild.key]
        assert ended["status"] == outcome.DIVERGED
        assert ended["metrics"]["step"] >= 2
        assert len(ended["samples"]["loss"]) >= ended["metrics"]["step"]
        assert f"step {ended['metrics']['step']}" in ended["reason"]

    def test_a_batch_beyond_memory_is_oom(self, server, fingerprint):
        """Real: the batch would need more bytes than the address space has. Planning survives."""
        cell = cells_of("gradient")[0][0]
        huge = cell.model_copy(update={"protocol": cell.protocol | {"batch_size": 2**40}})
        configs = local.prepare(server, [huge], fingerprint, THREADS)["cells"]
        heard = run(server, configs, fingerprint, [huge], Heard())
        assert heard.outcomes[huge.key]["status"] == outcome.OOM


def test_workers_die_with_the_sweep(tmp_path):
    """kill -9 of the process that started the server: nothing is left running."""
    code = (
        "import sys, time\nfrom pathlib import Path\n"
        "from bench import study\nfrom bench.store import environment\n"
        "from bench.execute import processes as local\n"
        f"with local.Server(Path({str(tmp_path / 'log')!r})) as server:\n"
        "    worker = server.start({'job': 'cell'})\n"
        "    print('up', worker.pid, flush=True)\n"
        "    time.sleep(60)\n"
    )
    sweep = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert sweep.stdout.readline().startswith("up")
        left = children_of(psutil.Process(sweep.pid))
        assert left
        sweep.kill()
        sweep.wait()
        _, alive = psutil.wait_procs(left, timeout=10)
        assert not alive
    finally:
        sweep.kill()
        sweep.stdout.close()


VANISHES = """
import os
from pathlib import Path
from bench import devices

def synchronize(device):
    if Path(__file__).with_name(str(os.getpid())).exists():
        raise RuntimeError("CUDA error: unspecified launch failure")

devices.synchronize = synchronize
"""


def test_a_device_that_vanishes_fails_its_cell_and_the_group_goes_on(
    tmp_path, monkeypatch, decided, fingerprint
):
    """In one worker waiting for the device fails from its second round on, as CUDA's does."""
    (tmp_path / "sitecustomize.py").write_text(VANISHES)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    group = cells_of("speed")[0]
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with local.Server(tmp_path / "log") as server:
        known = {child.pid for child in psutil.Process().children(recursive=True)}

        def vanish(cell):
            if not list(tmp_path.glob("[0-9]*")):
                now = {child.pid for child in psutil.Process().children(recursive=True)}
                (tmp_path / str(min(now - known))).touch()

        heard = run(server, decided, fingerprint, group, Heard(vanish))
        assert {c.pid for c in psutil.Process().children(recursive=True)} == known
    ended = [heard.outcomes[cell.key] for cell in group]
    assert [one["status"] for one in ended] == [outcome.FAILED, outcome.DONE]
    assert ended[0]["reason"] == "RuntimeError: CUDA error: unspecified launch failure"
    assert {c.pid for c in psutil.Process().children(recursive=True)} == before


def test_a_device_that_has_gone_is_a_failure_that_is_tried_again(server, decided, fingerprint):
    """Not one of its absence, which would be final: it was there when the cell was prepared."""
    cell = cells_of("gradient")[0][0]
    gone = cell.model_copy(update={"device": "xpu"})
    heard = run(server, decided | {gone.key: decided[cell.key]}, fingerprint, [gone], Heard())
    assert heard.outcomes[gone.key]["status"] == outcome.FAILED
    assert heard.outcomes[gone.key]["reason"].startswith("the xpu device has gone")


START = {"lstm": 3.0, "transformer": 1.0}
TURN = {"lstm": 0.2, "transformer": 0.1}


CHANCE = random.Random(0)


class Virtual(turns._Seat):
    """A seat whose worker takes its seconds from a clock that nobody waits for."""

    now = 0.0

    @classmethod
    def pass_by(cls, seconds):
        Virtual.now += seconds

    def start(self):
        self._turns = 0
        self.pass_by(START[self.cell.arm])

    def round(self):
        self.pass_by(TURN[self.cell.arm])
        self._turns += 1

    def finish(self):
        """Times by chance, so that no ratio is ever exact."""
        self.metrics = {"tokens_per_step": 1}
        taken = [CHANCE.uniform(0.9, 1.1) for _ in range(self._turns)]
        self.samples.setdefault("seconds", []).extend(taken)


@pytest.mark.parametrize(("rounds", "budget_s"), [(20, 1e9), (6, 1e9), (20, 15.0), (20, 0.1)])
def test_an_estimate_counts_all_that_the_engine_does(monkeypatch, decided, rounds, budget_s):
    """Everyone's start every five rounds, the canary's too, the rests, and the budget's end."""
    clock = SimpleNamespace(monotonic=lambda: Virtual.now, sleep=Virtual.pass_by)
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(turns, "_Seat", Virtual)
    settings = {"rounds": rounds, "budget_s": budget_s, "precision": 1e-9}
    group, configs = changed(decided, cells_of("speed")[0], **settings)
    Virtual.now = 0.0
    heard = run(None, configs, "", group, Heard())
    assert {ended["status"] for ended in heard.outcomes.values()} == {outcome.UNSTABLE}
    spent = {cell.key: (START[cell.arm], TURN[cell.arm]) for cell in group}
    shares = prepare._shares({cell.key: cell for cell in group}, spent)
    assert sum(shares.values()) == pytest.approx(Virtual.now)
    assert shares[group[1].key] > shares[group[0].key] / 2, "the reference runs twice"


def test_an_estimate_counts_a_canary_of_each_setting(monkeypatch, decided):
    clock = SimpleNamespace(monotonic=lambda: Virtual.now, sleep=Virtual.pass_by)
    monkeypatch.setattr(turns, "time", clock)
    monkeypatch.setattr(turns, "_Seat", Virtual)
    group, configs = both_settings(decided)
    group, configs = changed(configs, group, rounds=20, budget_s=1e9, precision=1e-9)
    Virtual.now = 0.0
    heard = run(None, configs, "", group, Heard())
    assert len(heard.outcomes) == len(group)
    spent = {cell.key: (START[cell.arm], TURN[cell.arm]) for cell in group}
    shares = prepare._shares({cell.key: cell for cell in group}, spent)
    assert sum(shares.values()) == pytest.approx(Virtual.now)


SUBNORMAL = """
import torch
from bench.execute.worker import settle

torch.set_num_threads(2)
if {started}:
    torch.ones(2048, 64) @ torch.ones(64, 2048)
settle({denormals!r}, 2)
small = torch.full((2048, 64), 1e-20)
lstm = torch.nn.LSTM(64, 64, 2)
for weight in lstm.parameters():
    weight.data.fill_(1e-3)
hidden, _ = lstm(torch.randn(32, 16, 64, generator=torch.Generator().manual_seed(0)))
(hidden[-1].sum() * 1e-36).backward()
products = {{
    "product": small @ small.T,
    "scaled": torch.full((4_000_000,), 1e-38) * 1e-3,
    "gradient": lstm.weight_hh_l0.grad,
}}
for name, value in products.items():
    below = (value != 0) & (value.abs() < torch.finfo(value.dtype).tiny)
    print(name, float(below.double().mean()))
"""


@pytest.mark.parametrize("denormals", ["keep", "flush"])
def test_subnormal_floats_are_settled_on_every_thread(denormals):
    """Of the pool, of matrix products and of the fused LSTM's backward pass."""
    said = subnormal_shares(denormals, started=False)
    assert set(said) == {"product", "scaled", "gradient"}
    if denormals == "flush":
        assert set(said.values()) == {0.0}
    else:
        assert said["product"] == said["scaled"] == 1.0
        assert said["gradient"] > 0.5


def test_subnormal_floats_are_settled_before_the_pool_starts():
    """Why it comes first: a pool that is there already goes on as it was."""
    assert 0.0 < subnormal_shares("flush", started=True)["product"] < 1.0


def subnormal_shares(denormals, *, started):
    """Share of subnormal numbers in what a fresh process of two threads computes."""
    code = SUBNORMAL.format(denormals=denormals, started=started)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"},
    )
    return {name: float(share) for name, share in map(str.split, done.stdout.splitlines())}


TIMED = {"metrics": {"tokens_per_step": 64}, "samples": {"seconds": [0.1, 0.2]}}


@pytest.mark.parametrize(
    ("result", "had", "said"),
    [
        (TIMED, 2, None),
        ({"metrics": {}, "samples": {}}, None, None),
        (None, 2, "expected metrics and samples"),
        ([1, 2], None, "expected metrics and samples"),
        ({"metrics": [], "samples": {}}, None, "expected a table of metrics, got list"),
        ({"metrics": {}}, None, "expected a table of samples, got NoneType"),
        ({"metrics": {}, "samples": TIMED["samples"]}, 2, "expected the tokens of a step"),
        (TIMED, 4, "expected seconds for each of 4 turns, got 2"),
        (TIMED | {"samples": {"seconds": None}}, 2, "expected a list of seconds, got NoneType"),
        (TIMED | {"samples": {"seconds": 5}}, 2, "expected a list of seconds, got int"),
        (TIMED | {"samples": {"seconds": [0.1, None]}}, 2, "expected seconds above 0, got None"),
        (TIMED | {"samples": {"seconds": [0.1, -0.2]}}, 2, "expected seconds above 0, got -0.2"),
        (TIMED | {"samples": {"seconds": ["0.1", 0.2]}}, 2, "expected seconds above 0, got 0.1"),
    ],
)
def test_nonsense_is_told_from_a_result(result, had, said):
    found = turns._nonsense(result, had or 1, () if had is None else ("seconds",))
    assert found is None if said is None else found.startswith(said)


def test_a_sample_that_is_summed_up_must_be_there():
    said = turns._nonsense(TIMED, 2, ("seconds", "first_token_seconds"))
    assert said == "expected first_token_seconds for each of 2 turns, got 0"


def test_a_worker_that_talks_nonsense_fails_alone(server):
    """A real process of the server's, whose messages are not read from it but put in its mouth."""
    worker = server.start({"job": "devices", "names": []})
    ours, theirs = socket.socketpair()
    worker.channel.close()
    worker.channel = Channel(ours)
    theirs.sendall(b"\xff\x00 Traceback or worse\n")
    with pytest.raises(local.CellFailed, match="talked nonsense: expected a JSON object") as error:
        worker.ask(None, timeout_s=5)
    theirs.close()
    assert error.value.status == outcome.FAILED
    assert not psutil.pid_exists(worker.pid)


def test_a_wall_clock_that_jumps_changes_no_duration(server, decided, fingerprint, monkeypatch):
    jumps = itertools.cycle([3600.0, -3600.0])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + next(jumps))
    group = cells_of("speed")[0]
    heard = run(server, decided, fingerprint, group, Heard())
    for ended in heard.outcomes.values():
        assert ended["status"] == outcome.DONE
        assert 0 < ended["metrics"]["step_s"] < ended["seconds"] < 3000


class TestChannel:
    def test_numbers_that_are_not_finite_travel_as_null(self):
        one, other = map(Channel, socket.socketpair())
        one.send({"a": math.nan, "b": [math.inf, 1.5], "c": {"d": (-math.inf,)}, "e": 1e-310})
        assert other.receive(1) == {"a": None, "b": [None, 1.5], "c": {"d": [None]}, "e": 1e-310}
        one.close()
        other.close()

    def test_many_messages_at_once_and_one_in_pieces(self):
        one, other = map(Channel, socket.socketpair())
        one.sock.sendall(b'{"n": 1}\n{"n": 2}\n{"n"')
        assert [other.receive(1)["n"], other.receive(1)["n"]] == [1, 2]
        with pytest.raises(Silent):
            other.receive(0.01)
        one.sock.sendall(b": 3}\n")
        assert other.receive(1)["n"] == 3
        one.close()
        with pytest.raises(Closed):
            other.receive(1)
        with pytest.raises(Closed):
            other.send({"more": "x" * 10_000_000})
        other.close()


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MemoryError(), outcome.OOM),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), outcome.OOM),
        (ValueError("anything else"), outcome.FAILED),
    ],
)
def test_errors_have_a_status(error, status, capsys):
    assert describe(error)["failed"] == status
    assert type(error).__name__ in capsys.readouterr().err


def test_idle_server_waits_without_polling(server):
    process = psutil.Process(server._process.pid)
    before = sum(process.cpu_times()[:2])
    time.sleep(0.5)
    assert sum(process.cpu_times()[:2]) - before < 0.1
