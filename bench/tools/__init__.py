"""What people look at beside a report: progress, listings, rows, the machine."""
