"""Intervals, sequential decisions and verdicts; nothing of torch."""
