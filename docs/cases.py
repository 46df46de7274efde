"""Draws the pictures of docs/cases.md from the imported data.

    fadefollow data import binance_history --from ../shared/data
    python docs/cases.py

With the name of a data set that has dated contracts (the page says how to get one), prints what
April 2021 shows of them:

    python docs/cases.py april_2021

Needs matplotlib: `pip install -e '.[docs]'`.
"""

from __future__ import annotations

import re
import sys
from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from fadefollow.engine.costs import CostSettings
from fadefollow.engine.plans.plan import prepare
from fadefollow.engine.plans.trading import books, trade_table
from fadefollow.engine.resolver import outcomes
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.errors import DataError
from fadefollow.jobs.datasets import open_named
from fadefollow.market import Market
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import STANCES, Phases
from fadefollow.phases.dated_contracts import constant_maturity_basis, usable_rows
from fadefollow.phases.features import spot_premium_bps
from fadefollow.verdict.run.prepare import detect
from fadefollow.workspace import Workspace, find_workspace

HERE = Path(__file__).resolve().parent
WORKSPACE: Workspace = find_workspace(HERE)
THEME = dict(
    re.findall(
        r"--(\w+): (#[0-9a-f]{6})",
        (WORKSPACE.templates / "theme" / "colours.css").read_text("utf-8"),
    )[:14]
)
LEVEL, AROUND = 106_000, 0.02
BUCKETS = (8, 12, 20)  #: of the basis, % a year
KINDS = (
    "short_door",
    "long_door",
    "spot_led_up",
    "spot_led_down",
    "spot_buying",
    "spot_selling",
)


def main(dataset_name: str | None = None) -> None:
    """All pictures, written to docs/images/; or April 2021 in another data set, printed."""
    if dataset_name is not None:
        print(dated_april_2021(open_named(WORKSPACE, dataset_name).markets["BTC"]).to_string())
        return
    _style()
    dataset = open_named(WORKSPACE, "binance_history")
    drawn = {
        "april_2021": april_2021(dataset.markets["BTC"]),
        "sol_2022": sol_2022(dataset),
        "carry": carry(dataset),
        "doors": doors(dataset.markets["BTC"]),
    }
    for name, figure in drawn.items():
        path = HERE / "images" / f"case_{name}.png"
        figure.savefig(path, dpi=110)
        print(f"{path.relative_to(WORKSPACE.root)}  {path.stat().st_size / 1000:.0f} kB")


def april_2021(market: Market) -> Figure:
    """BTC, 9 to 21 April 2021: price, funding, flows, open interest, liquidations."""
    first, last = _utc("2021-04-09"), _utc("2021-04-21")
    frame = market.frame()[first:last]
    figure, (price, funding, flows, oi, forced) = _rows(2.2, 1.3, 1.1, 1.1, 1.1)
    for axes in (price, funding, flows, oi, forced):
        axes.axvspan(_utc("2021-04-18 03:00"), _utc("2021-04-18 04:00"), color=THEME["bad"], lw=0)
    _title(price, "BTC perp, thousand USDT", "The red line is the hour from 03:00 on 18 April")
    _bars_line(price, frame, 1e-3)
    _marks(price, market, "crowded_long", ("2021-04-09", "2021-04-21"), unit=1e-3, up=False)
    for phase in ("spot_led_down", "long_door", "spot_selling"):
        _marks(price, market, phase, ("2021-04-17", "2021-04-18 03:00"), unit=1e-3, up=False)

    rate = _table(market, "funding", first, last)["rate"] * 1e4
    _title(funding, "Funding, bps per 8 h", "January's highest was 23.6, February's 24.9")
    funding.bar(rate.index, rate, width=0.22, color=THEME["fade"])
    funding.set_ylim(0, 26)
    funding.axhline(23.6482, color=THEME["ink"], ls=":", lw=1)

    flow = _table(market, "netflow", first, last)["netflow_coins"] / 1e3
    _title(flows, "Net flow to exchanges, thousand BTC a day", "known only a day after the day")
    _daily(flows, flow, np.where(flow > 0, THEME["short"], THEME["long"]))
    flows.axhline(0, color=THEME["zero"], lw=0.8)

    _title(oi, "Open interest, thousand BTC", "Bybit's, one contract")
    closes = frame.index + market.bar
    oi.plot(closes, frame["open_interest.open_interest"] / 1e3, color=THEME["follow"], lw=1.4)

    longs = _table(market, "liquidations", first, last)["long_coins"] / 1e3
    _title(forced, "Longs force-closed, thousand BTC a day", "Binance's report, known a day later")
    _daily(forced, longs, THEME["bad"])
    _days(forced, first, last)
    return figure


