"""What gradients say in plain words, with intervals: reach, flatness, who learns, what it costs.

Every function takes tables of :mod:`bench.probes.gradient.tables` and returns sentences.
"""
