"""Running cells: one fresh process each, forked from a server that has imported torch."""
