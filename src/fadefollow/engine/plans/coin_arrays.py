"""The bar arrays of many coins, of which only some are in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar, overload

from fadefollow.core.cache.shelf import Shelf
from fadefollow.engine.model import BarArrays, DatedBarArrays, IntArray

T = TypeVar("T")


class CoinArrays(Sequence[BarArrays]):
    """Bar arrays by the place of their coin, **all on one calendar** (equal `time` arrays).

    Go through them coin by coin and keep no more than what you need of each: they come from a
    `Shelf`, and all together may not fit into memory. Plans of one instrument share them.

    Args:
        arrays: one a coin, at least one; read one at a time.
    """

    def __init__(self, arrays: Iterable[BarArrays]) -> None:
        self._shelf: Shelf[int, BarArrays] = Shelf()
        self._derived: dict[str, Shelf[int, Any]] = {}
        symbols: list[str] = []
        dated, spot, sized, implied = [], [], [], []
        for place, one in enumerate(arrays):
            if not place:
                self.time: IntArray = one.time  #: open times, nanoseconds since 1970 UTC
                self.bar_ns = one.bar_ns
            self._shelf.put(place, one)
            symbols.append(one.symbol)
            dated.append(isinstance(one, DatedBarArrays))
            spot.append(one.spot)
            sized.append(one.share is not None)
            implied.append(one.settle_implied is not None)
        self.symbols = tuple(symbols)
        self.dated = tuple(dated)  #: by coin, whether they are `DatedBarArrays`
        self.spot = tuple(spot)  #: by coin, whether the coin itself is traded
        self.sized = any(sized)  #: whether positions have less than their full size
        self.implied = any(implied)  #: whether a settlement was implied from the premium

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_derived": {}}  # other processes find out for themselves

    def __len__(self) -> int:
        return len(self._shelf)

    @overload
    def __getitem__(self, place: int) -> BarArrays: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[BarArrays]: ...
    def __getitem__(self, place: int | slice) -> BarArrays | Sequence[BarArrays]:
        if isinstance(place, slice):
            return [self[k] for k in range(len(self))[place]]
        found = self._shelf[range(len(self))[place]]
        return found if found.time is self.time else replace(found, time=self.time)

    def __iter__(self) -> Iterator[BarArrays]:
        return (self[place] for place in range(len(self)))

    def derived(self, name: str, place: int, make: Callable[[BarArrays], T]) -> T:
        """What `make` finds out about one coin's arrays, once for all plans that share them.

        Args:
            name: of what is found out, with all that it depends on besides the arrays.
            place: of the coin.
            make: reads the arrays.
        """
        known = self._derived.setdefault(name, Shelf())
        found: T = known.ask(place, lambda: make(self[place]))
        return found
