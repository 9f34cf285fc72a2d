"""The hub's data sets as tasks: the same rows, the same heads, other data.

A data set stands beside the offline task of its head (``catalogue``), is fetched at one commit and
proven (``fetch``), checked (``read``), tokenized once (``write``), opened (``table``) and cut into
rows (``rows``), as the offline task is (``task``).
Names are had without importing anything heavy.
"""