def dated_april_2021(market: Market) -> pd.DataFrame:
    """BTC's dated contracts by day, 10 to 20 April 2021, as of each day's end.

    Returns:
        The features of `basis`, the open interest of all dated contracts in coins (`dated_oi`, NaN
        where it is not known), and the phases of `basis` that became known in the day.

    Raises:
        DataError: the data set has no dated contracts.
    """
    if market.missing("future"):
        raise DataError("the data set needs dated contracts", got="none", where=market.symbol)
    signal = WORKSPACE.signal("basis")()
    days = pd.date_range("2021-04-10", "2021-04-20", freq="D", tz="UTC")
    closes = days + pd.Timedelta(days=1) - market.bar
    features = pd.DataFrame(signal.features(market), index=market.index)
    table = features.reindex(closes).set_index(days)
    contracts = market.table("future")
    if "open_interest" in contracts:
        held = contracts.groupby("time")["open_interest"].sum(min_count=1)
        table["dated_oi"] = held.reindex(closes).to_numpy()
    found = signal.detect(market).table
    known = found["time"] + market.bar
    table["phases"] = [
        ", ".join(found["phase"][(known > day) & (known <= day + pd.Timedelta(days=1))])
        for day in days
    ]
    return table.round(2)


def sol_2022(dataset: Dataset) -> Figure:
    """SOL, 7 to 18 November 2022: price, gap, funding, open interest, and a short's money."""
    market = dataset.markets["SOL"]
    first, last = _utc("2022-11-07"), _utc("2022-11-18 16:00")
    frame = market.frame()[first:last]
    figure, (price, gap, funding, oi, money) = _rows(2.2, 1.1, 1.3, 1.1, 1.5)
    _title(price, "SOL, USDT", "")
    closes = frame.index + market.bar
    price.plot(closes, frame["spot.close"], color=THEME["follow"], lw=1.4, label="spot")
    _bars_line(price, frame, 1.0, label="perp")
    price.legend(frameon=False, loc="upper right", ncols=2)
    _marks(price, market, "crowded_short", ("2022-11-07", "2022-11-18"), unit=1.0, up=True)

    apart = 100 * (frame["perp.close"] / frame["spot.close"] - 1)
    _title(gap, "Perp against spot, %", "at the hours' closes")
    gap.fill_between(closes, apart, color=THEME["short"], alpha=0.85, lw=0)

    rate = _table(market, "funding", first, last)["rate"] * 100
    _title(funding, "Funding, % per settlement", "every 8 h, then 4 h, then 2 h")
    funding.vlines(rate.index, 0, rate, color=THEME["fade"], lw=1.6)
    funding.axhline(0, color=THEME["zero"], lw=0.8)

    _title(oi, "Open interest, million SOL", "Bybit's")
    oi.plot(closes, frame["open_interest.open_interest"] / 1e6, color=THEME["follow"], lw=1.4)

    _title(money, "A short of 100,000 USDT from 8 to 11 November, thousand USDT", "before costs")
    _short_of_sol(money, dataset)
    _days(money, first, last)
    return figure


