"""Draws the pictures of docs/concepts/ and writes their worked examples, with the product's code.

    python docs/concepts_figures.py

Needs matplotlib: `pip install -e '.[docs]'`.
"""

from __future__ import annotations

import itertools
import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from fadefollow.engine.model import HOUR_NS, BarArrays, Costs, Events, Rules
from fadefollow.engine.resolver import resolve
from fadefollow.verdict.correction.overfit import (
    TrackRecord,
    cscv,
    deflated_sharpe,
    expected_max_sharpe,
)

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from numbers_figures import _figure, _theme  # noqa: E402

PAGES = HERE / "concepts"
YEAR = 365


def main() -> None:
    """The examples into the pages, the pictures into docs/images/."""
    import matplotlib as mpl

    for name in EXAMPLES:
        page = PAGES / f"{name}.md"
        page.write_text(with_example(page.read_text("utf-8"), name), "utf-8")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "fadefollow"})
    drawn = {
        "known": known(),
        "placebo": shifted(),
        "best_of_many": best_of_many(),
        "cscv": halves(),
    }
    for name, figure in drawn.items():
        path = HERE / "images" / f"concept_{name}.svg"
        figure.savefig(path, metadata={"Date": None})
        path.write_text(re.sub(r"[ \t]+$", "", path.read_text("utf-8"), flags=re.M), "utf-8")
        print(f"{path.name}  {path.stat().st_size / 1000:.0f} kB")


def with_example(page: str, name: str) -> str:
    """The page with its worked example written anew."""
    begin, end = "<!-- example: written by docs/concepts_figures.py -->", "<!-- end of example -->"
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{EXAMPLES[name]()}\n{end}{rest.partition(end)[2]}"


