"""One figure of the report: a chart, what it shows in words, and the same as a table."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from fadefollow.reporting.charts.charts import Chart
from fadefollow.reporting.text.formatting import Table


@dataclass(frozen=True)
class Exhibit:
    """One figure of the report; without a chart, `caption` says why there is none."""

    title: str
    caption: str
    table: Table | None = None
    island: Markup | None = None
    height: int = 0


def exhibit(title: str, caption: str, chart: Chart, table: Table) -> Exhibit:
    """A drawn figure."""
    return Exhibit(title, caption, table, chart.island(), chart.height)
