"""What the probes' tables share: columns, series by length, arms timed in turn, powers, scores."""
