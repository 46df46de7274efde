"""A mapping inferred from files that nobody has described: columns, names, times, entries."""
