"""Several coins at once: for a signal that a search runs thousands of times on hundreds of coins.

What each coin has lies one after the other in one array, and a compiled loop goes through all of
them. One call a trial takes the place of one a coin, each of which would cost more in Python than
in the loop.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from fadefollow.core.cache.memo import Memo
from fadefollow.errors import DataError, FadeFollowError, SignalError
from fadefollow.market.grid import stamps
from fadefollow.market.panel import BoolArray, FloatArray, IntArray, Market
from fadefollow.phases.batch_kernels import beyond_the_past, in_order_by_coin
from fadefollow.phases.detect import detect_checked, failure, place_of
from fadefollow.phases.features import published_late, ranks_of
from fadefollow.phases.kernels import frozen
from fadefollow.phases.table import Phases, Signal

T = TypeVar("T")
Measure = Callable[[Market], FloatArray]


class Records(NamedTuple):
    """A stream's records of several coins, with a value each, ranked coin by coin.

    Attributes:
        start: of each coin's records, and the end of the last one's, shape (coins + 1,).
        time: nanoseconds since 1970 UTC, shape (k,).
        value: shape (k,).
        rank: of each value among the coin's finite ones, −1 for the others, shape (k,).
        first: of each coin's finite values, and the end of the last one's, shape (coins + 1,).
        ordered: the finite values, rising within each coin.
        available: nanoseconds since 1970 UTC, shape (k,).
        late_of: of each coin's late records, and the end of the last one's, shape (coins + 1,).
        late: records that were published after a later one, counted from the coin's first.
    """

    start: IntArray
    time: IntArray
    value: FloatArray
    rank: IntArray
    first: IntArray
    ordered: FloatArray
    available: IntArray
    late_of: IntArray
    late: IntArray


class Steps(NamedTuple):
    """Bars at which other records are known than before, of several coins; see `Market.steps`.

    Attributes:
        start: of each coin's bars, and the end of the last one's, shape (coins + 1,).
        bar: numbers of the bars in the coin's grid, shape (s,).
        known: the record known from there on, counted from the coin's first, −1 for none.
    """

    start: IntArray
    bar: IntArray
    known: IntArray


class CoinBatch(Sequence[Market]):
    """Coins that a signal looks at in one go, on bars of one size.

    Args:
        markets: the coins, at least one; each has the streams that are asked for.
    """

    def __init__(self, markets: Iterable[Market]) -> None:
        self._markets = tuple(markets)
        self._memo = Memo()

    def __len__(self) -> int:
        return len(self._markets)

    def __getitem__(self, place: Any) -> Any:
        return self._markets[place]

    def __iter__(self) -> Iterator[Market]:
        return iter(self._markets)

    def memo(self, key: Hashable, make: Callable[[], T]) -> T:
        """`make()`, computed once for these coins."""
        return self._memo.get(key, make, keep=None)

    @property
    def size(self) -> IntArray:
        """Number of bars of each coin, shape (coins,)."""
        return self.memo("size", lambda: np.array([len(market) for market in self], np.int64))

    def inside(self, coin: IntArray, bar: IntArray) -> BoolArray | None:
        """Whether coins belong to the universe at a bar's close each, shape (k,).

        None where there is no universe.
        """

        def make() -> tuple[IntArray, BoolArray] | None:
            members = [market.member for market in self]
            if all(member is None for member in members):
                return None
            known = [
                np.ones(len(market), bool) if member is None else member
                for market, member in zip(self, members, strict=True)
            ]
            return _starts(known), _joined(known)

        found = self.memo("inside", make)
        return None if found is None else found[1][found[0][coin] + bar]

    def records(self, name: str, measure: Measure) -> Records:
        """What is measured at each record of a stream.

        Args:
            name: a stream that is not of bars.
            measure: from a market to a value a record of `market.table(name)`, shape (k,).

        Raises:
            DataError: the records of a coin are not in order of time.
        """

        def make() -> Records:
            tables = [market.table(name) for market in self]
            time = [stamps(table["time"]).view(np.int64) for table in tables]
            available = [stamps(table["available"]).view(np.int64) for table in tables]
            for market, one in zip(self, time, strict=True):
                if (one[1:] < one[:-1]).any():
                    rule = "the times of records must be in increasing order"
                    raise DataError(rule, where=market.symbol)
            value = [np.asarray(measure(market), np.float64) for market in self]
            ranks = [ranks_of(one) for one in value]
            late = [np.flatnonzero(published_late(one)) for one in available]
            return Records(
                _starts(value),
                _joined(time),
                _joined(value),
                _joined([one.rank.astype(np.int32) for one in ranks]),
                _starts([one.ordered for one in ranks]),
                _joined([one.ordered for one in ranks]),
                _joined(available),
                _starts(late),
                _joined(late),
            )

        return self.memo(("records", name, measure), make)

    def steps(self, name: str) -> Steps:
        """Bars at which other records of a stream are known than at the bar before."""

        def make() -> Steps:
            steps = [market.steps(name) for market in self]
            bar, known = ([one[k].astype(np.int32) for one in steps] for k in range(2))
            return Steps(_starts(bar), _joined(bar), _joined(known))

        return self.memo(("steps", name), make)


class Fired(NamedTuple):
    """Where a condition on records began, shape (k,) each."""

    coin: IntArray  #: place of the coin in the batch
    bar: IntArray  #: number of the bar in the coin's grid
    record: IntArray  #: the record that is known at its close, in the arrays of `Records`
    threshold: FloatArray  #: that the record's value is beyond


def fire_beyond_past(
    coins: CoinBatch,
    name: str,
    measure: Measure,
    *,
    quantile: float,
    days: float,
    floor: float,
    cooldown_hours: float,
) -> tuple[Fired, Fired]:
    """Where a value begins to be beyond the quantiles of its own past, and beyond a floor.

    Both comparisons are strict. As `features.past_quantiles` and `features.fire_on_records` of
    each coin.

    Args:
        coins: that have the stream.
        name: a stream that is not of bars.
        measure: a value a record, see `CoinBatch.records`.
        quantile: the high one; the low one is 1 − it.
        days: length of the look-back.
        floor: ≥ 0; what is high is above it, too, what is low is below −floor.
        cooldown_hours: from one event to the earliest next one.

    Returns:
        High values, and low ones; coin by coin, in order of bar.

    Raises:
        DataError: the records of a coin are not in order of time.
    """
    high, low = beyond_the_past(
        tuple(coins.records(name, measure)),
        tuple(coins.steps(name)),
        frozen(np.array([quantile, 1 - quantile])),
        floor,
        round(days * _DAY_NS),
        coins[0].bars(cooldown_hours),
    )
    return Fired(*high), Fired(*low)


class BatchPhases:
    """What a signal found in several coins at once.

    Args:
        coins: in which it looked.
        signal: its name.
        events: a mapping for all events of a phase, as `Phases.of` takes it, with `coin` (the place
            of each event's coin in the batch) beside `bar`, whole numbers, shape (k,) each;
            coin by coin, in order of bar.
    """

    def __init__(
        self, coins: CoinBatch, *, signal: str, events: Iterable[Mapping[str, Any]]
    ) -> None:
        self._coins, self._signal, self._events = coins, signal, tuple(events)

    def of(self, place: int) -> Phases:
        """The phases of one coin, by its place in the batch.

        Raises:
            SignalError: as `Phases.of`.
        """
        mine = [_of_coin(event, place) for event in self._events]
        return Phases.of(self._coins[place], signal=self._signal, events=mine)

    def marks(self, names: Sequence[str]) -> BatchMarks:
        """All events as bare numbers.

        Args:
            names: the phases that the signal declares.

        Raises:
            SignalError: they are not as `Phases.of` takes them, coin by coin and in order of bar.
        """
        parts: list[tuple[IntArray, ...]] = []
        size, given = frozen(self._coins.size), set[str]()
        for event in self._events:
            coin, bar, phase = (event[name] for name in ("coin", "bar", "phase"))
            # one value may stand for all events, as in `Phases.of`
            lean = _each(event["lean"], bar, np.int64)
            strength = _each(event["strength"], bar, np.float64)
            once = phase in names and phase not in given
            whole = all(numbers.shape == bar.shape for numbers in (coin, lean, strength))
            right = once and whole and coin.dtype.kind == bar.dtype.kind == "i"
            right = right and bool((np.abs(lean) == 1).all())
            if not (right and in_order_by_coin(frozen(coin), frozen(bar), frozen(strength), size)):
                raise SignalError(
                    "a batch gives the events of a phase at once, coin by coin, in order of bar",
                    got=f"{phase}, lean {event['lean']}",
                    where=self._signal,
                )
            given.add(phase)
            parts.append((coin, bar, lean, np.full(len(bar), names.index(phase))))
        none = np.empty(0, np.int64)
        coin, bar, lean, code = (np.concatenate([none, *(p[k] for p in parts)]) for k in range(4))
        return BatchMarks(coin, bar, lean, code, tuple(names))


class BatchMarks(NamedTuple):
    """Events of several coins as bare numbers; int64, shape (k,) each, in no order."""

    coin: IntArray  #: place of the coin
    bar: IntArray  #: number of the bar, in the coin's grid, at whose close the phase became known
    lean: IntArray  #: +1 long, −1 short
    code: IntArray  #: place of the phase among `names`
    names: tuple[str, ...]  #: phases that the signal declares

    @classmethod
    def of(cls, found: Sequence[Phases], names: Sequence[str]) -> BatchMarks:
        """Those of phases that were found coin by coin."""
        marks = [phases.marks_unsorted(*names) for phases in found]
        none = np.empty(0, np.int64)
        bar, lean, code = (np.concatenate([none, *column]) for column in zip(*marks, strict=True))
        coin = np.repeat(np.arange(len(marks)), [len(one.bar) for one in marks])
        return cls(coin, bar, lean, code, tuple(names))

    def where(self, chosen: BoolArray) -> BatchMarks:
        """Only those events, shape (k,)."""
        coin, bar, lean, code = (numbers[chosen] for numbers in self[:4])
        return BatchMarks(coin, bar, lean, code, self.names)


class BatchSignal(Signal):
    """A signal that looks at several coins at once; what one coin shows follows from that.

    All its phases need the same streams.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        """Refuse phases that need different streams: a coin could show some of them alone.

        Raises:
            SignalError: they do.
        """
        if len(set(map(frozenset, getattr(cls, "phases", {}).values()))) > 1:
            raise SignalError(
                "the phases of a BatchSignal must all need the same streams",
                got="; ".join(f"{phase}: {', '.join(n)}" for phase, n in cls.phases.items()),
                where=cls.__qualname__,
                hint="make it a Signal, which looks at one coin at a time",
            )

    @abstractmethod
    def detect_batch(self, coins: CoinBatch) -> BatchPhases:
        """The phases of coins that lack no stream; no coin may change what another one shows."""

    def detect(self, market: Market) -> Phases:
        """The phases of one coin, all missing where it lacks a stream that one of them needs."""
        missing = self.lacking(market)
        if missing:
            return Phases.of(market, signal=self.name(), events=(), missing=missing)
        return self.detect_batch(CoinBatch([market])).of(0)


def detect_marks(signal: Signal, coins: CoinBatch) -> BatchMarks:
    """The events of `detect_checked` in all coins as bare numbers.

    Raises:
        SignalError, FadeFollowError: as `detect_checked`, of the first coin that fails; where each
            coin by itself does not, it names no coin.
    """
    names = tuple(signal.phases)
    place, able = coins.memo(("able", type(signal)), lambda: _able(signal, coins))
    if not isinstance(signal, BatchSignal) or able is None:
        return BatchMarks.of([detect_checked(signal, market) for market in coins], names)
    try:
        found = signal.detect_batch(able).marks(names)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # also one that would end the program
        for market in able:
            detect_checked(signal, market)  # its error names the coin
        if isinstance(error, FadeFollowError):
            raise
        raise failure(error, where=place_of(signal, f"{len(able)} coins at once")) from error
    found = found._replace(coin=place[found.coin])
    inside = coins.inside(found.coin, found.bar)
    return found if inside is None else found.where(inside)


def _able(signal: Signal, coins: CoinBatch) -> tuple[IntArray, CoinBatch | None]:
    """The places of the coins that lack nothing, and these coins; None where there are none."""
    place = [number for number, market in enumerate(coins) if not signal.lacking(market)]
    return np.array(place, np.int64), CoinBatch([coins[p] for p in place]) if place else None


_DAY_NS = 86_400 * 10**9


def _starts(parts: Sequence[npt.NDArray[Any]]) -> IntArray:
    return np.concatenate([[0], np.cumsum([len(part) for part in parts])]).astype(np.int64)


def _joined(parts: Sequence[npt.NDArray[Any]]) -> Any:
    """One array of all; of a single one that itself, read-only."""
    return frozen(np.ascontiguousarray(parts[0] if len(parts) == 1 else np.concatenate(parts)))


def _each(value: Any, bar: IntArray, kind: type[np.generic]) -> npt.NDArray[Any]:
    """A value an event: as it is, or the one that stands for all of them."""
    if isinstance(value, np.ndarray) and value.ndim:
        return np.ascontiguousarray(value, kind)
    return np.full(bar.shape, value, kind)


def _of_coin(event: Mapping[str, Any], place: int) -> dict[str, Any]:
    """An event's columns for one coin of the batch."""
    mine = event["coin"] == place
    return {
        name: values[mine] if isinstance(values, np.ndarray) and values.ndim else values
        for name, values in event.items()
        if name != "coin"
    }
