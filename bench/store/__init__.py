"""What is kept of a run: its records, where and with what they were made."""

from bench.store.database import FILE, Store, now
from bench.store.lines import StoreError

__all__ = ["FILE", "Store", "StoreError", "now"]
