"""What `fadefollow.reporting` offers by name; loaded when the first of them is asked for."""

from fadefollow.reporting.pages.index import write_index
from fadefollow.reporting.pages.page import render
from fadefollow.reporting.write import write_run
from fadefollow.results.stored_run import read_run, read_tuning

__all__ = ["read_run", "read_tuning", "render", "write_index", "write_run"]
