"""The market page: for each coin its data for the figure, and the same in words and tables."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.phases import STANCES
from fadefollow.reporting.charts.encoding import PRICE_UNIT, decimals_of
from fadefollow.reporting.charts.market_data import FIRST_GUESS, Codes, packed_coin
from fadefollow.reporting.charts.market_panels import PANELS
from fadefollow.reporting.charts.prices import PriceFigure, price_figures
from fadefollow.reporting.charts.trades import TradeTable, trade_table
from fadefollow.reporting.pages.budget import Budget
from fadefollow.reporting.text.answers import FATE_ORDER
from fadefollow.reporting.text.formatting import DASH, Table, count, fixed, hours, price, titled
from fadefollow.verdict.model import RunResult, Verdict

#: so many coins are chosen by tabs; more of them from a list
FEW_COINS = 8
#: what each of a coin's two tables is called, before its name
CAPTIONS = {"ranges": "Ranges of what is drawn of", "phases": "Phases and trades of"}
_BARLESS = "This coin has no bars in the range of the run."
#: heights in pixels: of the price, a row of phases (on a phone), a panel, the dates and title above
#: one, the margins
HEIGHTS = {
    "price": 300,
    "lane": 20,
    "narrowLane": 32,
    "panel": 76,
    "title": 36,
    "margins": 38,
}


@dataclass(frozen=True)
class CoinPage:
    """One coin: what its figure is drawn from, and its tables."""

    number: int  #: 1, 2, ... in the run's order, by which links find it
    symbol: str
    note: str  #: how coarse it is, and what is left out
    data: str  #: base64 of zipped JSON, of many coins with the rest; empty without bars
    height: int  #: of the figure as it is shown first, pixels
    phases: Table | None = None
    ranges: Table | None = None


@dataclass(frozen=True)
class Choice:
    """A group of options, each a value and what it is called."""

    title: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class MarketPage:
    """All coins, what they have in common, and what can be chosen."""

    coins: tuple[CoinPage, ...]
    common: dict[str, Any]  #: for the script: names, panels, heights, what is shown first
    phases: tuple[Choice, ...]  #: by signal; a value lists the places of phases
    strategies: tuple[tuple[str, str], ...]  #: those that traded
    stances: tuple[str, ...]  #: those that were traded
    tabs: bool  #: few enough coins for tabs
    doors: bool  #: some phases carry the number of a door
    trades: str  #: of all coins, base64 of zipped JSON; empty without any
    lone: bool  #: some trades ended by a print that only one price series saw

    @property
    def panels(self) -> tuple[CoinPage, ...]:
        """The coins whose panels are in the page as such: all, or of many the first with bars."""
        if self.tabs:
            return self.coins
        return (next((coin for coin in self.coins if coin.data), self.coins[0]),)

    @property
    def captions(self) -> Mapping[str, str]:
        """What a coin's tables are called, before its name."""
        return CAPTIONS


def market(
    run: RunResult,
    budget: Budget,
    strategies: tuple[str, ...] = (),
    table: TradeTable | None = None,
) -> MarketPage:
    """The market page of a run.

    Args:
        run: what to show.
        budget: how much each coin may hold.
        strategies: names in the order in which they are offered; the run's by default.
        table: the run's trades, where they are at hand.
    """
    codes = _codes(run, strategies)
    table = table or trade_table(run, budget.trades)
    leans = dict(zip(run.phases["phase"].astype(str), run.phases["lean"].tolist(), strict=True))
    first = _first(run, codes)
    shown = [codes.phases[int(place)] for place in first["phases"].split(",") if place]
    traded = [s for s in codes.strategies if (run.trades["strategy"] == s).any()]
    titles = [_title(run, name) for name in codes.strategies]
    return MarketPage(
        coins=_coins(run, table, codes, shown, budget),
        common={
            "phases": [
                {"title": titled(name), "lean": int(leans.get(name, 0)), "hold": _hold(run, name)}
                for name in codes.phases
            ],
            "strategies": titles,
            "of": _told_by(run, codes),
            "phaseNames": codes.phases,
            "strategyNames": codes.strategies,
            "panels": [
                {
                    "title": f"{panel.title}, {panel.unit}",
                    "unit": panel.unit,
                    "zero": panel.zero,
                    "held": panel.held,
                    "curves": [
                        {"name": c.name, "sign": c.sign, "colour": c.colour} for c in panel.curves
                    ],
                }
                for panel in PANELS
            ],
            "heights": HEIGHTS,
            "priceUnit": PRICE_UNIT,
            "listed": not _few(run),
            "captions": CAPTIONS,
            "barless": _BARLESS,
            "first": first,
        },
        phases=_choices(run, codes),
        strategies=tuple((str(codes.strategies.index(s)), _title(run, s)) for s in traded),
        stances=tuple(s for s in STANCES if (run.trades["stance"] == s).any()),
        tabs=_few(run),
        doors="door_number" in run.phases and bool((run.phases["door_number"] > 0).any()),
        trades=table.packed() if len(table.rows) else "",
        lone=bool(table.lone),
    )


