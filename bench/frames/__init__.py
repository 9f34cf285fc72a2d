"""What the probes' tables share: columns, series by length, groups, scores of trainings."""
