"""Lives: when each coin of a universe is listed and, if it is, delisted.

Both are drawn apart from all prices, so that whatever is known at a delisting says nothing about
the returns before it, and leaving out the trades that it cuts short leaves no bias.
"""

from __future__ import annotations

from dataclasses import dataclass

from fadefollow.market.lab.clock import Clock, stream
from fadefollow.market.lab.settings import LabSettings
from fadefollow.market.lab.universe.settings import UniverseSettings

#: coins that are there from the first to the last day
MAJORS = ("BTC", "ETH")
#: a coin trades for at least so many days, or half of the span if that is less
_LEAST_DAYS = 150.0
#: life left at listing = span · u^this: a third of coins young, as in 2020 to 2026
_YOUNG = 1.4
#: days for which spot has traded before the perp is listed
_SPOT_DAYS = 120.0


@dataclass(frozen=True)
class Life:
    """Steps of one coin, all starts of settlement intervals.

    Attributes:
        spot: the first step of its spot.
        listed: the first step of its perp.
        end: the step at whose open all trading has ended.
        dies: whether it is delisted then.
    """

    spot: int
    listed: int
    end: int
    dies: bool


def lives(clock: Clock, settings: LabSettings, rules: UniverseSettings) -> dict[str, Life]:
    """Each coin's life; a coin's does not depend on the others.

    A coin dies with probability `deaths`, at a time uniform between its least life and the end.
    """
    return {symbol: _life(clock, settings, rules, symbol) for symbol in settings.symbols}


def _life(clock: Clock, settings: LabSettings, rules: UniverseSettings, symbol: str) -> Life:
    count, per = len(clock), clock.per_settlement
    rng = stream(settings.seed, symbol, "life")
    left, fate, cut = rng.random(3)
    if symbol in MAJORS:
        return Life(0, 0, count, dies=False)
    least = min(clock.steps(_LEAST_DAYS * 24.0), count // 2)
    listed = 0
    if rules.listings == "spread":
        listed = int((count - least) * (1.0 - left**_YOUNG)) // per * per
    spot = max(listed - clock.steps(_SPOT_DAYS * 24.0), 0)
    if fate >= rules.deaths:
        return Life(spot, listed, count, dies=False)
    end = listed + least + int((count - listed - least) * cut)
    return Life(spot, listed, end // per * per, dies=True)
