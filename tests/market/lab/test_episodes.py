"""Each family's story is there in the market's own tables, where the truth says it is.

Nothing here looks at a signal: prices, premiums, open interest, flows and books are measured
around the labels, and compared with the same coin at other times.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.market.lab import Lab, simulate

HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def labs() -> list[Lab]:
    """Eighteen coin-years of everything."""
    return [simulate({"seed": s, "years": 3, "coins": 2}, bar=HOUR) for s in (21, 22, 23)]


def around(lab: Lab, phase: str) -> Iterator[tuple[dict[str, pd.DataFrame], Any]]:
    """The tables, indexed by time, and each label of a phase."""
    for symbol, tables in lab.tables.items():
        indexed = {name: table.set_index("time") for name, table in tables.items()}
        for row in lab.truth[lab.truth["symbol"] == symbol].itertuples():
            if row.phase == phase:
                yield indexed, row


def measured(
    labs: list[Lab], phase: str, measure: Callable[[dict[str, pd.DataFrame], Any], float]
) -> pd.Series:
    """One number a label."""
    return pd.Series([measure(t, row) for lab in labs for t, row in around(lab, phase)])


def at_close(table: pd.DataFrame, column: str, time: pd.Timestamp) -> float:
    """Of the last bar that has closed by a time."""
    return float(table[column].iloc[table.index.searchsorted(time) - 1])


def move(tables: dict[str, pd.DataFrame], start: pd.Timestamp, hours: float) -> float:
    """Log move of the perp over the hours before a time."""
    now = at_close(tables["perp"], "close", start)
    return math.log(now / at_close(tables["perp"], "close", start - hours * HOUR))


def premium_bps(tables: dict[str, pd.DataFrame], time: pd.Timestamp) -> float:
    """Spot premium, mean of the three bars before a time."""
    part = tables["premium_index"].loc[time - 3 * HOUR : time - 0.1 * HOUR, "close"]
    return float(-1e4 * part.mean())


def interest(tables: dict[str, pd.DataFrame], time: pd.Timestamp) -> float:
    table = tables["open_interest"]["open_interest"]
    return float(table.iloc[table.index.searchsorted(time, side="right") - 1])


def funding_bps(tables: dict[str, pd.DataFrame], time: pd.Timestamp) -> float:
    """The last settlement by a time."""
    table = tables["funding"]["rate"]
    return float(1e4 * table.iloc[table.index.searchsorted(time, side="right") - 1])


@pytest.mark.parametrize(
    ("phase", "price", "premium"),
    [
        ("short_door", -1, +1),
        ("long_door", +1, -1),
        ("spot_buying", +1, +1),
        ("spot_selling", -1, -1),
        ("spot_led_up", +1, 0),
        ("spot_led_down", -1, 0),
    ],
)
def test_doors_are_told_by_price_and_premium(
    labs: list[Lab], phase: str, price: int, premium: int
) -> None:
    moves = measured(labs, phase, lambda t, r: move(t, r.start, 8))
    change = measured(
        labs,
        phase,
        lambda t, r: premium_bps(t, r.start + 4 * HOUR) - premium_bps(t, r.start - 9 * HOUR),
    )
    assert len(moves) > 60
    assert (price * moves > 0.0).mean() > 0.9
    assert (price * moves).median() > 0.02
    if premium:
        assert (premium * change > 2.0).mean() > 0.8
        assert (premium * change).median() > 5.0
    else:
        assert abs(change.median()) < 2.5


def test_doors_alternate_and_some_follow_a_quiet_weekend() -> None:
    lab = simulate({"seed": 3, "years": 6, "coins": 2, "families": ["doors"]}, bar=HOUR)
    longest, quiet = 0, []
    for symbol, own in lab.truth.groupby("symbol"):
        doors = own[own["phase"].isin(["short_door", "long_door"])]
        run = 1
        for before, after in zip(
            doors.iloc[:-1].itertuples(), doors.iloc[1:].itertuples(), strict=True
        ):
            close = after.start - before.start < 40 * HOUR
            run = run + 1 if close and before.phase != after.phase else 1
            longest = max(longest, run)
        size = np.log(lab.tables[str(symbol)]["perp"].set_index("time")["close"]).diff().abs()
        weekends = size[size.index.day_of_week >= 5].mean()
        for start in doors["start"][doors["start"].dt.day_of_week == 0]:
            monday = start.normalize()
            quiet.append(size.loc[monday - 2 * DAY : monday - HOUR].mean() / weekends)
    assert longest >= 4
    assert len(quiet) > 15
    assert np.median(quiet) < 0.8


def annualised(tables: dict[str, pd.DataFrame], time: pd.Timestamp) -> float:
    """Basis of the first contract with three weeks left, fraction a year."""
    bar = time.floor("h") - HOUR
    rows = tables["future"].loc[[bar]]
    rows = rows[rows["expiry"] - bar > 21 * DAY]
    left = (rows["expiry"].iloc[0] - bar) / DAY
    return float((rows["close"].iloc[0] / tables["spot"]["close"][bar] - 1.0) * 365.0 / left)


def test_carry_is_rich_or_negative_for_weeks(labs: list[Lab]) -> None:
    for phase, low, high in (("rich_carry", 0.38, 0.75), ("backwardation", -0.45, -0.05)):
        for part in (0.0, 0.5, 0.98):
            basis = measured(
                labs,
                phase,
                lambda t, r, part=part: annualised(  # type: ignore[misc]
                    t, r.start + part * (r.end - r.start)
                ),
            )
            assert len(basis) > 40
            assert basis.between(low, high).mean() > 0.95
        days = measured(labs, phase, lambda t, r: (r.end - r.start) / DAY)
        assert days.median() > 9.0


def test_an_attack_trades_dated_futures_alone_at_a_peak_of_open_interest(labs: list[Lab]) -> None:
    def surge(stream: str) -> Callable[[dict[str, pd.DataFrame], Any], float]:
        def ratio(t: dict[str, pd.DataFrame], r: Any) -> float:
            volume = t[stream]["volume"].groupby(level=0).sum()
            now = volume[r.start - 6 * HOUR : r.start + 18 * HOUR].mean()
            return float(now / volume[r.start - 14 * DAY : r.start - 6 * HOUR].mean())

        return ratio

    future, perp, spot = (
        measured(labs, "carry_attack", surge(s)) for s in ("future", "perp", "spot")
    )
    assert len(future) > 30
    assert future.median() > 3.0
    assert abs(perp.median() - 1.0) < 0.35
    assert abs(spot.median() - 1.0) < 0.35
    peak = measured(
        labs,
        "carry_attack",
        lambda t, r: interest(t, r.start + 12 * HOUR) / interest(t, r.start - 8 * HOUR),
    )
    assert peak.median() > 1.10
    assert (measured(labs, "carry_attack", lambda t, r: annualised(t, r.start)) > 0.35).mean() > 0.9


def test_streaks_are_days_in_a_row_and_relabelling_is_one_day() -> None:
    lab = simulate({"seed": 5, "years": 6, "coins": 2, "families": ["netflow"]}, bar=HOUR)
    for phase, side in (("inflow_streak", 1), ("outflow_streak", -1)):
        sums, steady = [], []
        for tables, row in around(lab, phase):
            flows = tables["netflow"]
            known = flows[flows["available"] <= row.start].iloc[-3:]
            part = side * known["netflow_coins"] / known["reserve_coins"]
            sums.append(part.sum())
            steady.append((part > 0).all())
        assert len(sums) > 50
        assert np.median(sums) > 0.015
        assert np.mean(steady) > 0.9
    for coin in lab.tables.values():
        part = (coin["netflow"]["netflow_coins"] / coin["netflow"]["reserve_coins"]).abs()
        assert (part > 0.022).sum() >= 6  # jumps of relabelled wallets …
        jumps = np.flatnonzero(part > 0.022)
        beside = [part.iloc[[i - 1, i + 1]].max() for i in jumps]
        assert np.median(beside) < 0.006  # … and usual flows on the days beside them


def test_accumulation_builds_open_interest_in_a_flat_market(labs: list[Lab]) -> None:
    gained = measured(
        labs, "accumulation", lambda t, r: interest(t, r.start) / interest(t, r.start - 4 * DAY)
    )
    assert len(gained) >= 12
    assert gained.median() > 1.15
    assert measured(labs, "accumulation", lambda t, r: abs(move(t, r.start, 96))).median() < 0.04
    assert (
        measured(labs, "accumulation", lambda t, r: funding_bps(t, r.start)) <= 0.5
    ).mean() > 0.7


def test_a_pump_comes_within_a_day_and_shorts_pay_most_when_it_is_done(labs: list[Lab]) -> None:
    def rise(t: dict[str, pd.DataFrame], r: Any) -> float:
        bars = t["perp"].loc[r.start - 40 * HOUR : r.start]
        return float(bars["high"].max() / bars["low"].min() - 1.0)

    assert len(measured(labs, "ignition", rise)) >= 15
    assert measured(labs, "ignition", rise).min() > 0.15
    assert (measured(labs, "ignition", lambda t, r: premium_bps(t, r.start)) > 8.0).mean() > 0.9

    def trough(t: dict[str, pd.DataFrame], r: Any) -> float:
        rates = 1e4 * t["funding"]["rate"]
        return float(
            rates[r.start : r.start + 17 * HOUR].min()
            - rates[r.start - 10 * DAY : r.start - 2 * DAY].min()
        )

    assert (measured(labs, "ignition", trough) < 0.0).mean() > 0.7


def test_a_squeeze_makes_highs_while_open_interest_falls_and_comes_back(labs: list[Lab]) -> None:
    fell = measured(
        labs, "squeeze", lambda t, r: interest(t, r.start) / interest(t, r.start - 8 * HOUR)
    )
    back = measured(
        labs, "squeeze", lambda t, r: interest(t, r.start + 12 * HOUR) / interest(t, r.start)
    )
    assert len(fell) >= 8
    assert fell.median() < 0.95
    assert back.median() > 1.03
    high = measured(
        labs,
        "squeeze",
        lambda t, r: (
            t["perp"].loc[r.start - 6 * HOUR : r.start, "high"].max()
            / t["perp"].loc[r.start - 8 * DAY : r.start - 24 * HOUR, "high"].max()
        ),
    )
    assert high.median() > 1.0


def test_two_funding_troughs_with_a_handover_between(labs: list[Lab]) -> None:
    handed, second, height = [], [], []
    for lab in labs:
        for symbol in lab.tables:
            own = lab.truth[lab.truth["symbol"] == symbol]
            tables = {n: t.set_index("time") for n, t in lab.tables[symbol].items()}
            row: Any
            for row in own[own["phase"] == "distribution"].itertuples():
                near = own[(own["start"] > row.start - 8 * DAY) & (own["start"] < row.start)]
                pumps, between = (near[near["phase"] == p] for p in ("ignition", "handover"))
                assert len(pumps) >= 1
                base = at_close(tables["perp"], "close", pumps["start"].iloc[-1] - 34 * HOUR)
                height.append(at_close(tables["perp"], "close", row.start) / base)
                second.append(funding_bps(tables, row.start))
                handed += [funding_bps(tables, end) for end in between["end"]]
    assert len(second) >= 12
    assert np.median(handed) > 0.0
    assert np.median(second) < -8.0
    assert np.median(height) > 1.04


def test_a_dump_is_led_by_spot(labs: list[Lab]) -> None:
    assert len(measured(labs, "dump", lambda t, r: 0.0)) >= 4
    assert (measured(labs, "dump", lambda t, r: move(t, r.start, 30)) < -0.03).mean() > 0.8
    fell = measured(
        labs,
        "dump",
        lambda t, r: premium_bps(t, r.start + 6 * HOUR) - premium_bps(t, r.start - 6 * HOUR),
    )
    assert fell.median() < -10.0


@pytest.mark.parametrize(("phase", "price"), [("fuel_above", -1), ("fuel_below", 1)])
def test_fuel_is_open_interest_that_price_has_left_behind(
    labs: list[Lab], phase: str, price: int
) -> None:
    gained = measured(
        labs, phase, lambda t, r: interest(t, r.start) / interest(t, r.start - 25 * HOUR)
    )
    assert len(gained) >= 15
    assert gained.median() > 1.12
    assert (price * measured(labs, phase, lambda t, r: move(t, r.start, 24)) > 0.01).mean() > 0.9


@pytest.mark.parametrize(
    ("phase", "price", "column"),
    [("short_flush", 1, "short_coins"), ("long_flush", -1, "long_coins")],
)
def test_a_flush_closes_by_force_in_a_fast_move(
    labs: list[Lab], phase: str, price: int, column: str
) -> None:
    def spike(t: dict[str, pd.DataFrame], r: Any) -> float:
        coins = t["liquidations"][column]
        day = (r.start - pd.Timedelta(minutes=30)).floor("D")
        return float(max(coins[day - DAY], coins[day]) / coins.quantile(0.9))

    assert (price * measured(labs, phase, lambda t, r: move(t, r.start, 8)) > 0.02).mean() > 0.9
    assert measured(labs, phase, spike).median() > 2.0
    assert (measured(labs, phase, spike) > 1.0).mean() > 0.8
    alone = [
        simulate({"seed": s, "years": 3, "coins": 2, "families": ["liquidations"]}, bar=HOUR)
        for s in (1, 2)
    ]
    closed = measured(
        alone, phase, lambda t, r: interest(t, r.start + HOUR) / interest(t, r.start - 6 * HOUR)
    )
    assert closed.quantile(0.25) < 0.93


def dealer_gamma(book: pd.DataFrame, spot: float, now: pd.Timestamp) -> float:
    """Σ γ·OI·(call +1, put −1) by Black–Scholes, dealers long calls and short puts; rate 0."""
    years = (book["expiry"] - now) / (365.25 * DAY)
    width = book["iv"] * np.sqrt(years)
    d1 = (np.log(spot / book["strike"]) + 0.5 * width**2) / width
    gamma = np.exp(-0.5 * d1**2) / (math.sqrt(2.0 * math.pi) * spot * width)
    sign = np.where(book["right"] == "call", 1.0, -1.0)
    return float((gamma * book["open_interest"] * sign).sum())


def test_dealers_are_short_of_gamma_in_the_episodes_and_long_elsewhere() -> None:
    lab = simulate({"seed": 8, "years": 3, "coins": 2, "families": ["gamma"]}, bar=HOUR)
    inside, outside, books = [], [], []
    for symbol, tables in lab.tables.items():
        own = lab.truth[lab.truth["symbol"] == symbol]
        spot = tables["spot"].set_index("time")["close"]
        now: Any
        for now, book in tables["options"].groupby("time"):
            if now < pd.Timestamp("2021-01-20", tz="UTC"):
                continue
            books.append(len(book))
            net = dealer_gamma(book, spot[now - HOUR], now)
            if ((own["start"] + DAY <= now) & (own["end"] >= now)).any():
                inside.append(net < 0)
            elif ((own["start"] - now).abs() > 16 * DAY).all():
                outside.append(net > 0)
    assert len(inside) > 60
    assert np.mean(inside) > 0.95
    assert np.mean(outside) > 0.95
    assert np.median(books) in range(30, 70)
    for phase, side in (("short_gamma_up", 1), ("short_gamma_down", -1)):
        assert (side * measured([lab], phase, lambda t, r: move(t, r.start, 24))).min() > 0.0


def test_option_book_lists_two_live_expiries_on_a_fixed_grid() -> None:
    lab = simulate({"seed": 8, "years": 1, "coins": 1}, bar=pd.Timedelta("8h"))
    book = lab.tables["C01"]["options"]
    assert (book["expiry"] > book["time"]).all()
    assert (book["expiry"].dt.day_of_week == 4).all()
    assert book.groupby("time")["expiry"].nunique().median() == 2
    spot = lab.tables["C01"]["spot"].set_index("time")["close"]
    first = book.groupby(["expiry", "strike"])["time"].first().reset_index()
    price = spot.reindex(first["time"] - pd.Timedelta("8h")).to_numpy()
    # no strike is listed before price has come near
    assert np.abs(np.log(first["strike"] / price)).max() < 0.9


def test_hash_rate_falls_and_news_come_without_a_phase() -> None:
    lab = simulate({"seed": 4, "years": 6, "coins": 1, "families": ["network"]}, bar=HOUR)
    assert lab.truth.empty
    rate = lab.tables["C01"]["hash_rate"]["hash_rate"]
    low = rate / rate.rolling(15).median().shift(4) < 0.88
    assert (low & ~low.shift(fill_value=False)).sum() >= 6
    news = lab.tables["C01"]["news"]
    assert set(news["kind"]) == {"listing", "hack", "miner"}
    assert 20 <= len(news) <= 90


def test_a_chain_holds_what_april_2021_held(labs: list[Lab]) -> None:
    contained = {"inflow_streak": 0, "carry_attack": 0, "crowded_long": 0, "rich_carry": 0}
    count, listed = 0, 0
    paid: list[float] = []
    for lab in labs:
        for tables, row in around(lab, "selloff_watch"):
            own = lab.truth[lab.truth["symbol"] == row.symbol]
            live = own[(own["start"] < row.end) & (own["end"] > row.start - 3 * DAY)]
            count += 1
            for phase in contained:
                contained[phase] += phase in set(live["phase"])
            news = tables["news"].loc[row.start - 3 * DAY : row.end]
            listed += "listing" in set(news["kind"])
            paid.append(funding_bps(tables, row.start + 8 * HOUR))
    assert count >= 18
    assert np.quantile(paid, 0.1) > 3.0
    assert contained["crowded_long"] == contained["rich_carry"] == count
    assert min(contained.values()) > 0.8 * count
    assert listed > 0.6 * count


@pytest.mark.parametrize("bar", ["5min", "8h"])
def test_episodes_are_the_same_on_other_bars(bar: str) -> None:
    settings = {"seed": 6, "years": 1, "coins": 1}
    other = simulate(settings, bar=pd.Timedelta(bar)).truth
    if bar == "8h":
        pd.testing.assert_frame_equal(other, simulate(settings, bar=HOUR).truth)
    assert other["phase"].nunique() > 15
