"""What is kept of a run: its records, where and with what they were made."""

from bench.store.database import FILE, Store, StoreError, now

__all__ = ["FILE", "Store", "StoreError", "now"]
