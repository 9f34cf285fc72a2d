"""Groups: arms in turn, with a control each, and cells beside one another; all of it real."""

import statistics
from types import SimpleNamespace

import psutil
import pytest

from bench import outcome, registry
from bench.execute import turns

from .groups import Heard, both_settings, cells_of, changed, killer, run


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
        summaries = registry.probes()["decode"].literals["SUMMARIES"] | {"step_s": "seconds"}
        heard = run(server, decided, fingerprint, group, Heard())
        for ended in heard.outcomes.values():
            metrics, samples = ended["metrics"], ended["samples"]
            assert samples["launch"] == [0, 0, 0, 0, 0, 1]
            for name, of in summaries.items():
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
        """It has so long to train that it is never done before it is killed."""
        cells, configs = list(singles[0]), dict(singles[1])
        victim = cells[which]
        long = victim.model_copy(update={"protocol": victim.protocol | {"steps": 2_000}})
        cells[which], configs[long.key] = long, configs[victim.key]
        heard = Heard(killer(which))
        self.run(server, (cells, configs), fingerprint, heard, threads=2)
        statuses = {cell.key: heard.outcomes[cell.key]["status"] for cell in cells}
        assert statuses == {c.key: outcome.KILLED if c is long else outcome.DONE for c in cells}
