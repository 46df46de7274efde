"""A data set: its TOML, what is asked of it, opening, coverage, export."""
