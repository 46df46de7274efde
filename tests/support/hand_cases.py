"""What the money rules' hand cases share.

Unless said otherwise bars are hours, the event is known at the close of bar 0, the entry is at the
open of bar 1 at 100 with 1,000 of capital (size 10, notional 1,000), and costs are zero.
"""

from __future__ import annotations

import pytest

from fadefollow.engine.model import Costs, Rules
from tests.support.engine_cases import make_events
from tests.support.oracle import Trade

FREE = Costs(fee=0.0, slippage=0.0, maintenance=0.0)
RULES = Rules(hold_hours=100, capital=1000.0, opposite=False)
LONG = make_events([(0, +1)])
SHORT = make_events([(0, -1)])
GONE = None  # a missing bar


def only(result: tuple[list[Trade], int]) -> Trade:
    """The one trade of a run."""
    trades, _ = result
    assert len(trades) == 1
    return trades[0]


def check(trade: Trade, **expected: object) -> None:
    """Whether a trade has these fields, numbers to 1e-12 relative."""
    for name, value in expected.items():
        wanted = pytest.approx(value, rel=1e-12, abs=1e-9) if isinstance(value, float) else value
        assert trade[name] == wanted, name


def spans(result: tuple[list[Trade], int]) -> list[tuple[int, int, int, str]]:
    """(side, entry bar, exit bar, reason) of each trade."""
    return [(t["side"], t["entry_bar"], t["exit_bar"], t["reason"]) for t in result[0]]
