"""The result of a sweep: one run over many values, told by value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd

from fadefollow.core.text import html_card, plural
from fadefollow.reporting.notebook.display import card, table
from fadefollow.reporting.notebook.plots import sweep_figure
from fadefollow.reporting.text.answers import BOOKS
from fadefollow.reporting.text.formatting import fixed, interval, plain_bps
from fadefollow.verdict.model import RunResult

#: of a sweep that a notebook shows
_MOST_ROWS = 40


@dataclass(frozen=True, eq=False)
class Sweep:
    """What `ff.sweep` found.

    Attributes:
        strategy: whose settings were varied.
        grid: the values tried, a row for each strategy of the run, a column a setting.
        run: the run that holds them all; its words are corrected over all of them.
    """

    strategy: str
    grid: pd.DataFrame
    run: RunResult

    @property
    def table(self) -> pd.DataFrame:
        """`run.table` with the values tried before its numbers, without the strategies' names."""
        made = self.grid.join(self.run.table.set_index("strategy"), how="right")
        return made.reset_index(drop=True)

    def to_frame(self) -> pd.DataFrame:
        """The same as `table`."""
        return self.table

    def __repr__(self) -> str:
        tried = ", ".join(f"{name} {list(dict.fromkeys(self.grid[name]))}" for name in self.grid)
        return f"Sweep({self.strategy}: {tried}; {len(self.grid)} combinations)"

    def _repr_html_(self) -> str | None:
        return html_card(self)

    def plot(self, **choices: Any) -> Any:
        """Mean net return against the value, with intervals: a Plotly figure.

        Args:
            choices: `phase`, `stance` and `book` to draw; by default the first phase, both
                stances, outright.
        """
        return sweep_figure(self.table, [str(name) for name in self.grid], **choices)


@html_card.register
def sweep_card(sweep: Sweep) -> str:
    """A row for each combination, phase, stance and book, with its word and mean."""
    names = [str(name) for name in sweep.grid]
    head = (*names, "phase", "stance", "word", "net a trade [interval], bps", "trades")
    rows = [
        (
            *(str(row[name]) for name in names),
            row["phase"],
            f"{row['stance']} {BOOKS[row['book']]}",
            row["word"],
            f"{plain_bps(row['mean_net_bps'])} "
            f"{interval((row['band_low_bps'], row['band_high_bps']))}",
            fixed(row["n_trades"]),
        )
        for row in sweep.table.to_dict("records")
    ]
    left = range(len(names) + 3)
    caption = "Intervals and words hold for all combinations together"
    return card(
        f"{sweep.strategy}: {plural(len(sweep.grid), 'combination')}",
        table(head, rows, left=left, most=_MOST_ROWS, rest_in="sweep.table", caption=caption),
    )