def height_of(rows: int, panels: int) -> int:
    """Of a figure with so many rows of phases and panels, in pixels."""
    h = HEIGHTS
    lanes = rows * h["lane"] + h["title"]
    return h["price"] + lanes + panels * (h["panel"] + h["title"]) + h["margins"]


def _codes(run: RunResult, strategies: tuple[str, ...]) -> Codes:
    truth = [] if run.truth is None else run.truth["phase"].astype(str).unique().tolist()
    # in the order of the verdicts, then what no strategy trades
    named = [v.phase for v in run.verdicts]
    there = [*run.phases["phase"].astype(str).unique().tolist(), *truth]
    there += run.trades["phase"].astype(str).unique().tolist()
    phases = dict.fromkeys([*(n for n in named if n in set(there)), *sorted(there)])
    traded = run.trades["strategy"].astype(str).unique().tolist()
    return Codes(tuple(phases), tuple(dict.fromkeys([*strategies, *run.strategies, *traded])))


def _first(run: RunResult, codes: Codes) -> dict[str, str]:
    """What is shown first: the phase and the trades of the verdict that says most."""
    seen = set(run.phases["phase"].astype(str))
    told = sorted((v for v in run.verdicts if v.phase in seen), key=_doubt)
    if not told:
        return {"phases": "", "strategy": "", "stance": "fade"}
    best = told[0]
    return {
        "phases": str(codes.phases.index(best.phase)),
        "strategy": str(codes.strategies.index(best.strategy)),
        "stance": best.paying[0][0] if best.paying else "fade",
    }


def _told_by(run: RunResult, codes: Codes) -> dict[str, list[str]]:
    """By the place of a phase, the strategy that trades it and the stance that its claim is about.

    Of several strategies the one whose row says most.
    """
    found: dict[str, list[str]] = {}
    for verdict in sorted(run.verdicts, key=_doubt):
        if verdict.phase not in codes.phases or verdict.strategy not in codes.strategies:
            continue
        stance = verdict.claim
        if stance == "disputed":
            stance = verdict.paying[0][0] if verdict.paying else "fade"
        place = str(codes.phases.index(verdict.phase))
        found.setdefault(place, [str(codes.strategies.index(verdict.strategy)), stance])
    return found


def _doubt(verdict: Verdict) -> tuple[int, float]:
    """Claims that hold before others, then by the smallest corrected p of their stances."""
    found = [one.p_adjusted for one in verdict.results.values()]
    known = [p for p in found if math.isfinite(p)]
    return FATE_ORDER.index(verdict.fate), min(known, default=2.0)


def _hold(run: RunResult, phase: str) -> float:
    """The longest time in hours for which a strategy of the run holds a trade of a phase."""
    names = {v.strategy for v in run.verdicts if v.phase == phase}
    trades = (run.strategies.get(name, {}).get("trade") for name in names)
    said = [
        float(t["hold_hours"]) for t in trades if isinstance(t, Mapping) and t.get("hold_hours")
    ]
    if said:
        return max(said)
    mine = run.trades[run.trades["phase"] == phase]
    longest = (mine["exit_time"] - mine["entry_time"]).max()
    return 0.0 if pd.isna(longest) else longest / pd.Timedelta(hours=1)


def _choices(run: RunResult, codes: Codes) -> tuple[Choice, ...]:
    pairs = run.phases[["signal", "phase"]].astype(str).drop_duplicates()
    groups: dict[str, list[str]] = {}
    for phase in codes.phases:
        for signal in pairs.loc[pairs["phase"] == phase, "signal"]:
            groups.setdefault(signal, []).append(phase)
    found = []
    for signal, names in groups.items():
        places = [str(codes.phases.index(name)) for name in names]
        options = [(p, titled(name)) for p, name in zip(places, names, strict=True)]
        if len(names) > 1:
            options.append((",".join(places), f"All of {signal}"))
        found.append(Choice(signal, tuple(options)))
    return tuple(found)


def _title(run: RunResult, strategy: str) -> str:
    return str(run.strategies.get(strategy, {}).get("title") or titled(strategy))


