"""Groups: arms in turn, with a control each, and cells beside one another; all of it real."""

import dataclasses
import os
import statistics
from types import SimpleNamespace

import psutil
import pytest

from bench import outcome, registry
from bench.execute import affinity, contrasts, turns
from bench.execute.group import start
from bench.statistics import verdicts

from .groups import Heard, both_settings, cells_of, changed, killer, run
from .virtual import Virtual

#: The launches of a run's first group of six rounds.
FIRST = [0, 0, 1, 1, 2, 3]


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
            assert samples["launch"] == FIRST, "so that the spread of launches can be told"
            assert metrics["launch_cost_s"] > metrics["round_cost_s"] > 0
            assert metrics["round_sd"] > 0
            assert metrics["launch_sd"] >= 0
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
        summaries = registry.probes()["decode"].literals["SUMMARIES"] | {"step_s": "seconds"}
        heard = run(server, decided, fingerprint, group, Heard())
        for ended in heard.outcomes.values():
            metrics, samples = ended["metrics"], ended["samples"]
            assert samples["launch"] == FIRST
            for name, of in summaries.items():
                assert len(samples[of]) == 2 * group[0].protocol["rounds"]
                rounds = [sum(pair) / 2 for pair in zip(*[iter(samples[of])] * 2, strict=True)]
                assert metrics[name] == pytest.approx(statistics.median(rounds))
            assert metrics["tokens_per_s"] == metrics["tokens_per_step"] / metrics["step_s"]
            assert metrics["kernel_ran"]
        (base,) = (cell for cell in group if cell.arm == cell.model.match_to)
        samples = heard.outcomes[base.key]["samples"]
        assert len(samples["canary_first_token_seconds"]) == len(samples["first_token_seconds"])

    def test_a_kernel_is_asked_for_once_and_of_no_control(self, monkeypatch, decided):
        Virtual.install(monkeypatch)
        group, configs = changed(decided, cells_of("speed")[0], rounds=10)
        heard = run(None, configs, "", group, Heard())
        launches = heard.outcomes[group[0].key]["samples"]["launch"][-1] + 1
        assert launches > 1
        assert len(Virtual.asked) == launches * (len(group) + 1)
        first = Virtual.asked[: len(group) + 1]
        assert sorted(arm for arm, ran in first if ran) == sorted(cell.arm for cell in group)
        assert not any(ran for _, ran in Virtual.asked[len(group) + 1 :])

    def test_a_size_that_stays_imprecise_is_undecided(self, server, decided, fingerprint):
        group, configs = changed(decided, cells_of("speed")[0], precision=1e-9)
        heard = run(server, configs, fingerprint, group, Heard())
        arm, base = (heard.outcomes[cell.key] for cell in group)
        assert (arm["status"], base["status"]) == (outcome.UNDECIDED, outcome.DONE)
        assert "transformer/sdpa" in arm["reason"]
        assert "times as long after 6 rounds; within ±0.0% is wanted" in arm["reason"]
        assert len(arm["samples"]["seconds"]) == len(base["samples"]["seconds"]) == 12

    @pytest.mark.parametrize(
        ("wanted", "rounds", "left"),
        [
            ({"want": "size", "precision": 1e9}, 10, None),
            ({"want": "direction", "precision": 1e-9}, 10, None),
            (
                {"want": "size", "precision": 1e-9},
                80,
                "it is slower than transformer/sdpa, but by how much is open: it takes ",
            ),
        ],
    )
    def test_a_group_ends_at_the_first_look_that_knows_what_is_wanted(
        self, monkeypatch, decided, wanted, rounds, left
    ):
        """Width is no veto: the arm takes twice as long, which ten rounds tell."""
        Virtual.install(monkeypatch)
        group, configs = changed(decided, cells_of("speed")[0], rounds=80, **wanted)
        heard = run(None, configs, "", group, Heard())
        arm, base = (heard.outcomes[cell.key] for cell in group)
        assert len(arm["samples"]["launch"]) == len(base["samples"]["launch"]) == rounds
        assert (arm["status"], base["status"]) == (
            outcome.UNDECIDED if left else outcome.DONE, outcome.DONE
        )  # fmt: skip
        assert arm["reason"] is None if left is None else left in arm["reason"]

    def test_earlier_groups_lend_the_spread_of_launches(self, monkeypatch, decided):
        """So a later group needs no more launches of its own than are worth their time."""
        Virtual.install(monkeypatch)
        group, configs = changed(decided, cells_of("speed")[0], rounds=10)
        first, later, other = Heard(), Heard(), Heard()
        run(None, configs, "", group, first)
        records = [
            {"key": cell.key, "cell": cell.model_dump(mode="json"), "alike": cell.alike}
            | first.outcomes[cell.key]
            for cell in group
        ]
        known = verdicts.pairs(records)
        assert len(known) == 2, "an arm's and a control's"
        run(None, configs, "", group, later, earlier=known)
        elsewhere = [dataclasses.replace(pair, pool=("cuda", 1)) for pair in known]
        run(None, configs, "", group, other, earlier=elsewhere)
        launches = [h.outcomes[group[0].key]["samples"]["launch"][-1] + 1
                    for h in (first, later, other)]  # fmt: skip
        assert launches == [4, 2, 4]

    def test_a_budget_that_ends_in_the_first_launch_decides_nothing(
        self, server, decided, fingerprint
    ):
        group, configs = changed(decided, cells_of("speed")[0], precision=1e9, budget_s=1e-6)
        heard = run(server, configs, fingerprint, group, Heard())
        for ended in heard.outcomes.values():
            assert ended["status"] == outcome.UNDECIDED
            assert "has no interval after 1 rounds: fewer than 6 rounds" in ended["reason"]
            assert "the budget of 1e-06 s ended first, in the first launch" in ended["reason"]
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
        assert {one["status"] for one in ended} == {outcome.UNDECIDED}
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
                assert ended["status"] == outcome.UNDECIDED, "measured, but in two rounds only"
            else:
                assert "its A/A control, ended: the worker died" in ended["reason"]

    def test_every_ratio_that_is_reported_is_asked_and_no_control(self):
        """An arm's with subnormals flushed to itself too, though both settings share the rounds."""
        base, arm = (cell for cell in reversed(cells_of("speed")[0]))
        kept = [SimpleNamespace(cell=cell) for cell in (base, arm)]
        flushed = [
            SimpleNamespace(cell=cell.model_copy(update={"denormals": "flush"}))
            for cell in (base, arm)
        ]
        controls = [contrasts.Control(seats[0], object()) for seats in (kept, flushed)]
        found = contrasts.of([*kept, *flushed], controls, alone=False)
        asked = [(c.seat, c.other) for c in found if c.asked]
        assert asked == [
            (kept[1], kept[0]), (flushed[0], kept[0]),
            (flushed[1], flushed[0]), (flushed[1], kept[1]),
        ]  # fmt: skip
        calibrating = [(c.seat, c.other) for c in found if not c.asked]
        assert calibrating == [(control.base, control.canary) for control in controls]
        (alone,) = contrasts.of(kept[:1], controls[:1], alone=True)
        assert alone.asked, "what a group of one arm is for"

    def test_arms_of_one_thread_share_a_core_and_the_sweep_leaves_it(
        self, server, decided, fingerprint
    ):
        group, configs = changed(decided, cells_of("speed")[0], rounds=2)
        mine, theirs = os.sched_getaffinity(0), set()

        def look(cell):
            workers = psutil.Process(server._process.pid).children()
            theirs.update(tuple(worker.cpu_affinity()) for worker in workers)
            theirs.add(("sweep", *os.sched_getaffinity(0)))

        heard = run(server, configs, fingerprint, group, Heard(look))
        core = max(mine)
        assert theirs == {(core,), ("sweep", *(sorted(mine - {core}) or [core]))}
        assert os.sched_getaffinity(0) == mine
        for ended in heard.outcomes.values():
            assert ended["metrics"]["core"] == core
            assert ended["metrics"]["place"].startswith(f"core {core}")

    def test_a_core_that_is_gone_is_named(self, server, decided, fingerprint, monkeypatch):
        group = cells_of("speed")[0]
        monkeypatch.setattr(affinity, "place_of", lambda cell: affinity.Place(10_000, "nowhere"))
        heard = run(server, decided, fingerprint, group, Heard())
        for ended in heard.outcomes.values():
            assert ended["status"] == outcome.FAILED
            assert "core 10000, which the arms of this group share, is gone" in ended["reason"]

    def test_a_killed_worker_is_recorded_and_the_group_goes_on(self, server, decided, fingerprint):
        group = cells_of("speed")[0]
        before = {child.pid for child in psutil.Process().children(recursive=True)}
        heard = run(server, decided, fingerprint, group, Heard(killer(0)))
        statuses = [heard.outcomes[cell.key]["status"] for cell in group]
        assert statuses == [outcome.KILLED, outcome.DONE]
        killed = next(e for e in heard.outcomes.values() if e["status"] == outcome.KILLED)
        assert "SIGKILL" in killed["reason"]
        assert {c.pid for c in psutil.Process().children(recursive=True)} <= before


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
            ("learning", {"threads": 1}, 4),
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
        """It has so long to train that it is never done before it is killed."""
        cells, configs = list(singles[0]), dict(singles[1])
        victim = cells[which]
        long = victim.model_copy(update={"protocol": victim.protocol | {"steps": 2_000}})
        cells[which], configs[long.key] = long, configs[victim.key]
        heard = Heard(killer(which))
        self.run(server, (cells, configs), fingerprint, heard, threads=2)
        statuses = {cell.key: heard.outcomes[cell.key]["status"] for cell in cells}
        assert statuses == {c.key: outcome.KILLED if c is long else outcome.DONE for c in cells}


