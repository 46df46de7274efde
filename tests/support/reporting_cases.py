"""A synthetic run: realistic enough to look at, hostile enough to break a careless report."""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.notes import text_note
from fadefollow.engine.model import TRADE_COLUMNS, BookName
from fadefollow.phases import Stance
from fadefollow.verdict.exploratory import SplitCell
from fadefollow.verdict.model import (
    EventStudy,
    NotTraded,
    PlaceboInfo,
    PnlSplit,
    RunResult,
    StanceResult,
    Verdict,
)
from fadefollow.verdict.words import (
    Claim,
    Condition,
    Fates,
    Reason,
    Settle,
    Word,
    fate_in_book,
    fate_of,
)
from tests.support.paths import ROOT

REPORTS = ROOT / "reports"
IMG = "<img src=x onerror=alert(1)>"
SCRIPT = "</script><script>alert(1)</script><!--"
NAN = math.nan


#: how much wider the interval for all questions is on either side, bps
WIDER = 3.0


def stance(mean: float, ci: tuple[float, float], **changes: Any) -> StanceResult:
    """A traded stance with plausible numbers around its mean; its word follows from its band."""
    band = (ci[0] - WIDER, ci[1] + WIDER)
    word: Word = (
        "untestable"
        if math.isnan(mean)
        else "pays"
        if band[0] > 0.0
        else "loses"
        if band[1] < 0.0
        else "small"
        if band[1] < 20.0
        else "open"
    )
    failing: tuple[Condition, ...] = ("mean", "placebo") if word == "open" else ()
    base = StanceResult(
        n_trades=132,
        mean_net_bps=mean,
        ci_bps=ci,
        anyhour_mean_bps=mean / 5 - 8.0,
        placebo_mean_bps=mean / 6 - 9.0,
        momentum_mean_bps=mean * 0.8,
        momentum_ci_bps=(ci[0] * 0.8, ci[1] * 0.8),
        p_placebo=0.004 if ci[0] > 0 else 0.41,
        p_adjusted=0.013 if ci[0] > 0 else 0.88,
        sharpe=mean / 40,
        max_drawdown=-0.184,
        breakeven_cost_bps=mean + 14.0,
        pnl=PnlSplit(mean * 130, 21.5 * 13, -1320.0, -528.0, -210.0),
        n_liquidated=1,
        win_rate=0.561,
        mean_hold_hours=68.4,
        word=word,
        reason=Reason("conditions" if failing else "decided", failing),
        band_bps=band,
        # mean = price + 2.1 − 10 − 4 − 1.6
        parts_bps=PnlSplit(mean + 13.5, 2.1, -10.0, -4.0, -1.6),
        price_ci_bps=(ci[0] + 13.0, ci[1] + 14.0),
        funding_ci_bps=(0.7, 3.5),
        shrunken_bps=mean * 0.9,
        shrunken_ci_bps=(ci[0] * 0.9, ci[1] * 0.9),
        spread_bps=12.5,
        placebo=PlaceboInfo("time", 6, 188.0, 0.93),
        detectable_bps=36.0,
        blocks=41.7,
        block_days=6.0,
        trades_a_year=66.0,
        time_in_market=0.118,
    )
    return replace(base, **changes)


def hedged(mean: float, ci: tuple[float, float], **changes: Any) -> StanceResult:
    """The same in the hedged book: a placebo in coins, and 20 bps a trade from the hedge."""
    parts = PnlSplit(mean - 6.5, 2.1, -10.0, -4.0, -1.6, 20.0)
    return stance(
        mean,
        ci,
        **{
            "parts_bps": parts,
            "pnl": PnlSplit(mean * 110, 21.5 * 13, -1320.0, -528.0, -210.0, mean * 20),
            "placebo": PlaceboInfo("coins", 6),
            "detectable_bps": 14.5,
            "blocks": 44.2,
            **changes,
        },
    )


def verdict(
    strategy: str, phase: str, claim: Claim, fade: Any, follow: Any, **changes: Any
) -> Verdict:
    """One verdict on three coins, with the fates that the words of its stances make."""
    base = Verdict(
        strategy=strategy,
        signal="funding",
        phase=phase,
        split=None,
        symbols=("BTC", "ETH", "SOL"),
        n_phases=171,
        fade=fade,
        follow=follow,
        difference_ci_bps=(-131.0, -22.5),
        claim=claim,
    )
    return settled(replace(base, **changes))


