"""Ratios of each book, its drawdowns and rolling ratios; coins by years."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from fadefollow.reporting.charts.charts import equity_chart
from fadefollow.reporting.charts.performance import by_book, equity_figures
from fadefollow.reporting.phase.heatmap import heat_maps
from fadefollow.reporting.phase.ratios import falls, ratio_table, rolling
from fadefollow.verdict.exploratory import Fall
from tests.reporting.phase.test_tiles import ratios_of
from tests.support.reporting_cases import NAN, Cases

T = "\u202f"


def test_each_book_has_a_column(cases: Cases) -> None:
    gone = replace(ratios_of("s", "follow", "hedged"), growth_a_year=NAN, calmar=NAN)
    run = replace(cases.plain, ratios=(gone, ratios_of("s"), ratios_of("other")))
    found = ratio_table(run, "s")
    assert found is not None
    assert found.heads == (("fade", "Fade outright"), ("follow", "Follow against the market"))
    rows = {key: [one.text for one in cells] for key, cells in found.rows}
    assert rows["growth_a_year"] == [f"+7.2{T}%", "—"]
    assert rows["sortino"] == ["1.61", "1.61"]
    assert rows["worst_day"] == [f"−4.2{T}%"] * 2


def test_runs_of_earlier_versions_have_none(cases: Cases) -> None:
    name = cases.plain.verdicts[0].strategy
    assert ratio_table(cases.plain, name) is None
    assert falls(cases.plain, name) is None
    assert by_book(cases.plain.rolling) == {}
    assert rolling({}) is None
    assert heat_maps(cases.plain) == {}


def test_a_drawdown_that_is_not_made_good_says_so(cases: Cases) -> None:
    deep = (
        Fall("2022-01-05", "2022-02-01", "2022-03-01", -0.2),
        Fall("2022-11-05", "2022-11-10", "", -0.1),
    )
    table = falls(replace(cases.plain, ratios=(replace(ratios_of("s"), falls=deep),)), "s")
    assert table is not None
    assert table.rows == (
        ("Fade", "2022-01-05", "2022-02-01", "2022-03-01", f"−20.0{T}%"),
        ("Fade", "2022-11-05", "2022-11-10", "not yet", f"−10.0{T}%"),
    )


def test_coins_by_years_are_ordered_by_trades_and_coloured_by_size(cases: Cases) -> None:
    rows = [
        ("s", "p", "fade", "AA", 2021, 6, 10.0),
        ("s", "p", "fade", "BB", 2021, 20, -40.0),
        ("s", "p", "fade", "BB", 2023, 3, 90.0),
    ]
    names = ["strategy", "phase", "stance", "symbol", "year", "n_trades", "mean_net_bps"]
    (found,) = heat_maps(replace(cases.plain, coin_years=pd.DataFrame(rows, columns=names)))[
        "s", "p"
    ]
    assert found.years == (2021, 2022, 2023)
    assert [(row.coin, row.trades) for row in found.rows] == [("BB", "23"), ("AA", "6")]
    # the scale ends at the 90 % quantile of 10 and 40, 37; three trades are too few for a colour
    assert [(c.text, c.level) for c in found.rows[0].cells] == [("−40", -4), ("", 0), ("+90", 0)]
    assert [c.level for c in found.rows[1].cells] == [2, 0, 0]


def test_the_rolling_mean_is_drawn_below_the_drawdown(cases: Cases) -> None:
    name = cases.plain.verdicts[0].strategy
    weeks = pd.date_range("2022-01-02", periods=3, freq="7D", tz="UTC")
    table = pd.DataFrame(
        {
            "time": weeks,
            "strategy": name,
            "stance": "fade",
            "book": "outright",
            "mean": [0.1, NAN, -0.05],
            "sharpe": 1.0,
            "beta": 0.0,
        }
    )
    run = replace(cases.plain, rolling=table)
    (figure,) = (f for f in equity_figures(run) if f.strategy == name)
    line = figure.means["fade", "outright"]
    assert line.value.tolist() == [10.0, -5.0]  # per cent a year; an unknown week is left out
    chart = equity_chart(figure)
    (mean,) = (trace for trace in chart.data if trace.get("yaxis") == "y3")
    assert mean["legendgroup"] == "Fade outright"
    assert chart.layout["yaxis3"]["title"]["text"] == "last year, %"
    # a run of an earlier version has two panels
    (before,) = (f for f in equity_figures(cases.plain) if f.strategy == name)
    assert before.means == {}
    assert "yaxis3" not in equity_chart(before).layout