def carry(dataset: Dataset) -> Figure:
    """BTC and ETH, 2023 to 2025: the 90-day basis, its events, and the trades of the spread."""
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    level, trades = figure.subplots(2, 1, height_ratios=(2.2, 1))
    _title(level, "Dated future over spot at 90 days, % a year", "▼ rich_carry became known")
    colours = {"BTC": THEME["fade"], "ETH": THEME["follow"]}
    for coin, colour in colours.items():
        market = dataset.markets[coin]
        basis = pd.Series(constant_maturity_basis(market, usable_rows(market)), market.index) * 100
        basis = basis.dropna().resample("6h").mean()
        level.plot(basis.index, basis, color=colour, lw=1.2, label=coin)
        found = WORKSPACE.signal("basis")().detect(market).select("rich_carry").table
        top = basis.reindex(found["time"], method="nearest").to_numpy() + 2
        level.plot(found["time"], top, "v", color=colour, ms=8, mec=THEME["paper"])
    level.axhline(40, color=THEME["ink"], ls=":", lw=1)
    level.text(_utc("2023-07-01"), 40.6, "the account's level of April 2021", va="bottom")
    level.set_ylim(0, 46)
    level.legend(frameon=False, loc="upper left", bbox_to_anchor=(0.03, 0.82))
    level.xaxis.set_major_formatter(mdates.ConciseDateFormatter(level.xaxis.get_major_locator()))

    _title(
        trades,
        "The future sold against spot at any hour and held for 28 days, mean net bps",
        "by the basis at the time, after the costs of both legs",
    )
    for number, (coin, colour) in enumerate(colours.items()):
        mean = carry_by_basis(dataset.markets[coin])
        bars = trades.bar(np.arange(len(mean)) + 0.36 * number, mean, width=0.34, color=colour)
        trades.bar_label(bars, [f"{bps:+.0f}".replace("-", "−") for bps in mean], padding=3)
    names = [f"under {BUCKETS[0]} %", *(f"{a} to {b} %" for a, b in pairwise(BUCKETS))]
    trades.set_xticks(np.arange(len(BUCKETS) + 1) + 0.18, [*names, f"over {BUCKETS[-1]} %"])
    trades.axhline(0, color=THEME["zero"], lw=0.8)
    trades.margins(y=0.25)
    return figure


def carry_by_basis(market: Market) -> pd.Series:
    """Mean net bps of the spread sold for 28 days, by the basis at the close before the entry."""
    strategy = Strategy(
        name="sold_spread",
        title="",
        claim="fade",
        account="C",
        signal="basis",
        phases=("rich_carry",),
        trade=Trade(instrument="carry", hold_hours=28 * 24),
    )
    none = Phases.of(market, signal="basis", events=[])
    plan = prepare(strategy, {market.symbol: market}, none, costs=CostSettings()).plan
    net = 1e4 * outcomes(plan.coin_arrays[0], -1, rules=plan.rules, costs=plan.costs[0]).value
    basis = pd.Series(constant_maturity_basis(market, usable_rows(market)), index=market.index)
    entry = pd.to_datetime(plan.coin_arrays[0].time, utc=True)
    known = 100 * basis.shift(1).reindex(entry).to_numpy()
    both = np.isfinite(net) & np.isfinite(known)
    return pd.Series(net[both]).groupby(np.digitize(known[both], BUCKETS)).mean()