def settled(one: Verdict) -> Verdict:
    """The same verdict with the fates that its words make, and a reason where it is open."""
    words: dict[BookName, dict[Stance, Word]] = {}
    for (name, book), result in one.results.items():
        words.setdefault(book, {})[name] = result.word
    by_book = {book: fate_in_book(one.claim, found) for book, found in words.items()}
    fate, speaks = fate_of(one.claim, by_book)
    still = [r.reason for r in one.results.values() if r.word == "open"]
    open_ = fate == "open"
    return replace(
        one,
        fates=Fates(one.claim, fate, speaks, by_book),
        reason=still[0] if open_ else Reason("decided"),
        settle=Settle(
            conditions=("mean", "placebo"),
            stance="follow" if one.claim == "follow" else "fade",
            book="outright",
            blocks=41.7,
            blocks_needed=20.0,
            block_days=6.0,
            detectable_bps=36.0,
            multiple=2.5,
            years=3.0,
        )
        if open_
        else None,
    )


def assumptions_of(strategies: tuple[str, ...], coins: tuple[str, ...]) -> dict[str, Any]:
    """What a run was traded at: less slippage on the first two coins."""
    costs = {
        coin: {
            "taker_fee_bps": 5.0,
            "slippage_bps": 2.0 if place < 2 else 5.0,
            "maintenance_rate": 0.005 if place < 2 else 0.02,
        }
        for place, coin in enumerate(coins)
    }
    stakes = {
        "instrument": "perp",
        "leverage": 1.0,
        "weight": 1.0,
        "capital": 100_000.0,
        "compound": False,
        "costs": costs,
    }
    return {"alpha": 0.05, "strategies": dict.fromkeys(strategies, stakes)}


