"""Stock tables of maintenance brackets, and those that were recorded."""

from __future__ import annotations

from itertools import pairwise

import pandas as pd
import pytest

from fadefollow.core.toml import build
from fadefollow.errors import FadeFollowError
from fadefollow.market.brackets.table import BracketTable, bracket_table, stock

TIMES = pd.to_datetime(["2026-01-01 10:00", "2026-01-01 10:00", "2026-01-02 10:00"], utc=True)


def test_stock_tables_have_a_source_and_rise_without_a_jump():
    assert set(stock()) == {"binance", "bybit", "okx"}
    for versions in stock().values():
        for version in versions:
            assert version.source
            for symbol in version.coins:
                table = BracketTable(
                    name="x", date=version.date, source="s", rows=version.coins[symbol]
                )
                for (_, rate, deduction), (floor, higher, more) in pairwise(table.rows):
                    assert higher > rate
                    # rate × floor − deduction is the same on both sides of the floor; OKX's tiers
                    # hold for the whole position and jump
                    meets = deduction + floor * (higher - rate)
                    assert more == pytest.approx(0.0 if version.in_coins else meets, abs=1e-6)


@pytest.mark.parametrize(
    ("written", "symbol", "rows", "some"),
    [
        (
            "bybit",
            "BTC",
            35,
            {0: (0, 0.005, 0), 9: (1e7, 0.015, 66_000), 34: (8e8, 0.6, 226_382_000)},
        ),
        ("okx", "BTC", 99, {0: (0, 0.004, 0), 1: (10, 0.005, 0), 98: (19_200, 0.4875, 0)}),
        (
            "okx",
            "ETH",
            99,
            {1: (500, 0.005, 0), 51: (122_500, 0.2525, 0), 98: (240_000, 0.4875, 0)},
        ),
    ],
)
def test_newest_stock_tables_of_bybit_and_okx_have_all_tiers(written, symbol, rows, some):
    table = bracket_table(written, symbol, {}, where="w")
    assert len(table.rows) == rows
    assert {place: table.rows[place] for place in some} == some


def test_an_older_stock_table_stays_at_hand_by_its_date():
    old = bracket_table("bybit@2023-12-31", "BTC", {}, where="w")
    assert old.rows == ((0, 0.005, 0), (2e6, 0.01, 10_000), (4e6, 0.015, 30_000))
    assert bracket_table("okx@2026-05-27", "BTC", {}, where="w").words == "OKX's of 2025-12-31"


def test_a_coin_that_is_not_listed_has_the_rows_of_others():
    listed = bracket_table("binance", "BTC", {}, where="w")
    other = bracket_table("binance", "RARE", {}, where="w")
    assert (listed.rows[0][1], other.rows[0][1]) == (0.004, 0.015)
    assert other.words == "Binance's of 2024-09-27"


def test_of_recorded_brackets_the_last_version_counts():
    table = pd.DataFrame(
        {
            "time": TIMES,
            "floor": [50.0, 0.0, 0.0],
            "rate": [0.01, 0.005, 0.02],
            "deduction": [0.25, 0.0, 0.0],
            "in_coins": [0.0, 0.0, 1.0],
        }
    )
    early = BracketTable.recorded("mine", table[:2])
    assert early is not None
    assert (early.rows, early.in_coins) == (((0.0, 0.005, 0.0), (50.0, 0.01, 0.25)), False)
    late = BracketTable.recorded("mine", table)
    assert late is not None
    assert (late.rows, late.in_coins, late.words) == (
        ((0.0, 0.02, 0.0),),
        True,
        "mine's of 2026-01-02",
    )
    assert bracket_table("recorded", "BTC", {"BTC": late}, where="w") == late
    assert BracketTable.recorded("mine", table[:0]) is None


@pytest.mark.parametrize(
    ("rows", "match"),
    [
        ([], "at least 1"),
        ([[5, 0.1, 0]], "must rise from 0; got 5"),
        ([[0, 0.1, 0], [0, 0.2, 0]], "must rise from 0; got 0, 0"),
        ([[0, 0.1, 3]], "first bracket has no deduction; got 3"),
        ([[0, 1.0, 0]], "less than 1"),
    ],
)
def test_rows_that_cannot_be_are_refused(rows, match):
    values = {"name": "x", "date": "2026-01-01", "source": "s", "rows": rows}
    with pytest.raises(FadeFollowError, match=match):
        build(BracketTable, values, where="w")
