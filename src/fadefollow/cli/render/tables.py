"""The look that all tables of the terminal share."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table


def titled(title: str, *, gap: int = 1) -> Table:
    """An empty table with its title.

    Args:
        title: may hold rich's markup; escape what comes from data.
        gap: blank columns behind each column.
    """
    return Table(
        title=title,
        title_style="bold",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, gap, 0, 0),
    )