def doors(market: Market) -> Figure:
    """BTC around 106,000: the weekend and Monday of May 2025, and the other hours there."""
    first, last = _utc("2025-05-16"), _utc("2025-05-21")
    frame = market.frame()[first:last]
    premium = pd.Series(spot_premium_bps(market), index=market.index)
    figure = Figure(figsize=(9, 8.2), layout="constrained")
    price, gap, after = figure.subplots(3, 1, height_ratios=(1.8, 1, 1.8))
    for axes in (price, gap):
        axes.axvspan(_utc("2025-05-17"), _utc("2025-05-19"), color=THEME["tint"], lw=0)
    _title(price, "BTC perp, thousand USDT, 16 to 21 May 2025", "shaded: the weekend")
    _bars_line(price, frame, 1e-3)
    for kind in KINDS:
        _marks(price, market, kind, ("2025-05-16", "2025-05-20 18:00"), unit=1e-3, up=True)
    price.margins(y=0.14)
    _title(gap, "Spot premium, bps", "the fees of a round trip are 10")
    gap.plot(frame.index + market.bar, premium[first:last], color=THEME["follow"], lw=1.2)
    gap.set_ylim(-5, 15)
    gap.axhline(0, color=THEME["zero"], lw=0.8)
    for axes in (price, gap):
        _days(axes, first, last)
    _title(
        after,
        f"All events within {AROUND:.0%} of {LEVEL:,}: the next 24 h, bps in the lean's direction",
        "bar: mean of the kind; before costs",
    )
    _strip(after, after_24h(market))
    return figure


def after_24h(market: Market) -> pd.DataFrame:
    """Events of `doors` at the level: `phase` and the move over 24 h with the lean, in bps."""
    close = pd.Series(market.column("perp", "close"), index=market.index)
    found = WORKSPACE.signal("doors")().detect(market).table
    at = close.reindex(found["time"]).to_numpy()
    move = 1e4 * (close.shift(-24) / close - 1).reindex(found["time"]).to_numpy()
    found = found.assign(bps=found["lean"] * move)
    return found.loc[np.abs(at / LEVEL - 1) < AROUND, ["phase", "bps"]]


def _short_of_sol(axes: Axes, dataset: Dataset) -> None:
    """What the first crowded_short event's short had made by price, and paid, hour by hour."""
    strategy = WORKSPACE.strategy("fade_crowded_funding")
    found = detect(dataset.select("SOL").markets, WORKSPACE.detector(strategy))
    plan = prepare(strategy, dataset.select("SOL").markets, found, costs=CostSettings()).plan
    arrays = plan.coin_arrays[0]
    legs = trade_table(plan, {stance: books(plan, stance) for stance in STANCES})
    trade = legs[(legs["side"] < 0) & (legs["entry_time"] == _utc("2022-11-08"))].iloc[0]
    time = pd.to_datetime(arrays.time, utc=True)
    held = (time >= trade["entry_time"]) & (time <= trade["exit_time"])
    price = trade["size"] * (arrays.open[held][0] - arrays.open[held]) / 1e3
    stamp = pd.to_datetime(arrays.settle_time, utc=True)
    paid = (stamp > trade["entry_time"]) & (stamp <= trade["exit_time"])
    cash = np.cumsum(trade["size"] * arrays.settle_mark[paid] * arrays.settle_rate[paid]) / 1e3
    axes.plot(time[held], price, color=THEME["ink"], lw=1.2, label="by price")
    axes.step(stamp[paid], cash, where="post", color=THEME["fade"], lw=1.6, label="by funding")
    axes.axhline(0, color=THEME["zero"], lw=0.8)
    for values, colour in ((price, THEME["ink"]), (cash, THEME["fade"])):
        text = f"  {values[-1]:+.1f}".replace("-", "−")
        axes.text(trade["exit_time"], values[-1], text, va="center", color=colour)
    axes.legend(frameon=False, loc="center right")


def _strip(axes: Axes, events: pd.DataFrame) -> None:
    for place, kind in enumerate(KINDS):
        bps = events.loc[events["phase"] == kind, "bps"].to_numpy()
        spread = np.linspace(-0.18, 0.18, len(bps)) if len(bps) > 1 else np.zeros(len(bps))
        colour = THEME["fade"] if "door" in kind else THEME["follow"]
        axes.plot(place + spread, bps, "o", color=colour, ms=6, mec=THEME["paper"], alpha=0.9)
        if len(bps):
            axes.hlines(bps.mean(), place - 0.28, place + 0.28, color=THEME["ink"], lw=2)
    counts = [int((events["phase"] == kind).sum()) for kind in KINDS]
    labels = [f"{kind}\n{count}" for kind, count in zip(KINDS, counts, strict=True)]
    axes.set_xticks(range(len(KINDS)), labels)
    axes.set_xlim(-0.5, len(KINDS) - 0.5)
    axes.axhline(0, color=THEME["zero"], lw=0.8)


