"""Cards of trades: where entry and exit stand in the drawing, and the same in words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.reporting.pages.trade_cards import POINTS, Bars, Drawing, draw, trade_cards

HOURS = pd.date_range("2024-05-01", periods=41, freq="h", tz="UTC", name="time")
#: rises by one an hour from 100
RISING = pd.DataFrame({"open": 100.0 + np.arange(41)}, index=HOURS)
TRADE: dict[str, Any] = {
    "symbol": "BTC",
    "side": 1,
    "entry_time": HOURS[10],
    "entry_price": 110.0,
    "exit_time": HOURS[20],
    "exit_price": 120.0,
    "exit_reason": "time",
    "leg": "perp",
    "funding": -2.5,
    "return": 0.0909,
}


def drawn(trade: dict[str, Any], frame: pd.DataFrame = RISING) -> Drawing:
    found = draw(trade, Bars({"BTC": frame}))
    assert found is not None
    return found


def test_entry_and_exit_stand_on_the_line() -> None:
    found = drawn(TRADE)
    # eight bars before and after: 26 steps of 456 / 26 units across, 26 of 138 / 26 down
    assert (found.entry, found.exit) == ((152, 112), (328, 58))
    assert found.before.startswith("M12 154l")
    assert found.held.startswith("M152 112l")
    assert found.after.startswith("M328 58l")


def test_a_fill_off_the_line_is_drawn_where_it_was_filled() -> None:
    low = drawn({**TRADE, "exit_price": 100.0, "exit_reason": "liquidation"})
    assert low.exit == (328, 154)  # the lowest of all
    assert low.entry[1] < low.exit[1]


def test_a_dated_contract_stands_on_the_line_of_the_perp() -> None:
    future = drawn({**TRADE, "leg": "future:240628", "entry_price": 130.0, "exit_price": 140.0})
    assert (future.entry, future.exit) == ((152, 112), (328, 58))


def test_a_hole_breaks_the_line_and_a_flat_price_is_a_line() -> None:
    holed = RISING.copy()
    holed.iloc[13:16] = np.nan
    assert drawn(TRADE, holed).held.count("M") == 2
    flat = drawn({**TRADE, "entry_price": 7.0, "exit_price": 7.0}, RISING * 0 + 7)
    assert (flat.entry, flat.exit) == ((152, 16), (328, 16))


def test_a_long_trade_is_thinned_with_its_extremes() -> None:
    index = pd.date_range("2020-01-01", periods=5000, freq="h", tz="UTC")
    price = np.full(5000, 100.0)
    price[1234] = 60.0
    found = drawn(
        {
            **TRADE,
            "entry_time": index[1000],
            "exit_time": index[4000],
            "entry_price": 100.0,
            "exit_price": 100.0,
        },
        pd.DataFrame({"open": price}, index=index),
    )
    assert len(re.findall("[Ml]", found.held)) <= POINTS
    assert re.search(r"l\d+ 138(?!\d)", found.held)  # down to the very bottom


def test_without_bars_there_is_no_drawing() -> None:
    assert draw(TRADE, Bars({})) is None
    assert draw(TRADE, Bars({"BTC": RISING.iloc[:0]})) is None
    assert draw(TRADE, Bars({"BTC": RISING * np.nan})) is None


def test_a_trade_at_either_end_of_the_data() -> None:
    begin = drawn({**TRADE, "entry_time": HOURS[0], "entry_price": 100.0})
    assert begin.before == "M12 154"  # nothing came before: a point, which draws nothing
    assert begin.entry == (12, 154)
    end = drawn({**TRADE, "exit_time": HOURS[40], "exit_price": 140.0})
    assert end.exit == (468, 16)
    assert end.after == "M468 16"


def test_a_card_says_it_in_words() -> None:
    (card,) = trade_cards(pd.DataFrame([TRADE]), Bars({"BTC": RISING}))
    assert card.words == (
        "BTC bought at 110.00 on 2024-05-01 10:00 UTC, left by time at 120.00 on "
        "2024-05-01 20:00 UTC after 10\u202fh: +909\u202fbps net, funding −2.50."
    )
    assert (card.up, card.gained, card.held, card.gain) == (
        True,
        True,
        "10\u202fh",
        "+909\u202fbps",
    )
    (short,) = trade_cards(pd.DataFrame([{**TRADE, "side": -1, "return": -0.01}]), Bars({}))
    assert (short.side, short.up, short.gained, short.drawing) == ("sold short", False, False, None)
