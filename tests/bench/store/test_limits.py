"""Processors that are taken away: system files as Linux writes them, and a real affinity mask."""

import os
import subprocess
import sys

import pytest

from bench.store import environment, limits

V2, V1 = "/sys/fs/cgroup/box", "/sys/fs/cgroup/cpu,cpuacct/docker/7"
CPU = "/sys/devices/system/cpu"
THROTTLE = f"{CPU}/cpu{{}}/thermal_throttle/{{}}_throttle_count"


@pytest.fixture
def four(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)


def quota(write, version, processors):
    """The files of ``docker --cpus``."""
    if version == 2:
        write("/proc/self/cgroup", "0::/box\n")
        write(f"{V2}/cpu.max", f"{int(processors * 100_000)} 100000\n")
    else:
        write("/proc/self/cgroup", "5:cpu,cpuacct:/docker/7\n3:cpuset:/\n1:name=systemd:/\n")
        write(f"{V1}/cpu.cfs_quota_us", f"{int(processors * 100_000)}\n")
        write(f"{V1}/cpu.cfs_period_us", "100000\n")


def periods(write, version, count, stopped):
    text = f"nr_periods {count}\nnr_throttled {stopped}\n"
    if version == 2:
        write(f"{V2}/cpu.stat", f"usage_usec 1\n{text}throttled_usec 5\n")
    else:
        write(f"{V1}/cpu.stat", f"{text}throttled_time 5\n")


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize(
    ("processors", "threads"), [(0.5, 1), (1, 1), (1.5, 1), (2, 2), (3.9, 3), (64, 4)]
)
def test_threads_are_whole_processors_of_mask_and_quota(write, four, version, processors, threads):
    quota(write, version, processors)
    assert environment.threads() == threads


def test_nothing_told_is_no_limit(write, four):
    assert environment.threads() == 4
    assert limits.refusal() is None
    assert list(limits.said()) == []
    assert limits.Watch().trouble() is None


@pytest.mark.parametrize("version", [1, 2])
class TestQuota:
    def test_of_half_a_processor_times_nothing(self, write, four, version):
        quota(write, version, 0.5)
        assert "a quota of 0.5 processors stops whatever takes longer" in limits.refusal()
        (said,) = limits.said()
        assert said.startswith("nothing can be timed here: a quota of 0.5")

    def test_of_some_of_many_leaves_fewer_threads(self, write, four, version):
        quota(write, version, 2.5)
        assert limits.refusal() is None
        (said,) = limits.said()
        assert said.startswith("a quota of 2.5 processors, 4 in the affinity mask: 'all' threads")
        assert "threads are 2, " in said

    @pytest.mark.parametrize(("stopped", "named"), [(0, False), (4, False), (6, True)])
    def test_that_stopped_a_group_is_named(self, write, four, version, stopped, named):
        quota(write, version, 2)
        periods(write, version, 1000, 700)
        watch = limits.Watch()
        periods(write, version, 1050, 700 + stopped)
        assert (watch.trouble() is not None) is named
        if named:
            assert watch.trouble() == (
                "the quota of its control group stopped it in 12% of 50 periods; "
                "at most 10% are noise"
            )
        assert any("in 70" in line for line in limits.said()), "and what was so before"


def test_a_group_that_was_stopped_is_named_though_another_was_stopped_more_before(write, four):
    """Of a container and of what it runs in: each is compared with itself."""
    write("/proc/self/cgroup", "0::/pod/container\n")
    for group in ("pod", "pod/container"):
        write(f"/sys/fs/cgroup/{group}/cpu.max", "200000 100000")
    write("/sys/fs/cgroup/pod/cpu.stat", "nr_periods 20000\nnr_throttled 10000\n")
    write("/sys/fs/cgroup/pod/container/cpu.stat", "nr_periods 0\nnr_throttled 0\n")
    watch = limits.Watch()
    assert watch.trouble() is None
    write("/sys/fs/cgroup/pod/container/cpu.stat", "nr_periods 50\nnr_throttled 45\n")
    assert "stopped it in 90% of 50 periods" in watch.trouble()


def test_heat_is_named_once_it_comes(write, four):
    for cpu in (0, 1):
        write(THROTTLE.format(cpu, "core"), "3\n")
        write(THROTTLE.format(cpu, "package"), "10\n")
    watch = limits.Watch()
    assert watch.trouble() is None
    write(THROTTLE.format(1, "core"), "5\n")
    assert watch.trouble() == "the processor throttled itself for heat or power 2 times meanwhile"
    assert any("18 times since booting" in line for line in limits.said()), "the package's once"


def test_a_processor_that_goes_offline_is_named(write, four):
    write(f"{CPU}/online", "0-3\n")
    watch = limits.Watch()
    assert watch.trouble() is None
    write(f"{CPU}/online", "0,3\n")
    write(f"{CPU}/offline", "1-2\n")
    assert watch.trouble() == "processors 1, 2 went offline meanwhile, leaving 2 of 4"
    assert list(limits.said()) == ["processors 1, 2 are offline"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks here")
def test_a_mask_of_one_processor():
    """A real one, of a process of its own."""
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from bench.store import environment, limits\n"
        "assert environment.threads() == 1\n"
        "print(*limits.said(), sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "one processor in the affinity mask" in done.stdout


def test_this_machine_is_read():
    assert all(0 <= stopped <= count for stopped, count in limits.quota_periods().values())
    assert limits.throttles() >= 0
    if sys.platform == "linux":
        assert os.sched_getaffinity(0) <= limits.online()


@pytest.mark.parametrize(
    ("text", "found"), [("0-2,5\n", {0, 1, 2, 5}), ("7", {7}), ("", set()), (None, set())]
)
def test_lists_of_processors(text, found):
    assert limits.numbers(text) == found


@pytest.mark.parametrize(
    ("mask", "why"),
    [
        ("0x0000000000000001", None),  # idle
        ("0x0000000000000004", None),  # a cap on power is how some cards always run
        ("[N/A]", None),
        ("0x0000000000000048", "H100 slows itself down: hardware slowdown, heat, by hardware"),
        ("0x0000000000000024", "H100 slows itself down: heat, by software"),
    ],
)
def test_a_gpu_that_slows_itself_is_no_measurement(mask, why):
    assert limits.slowed([{"name": "H100", "clocks_throttle_reasons.active": mask}]) == why


def test_no_gpu_is_no_trouble():
    assert limits.slowed(None) is None
