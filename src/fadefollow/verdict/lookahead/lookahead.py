"""Look-ahead of a single bar: is what a signal says of a bar the same whatever comes after it?

After a bar's close the future is cut off, turned round or put into another order. What the signal
said of the bars up to then, events and features, must stay as it is. Where it does not, one stream
at a time is changed to find the culprit, and the future is given back bar by bar to find how much
of it the signal knew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.market.panel import Market
from fadefollow.market.streams import stream
from fadefollow.verdict.lookahead.altered_future import Futures, How, delayed, only
from fadefollow.verdict.lookahead.answers import Answer, Difference, first_difference
from fadefollow.verdict.lookahead.report import Fault, Kind, told

IntArray = npt.NDArray[np.int64]
Ask = Callable[[Market], Answer]

#: how values are changed, bar by bar in turn
_VALUES: tuple[How, ...] = ("mirrored", "scrambled", "loud", "muted")
#: how a single stream's future is changed to see whether it is the culprit, and when it is late
_HOWS: tuple[How, ...] = (*_VALUES, "dropped")
_LATE_HOWS: tuple[How, ...] = ("mirrored", "loud", "dropped")
#: earlier events that are tried to find the first bar of all, once there is one
_EARLIER = 40
#: bars of events, and of arriving records, tried a stream that is published a bar later
_LATE_BARS = 3
#: so much of a changed future is looked at (the cut one has none); more would cost time only
_REACH_BARS, _REACH = 240, pd.Timedelta(days=10)


class Looker:
    """Tries the futures of one coin.

    Args:
        ask: asks the signal that may look ahead; an error is part of the answer.
        market: of one coin.
        seed: of the bars tried and of the values that are made up.
    """

    def __init__(self, ask: Ask, market: Market, *, seed: int) -> None:
        self._ask, self.market, self._seed = ask, market, seed
        self.futures = Futures(market, seed=seed)
        self.whole = ask(market)

    def look(self, bars: Iterable[int]) -> list[Fault]:
        """What the signal knew too early, on the first bar where it is seen to.

        Args:
            bars: to try, increasing.

        Returns:
            One fault a stream that was known too early.
        """
        found = self._first_of(bars)
        if found is None:
            return []
        if found.failed:
            return [self._fault("fails", found)]
        known = {bar for bar, *_ in self.whole.events if bar < found.bar}
        found = self._first_of(sorted(known)[:_EARLIER], hows=_VALUES) or found
        culprits = [fault for name in self.market.streams if (fault := self._culprit(found, name))]
        return culprits or [self._no_stream(found)]

    def look_late(self) -> list[Fault]:
        """What it would know too early of streams that are published a bar later than they are.

        Bars are known at their close, by definition; all others might come later.
        """
        found = []
        for name in self.market.streams:
            if stream(name).kind == "bars":
                continue
            late = Looker(self._ask, delayed(self.market, name), seed=self._seed)
            fault = late.look_at_arrivals(name, self.futures.arrivals(name))
            if fault:
                found.append(told(fault))
        return found

    def look_at_arrivals(self, name: str, arrivals: IntArray) -> Fault | None:
        """Whether a stream is known on bars on which its records are not yet."""
        rng = np.random.default_rng(self._seed)
        events = sorted({bar for bar, *_ in self.whole.events})[:_LATE_BARS]
        some = rng.choice(arrivals, min(_LATE_BARS, len(arrivals)), replace=False)
        for bar in sorted({*events, *some.tolist()} - {len(self.market) - 1}):
            difference = self._changes(bar, _LATE_HOWS, (name,), last=bar, end=bar + self._reach)
            if difference and not difference.failed:
                fault = self._culprit(difference, name)
                return replace(fault, if_late=True) if fault else None
        return None

    def _first_of(
        self, bars: Iterable[int], hows: tuple[How, ...] | None = None
    ) -> Difference | None:
        """The first of these bars that knows its future; an error only if there is none."""
        failed = None
        for bar in bars:
            found = self._differs(bar, hows or (_VALUES[bar % len(_VALUES)],))
            if found and not found.failed:
                return found
            failed = failed or found
        return failed

    def _differs(self, bar: int, hows: tuple[How, ...]) -> Difference | None:
        """Where the answer up to `bar` depends on what comes after."""
        cut = first_difference(self.whole, self._ask(self.futures.cut(bar)), last=bar)
        if cut and not cut.failed:
            return cut
        return self._changes(bar, hows, None, last=bar, end=bar + self._reach) or cut

    @property
    def _reach(self) -> int:
        return max(_REACH_BARS, int(_REACH / self.market.bar))

    def _changes(
        self,
        bar: int,
        hows: Iterable[How],
        streams: tuple[str, ...] | None,
        *,
        last: int,
        end: int | None = None,
    ) -> Difference | None:
        """Where the answer up to the bar `last` changes with the future after `bar`."""
        for how in hows:
            answer = self._ask(self.futures.changed(bar, how, streams, end=end))
            if found := first_difference(self.whole, answer, last=last):
                return found
        return None

    def _culprit(self, found: Difference, name: str) -> Fault | None:
        """The fault of one stream; None if the bar does not depend on its future."""

        def depends(ahead: int) -> bool:
            changed = self._changes(found.bar + ahead, _HOWS, (name,), last=found.bar)
            return changed is not None

        if not depends(0):
            return None
        ahead = _least(depends, len(self.market) - 1 - found.bar)
        record = self.futures.last_record(name, found.bar + ahead)
        closed = self.market.index[found.bar] + self.market.bar
        time, available = record if record and record[1] > closed else (None, None)
        return self._fault(
            "look-ahead",
            found,
            stream=name,
            bars_ahead=ahead,
            record=time,
            available=available,
            whole_sample=ahead > _REACH_BARS,
        )

    def _no_stream(self, found: Difference) -> Fault:
        """The fault that no stream's values explain: the length of the data."""

        def depends(ahead: int) -> bool:
            cut = self._ask(self.futures.cut(found.bar + ahead))
            return first_difference(self.whole, cut, last=found.bar) is not None

        ahead = _least(depends, len(self.market) - 1 - found.bar)
        return self._fault("look-ahead", found, bars_ahead=ahead)

    def _fault(self, kind: Kind, found: Difference, **more: Any) -> Fault:
        opened = self.market.index[found.bar]
        closed = opened + self.market.bar
        fault = Fault(kind, found.what, self.market.symbol, bar=opened, closed=closed)
        return told(replace(fault, **more))


