"""The benchmark: studies are planned, cells run in processes of their own, reports generated."""

__version__ = "0.1.0"
