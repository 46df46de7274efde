"""What a run was traded at, on the first screen and in a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fadefollow.reporting import read_run, write_run
from fadefollow.reporting.pages.assumptions import assumed
from fadefollow.reporting.pages.page import render
from tests.support.reporting_cases import REPORTS, assumptions_of, build

COINS = ("BTC", "ETH", "SOL", "IBEX", "RARE", "HIGH")
SAME = (
    "fee 5\u202fbps a fill; slippage 2\u202fbps (BTC, ETH), 5\u202fbps (other coins); funding as "
    "settled; margin leverage 1, liquidated below 0.5\u202f% (BTC, ETH), 2\u202f% (other coins); "
    "capital 100\u202f000 a coin and book, fixed; alpha 5\u202f% over 6 questions"
)


@pytest.fixture(scope="module")
def run():
    return build(("BTC", "ETH", "SOL"), 120, strategy="fade_crowded_funding")


def test_one_line_says_what_all_strategies_were_traded_at(run):
    found = assumed(replace(run, assumptions=assumptions_of(("a", "b"), COINS)))
    assert found is not None
    assert found.line == SAME
    values = ("0.5", "—", "1", "1", "100\u202f000", "no")
    assert found.table.rows == (
        ("a, b", "BTC, ETH", "perp", "5", "2", *values),
        ("a, b", "SOL, IBEX, RARE, HIGH", "perp", "5", "5", "2", *values[1:]),
    )


def test_strategies_of_their_own_costs_and_stakes_are_told_apart(run):
    made = assumptions_of(("a", "b"), COINS[:1])
    cheap = {
        "BTC": {
            "taker_fee_bps": 1.5,
            "slippage_bps": 2.0,
            "maintenance_rate": 0.005,
            "borrow_rate": 0.1,
        }
    }
    made["strategies"]["b"] = {
        **made["strategies"]["b"],
        "costs": cheap,
        "leverage": 3.0,
        "compound": True,
    }
    found = assumed(replace(run, assumptions=made))
    assert found is not None
    for said in ("fee 1.5 to 5\u202fbps a fill", "leverage 1 to 3,", "000 a coin and book;"):
        assert said in found.line
    assert [row[0] for row in found.table.rows] == ["a", "b"]
    assert found.table.rows[1][3:] == (
        "1.5",
        "2",
        "0.5",
        "10",
        "3",
        "1",
        "100\u202f000",
        "yes",
    )


def test_a_searched_leverage_is_called_tuned(run):
    made = assumptions_of(("a",), COINS)
    made["strategies"]["a"]["leverage"] = None
    found = assumed(replace(run, assumptions=made))
    assert found is not None
    assert "leverage tuned," in found.line


def test_the_page_states_them_and_a_stored_run_keeps_them(run, tmp_path):
    page = render(run, REPORTS)
    assert 'id="assumed"' in page
    for how in ("taker_fee_bps in [costs]", "alpha in [tool.fadefollow]"):
        assert how in page
    assert "<summary>Costs and capital</summary>" in page
    back = read_run(write_run(run, tmp_path, REPORTS))
    assert back.assumptions == run.assumptions


def test_runs_of_earlier_versions_say_nothing(run):
    old = replace(run, assumptions={})
    assert assumed(old) is None
    assert 'id="assumed"' not in render(old, REPORTS)


def test_brackets_are_named_in_the_line_and_the_table(run):
    made = assumptions_of(("a",), COINS[:2])
    costs = dict(made["strategies"]["a"]["costs"])
    first = next(iter(costs))
    bare = {name: value for name, value in costs[first].items() if name != "maintenance_rate"}
    table = {
        "name": "Binance",
        "date": "2024-09-27",
        "source": "s",
        "in_coins": False,
        "rows": [[0.0, 0.004, 0.0], [50_000.0, 0.005, 50.0]],
    }
    costs[first] = {**bare, "brackets": table}
    made["strategies"]["a"] = {**made["strategies"]["a"], "costs": costs}
    found = assumed(replace(run, assumptions=made))
    assert found is not None
    said = "liquidated by maintenance brackets, Binance's of 2024-09-27, other coins below"
    assert f"{said} 0.5\u202f%;" in found.line
    assert {row[5] for row in found.table.rows} == {"Binance's of 2024-09-27", "0.5"}
