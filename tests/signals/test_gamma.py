"""Dealers' gamma on option books made by hand, and the moves that find dealers short of it."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from fadefollow.market import Market
from fadefollow.phases.greeks import OptionBooks, gamma
from fadefollow.workspace import find_workspace

Gamma = find_workspace().signal("gamma")

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2021-03-01", tz="UTC")


def perp(close):
    """Hourly bars from START with these closes; each opens at the close before."""
    close = np.asarray(close, float)
    opens = np.append(close[0], close[:-1])
    time = pd.date_range(START, periods=len(close), freq=HOUR).as_unit("ns")
    bars = {"time": time, "open": opens, "high": np.maximum(opens, close)}
    bars |= {"low": np.minimum(opens, close), "close": close, "volume": 1.0}
    return pd.DataFrame(bars).assign(available=time + HOUR)


def options(*records, iv=0.5):
    """(hours from START, days to expiry, strike, right, open interest), in time."""
    rows = [
        (time, time + pd.Timedelta(days=days), float(strike), right, float(held), iv, time)
        for hours, days, strike, right, held in records
        for time in [START + hours * HOUR]
    ]
    names = ["time", "expiry", "strike", "right", "open_interest", "iv", "available"]
    table = pd.DataFrame(rows, columns=names)
    for column in ("time", "expiry", "available"):
        table[column] = table[column].dt.as_unit("ns")
    return table


def daily(days, *book, **settings):
    """The same book at every midnight."""
    return options(*((24 * d, *record) for d in range(days) for record in book), **settings)


def market(close, book):
    return Market("BTC", bar=HOUR, tables={"perp": perp(close), "options": book})


def wobble(days, *, size=0.002, price=100.0):
    """A price that goes up and down by `size` every hour."""
    return price * np.exp(size * (np.arange(24 * days) % 2))


def test_gamma_is_that_of_the_textbook():
    # Hull, "The Greek letters": S 49, K 50, r 5 %, σ 20 %, T 0.3846 has a gamma of 0.066;
    # at an interest rate of zero the discounted strike stands for K
    assert gamma(49, 50 * math.exp(-0.05 * 0.3846), 0.3846, 0.2) == pytest.approx(0.0655, abs=5e-5)


def test_gamma_at_the_money_in_closed_form():
    # φ(0.1) / (100 × 0.2), and φ(0.1) = 0.39695255
    assert gamma(100, 100, 1.0, 0.2) == pytest.approx(0.01984762737, rel=1e-9)


def test_gamma_is_the_second_derivative_of_the_price():
    price, strike, step = np.array([[80.0], [100.0], [130.0]]), np.array([90.0, 120.0]), 1e-2

    def call(s):
        d1 = (np.log(s / strike) + 0.5 * 0.6**2 * 0.1) / (0.6 * math.sqrt(0.1))
        return s * norm.cdf(d1) - strike * norm.cdf(d1 - 0.6 * math.sqrt(0.1))

    second = (call(price + step) - 2 * call(price) + call(price - step)) / step**2
    assert gamma(price, strike, 0.1, 0.6) == pytest.approx(second, rel=1e-4)


def test_an_expired_option_has_no_gamma():
    assert gamma(100, 100, [0.0, -0.1], 0.5).tolist() == [0.0, 0.0]


def test_net_gamma_of_a_book_in_coins_for_one_percent():
    table = options((0, 365, 100, "call", 4), (0, 365, 100, "put", 10), iv=0.2)
    books = OptionBooks.of(table, call_sign=1, put_sign=-1)
    at = np.array([START.value])
    net, gross = books.gamma(np.array([0]), np.array([100.0]), at, np.array([np.nan]))
    assert net == pytest.approx(-6 * 0.0198476274)
    assert gross == pytest.approx(14 * 0.0198476274)


def test_the_flip_level_of_two_equal_positions():
    # gamma of the call at 110 and of the put at 90 balance where |d1| is equal:
    # √(110 × 90) × exp(−σ²T / 2), with σ = 0.2 and T = 0.25
    table = options((0, 91.25, 110, "call", 5), (0, 91.25, 90, "put", 5), iv=0.2)
    books = OptionBooks.of(table, call_sign=1, put_sign=-1)
    for price in (92.0, 99.0, 108.0):
        at = np.array([START.value])
        level = books.flip(np.array([price]), at, np.array([np.nan]), reach=0.3)
        assert level == pytest.approx(99.0025, abs=0.02)


def test_the_flip_level_is_the_end_of_the_grid_where_the_sign_stays():
    price, at = np.array([100.0]), np.array([START.value])
    for right, end in (("put", math.exp(0.3)), ("call", math.exp(-0.3))):
        books = OptionBooks.of(options((0, 30, 100, right, 5)), call_sign=1, put_sign=-1)
        level = books.flip(price, at, np.array([np.nan]), reach=0.3)
        assert level == pytest.approx(100 * end)


def test_a_put_heavy_book_is_short_gamma_below_its_flip_level():
    book = daily(40, (30, 120, "call", 100), (30, 90, "put", 100))
    found = Gamma().features(market(wobble(40, price=95.0), book))
    assert (found["net_gamma"] < 0).all()
    assert (found["gamma_balance"] < -0.1).all()
    assert (found["flip_distance"] < 0).all()
    calm = Gamma().features(market(wobble(40, price=118.0), book))
    assert (calm["net_gamma"] > 0).all()
    assert (calm["flip_distance"] > 0).all()


@pytest.mark.parametrize(("sign", "phase"), [(1, "short_gamma_up"), (-1, "short_gamma_down")])
def test_a_move_that_finds_dealers_short_fires_once(sign, phase):
    close = wobble(40)
    close[800:] *= math.exp(0.03 * sign)
    table = Gamma().detect(market(close, daily(40, (30, 100, "put", 50)))).table
    assert table["phase"].tolist() == [phase]
    event = table.iloc[0]
    assert event["time"] == START + 800 * HOUR
    assert (event["lean"], event["actor"], event["strength"]) == (sign, "dealers", 1.0)
    assert event["net_gamma"] < 0
    assert event["move_bps"] == pytest.approx(300 * sign, abs=21)


def test_the_same_move_says_nothing_when_dealers_are_long():
    close = wobble(40)
    close[800:] *= 1.03
    assert len(Gamma().detect(market(close, daily(40, (30, 100, "call", 50))))) == 0


def test_a_usual_move_says_nothing():
    book = daily(40, (30, 100, "put", 50))
    assert len(Gamma().detect(market(wobble(40, size=0.02), book))) == 0


def test_options_that_expired_since_the_snapshot_do_not_count():
    close = wobble(40)
    book = daily(40, (0.25, 100, "put", 500), (30, 100, "call", 1))
    net = Gamma().features(market(close, book))["net_gamma"]
    # bar 5 closes at 06:00, when the puts expire
    assert (net[24 * 20 : 24 * 20 + 5] < 0).all()
    assert (net[24 * 20 + 5 : 24 * 21 - 1] > 0).all()


def test_a_book_is_forgotten_when_it_is_two_days_old():
    net = Gamma().features(market(wobble(40), daily(20, (60, 100, "put", 5))))["net_gamma"]
    last = 24 * 19 - 1 + 48
    assert net[last] < 0
    assert np.isnan(net[last + 1 :]).all()


def test_without_implied_volatility_the_realised_one_stands_in():
    close = wobble(40, size=0.005)
    # returns of ±0.5 % an hour: 0.005 × √8760 = 0.468 a year
    stated, implied = (
        Gamma().features(market(close, daily(40, (30, 101, "put", 5), iv=iv)))["net_gamma"]
        for iv in (np.nan, 0.005 * math.sqrt(8760))
    )
    assert np.isnan(stated[: 15 * 24 - 1]).all()
    assert stated[-1] == pytest.approx(implied[-1], rel=5e-3)


def test_a_later_snapshot_changes_nothing_before_it():
    close, book = wobble(40), daily(40, (30, 110, "call", 50), (30, 90, "put", 50))
    grown = book.assign(
        open_interest=book["open_interest"].where(book["time"] < START + 960 * HOUR / 2, 99.0)
    )
    one, other = (Gamma().features(market(close, b)) for b in (book, grown))
    for name, values in one.items():
        np.testing.assert_array_equal(values[:479], other[name][:479])