def _coins(
    run: RunResult, table: TradeTable, codes: Codes, shown: list[str], budget: Budget
) -> tuple[CoinPage, ...]:
    pages, dense, traded = [], FIRST_GUESS, _traded(run)
    for number, figure in enumerate(price_figures(run, budget), start=1):
        if not len(figure.frame):
            pages.append(CoinPage(number, figure.symbol, _BARLESS, "", 0))
            continue
        rows = sum(1 for lane in figure.lanes if lane.phase in shown or not shown)
        page = CoinPage(
            number,
            figure.symbol,
            "",
            "",
            height_of(max(rows, 1), len(figure.panels)),
            _phases(figure, traded),
            _ranges(figure),
        )
        note = partial(_note, figure, missing=table.left_out.get(figure.symbol, 0))
        packed = packed_coin(
            figure,
            codes,
            size=budget.coin_bytes,
            dense=dense,
            beside=None if _few(run) else partial(_beside, page, note),
        )
        dense = packed.dense  # the coins of a run are alike
        pages.append(replace(page, note=note(packed.step), data=packed.blob))
    return tuple(pages)


def _few(run: RunResult) -> bool:
    """Whether coins are chosen by tabs, and the panel of each is in the page."""
    return len(run.prices) <= FEW_COINS


def _beside(page: CoinPage, note: Callable[[int], str], step: int) -> dict[str, Any]:
    """The rest of a coin's panel, from which the page's script makes it."""
    tables = {
        name: {"head": table.head, "rows": table.rows}
        for name, table in (("ranges", page.ranges), ("phases", page.phases))
        if table is not None and table.rows
    }
    return {"panel": {"note": note(step), "height": page.height, **tables}}


def _traded(run: RunResult) -> Counter[tuple[str, str, str]]:
    """Trades by coin, phase and stance."""
    whole = run.trades.drop_duplicates(["symbol", "trade_id"])
    counts = whole.groupby(["symbol", "phase", "stance"], observed=True, sort=False).size()
    found = zip(counts.index.to_list(), counts.tolist(), strict=True)
    return Counter({(str(coin), str(phase), str(stance)): n for (coin, phase, stance), n in found})


def _note(figure: PriceFigure, step: int, *, missing: int) -> str:
    bar = figure.grid.bar / 3_600_000
    parts = []
    if step > 1:
        parts.append(
            f"So that this page stays small, each price here spans {hours(step * bar)}, and the "
            f"panels keep only highs and lows; the bars of {hours(bar)} are in prices.parquet."
        )
    if missing:
        parts.append(
            f"{count(missing, 'trade')} of this coin not drawn: neither among the best nor the "
            "worst nor the latest of their phase; trades.parquet has them."
        )
    hidden = sum(lane.seen - lane.place.size for lane in figure.lanes)
    if hidden:
        parts.append(f"{count(hidden, 'weaker event')} not drawn.")
    return " ".join(parts)


def _phases(figure: PriceFigure, done: Counter[tuple[str, str, str]]) -> Table:
    leans = {1: "long", -1: "short", 0: DASH}
    planted = any(len(lane.planted) for lane in figure.lanes)
    rows = []
    for lane in figure.lanes:
        traded = [done[figure.symbol, lane.phase, stance] for stance in STANCES]
        row = [titled(lane.phase), leans[lane.lean], fixed(lane.seen)]
        row += [fixed(len(lane.planted))] if planted else []
        rows.append((*row, *(fixed(n) for n in traded)))
    head = ["Phase", "Lean", "Detected", *(["Planted"] if planted else [])]
    return Table((*head, "Fade trades", "Follow trades"), tuple(rows))


def _ranges(figure: PriceFigure) -> Table:
    rows = [("Price, quote currency", *map(price, _four(figure, "close")))]
    for panel in figure.panels:
        for drawn in panel.curves:
            if not figure.has(drawn.column):
                continue
            decimals = decimals_of(figure.units[drawn.column])
            told = (fixed(value, decimals) for value in _four(figure, drawn.column))
            rows.append((f"{titled(drawn.name)}, {panel.unit}", *told))
    return Table(("", "Lowest", "Median", "Highest", "Last"), tuple(rows))


def _four(figure: PriceFigure, column: str) -> tuple[float, float, float, float]:
    values = figure.values.get(column, np.empty(0))
    known = values[np.isfinite(values)]
    if not known.size:
        return (math.nan,) * 4
    return float(known.min()), float(np.median(known)), float(known.max()), float(known[-1])
