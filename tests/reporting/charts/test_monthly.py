"""Returns by month: literal months of a small equity curve."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from fadefollow.reporting.charts.monthly import Month, monthly, monthly_tables, yearly
from fadefollow.reporting.charts.performance import EquityFigure
from fadefollow.reporting.pages.figures import _gained
from fadefollow.verdict.model import RunResult
from tests.support.reporting_cases import Cases

DAYS = ["2021-11-29", "2021-11-30", "2021-12-31", "2022-01-01", "2022-01-31", "2022-03-02"]
EQUITY = pd.Series(
    [1.01, 1.02, 1.02, 1.05, 0.96, 1.07], index=pd.DatetimeIndex(DAYS, tz="UTC"), name="value"
)


def test_months_of_a_fixed_capital_add_up() -> None:
    found = monthly(EQUITY)
    assert found == pytest.approx(
        {(2021, 11): 0.02, (2021, 12): 0.0, (2022, 1): -0.06, (2022, 3): 0.11}
    )
    assert yearly(EQUITY) == pytest.approx({2021: 0.02, 2022: 0.05})
    assert sum(found.values()) == pytest.approx(0.07)


def test_months_of_a_growing_account_are_shares_of_it() -> None:
    found = monthly(EQUITY, compound=True)
    assert found[2022, 1] == pytest.approx(0.96 / 1.02 - 1)
    assert found[2022, 3] == pytest.approx(1.07 / 0.96 - 1)
    assert yearly(EQUITY, compound=True)[2022] == pytest.approx(1.07 / 1.02 - 1)


@pytest.fixture(scope="module")
def run(cases: Cases) -> RunResult:
    equity = pd.DataFrame({("s", "fade"): EQUITY, ("s", "follow"): 2 - EQUITY})
    equity.columns = pd.MultiIndex.from_product(
        [["s"], ["fade", "follow"]], names=["strategy", "stance"]
    )
    return replace(cases.plain, equity=equity)


def test_a_table_shows_the_latest_year_first_and_gaps_empty(run: RunResult) -> None:
    fade, follow = monthly_tables(run, "s")
    assert (fade.title, follow.title) == ("Fade", "Follow")
    assert [y.year for y in fade.years] == ["2022", "2021"]
    first = fade.years[0].months
    assert (first[0], first[1], first[2]) == (Month("−6.0", -3), Month(""), Month("+11", 4))
    assert fade.years[1].months[10:] == (Month("+2.0", 1), Month("0"))
    assert [y.total.text for y in fade.years] == ["+5.0", "+2.0"]
    assert follow.years[0].months[0] == Month("+6.0", 3)
    assert fade.summary == (
        "2 of 3 months with a gain or a loss gained; best Mar 2022 (+11.0\u202f%), "
        "worst Jan 2022 (−6.0\u202f%)."
    )


def test_a_book_that_never_moved_has_nothing_to_colour(run: RunResult) -> None:
    flat = replace(run, equity=run.equity * 0 + 1)
    fade, _ = monthly_tables(flat, "s")
    assert {m.level for y in fade.years for m in y.months} == {0}
    assert fade.summary == "No month with a gain or a loss."
    assert monthly_tables(run, "unknown") == ()


def test_texts_say_what_a_fall_is_a_share_of() -> None:
    fixed, growing = (_gained(EquityFigure("s", (), compound)) for compound in (False, True))
    assert "fixed capital" in fixed
    assert "in the same unit" in fixed
    assert "fixed" not in growing
    assert "positions growing with gains" in growing
    assert "as a share of that peak" in growing
