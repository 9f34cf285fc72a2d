"""When rounds are looked at."""

from bench.statistics.decisions import next_look


def test_looks():
    assert next_look(0, known=False) == 10
    assert next_look(10, known=True) is None
    assert next_look(10, known=False) == 20
    assert next_look(15, known=True) == 20, "between looks nothing is decided"
    assert next_look(80, known=False) is None
    assert next_look(0, known=False, most=6) == 6
    assert next_look(20, known=False, most=30) == 30
    assert next_look(30, known=False, most=30) is None
