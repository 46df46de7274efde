"""The program that a check runs in a new process: the same questions in another order."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

from fadefollow.market.panel import Market
from fadefollow.phases import Signal
from fadefollow.verdict.checking.answers import Answer, ask_safely
from fadefollow.verdict.checking.steady import Order, cut_bars


def answers(signal: Signal, markets: tuple[Market, ...], order: Order) -> list[list[Answer]]:
    """Of each market the answers about its beginnings, shortest first, then about the whole."""
    said: list[list[Answer]] = [[] for _ in markets]
    numbers = range(len(markets))
    for number in numbers if order == "forward" else reversed(numbers):
        market = markets[number]
        views = [market.until(market.index[bar] + market.bar) for bar in cut_bars(market)]
        views.append(market)
        asked = views[::-1] if order == "forward" else views
        found = [ask_safely(signal, view) for view in asked]
        said[number] = found[::-1] if order == "forward" else found
    return said


def main(order: Order) -> None:
    """Read `ORDER.in` in the current folder, write `ORDER.out`."""
    signal, markets, _ = pickle.loads(Path(f"{order}.in").read_bytes())
    Path(f"{order}.out").write_bytes(pickle.dumps(answers(signal, markets, order)))


if __name__ == "__main__":
    main("forward" if sys.argv[1] == "forward" else "backward")