def prices(coins: tuple[str, ...], days: int, seed: int = 7) -> dict[str, pd.DataFrame]:
    """Hourly random walks with a hole, a wick, a premium and funding every eight hours."""
    rng = np.random.default_rng(seed)
    index = pd.date_range("2022-01-01", periods=days * 24, freq="h", tz="UTC", name="time")
    frames = {}
    for place, coin in enumerate(coins):
        walk = np.cumsum(rng.standard_t(4, len(index)) * 0.004 + 0.00001)
        close = 30_000 / 20 ** (place % 6) * np.exp(walk)
        opened = np.concatenate(([close[0]], close[:-1]))
        spread = np.abs(rng.normal(0, 0.003, len(index)))
        frame = pd.DataFrame(
            {
                "open": opened,
                "high": np.maximum(opened, close) * (1 + spread),
                "low": np.minimum(opened, close) * (1 - spread),
                "close": close,
                "premium_bps": 3
                + 6 * np.convolve(rng.normal(0, 1, len(index)), np.ones(24) / 5)[: len(index)],
                "funding_bps_per_8h": np.nan,
            },
            index=index,
        )
        settled = index.hour % 8 == 0
        frame.loc[settled, "funding_bps_per_8h"] = 1 + frame.loc[settled, "premium_bps"] / 4
        frame.iloc[len(index) // 3 : len(index) // 3 + 30, :] = np.nan
        frame.iloc[len(index) // 2, 2] *= 0.76  # type: ignore[assignment]
        frames[coin] = frame
    return frames


def events(
    frames: dict[str, pd.DataFrame], phases: dict[str, int], each: int, seed: int
) -> pd.DataFrame:
    """`each` events a coin and phase, with a context column."""
    rng = np.random.default_rng(seed)
    rows = []
    for coin, frame in frames.items():
        known = frame.index[frame["close"].notna()]
        for phase, lean in phases.items():
            for at in np.sort(rng.choice(len(known) - 100, each, replace=False)):
                rows.append((known[at], coin, "funding", phase, lean, "crowd", rng.gamma(2.0)))
    columns = ["time", "symbol", "signal", "phase", "lean", "actor", "strength"]
    table = pd.DataFrame(rows, columns=columns).sort_values(["time", "symbol"], ignore_index=True)
    return table.assign(door_number=np.arange(len(table)) % 4 + 1)


def trades_of(
    table: pd.DataFrame, frames: dict[str, pd.DataFrame], strategy: str, *, hold: int = 72
) -> pd.DataFrame:
    """A trade of each stance for each event, priced on the closes."""
    rows = []
    for number, event in enumerate(table.itertuples(index=False)):
        frame = frames[event.symbol]
        at = frame.index.get_loc(event.time) + 1
        out = min(at + hold, len(frame) - 1)
        entry, exit_ = frame["close"].iloc[at], frame["close"].iloc[out]
        if not (np.isfinite(entry) and np.isfinite(exit_)):
            continue
        for name, sign in (("fade", -1), ("follow", 1)):
            side = sign * event.lean
            notional = 100_000.0
            size = notional / entry
            funding = -9.0 * side
            pnl = side * size * (exit_ - entry) + funding - 140.0
            rows.append(
                (
                    strategy,
                    event.symbol,
                    event.phase,
                    name,
                    "outright",
                    side,
                    event.time,
                    frame.index[at],
                    entry,
                    frame.index[out],
                    exit_,
                    ("time", "opposite", "stop")[number % 3],
                    "perp",
                    f"{strategy}-{name}-{number}",
                    size,
                    notional,
                    100.0,
                    40.0,
                    funding,
                    0.0,
                    NAN,
                    pnl,
                    pnl / notional,
                )
            )
    return pd.DataFrame(rows, columns=list(TRADE_COLUMNS))


def hedged_of(trades: pd.DataFrame) -> pd.DataFrame:
    """The same trades in the hedged book: a tenth of each P&L is left, the hedge took the rest."""
    taken = -0.9 * trades["pnl"]
    pnl = trades["pnl"] + taken
    return trades.assign(
        book="hedged", hedge=taken, beta=1.1, pnl=pnl, **{"return": pnl / trades["notional"]}
    )


def equity_of(trades: pd.DataFrame, frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Daily equity: P&L booked on the day of exit, mean over the coins."""
    any_frame = next(iter(frames.values()))
    days = pd.date_range(any_frame.index[0].floor("D"), any_frame.index[-1].floor("D"), freq="D")
    columns = {}
    for (strategy, name), mine in trades.groupby(["strategy", "stance"]):
        daily = mine.groupby(mine["exit_time"].dt.floor("D"))["pnl"].sum()
        columns[(strategy, name)] = 1 + daily.reindex(days, fill_value=0.0).cumsum() / 1e5 / len(
            frames
        )
    equity = pd.DataFrame(columns, index=days)
    equity.columns = pd.MultiIndex.from_tuples(list(columns), names=["strategy", "stance"])
    return equity


def study(strategy: str, phase: str, slope: float, hours: int = 96) -> EventStudy:
    """An event study that drifts by `slope` bps an hour and a half-way placebo."""
    at = np.arange(0, hours + 1, dtype=float)
    rng = np.random.default_rng(3)
    mean = slope * at + np.cumsum(rng.normal(0, 1.5, at.size))
    spread = 6 * np.sqrt(at)
    return EventStudy(
        strategy=strategy,
        phase=phase,
        hours=tuple(at),
        mean_bps=tuple(mean),
        placebo_mean_bps=tuple(0.05 * at),
        placebo_low_bps=tuple(0.05 * at - spread),
        placebo_high_bps=tuple(0.05 * at + spread),
        n_events=171,
    )


def coverage_of(frames: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Coin → stream → span."""
    return {
        coin: {
            name: {"start": str(frame.index[0]), "end": str(frame.index[-1]), "rows": len(frame)}
            for name in ("perp", "spot", "funding")
        }
        for coin, frame in frames.items()
    }


AUDIT = [
    {
        "grade": "warning",
        "symbol": "SOL",
        "stream": "funding",
        "rule": "interval changes",
        "count": 31,
        "where": "2022-11-09 20:00",
        "text": "Settlements came every 2 to 4 hours for a time.",
    },
    {
        "grade": "note",
        "symbol": "BTC",
        "stream": "perp",
        "rule": "missing bars",
        "count": 30,
        "where": "2022-09-01 08:00",
        "text": "30 bars in 1 run have no price.",
    },
]


def build(coins: tuple[str, ...], days: int, *, each: int = 30, strategy: str) -> RunResult:
    """A run of two strategies: crowded funding, and one whose fade cannot be traded."""
    frames = prices(coins, days)
    leans = {"crowded_long": 1, "crowded_short": -1}
    table = events(frames, leans, each, seed=1)
    second = "hold_spot"
    trades = trades_of(table, frames, strategy)
    other = trades_of(table[table["phase"] == "crowded_short"], frames, second, hold=24)
    trades = pd.concat([trades, other[other["stance"] == "follow"]], ignore_index=True)
    hedging = hedged_of(trades[trades["strategy"] == strategy])
    truth = table.loc[::3, ["symbol", "phase"]].assign(
        start=table["time"] - pd.Timedelta(hours=30),
        end=table["time"] + pd.Timedelta(hours=90),
        planted_bps=-60.0,
        horizon_hours=72.0,
    )
    pays = verdict(
        strategy,
        "crowded_short",
        "fade",
        stance(42.3, (5.1, 80.4)),
        stance(-70.2, (-108.0, -31.0)),
        hedged={
            "fade": hedged(33.4, (18.2, 48.6)),
            "follow": hedged(-61.0, (-77.3, -44.8)),
        },
        hedged_difference_ci_bps=(-118.4, -70.2),
        symbols=coins,
        planted_bps=60.0 * -1,
        horizon_hours=72.0,
    )
    refuted = verdict(
        strategy,
        "crowded_long",
        "fade",
        stance(11.6, (-20.0, 44.0)),
        stance(-39.9, (-71.0, -8.3)),
        hedged={
            "fade": hedged(-6.2, (-18.4, 6.1)),
            "follow": hedged(-21.5, (-33.6, -9.4)),
        },
        hedged_difference_ci_bps=(-27.3, -3.3),
        symbols=coins,
        difference_ci_bps=(-98.0, 4.0),
        planted_bps=0.0,
        horizon_hours=72.0,
    )
    few = verdict(
        second,
        "crowded_short",
        "follow",
        NotTraded("spot is sold short only where a borrow rate is given"),
        stance(
            NAN,
            (NAN, NAN),
            n_trades=0,
            anyhour_mean_bps=NAN,
            placebo_mean_bps=NAN,
            momentum_mean_bps=NAN,
            momentum_ci_bps=(NAN, NAN),
            p_placebo=NAN,
            p_adjusted=NAN,
            sharpe=NAN,
            max_drawdown=NAN,
            breakeven_cost_bps=NAN,
            pnl=PnlSplit(0.0, 0.0, 0.0, 0.0, 0.0),
            n_liquidated=0,
            win_rate=NAN,
            mean_hold_hours=NAN,
            band_bps=(NAN, NAN),
            reason=Reason("no_trades"),
            parts_bps=PnlSplit(*(NAN,) * 6),
            price_ci_bps=(NAN, NAN),
            funding_ci_bps=(NAN, NAN),
            shrunken_bps=NAN,
            shrunken_ci_bps=(NAN, NAN),
            spread_bps=NAN,
            placebo=None,
            detectable_bps=NAN,
            blocks=NAN,
            block_days=NAN,
            trades_a_year=0.0,
            time_in_market=0.0,
        ),
        hedged={
            "fade": NotTraded("only perps are hedged", "no_hedge"),
            "follow": NotTraded("only perps are hedged", "no_hedge"),
        },
        symbols=coins[:1],
        n_phases=0,
        difference_ci_bps=(NAN, NAN),
    )
    few = replace(few, reason=Reason("never_seen"))
    return RunResult(
        name="fade_crowded_funding",
        command="fadefollow run fade_crowded_funding --dataset lab --seed 7",
        started=pd.Timestamp("2026-03-05T12:00:07", tz="UTC"),
        version="0.1.0",
        dataset={
            "name": "lab",
            "title": "Simulated market, seed 7",
            "fingerprint": "9f2c1e7ab04d",
            "coverage": coverage_of(frames),
            "simulated": True,
            "audit": AUDIT,
        },
        verdicts=(pays, refuted, few),
        event_studies=(
            study(strategy, "crowded_short", -0.55),
            study(strategy, "crowded_long", 0.05),
        ),
        trades=trades,
        hedged_trades=hedging,
        phases=table,
        equity=equity_of(trades, frames),
        hedged_equity=equity_of(hedging, frames),
        prices=frames,
        strategies={strategy: {"signal": "funding", "exits": {"hold_hours": 72}, "leverage": 1.0}},
        config={
            "dataset": "lab",
            "seed": 7,
            "alpha": 0.05,
            "symbols": list(coins),
            "strategies": {strategy: {"signal": "funding", "stop": None, "hold_hours": 72}},
        },
        notes=(text_note("2 trades were dropped: their entry was due on a missing bar."),),
        truth=truth.reset_index(drop=True),
        missing={"basis": {"rich_carry": ("future",)}},
        seconds={"data": 1.31, "signals": 0.42, "engine": 2.5, "verdict": 6.75},
        versions={"python": "3.11.7", "vectorbt": "1.2.0"},
        assumptions=assumptions_of((strategy,), coins),
    )


def many(coins: tuple[str, ...], days: int, strategies: int) -> RunResult:
    """A run of many strategies of two phases, as large as runs get."""
    frames = prices(coins, days)
    names = [f"strategy_{number}" for number in range(strategies)]
    parts, found, verdicts = [], [], []
    for number, name in enumerate(names):
        leans = {f"phase_{number}_long": 1, f"phase_{number}_short": -1}
        table = events(frames, leans, 40, seed=number)
        parts.append(table)
        found.append(trades_of(table, frames, name))
        for phase in leans:
            pays = number == 5 and phase.endswith("short")
            verdicts.append(
                verdict(
                    name,
                    phase,
                    "fade",
                    stance(42.3, (5.1, 80.4)) if pays else stance(12.3, (-24.9, 50.4)),
                    stance(-70.2, (-108.0, -31.0)),
                    symbols=coins,
                    planted_bps=0.0,
                )
            )
    trades = pd.concat(found, ignore_index=True)
    phases = pd.concat(parts, ignore_index=True)
    base = build(coins[:1], 60, each=4, strategy=names[0])
    said = {
        name: {
            "title": f"The strategy number {number}",
            "account": f"Account A: number {number} is to be faded.",
            "trade": {"instrument": "perp", "hold_hours": 72.0},
            "params": {f"parameter_{place}": place for place in range(30)},
        }
        for number, name in enumerate(names)
    }
    return replace(
        base,
        verdicts=tuple(verdicts),
        event_studies=tuple(study(v.strategy, v.phase, 0.1, 672) for v in verdicts),
        trades=trades,
        phases=phases,
        hedged_trades=trades.iloc[:0],
        equity=equity_of(trades, frames),
        hedged_equity=pd.DataFrame(),
        prices=frames,
        strategies=said,
        splits=tuple(cell for v in verdicts for cell in cells(v)),
        truth=phases.loc[::4, ["symbol", "phase"]].assign(
            start=phases["time"],
            end=phases["time"] + pd.Timedelta(hours=90),
            planted_bps=0.0,
            horizon_hours=72.0,
        ),
        dataset={**base.dataset, "coverage": coverage_of(frames)},
    )


def cells(of: Verdict) -> list[SplitCell]:
    """Splits by coin, year and what else there is, of both stances."""
    places = {
        "coin": of.symbols,
        "year": tuple(str(year) for year in range(2018, 2024)),
        "weekday": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        "regime": ("bull", "bear", "calm"),
        "strength": ("low", "middle", "high"),
    }
    return [
        SplitCell(
            of.strategy, of.phase, name, split, cell, 41, 22.0, -12.3, -71.9, 48.2, -9.5, 0.43, 0.81
        )
        for split, names in places.items()
        for cell in names
        for name in ("fade", "follow")
    ]


@dataclass(frozen=True)
class Cases:
    """Runs to write."""

    plain: RunResult
    hostile: RunResult


def make_cases() -> Cases:
    """A plain run of two years, and a small one in which every text is hostile."""
    plain = build(("BTC", "ETH", "SOL"), 730, strategy="fade_crowded_funding")
    hostile = build(("BTC", IMG, SCRIPT), 60, each=6, strategy=f"fade {IMG}{SCRIPT}")
    hostile = replace(
        hostile,
        name=f"../../{IMG}",
        command=f"fadefollow run '{SCRIPT}'",
        notes=(text_note(f"{SCRIPT} {IMG}"),),
        phases=hostile.phases.assign(phase=hostile.phases["phase"] + IMG),
        config={"strategies": {IMG: {"text": f'"{SCRIPT}"\n[x]\x01'}}},
        dataset={**hostile.dataset, "title": IMG, "audit": [{SCRIPT: IMG}]},
        versions={IMG: SCRIPT},
    )
    return Cases(plain, hostile)


def write_slowly(runs_dir: Path) -> None:
    """A writer that stops for a minute between its files and its rename, to be killed."""
    from fadefollow.reporting.write import write_run
    from fadefollow.results import write

    real = write.write_tables  # type: ignore[attr-defined]

    def slow(result: RunResult, folder: Path) -> None:
        real(result, folder)
        time.sleep(60)

    write.write_tables = slow  # type: ignore[assignment, attr-defined]
    write_run(make_cases().hostile, runs_dir, REPORTS)


def write_many(runs_dir: Path) -> None:
    """Three runs, one after the other."""
    from fadefollow.reporting import write_run

    run = make_cases().hostile
    for _ in range(3):
        write_run(run, runs_dir, REPORTS)


def write_within(limit: int, runs_dir: Path) -> None:
    """A writer whose files may not grow beyond `limit` bytes; exits with 42 on a StoreError."""
    import resource

    from fadefollow.errors import StoreError
    from fadefollow.reporting import write_run

    run = build(("BTC", "ETH", "SOL"), 2191, strategy="s")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        write_run(run, runs_dir, REPORTS)
    except StoreError:
        sys.exit(42)
