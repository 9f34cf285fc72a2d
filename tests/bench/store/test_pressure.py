"""How much others took of the machine between two looks."""

from bench.store import pressure


def test_nothing_told_is_none(files):
    assert pressure.steal_since_boot() is None
    assert pressure.waiting("cpu", "total") is None
    assert pressure.Pressure().lap() == {"steal": None, "psi": None}


def test_shares_of_what_passed_between_two_looks(files, monkeypatch):
    now = iter([10.0, 12.0, 12.0])
    monkeypatch.setattr(pressure.time, "monotonic", lambda: next(now))
    files["/proc/stat"] = "cpu  100 0 50 800 10 0 0 40 7 0\ncpu0 1 1 1"
    files["/proc/pressure/cpu"] = "some avg10=1.00 avg60=0 avg300=0 total=5000000\nfull total=9"
    look = pressure.Pressure()
    files["/proc/stat"] = "cpu  150 0 60 920 10 0 0 60 9 0\ncpu0 1 1 1"
    files["/proc/pressure/cpu"] = "some avg10=1.00 avg60=0 avg300=0 total=5500000\nfull total=9"
    assert look.lap() == {"steal": 20 / 200, "psi": 0.25}
    assert look.lap() == {"steal": None, "psi": None}, "no time has passed"


def test_shares_are_shares():
    look = pressure.Pressure()
    for _ in range(3):
        for share in look.lap().values():
            assert share is None or 0 <= share <= 1