def money() -> str:
    """Three trades, resolved by the engine, as a table."""
    calm = [100.0] * 2 + [102.0] * 4
    pumped = [100.0, 100.0, 140.0, 195.0, 300.0, 60.0, 60.0, 60.0]
    pays = [(16.0, 0.0001, 100.0), (24.0, 0.0001, 101.0)]
    shorts_pay = [(16.0, -0.001, 100.0)]
    trades = (
        ("long, price +2 %, longs pay 1 bp twice", 1, calm, pays, Rules(24.0)),
        ("short, price triples and then crashes", -1, pumped, shorts_pay, Rules(40.0)),
        ("the same at leverage 5", -1, pumped, shorts_pay, Rules(40.0, leverage=5.0)),
    )
    lines = [
        "| trade of 1,000 | leaves by | price and slippage | funding | fees | net |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for name, side, opens, settled, rules in trades:
        row = _resolved(side, opens, settled, rules)
        moved = row["pnl"] - row["funding"] + row["fees"]
        cells = [
            f"{value:+,.2f}".replace("-", "−")
            for value in (moved, row["funding"], -row["fees"], row["pnl"])
        ]
        lines.append(f"| {name} | {row['reason']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def deflated() -> str:
    """What the best of so many worthless trials looks like, and what is left of one ratio."""
    record = TrackRecord(n=5 * YEAR, sharpe=1.0 / math.sqrt(YEAR))
    variance = 1.0 / record.n  # of the Sharpe ratios of trials without an edge, over as many days
    lines = [
        "| trials | the best of them by luck: Sharpe | deflated Sharpe of a book with 1.0 |",
        "|---:|---:|---:|",
    ]
    for trials in (1, 10, 100, 1000, 10_000):
        luck = 0.0 if trials == 1 else expected_max_sharpe(trials, variance)
        left = deflated_sharpe(record, n_trials=trials, variance=variance)
        lines.append(f"| {trials:,} | {luck * math.sqrt(YEAR):.2f} | {left:.2f} |")
    return "\n".join(lines)


def pbo() -> str:
    """CSCV on simulated trials, none or one of which is any good."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((3 * YEAR, 50))
    lines = [
        "| fifty trials over three years | PBO | choices whose winner loses afterwards |",
        "|---|---:|---:|",
    ]
    for name, edge in (("none has an edge", 0.0), ("one has a Sharpe ratio of 3", 3.0)):
        returns = noise + edge / math.sqrt(YEAR) * (np.arange(50) == 0)
        found = cscv(returns, blocks=10)
        lines.append(f"| {name} | {100 * found.pbo:.0f} % | {100 * found.p_loss:.0f} % |")
    return "\n".join(lines)


EXAMPLES: dict[str, Callable[[], str]] = {"money": money, "deflated": deflated, "pbo": pbo}


def known() -> Any:
    """What is known at the close of a bar, and where the trade is entered."""
    figure, (place,) = _figure(1, 3.0)
    theme = _theme()
    rows = ("bars", "funding", "open interest", "netflow of a day")
    spans: dict[
        int, list[tuple[float, float, float | None]]
    ] = {  # (start, end of what it describes, when it is known), in hours
        0: [(h, h + 1, h + 1) for h in range(6)],
        1: [(-2, 0, 0), (0, 4, 4)],
        2: [(h + 0.5, h + 0.5, h + 0.5) for h in range(0, 6, 2)],
        3: [(-30, -4, 2.0), (-4, 20, None)],
    }
    for row, items in spans.items():
        for start, end, when in items:
            late = when is None or when > 4
            colour = theme["zero"] if late else theme["follow"]
            place.plot(
                [max(start, -2.3), min(end, 6.3)],
                [row] * 2,
                color=colour,
                lw=7,
                solid_capstyle="butt",
                alpha=0.35,
            )
            if when is not None:
                place.plot(when, row, "o", color=colour, ms=6)
    place.axvline(4, color=theme["fade"], lw=1.6)
    place.text(3.95, -0.75, "close of bar t: the phase is known", color=theme["fade"], ha="right")
    arrow = {"arrowstyle": "->", "color": theme["fade"]}
    place.annotate(
        "entry: open of bar t + 1",
        (4.0, 3.62),
        (4.4, 3.62),
        color=theme["fade"],
        va="center",
        arrowprops=arrow,
    )
    place.set_yticks(range(len(rows)), rows)
    place.set_ylim(4.0, -1.1)
    place.set_xlim(-2.4, 6.4)
    place.set_xlabel("hours; a bar is what a record describes, a dot is when it becomes known")
    return figure


def shifted() -> Any:
    """The t of events against that of the same events shifted: a simulated market."""
    rng = np.random.default_rng(4)
    days = 1500
    storm = np.repeat(np.exp(0.8 * rng.standard_normal(days // 30)), 30)
    returns = 20.0 * storm * rng.standard_normal(days) + 4.0
    events = np.flatnonzero(rng.random(days) < 0.06 * storm / storm.mean())
    returns[events] += 14.0

    def t(at: Any) -> float:
        got = returns[at % days]
        return float(got.mean() / (got.std(ddof=1) / math.sqrt(len(got))))

    draws = [t(events + shift) for shift in range(5, days - 5)]
    figure, (place,) = _figure(1, 2.9)
    theme = _theme()
    place.hist(draws, bins=50, color=theme["zero"], alpha=0.6)
    place.axvline(t(events), color=theme["follow"], lw=2)
    place.axvline(0, color=theme["rule"], lw=1)
    place.set_title("grey: shifted, blue: as they were", loc="left")
    place.set_xlabel("mean over its standard error; a rising market pays the shifted ones as well")
    place.set_yticks([])
    return figure


def best_of_many() -> Any:
    """The distribution of the best of N worthless questions."""
    from scipy.stats import norm

    figure, (place,) = _figure(1, 2.9)
    theme = _theme()
    x = np.linspace(-3.5, 5, 400)
    for n, colour in ((1, "zero"), (10, "follow"), (100, "fade")):
        place.plot(
            x,
            n * norm.pdf(x) * norm.cdf(x) ** (n - 1),
            color=theme[colour],
            lw=2,
            label="one question" if n == 1 else f"the best of {n}",
        )
    place.axvline(norm.ppf(0.95), color=theme["rule"], ls=":")
    place.set_xlabel("t; dotted: where one question in twenty lies by luck")
    place.set_yticks([])
    place.legend(frameon=False)
    return figure


def halves() -> Any:
    """Some of the ways in which CSCV cuts the past into two halves."""
    figure, (place,) = _figure(1, 2.6)
    theme = _theme()
    ways = list(itertools.combinations(range(6), 3))[:5]
    for row, chosen in enumerate(ways):
        for block in range(6):
            colour = theme["fade"] if block in chosen else theme["follow"]
            place.barh(row, 0.96, left=block, color=colour, height=0.7, alpha=0.8)
    place.set_yticks([])
    place.set_xticks([b + 0.48 for b in range(6)], [f"block {b + 1}" for b in range(6)])
    place.set_ylim(len(ways) - 0.4, -0.6)
    place.set_title(
        "orange chooses the best trial, blue says where it ranks; 5 of 20 ways", loc="left"
    )
    return figure


def _resolved(side: int, opens: list[float], settled: Any, rules: Rules) -> dict[str, Any]:
    """One trade on bars of 8 h that jump between opens, entered at the second open."""
    price = np.array(opens)
    after = np.append(price[1:], price[-1])
    high, low = np.maximum(price, after), np.minimum(price, after)
    paid = np.array(settled, float).reshape(-1, 3)
    arrays = BarArrays(
        symbol="COIN",
        bar_ns=8 * HOUR_NS,
        time=8 * HOUR_NS * np.arange(len(price)),
        open=price,
        high=high,
        low=low,
        close=after,
        liq_open=price,
        liq_high=high,
        liq_low=low,
        settle_time=(paid[:, 0] * HOUR_NS).astype(np.int64),
        settle_rate=paid[:, 1].copy(),
        settle_mark=paid[:, 2].copy(),
    )
    none = np.empty(0, np.int64)
    events = Events(np.array([0]), np.array([side]), np.array([0]), none, none)
    costs = Costs(fee=0.0005, slippage=0.0005, maintenance=0.02)
    book = resolve(arrays, events, rules=_of_thousand(rules), costs=costs)
    return {str(key): value for key, value in book.trades.iloc[0].items()}


def _of_thousand(rules: Rules) -> Rules:
    return replace(rules, capital=1000.0, opposite=False)


if __name__ == "__main__":
    main()