class TestPlaces:
    """Where arms run is decided, and said, on every kind of machine."""

    @pytest.fixture
    def one_thread(self):
        return cells_of("speed")[0][0]

    def test_several_threads_and_accelerators_are_left_to_the_scheduler(self, one_thread):
        for changes in ({"threads": 2}, {"threads": "all"}, {"device": "cuda"}):
            place = affinity.place_of(one_thread.model_copy(update=changes))
            assert place.core is None
            assert place.said.startswith("left to the scheduler: ")

    def test_a_system_without_affinity_is_named(self, one_thread, monkeypatch):
        monkeypatch.setattr(affinity.sys, "platform", "darwin")
        place = affinity.place_of(one_thread)
        assert (place.core, "pins no process" in place.said) == (None, True)

    def test_of_one_core_the_sweep_keeps_its_share(self, one_thread):
        before = os.sched_getaffinity(0)
        only = min(before)
        os.sched_setaffinity(0, {only})
        try:
            place = affinity.place_of(one_thread)
            assert (place.core, "the only one" in place.said) == (only, True)
            with affinity.off(place.core):
                assert os.sched_getaffinity(0) == {only}
        finally:
            os.sched_setaffinity(0, before)


def test_as_many_are_built_at_once_as_there_are_cores_for():
    said = []
    seats = [
        SimpleNamespace(
            attempt=lambda action: action(),
            start=lambda n=n: said.append(f"start {n}"),
            ready=lambda n=n: said.append(f"ready {n}"),
        )
        for n in range(3)
    ]
    start(seats, 2)
    assert said == ["start 0", "start 1", "ready 0", "ready 1", "start 2", "ready 2"]


class TestBatches:
    def test_seeds_run_together_where_cells_run_abreast(self):
        groups = cells_of("learning") + cells_of("speed")
        batches = turns.batches(groups, threads=2)
        assert [cell for batch in batches for cell in batch] == [c for g in groups for c in g]
        assert [{cell.seed for cell in batch} for batch in batches][:2] == [{0, 1}, {0}]
        assert len(batches) == 1 + len(cells_of("speed"))

    def test_alone_each_group_is_its_own(self):
        assert turns.batches(cells_of("learning"), threads=1) == cells_of("learning")
