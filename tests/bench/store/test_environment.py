"""What a record says of its machine: where the system tells, and where it does not."""

import json
import os
import platform
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from bench.store import environment

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc and /sys")


def test_strict_json_without_host_home_or_user():
    text = json.dumps(environment.machine(), allow_nan=False)
    for private in (platform.node(), str(Path.home()), os.environ.get("USER", "")):
        if len(private) > 2:
            assert private not in text


def test_needs_no_torch():
    code = (
        "import sys; from bench.store import environment; environment.machine(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_nothing_told_is_none(files):
    told = (environment.cpu_flags, environment.frequency, environment.cpu_quota)
    assert [ask() for ask in told] == [None, None, None]


@pytest.mark.parametrize(
    ("line", "flags"),
    [
        ("flags\t\t: fpu smep fma avx2 amx_tile", ["amx_tile", "avx2", "fma"]),
        ("Features\t: fp asimd aes sve2 bf16 sme2", ["asimd", "bf16", "sme2", "sve2"]),
        ("model name\t: none", None),
    ],
)  # fmt: skip
def test_flags_that_matter(files, line, flags):
    files["/proc/cpuinfo"] = f"processor\t: 0\n{line}\n"
    assert environment.cpu_flags() == flags


def test_frequency_policy(files):
    place = "/sys/devices/system/cpu"
    files[f"{place}/cpu0/cpufreq/scaling_governor"] = "powersave"
    files[f"{place}/cpu0/cpufreq/cpuinfo_max_freq"] = "4200000"
    files[f"{place}/intel_pstate/no_turbo"] = "1"
    assert environment.frequency() == {
        "governor": "powersave", "driver": None, "least_hz": None, "most_hz": 4_200_000_000,
        "boost": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("found", "quota"),
    [
        ({"/proc/self/cgroup": "0::/box", "/sys/fs/cgroup/box/cpu.max": "150000 100000"}, 1.5),
        ({"/proc/self/cgroup": "0::/box", "/sys/fs/cgroup/box/cpu.max": "max 100000"}, None),
        ({"/proc/self/cgroup": "0::/box/in", "/sys/fs/cgroup/box/cpu.max": "50000 100000"}, 0.5),
        (
            {
                "/proc/self/cgroup": "4:cpu,cpuacct:/\n3:memory:/x",
                "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000",
                "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            2.0,
        ),
    ],
)
def test_quota_of_a_container(files, found, quota):
    files |= found
    assert environment.cpu_quota() == quota


@LINUX
def test_caches_grow_with_their_level():
    caches = environment.caches()
    if caches is None:
        pytest.skip("this system does not tell its caches")
    assert caches["L1d"] < max(caches.values())


class TestGpus:
    def test_each_is_described(self, tmp_path, monkeypatch):
        self.tool(tmp_path, monkeypatch, "printf 'A100, 550.1%s\\n' "
                  "', x, x, x, x, x, 31, x, x, x, 0x0000000000000004'")  # fmt: skip
        (gpu,) = environment.gpus()
        assert gpu["name"] == "A100"
        assert gpu["temperature.gpu"] == "31"
        assert gpu["clocks_throttle_reasons.active"] == "0x0000000000000004"

    @pytest.mark.parametrize("script", ["exit 9", "sleep 60", "echo nonsense", "true"])
    def test_a_tool_that_fails_or_hangs_says_nothing(self, tmp_path, monkeypatch, script):
        monkeypatch.setattr(environment, "_GPU_WAIT_S", 0.5)
        self.tool(tmp_path, monkeypatch, f"exec {script}" if "sleep" in script else script)
        assert environment.gpus() is None

    def test_no_tool(self, tmp_path, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        assert environment.gpus() is None

    def tool(self, folder, monkeypatch, script):
        path = folder / "nvidia-smi"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