def used_streams(ask: Ask, market: Market, whole: Answer) -> tuple[str, ...]:
    """The streams without which the answer is another one.

    All of them, where those without which it is another one are not enough for it: a signal may
    take either of two.
    """
    last = len(market) - 1
    parts = {name: [other for other in market.streams if other != name] for name in market.streams}
    used = tuple(
        name
        for name, rest in parts.items()
        if first_difference(whole, ask(only(market, rest)), last=last)
    )
    enough = first_difference(whole, ask(only(market, used)), last=last) is None
    return used if enough else market.streams


def bars_to_try(whole: Answer, bars: int, *, count: int, seed: int) -> list[int]:
    """Bars after which to change the future: those of events, first ones, and random ones.

    Args:
        whole: the answer about the market.
        bars: how many bars it has.
        count: about how many to try.
        seed: of the random ones.

    Returns:
        Numbers of bars, increasing, without the last one, which has no future.
    """
    if bars < 2:
        return []
    chosen = set(_first_known(whole))
    for bar in _in_turn(whole):
        if len(chosen) >= count * 2 // 3:
            break
        chosen.add(bar)
    random = np.random.default_rng(seed).permutation(bars - 1).tolist()
    fresh = [bar for bar in random if bar not in chosen]
    chosen.update(fresh[: max(count - len(chosen), count // 3)])
    return sorted(bar for bar in chosen if bar < bars - 1)


def _first_known(whole: Answer) -> Iterator[int]:
    """The first bar on which each feature is known."""
    for values in whole.features.values():
        known = np.flatnonzero(np.isfinite(values))
        yield from known[:1].tolist()


def _in_turn(whole: Answer) -> Iterator[int]:
    """Bars of events, the first of each phase first, then the second of each, …"""
    by_phase: dict[str, list[int]] = {}
    for bar, phase, _ in sorted(whole.events):
        by_phase.setdefault(phase, []).append(bar)
    for turn in range(max(map(len, by_phase.values()), default=0)):
        yield from (listed[turn] for listed in by_phase.values() if turn < len(listed))


def _least(depends: Callable[[int], bool], most: int) -> int:
    """The smallest number of bars ahead, from 1 to `most`, on which nothing depends any more."""
    low, high = 0, 1
    while high < most and depends(high):
        low, high = high, 2 * high
    high = min(high, max(most, 1))
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if depends(middle) else (low, middle)
    return high
