"""Doors on hand-made markets, where each phase and each number is known."""

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import ParameterError
from fadefollow.market import Market
from signals.doors import Doors

#: the premium's last close counts alone
#: thresholds of their own, so that other defaults change no expectation
SIZES = {"premium_move": 2.5, "led_move": 2.0}
NOW = Doors(settle_hours=0, **SIZES)
HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")  # a Monday


def bars(close, *, bar=HOUR, start=START, high=None, low=None):
    time = start + bar * np.arange(len(close))
    close = np.asarray(close, float)
    table = pd.DataFrame({"time": time, "open": close, "high": close, "low": close, "close": close})
    table = table.assign(available=time + bar)
    if high is not None:
        table = table.assign(high=high, low=low)
    return table[table["close"].notna()].reset_index(drop=True)


def market(price_bps, premium_bps, *, bar=HOUR, **more):
    """Perp at 100 moved by log bps, spot above it by bps; NaN is a missing bar."""
    perp = 100 * np.exp(np.asarray(price_bps, float) / 1e4)
    spot = perp * (1 + np.asarray(premium_bps, float) / 1e4)
    tables = {"perp": bars(perp, bar=bar, **more), "spot": bars(spot, bar=bar)}
    return Market("COIN", bar=bar, tables=tables, start=START, end=START + bar * len(perp))


def step(at, size, count=480):
    """Zero, and from bar `at` on `size`."""
    return np.where(np.arange(count) >= at, float(size), 0.0)


def found(signal, on):
    table = signal.detect(on).table
    hours = (table["time"] - START) // HOUR
    return list(zip(table["phase"], hours, strict=True))


@pytest.mark.parametrize(
    ("price", "premium", "phase", "lean", "actor"),
    [
        (-200, 6, "short_door", -1, "crowd"),
        (200, -6, "long_door", 1, "crowd"),
        (200, 0, "spot_led_up", 1, "institutions"),
        (-200, 0, "spot_led_down", -1, "institutions"),
        (200, 6, "spot_buying", 1, "spot buyers"),
        (-200, -6, "spot_selling", -1, "spot sellers"),
    ],
)
def test_each_pair_of_moves_is_its_own_phase(price, premium, phase, lean, actor):
    table = NOW.detect(market(step(400, price), step(400, premium))).table
    assert table[["phase", "lean", "actor"]].values.tolist() == [[phase, lean, actor]]
    assert table["time"][0] == START + 400 * HOUR
    assert table["price_move_bps"][0] == pytest.approx(price)
    assert table["premium_move_bps"][0] == pytest.approx(premium)
    # usual sizes are the floors, 50 and 1.5 bps, as nothing ever moved
    assert table["strength"][0] == pytest.approx(4.0)


@pytest.mark.parametrize(
    ("price", "premium"),
    [
        (74, -6),  # a move below 1.5 × 50 bps
        (0, 6),
        (200, 2.5),  # neither flat nor far enough: between 1 and 2.5 × 1.5 bps
        (-200, 2.5),
    ],
)
def test_a_move_that_is_not_beyond_its_usual_size_is_no_phase(price, premium):
    assert found(NOW, market(step(400, price), step(400, premium))) == []


@pytest.mark.parametrize(("premium", "count"), [(1.4, 1), (-1.4, 1), (1.6, 0), (-1.6, 0)])
def test_flat_means_below_the_usual_size(premium, count):
    assert len(NOW.detect(market(step(400, 200), step(400, premium)))) == count


