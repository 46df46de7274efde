"""The registry of venues against ccxt, and the page made from it."""

from __future__ import annotations

import importlib.util
import inspect

import pytest

from fadefollow.errors import DataError, UnknownNameError
from fadefollow.market.fetch.venues import CALLS, COLUMNS, VENUES, described, venue_named
from fadefollow.market.streams import stream
from tests.support.paths import ROOT

DOCS = ROOT / "docs"


def test_the_page_of_venues_is_current() -> None:
    spec = importlib.util.spec_from_file_location("venues_page", DOCS / "venues_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert (DOCS / "venues.md").read_text("utf-8") == module.page()


@pytest.mark.parametrize("name", list(VENUES))
def test_streams_are_those_that_ccxt_can_get(name: str) -> None:
    venue, has = VENUES[name], described(name).has
    assert {"spot", "perp", "funding"} <= set(venue.streams)
    for name_, (call, _) in CALLS.items():
        assert (name_ in venue.streams) <= (has[call] is True)
    # a fact about a stream that ccxt cannot get would be dead
    assert set(venue.facts) <= set(venue.streams)


def test_pages_of_bars_come_from_ccxt_unless_the_registry_knows_better() -> None:
    assert VENUES["bybit"].page("perp") == 1000
    assert VENUES["okx"].page("perp") == 300
    assert VENUES["okx"].page("mark") == 100
    assert VENUES["gate"].page("perp") == 1999
    assert VENUES["gate"].page("spot") == 1000
    # ccxt lists 500 for Binance's contracts; its own call asks for up to 1,000
    source = inspect.getsource(type(described("binance")).fetch_ohlcv)
    assert "maxLimit = 1000" in source
    assert VENUES["binance"].page("perp") == 1000


def test_columns_are_those_of_the_streams() -> None:
    for name, columns in COLUMNS.items():
        needed = {c for c, spec in stream(name).columns.items() if not spec.optional}
        assert needed <= {*columns, "expiry", "interval_hours"}
        assert set(columns) <= set(stream(name).columns)


def test_period_is_the_largest_the_venue_has_that_divides_the_bar() -> None:
    binance, bybit = VENUES["binance"], VENUES["bybit"]
    assert binance.period("perp", "8h") == "8h"
    assert binance.period("open_interest", "8h") == "4h"  # there is none of 8 h
    assert VENUES["okx"].period("open_interest", "4h") == "1h"
    with pytest.raises(DataError, match="a size that Bybit provides; got 8h"):
        bybit.period("perp", "8h")
    with pytest.raises(DataError, match=r"bar must be a multiple of .*; got 1m"):
        bybit.period("open_interest", "1m")
    with pytest.raises(UnknownNameError, match="did you mean 'binance'"):
        venue_named("binanse")