def _marks(
    axes: Axes, market: Market, phase: str, span: tuple[str, str], *, unit: float, up: bool
) -> None:
    """Events of one phase on the price, at the close at which they became known."""
    signal = next(s for s in WORKSPACE.names("signals") if phase in WORKSPACE.signal(s).phases)
    found = WORKSPACE.signal(signal)().detect(market).select(phase).table.set_index("time")
    first, last = (_utc(text) for text in span)
    times = found.index[(found.index >= first) & (found.index < last)]
    close = pd.Series(market.column("perp", "close"), index=market.index).reindex(times) * unit
    axes.plot(times + market.bar, close, "o", ms=7, color=THEME["fade"], mec=THEME["paper"])
    for time, at in close.items():
        axes.annotate(
            phase,
            (time + market.bar, at),
            (0, 16 if up else -20),
            textcoords="offset points",
            ha="center",
            color=THEME["fade"],
            fontweight="bold",
            path_effects=[withStroke(linewidth=3, foreground=THEME["card"])],
        )


def _bars_line(axes: Axes, frame: pd.DataFrame, unit: float, *, label: str = "") -> None:
    closes = frame.index + pd.Timedelta(hours=1)
    low, high = frame["perp.low"] * unit, frame["perp.high"] * unit
    axes.fill_between(closes, low, high, color=THEME["zero"], alpha=0.45, lw=0)
    axes.plot(closes, frame["perp.close"] * unit, color=THEME["ink"], lw=1.1, label=label)


def _daily(axes: Axes, values: pd.Series, colour: object) -> None:
    middle = values.index + pd.Timedelta(hours=12)
    bars = axes.bar(middle, values, width=0.7, color=colour)
    axes.bar_label(bars, [f"{value:.1f}".replace("-", "−") for value in values], padding=2)
    axes.margins(y=0.3)


def _table(market: Market, name: str, first: pd.Timestamp, last: pd.Timestamp) -> pd.DataFrame:
    table = market.table(name).set_index("time")
    return table[(table.index >= first) & (table.index < last)]


def _rows(*heights: float) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(9, sum(heights) + 1.2), layout="constrained")
    return figure, list(figure.subplots(len(heights), 1, sharex=True, height_ratios=heights))


def _days(axes: Axes, first: pd.Timestamp, last: pd.Timestamp) -> None:
    axes.set_xlim(first, last)
    axes.xaxis.set_major_locator(mdates.DayLocator())
    axes.xaxis.set_major_formatter(mdates.DateFormatter("%-d %b"))


def _title(axes: Axes, text: str, note: str) -> None:
    axes.set_title(text, loc="left", fontweight="bold")
    axes.set_title(note, loc="right", color=THEME["muted"])


def _style() -> None:
    mpl.use("agg")
    mpl.rcParams.update(
        {
            "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
            "font.size": 8,
            "axes.titlesize": 8.5,
            "text.color": THEME["ink"],
            "axes.labelcolor": THEME["ink"],
            "axes.edgecolor": THEME["zero"],
            "xtick.color": THEME["muted"],
            "ytick.color": THEME["muted"],
            "figure.facecolor": THEME["paper"],
            "axes.facecolor": THEME["card"],
            "axes.grid": True,
            "grid.color": THEME["grid"],
            "axes.axisbelow": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "timezone": "UTC",
        }
    )


def _utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


if __name__ == "__main__":
    main(*sys.argv[1:2])