def test_a_move_is_measured_in_what_was_usual_before():
    # a square wave of 48 h: every change over 24 h is 200 bps, so 1.5 usual sizes are 445 bps
    wave = np.where(np.arange(960) // 24 % 2 == 1, 200.0, 0.0)
    led = Doors(window_hours=24, led_move=1.5)
    assert found(led, market(wave + step(900, 200, 960), np.zeros(960))) == []
    assert found(led, market(wave + step(900, 260, 960), np.zeros(960))) == [("spot_led_up", 900)]


def test_a_single_close_of_the_premium_is_not_trusted():
    # four hours are averaged: 2, 4, 6, then 8 bps; 2.5 × 1.5 bps are reached by the second
    spike = step(400, 8) - step(401, 8)
    assert "short_door" not in dict(found(Doors(**SIZES), market(step(400, -200), spike)))
    assert found(Doors(**SIZES), market(step(400, -200), step(400, 8))) == [("short_door", 401)]


def test_the_usual_size_needs_half_of_the_look_back():
    # the premium's moves are known from bar 15 on, half of 30 days of them at bar 375
    def first(at):
        return found(NOW, market(step(at, 200), np.zeros(480)))

    assert first(374) == [("spot_led_up", 375)]
    assert first(375) == [("spot_led_up", 375)]
    assert first(300) == []


def test_ties_of_a_series_that_never_moves_are_no_phase():
    signal = Doors(price_floor_bps=1, premium_floor_bps=0.1, price_move=0.5, premium_move=0.5)
    assert found(signal, market(np.zeros(480), np.full(480, 3.0))) == []


def test_a_missing_spot_bar_is_no_guess_and_the_next_one_tells():
    premium = step(400, 6)
    premium[400:403] = np.nan
    assert found(NOW, market(step(400, -200), premium)) == [("short_door", 403)]


def test_a_missing_bar_at_the_start_of_the_window_is_no_guess():
    price = step(400, -200)
    price[392:394] = np.nan
    assert found(NOW, market(price, step(400, 6))) == [("short_door", 402)]


def test_without_spot_every_phase_is_named():
    whole = market(step(400, -200), step(400, 6))
    alone = Market("COIN", bar=HOUR, tables={"perp": whole.table("perp")})
    phases = Doors().detect(alone)
    assert len(phases) == 0
    assert phases.missing == {("COIN", phase): ("spot",) for phase in Doors.phases}


def test_a_door_opens_once_until_the_cool_down_has_passed():
    # down at 400, back within the window at 410, and down again at 420 and at 440
    price = step(400, -200) + step(410, 200) + step(420, -200) + step(430, 200) + step(440, -200)
    signal = Doors(window_hours=6, settle_hours=0, cooldown_hours=36, **SIZES)
    events = found(signal, market(price, -price * 0.03))
    assert [e for e in events if e[0] == "short_door"] == [("short_door", 400), ("short_door", 440)]


def doors(*steps, count=1200, **params):
    """Hour, phase and number of each door; a step (hour, bps) moves the premium against price."""
    price = sum(step(at, size, count) for at, size in steps)
    signal = Doors(
        **NOW.model_dump() | {"window_hours": 6, "cooldown_hours": 0, "game_hours": 72} | params,
    )
    table = signal.detect(market(price, -0.03 * price)).table
    hours = (table["time"] - START) // HOUR
    return list(zip(hours, table["phase"], table["door_number"], strict=True))


def test_doors_alternate_and_are_numbered():
    assert doors((400, -200), (420, 200), (440, -200), (460, 200)) == [
        (400, "short_door", 1),
        (420, "long_door", 2),
        (440, "short_door", 3),
        (460, "long_door", 4),
    ]


def test_a_second_door_on_the_same_side_keeps_the_number():
    # price comes back in steps too small to be a door
    steps = ((400, -200), (407, 60), (414, 60), (430, -150), (450, 200))
    assert doors(*steps, breakout=1) == [
        (400, "short_door", 1),
        (430, "short_door", 1),
        (450, "long_door", 2),
    ]


def test_a_breakout_of_the_first_range_begins_a_new_game():
    # the game's range is 0 to −200 bps, its quarter 50 bps
    assert [n for *_, n in doors((400, -200), (420, 240))] == [1, 2]
    assert [n for *_, n in doors((400, -200), (420, 260))] == [1, 1]
    assert [n for *_, n in doors((400, -200), (420, 260), (440, -150))] == [1, 1, 2]


def test_a_game_ends_when_no_door_opens_for_too_long():
    assert [n for *_, n in doors((400, -200), (472, 200))] == [1, 2]
    assert [n for *_, n in doors((400, -200), (473, 200))] == [1, 1]


def test_what_is_no_door_has_no_number():
    table = NOW.detect(market(step(400, 200), np.zeros(480))).table
    assert table["door_number"].tolist() == [0]


@pytest.mark.parametrize(
    ("hour_of_week", "height_bps", "quiet"),
    [
        (1, 70, True),  # Monday 01:00
        (23, 70, True),
        (24, 70, False),  # Tuesday
        (-1, 70, False),  # Sunday: the weekend is not over
        (1, 80, False),  # no lower than 0.75 of the 100 bps that weekends before had
    ],
)
def test_monday_after_a_quiet_weekend_is_marked(hour_of_week, height_bps, quiet):
    count = 7 * 168
    week = np.arange(count) // 168
    height = np.where(week == 5, height_bps, 100.0)
    at = 6 * 168 + hour_of_week
    price = step(at, 200, count)
    perp = 100 * np.exp(price / 1e4)
    spread = np.exp(height / 2e4)
    on = market(price, np.zeros(count), high=perp * spread, low=perp / spread)
    table = Doors().detect(on).table
    assert table["time"].tolist() == [START + at * HOUR]
    assert table["quiet_weekend"].tolist() == [quiet]


@pytest.mark.parametrize(("hours", "first"), [(1, 440), (2, 440), (8, 440), (1 / 12, 440)])
def test_a_window_means_the_same_on_every_bar_size(hours, first):
    bar = pd.Timedelta(hours=hours)
    count = round(480 / hours)
    price = step(round(first / hours), -200, count)
    signal = Doors(window_hours=24, settle_hours=0, **SIZES)
    table = signal.detect(market(price, -0.03 * price, bar=bar)).table
    assert table["phase"].tolist() == ["short_door"]
    assert table["time"].tolist() == [START + first * HOUR]


def test_a_window_of_fewer_than_three_bars_is_refused():
    on = market(np.zeros(60), np.zeros(60), bar=8 * HOUR)
    with pytest.raises(ParameterError, match=r"at least 3 bars; got 8 h on bars of 8 h"):
        Doors().detect(on)
