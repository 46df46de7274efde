"""Market: one coin's streams joined as of each bar's close, read-only and cut at will."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from copy import copy
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.core.cache.memo import Memo
from fadefollow.core.text import html_card
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.asof.revisions import put_revisions, rows_of
from fadefollow.market.bars import bar_text, base_of
from fadefollow.market.grid import (
    BoolArray,
    FloatArray,
    IntArray,
    TimeArray,
    known_by,
    naive,
    on_grid,
    opens,
    place,
    rows_on_grid,
    stamps,
)
from fadefollow.market.needs import Needs
from fadefollow.market.streams import stream

__all__ = ["BoolArray", "FloatArray", "IntArray", "Market", "TimeArray", "Times"]

Times = tuple[pd.Timestamp, pd.Timestamp]
T = TypeVar("T")

#: windows of fewer bars say nothing about a "usual size"
MIN_WINDOW_BARS = 3
#: a stream that is known at a smaller share of the bars in its own time counts as missing
LEAST_KNOWN = 0.5
#: so many values of one name are memoised, if they differ by parameters
KEEP = 4


class Market:
    """One coin on a regular UTC grid of bars; row i holds only what was known at its close.

    Args:
        symbol: the coin, e.g. `"BTC"`.
        bar: size of a bar.
        tables: canonical tables by stream name (see `fadefollow.market.streams`).
        start: open time of the first bar, UTC; by default the first perp (or spot) bar.
        end: close time of the last bar, UTC; by default that of the last perp (or spot) bar.
        listed: when trading began, if known.
        delisted: when trading ended, if it did.
        later: by stream, revisions of records that are in `tables` as they were published first;
            canonical, `available` being when each revision became known.

    A bar that is missing in the data is a row of NaN. A record of another stream holds from the
    close of the first bar at which it was available until a newer one, or its `max_age`; a
    revision takes its place from when it is known.
    """

    def __init__(
        self,
        symbol: str,
        *,
        bar: pd.Timedelta,
        tables: Mapping[str, pd.DataFrame],
        start: pd.Timestamp | None = None,
        end: pd.Timestamp | None = None,
        listed: pd.Timestamp | None = None,
        delisted: pd.Timestamp | None = None,
        later: Mapping[str, pd.DataFrame] | None = None,
    ) -> None:
        self.symbol, self.bar = symbol, bar
        self.listed, self.delisted = listed, delisted
        if start is None or end is None:
            begins, ends = bar_range(tables, bar, where=symbol)
            start, end = start or begins, end or ends
        self.open_time: TimeArray = _frozen(opens(start.floor(bar), end, bar))
        self.close_time: TimeArray = _frozen(self.open_time + np.timedelta64(bar.value, "ns"))
        end_known = self._end_known()
        self._tables = {name: known_by(table, end_known) for name, table in tables.items()}
        self._later = {
            name: known
            for name, table in (later or {}).items()
            if name in tables and len(known := known_by(table, end_known))
        }
        #: times of membership that had begun by the end; None where there is no universe
        self.members: tuple[Times, ...] | None = None
        self._streams = tuple(name for name, table in self._tables.items() if len(table))
        self._bar_hours = bar / pd.Timedelta(hours=1)
        # what belongs to the market itself stays; what is asked for with parameters comes and goes
        self._base, self._memo = Memo(), Memo()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        _frozen(self.open_time), _frozen(self.close_time)  # pickle forgets read-only

    def __len__(self) -> int:
        return len(self.open_time)

    def __repr__(self) -> str:
        edges = np.append(self.open_time[:1], self.close_time[-1:])
        span = " to ".join(np.datetime_as_string(edges, "m")).replace("T", " ")
        told = f", {span} UTC" if len(self) else ""
        return f"Market({self.symbol}, {len(self)} bars of {bar_text(self.bar)}{told})"

    def _repr_html_(self) -> str | None:
        return html_card(self)

    def span(self) -> str:
        """First open to last close: `2021-01-01 00:00 to 2024-01-01 00:00`, UTC."""
        return f"{self.index[0]:%Y-%m-%d %H:%M} to {self.index[-1] + self.bar:%Y-%m-%d %H:%M}"

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that have at least one record."""
        return self._streams

    @property
    def base(self) -> str:
        """The stream whose bars make the grid: the perp, else spot."""
        return "perp" if "perp" in self._streams else "spot"

    @property
    def index(self) -> pd.DatetimeIndex:
        """Open times of the bars, UTC, shape (n,)."""

        def make() -> pd.DatetimeIndex:
            return pd.DatetimeIndex(self.open_time, tz="UTC", name="time")

        # a view, as its name can be changed
        return self._base.get("index", make, keep=None).view()

    def missing(self, *needs: str) -> tuple[str, ...]:
        """Those of `needs` that this market lacks, each named once.

        Args:
            needs: streams; `"stream.column"` for an optional column, lacking if it is empty (if the
                whole stream is, that is named instead); `"one|other"` for streams of which one is
                enough. A stream that is there by name but known at less than `LEAST_KNOWN` of the
                bars, see `known_share`, is lacking as well; the market's own bars never are.
        """
        return Needs.of(*needs).missing_in(self)

    def lacks(self, stream: str, column: str = "") -> str | None:
        """The stream, or `stream.column`, that is missing; None where nothing is: see `missing`."""
        key = ("lack", stream, column)
        return self._base.get(key, lambda: self._look_for(stream, column), keep=None)

    def known_share(self, name: str) -> float:
        """At which share of the bars in its time a stream was known, from 0 to 1.

        Its time is that of the market's bars from its first record to its last. It is 0 where the
        market knows none of them.
        """
        return self._base.get(("share", name), lambda: self._share_of(name), keep=None)

    def column(self, name: str, column: str) -> FloatArray:
        """One column as of each bar's close.

        Args:
            name: stream, e.g. `"funding"`.
            column: its column, e.g. `"rate"`.

        Returns:
            Read-only floats, shape (n,); NaN where nothing was known, a bar is missing, or the
            last record is older than the stream's `max_age`.
        """
        return self._base.get(("column", name, column), lambda: self._join(name, column), keep=None)

    def turnover(self, stream: str | None = None) -> FloatArray | None:
        """What was traded in each bar, in the quote currency, shape (n,); NaN where it is missing.

        Args:
            stream: `"perp"` or `"spot"`; None: the perp, else spot.

        Returns:
            None where there is no volume at all.
        """
        name = stream or self.base
        if self.lacks(name, "volume"):
            return None
        return self.column(name, "close") * self.column(name, "volume")

    def table(self, name: str) -> pd.DataFrame:
        """A copy of all records of a stream that were available by the last bar's close.

        Each once, as it was published first; see `later`, and `derived` for what is reckoned from
        several records.
        """
        if name not in self._tables:
            raise DataError(f"no stream {name!r} in the market", where=self.symbol)
        return self._tables[name].copy(deep=False)  # pandas copies what is written to

    @property
    def later(self) -> Mapping[str, pd.DataFrame]:
        """By stream the revisions that became known by the last bar's close, in that order."""
        return self._later

    @property
    def member(self) -> BoolArray | None:
        """Whether the coin belongs to the universe at each bar's close, shape (n,); read-only.

        None where there is no universe.
        """
        spans = self.members
        if spans is None:
            return None

        def make() -> BoolArray:
            inside = np.zeros(len(self), bool)
            for span in spans:
                first, last = np.searchsorted(self.close_time, [naive(edge) for edge in span])
                inside[first:last] = True
            return inside

        return self._base.get("member", make, keep=None)

    @property
    def funding_implied(self) -> BoolArray | None:
        """Whether the settlement known at each bar's close was implied, shape (n,); read-only.

        None where all settlements are the exchange's.
        """
        if "funding" not in self.streams or "implied" not in self._tables["funding"]:
            return None

        def make() -> BoolArray:
            return self.column("funding", "implied") > 0  # NaN is the exchange's

        return self._base.get("funding_implied", make, keep=None)

    def of_universe(self, members: Sequence[Times] | None) -> Market:
        """The same market with the times in which the coin belongs to the universe.

        Args:
            members: [from, to), in order; None where there is no universe.
        """
        same = copy(self)
        same._base, same._memo = Memo(), Memo()
        same.members = None
        if members is not None:
            end_known = self._end_known()
            same.members = tuple(span for span in members if naive(span[0]) <= end_known)
        return same

    def memo(self, key: Hashable, make: Callable[[], T], *, keep: int = KEEP) -> T:
        """`make()`, computed once for this market; arrays among the result become read-only.

        Args:
            key: a name, or a tuple of a name and every parameter that the value depends on.
            make: computes the value.
            keep: of the values of one name those used last are kept, at most so many, so that a
                search over thousands of parameters does not fill the memory.
        """
        return self._memo.get(key, make, keep=keep)

    def forget(self) -> None:
        """Give up all that was computed for the market and kept; it is computed again if asked."""
        self._base, self._memo = Memo(), Memo()

    def as_of(self, name: str, values: FloatArray) -> FloatArray:
        """Values derived record by record from `table(name)`, as of each bar's close.

        A revision does not change it; see `derived`.

        Args:
            name: a stream that is not of bars.
            values: shape (k,), one a record; each may use that record and earlier ones only.

        Returns:
            Shape (n,); NaN where nothing was known or the record is older than `max_age`.
        """
        if name not in self.streams:
            return np.full(len(self), np.nan)
        if len(values) != len(self._tables[name]):
            got = f"{len(values)} values for {len(self._tables[name])} records"
            raise DataError(f"there must be one value a record of {name}", got=got)
        # a bar that knows nothing has −1, which is the NaN at the end
        return np.take(np.append(values, np.nan), self._known(name), mode="wrap")

    def derived(
        self, name: str, derive: Callable[[pd.DataFrame], Sequence[FloatArray]]
    ) -> tuple[FloatArray, ...]:
        """Values computed from a stream's records in the vintages known at each bar's close.

        As `as_of` of what `derive` makes of `table(name)`, but from each bar at which revisions
        are known, of the table as revised by then; `derive` is called once more for each such bar.

        Args:
            name: a stream that is not of bars.
            derive: from its table to arrays of shape (k,), one value a record; each may use that
                record and earlier ones only.

        Returns:
            As many arrays, shape (n,); NaN as in `as_of`.
        """
        table, later = self.table(name).reset_index(drop=True), self._later.get(name)
        made = [self.as_of(name, part) for part in derive(table)]
        if later is None:
            return tuple(made)
        rows = rows_of(later, table, stream(name).key)
        later, rows = later[rows >= 0], rows[rows >= 0]
        bars = np.searchsorted(self.close_time, stamps(later["available"]))
        values = [c for c in stream(name).columns if c in table]
        for first in np.unique(bars):
            new = later[bars == first].set_axis(rows[bars == first])
            # of several revisions of a record the last; when it was published first stays
            table.loc[new.index.unique(), values] = new[values].groupby(level=0).tail(1)
            for whole, part in zip(made, derive(table.copy(deep=False)), strict=True):
                whole[first:] = self.as_of(name, part)[first:]
        return tuple(made)

    def steps(self, name: str) -> tuple[IntArray, IntArray]:
        """Bars at which other records of a stream are known than at the bar before.

        Args:
            name: a stream that is not of bars.

        Returns:
            Numbers of the bars, increasing, and of the record that is known from each one's close
            on, −1 for none, shape (s,) each; read-only.
        """

        def make() -> tuple[IntArray, IntArray]:
            known = self._known(name)
            bar = np.flatnonzero(np.diff(known, prepend=-2))
            return bar, known[bar]

        return self._base.get(("steps", name), make, keep=None)

    def bars(self, hours: float) -> int:
        """A span of `hours` in bars, rounded."""
        return round(hours / self._bar_hours)

    def bars_in(self, hours: float) -> int:
        """The window of `hours` in bars, rounded; fewer than 3 bars are refused."""
        count = self.bars(hours)
        if count < MIN_WINDOW_BARS:
            raise ParameterError(
                f"a window must hold at least {MIN_WINDOW_BARS} bars",
                got=f"{hours:g} h on bars of {self._bar_hours:g} h",
                where=self.symbol,
                hint="use a longer window or smaller bars",
            )
        return count

    def until(self, time: pd.Timestamp) -> Market:
        """The same market as it was known at `time`: later bars and records do not exist."""
        count = int(np.searchsorted(self.close_time, naive(time), side="right"))
        return self._cut(0, count)

    def between(self, start: pd.Timestamp, end: pd.Timestamp) -> Market:
        """The bars that open at or after `start` and close by `end`; older records stay known."""
        first = int(np.searchsorted(self.open_time, naive(start), side="left"))
        last = int(np.searchsorted(self.close_time, naive(end), side="right"))
        return self._cut(first, max(last, first))

    def frame(self) -> pd.DataFrame:
        """Every panel column as `stream.column`, indexed by open time in UTC."""
        columns = {
            f"{name}.{column}": self.column(name, column)
            for name in self.streams
            for column in stream(name).panel
            if column in self._tables[name]
        }
        return pd.DataFrame(columns, index=self.index)

    def _end_known(self) -> np.datetime64:
        """The last close; a market without bars knows nothing."""
        return self.close_time[-1] if len(self) else np.datetime64("1677-09-22", "ns")

    def _look_for(self, name: str, column: str) -> str | None:
        if name not in self.streams or (name != self.base and self.known_share(name) < LEAST_KNOWN):
            return name
        table = self._tables[name]
        there = not column or (column in table and table[column].notna().any())
        return None if there else f"{name}.{column}"

    def _share_of(self, name: str) -> float:
        if name not in self.streams or not len(self):
            return 0.0
        schema, table = stream(name), self._tables[name]
        if schema.kind == "bars":
            at, exact = place(stamps(table["time"]), self.open_time, self.bar)
            at = np.unique(at[exact])
            return len(at) / int(at[-1] - at[0] + 1) if len(at) else 0.0
        published, known = stamps(table["available"]), self._known(name) >= 0
        inside = (self.close_time >= published.min()) & (self.close_time <= published.max())
        # a single snapshot between two closes is known at the second
        return float(known[inside].mean()) if inside.any() else float(known.any())

    def _cut(self, first: int, last: int) -> Market:
        if first == last == len(self) == 0:
            return self
        start = self.index[0] + first * self.bar
        end = start + (last - first) * self.bar
        # that a coin will be delisted is not known before it is
        gone = self.delisted if self.delisted is not None and self.delisted <= end else None
        return Market(
            self.symbol,
            bar=self.bar,
            tables=self._tables,
            start=start,
            end=end,
            listed=self.listed,
            delisted=gone,
            later=self._later,
        ).of_universe(self.members)

    def _join(self, name: str, column: str) -> FloatArray:
        schema = stream(name)
        out = np.full(len(self), np.nan)
        table = self._tables.get(name)
        if table is None or not len(table) or not len(self) or column not in table:
            return out
        if schema.kind == "bars":
            on_bars = self._base.get(
                ("rows", name), lambda: rows_on_grid(table, self.open_time, self.bar), keep=None
            )
            return on_grid(table, column, len(self), on_bars)
        found = self.as_of(name, table[column].to_numpy(np.float64))
        if name in self._later and column in self._later[name]:
            later = self._later[name]
            since = np.searchsorted(self.close_time, stamps(later["available"]))
            rows = rows_of(later, self._tables[name], stream(name).key)
            put_revisions(found, self._known(name), rows, since, later[column].to_numpy(np.float64))
        return found

    def _known(self, name: str) -> npt.NDArray[np.int64]:
        """Per bar the newest record known at its close; −1 where there is none, or it is old.

        The newest is that of the latest time: one that is published late displaces none after it.
        """

        def find() -> npt.NDArray[np.int64]:
            known = stamps(self._tables[name]["available"])
            order = np.argsort(known, kind="stable")
            newest = np.maximum.accumulate(order)  # tables are in the order of time
            at = np.searchsorted(known[order], self.close_time, side="right") - 1
            valid = at >= 0
            max_age = stream(name).max_age
            if max_age is not None:
                age = self.close_time - known[newest][np.maximum(at, 0)]
                valid &= age <= np.timedelta64(max_age.value, "ns")
            return np.where(valid, newest[np.maximum(at, 0)], -1)

        return self._base.get(("known", name), find, keep=None)


def bar_range(
    tables: Mapping[str, pd.DataFrame], bar: pd.Timedelta, *, where: str
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First open and last close of a coin's bars, UTC; DataError where it has none."""
    time = tables[base_of([n for n, t in tables.items() if len(t)], where=where)]["time"]
    return time.iloc[0].floor(bar), time.iloc[-1] + bar


def _frozen(array: TimeArray) -> TimeArray:
    array.setflags(write=False)
    return array
