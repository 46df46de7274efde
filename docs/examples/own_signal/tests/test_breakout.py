"""A crowded breakout: small markets whose answer is known, and the contract of all signals."""

import numpy as np
import pandas as pd
import pytest
from signals.breakout import Breakout

from fadefollow.market import Market
from fadefollow.testing import SignalContract

HOUR = pd.Timedelta(hours=1)


class TestBreakout(SignalContract):
    signal = Breakout()


def market(close, oi):
    """One coin with these closes and this open interest, hour by hour from 2024."""
    time = pd.date_range("2024-01-01", periods=len(close), freq="h", tz="UTC")
    perp = pd.DataFrame({"time": time, "open": close, "high": close, "low": close, "close": close})
    interest = pd.DataFrame({"time": time + HOUR, "open_interest": oi})
    tables = {
        "perp": perp.assign(available=time + HOUR),
        "open_interest": interest.assign(available=time + HOUR),
    }
    return Market("COIN", bar=HOUR, tables=tables)


def quiet():
    """200 hours between 99 and 101, and open interest of 1,000 coins."""
    return 100 + np.sin(np.arange(200)), np.full(200, 1000.0)


def test_a_new_high_with_more_open_interest_is_crowded_once():
    close, oi = quiet()
    close[180:], oi[180:] = 103.0, 1200.0
    found = Breakout(window_days=5).detect(market(close, oi)).table
    assert list(found["phase"]) == ["crowded_high"]
    assert list(found["lean"]) == [1]
    # bar 180 opens at 12:00 on 8 January, and the phase is known at its close
    assert found["time"][0] == pd.Timestamp("2024-01-08 12:00", tz="UTC")
    assert found["strength"][0] == pytest.approx(20.0)


def test_a_new_high_without_new_positions_is_none():
    close, oi = quiet()
    close[180:] = 103.0
    assert len(Breakout(window_days=5).detect(market(close, oi))) == 0


def test_a_new_low_is_the_mirror_image():
    close, oi = quiet()
    close[180:], oi[180:] = 97.0, 1200.0
    found = Breakout(window_days=5).detect(market(close, oi)).table
    assert list(found["phase"]) == ["crowded_low"]
    assert list(found["lean"]) == [-1]
