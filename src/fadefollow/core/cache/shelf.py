"""A shelf: values of which a bounded part stays in memory, the rest in a scratch file.

The bars of a thousand coins do not fit into memory, and no step of a run needs more than one coin
at a time. A shelf is read like any mapping; where a value lies does not show.
"""

from __future__ import annotations

import pickle
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any, NamedTuple, TypeVar

K = TypeVar("K")
V = TypeVar("V")

#: what all shelves of a process together keep in memory, bytes
KEPT_BYTES = 256_000_000
#: values read last from the scratch file that a shelf keeps besides: the next lines ask again
_AT_HAND = 2


class _Budget:
    """Bytes that the shelves of this process hold in memory."""

    def __init__(self) -> None:
        self._used, self._lock = 0, Lock()

    def take(self, size: int) -> bool:
        """Whether there is room for so many more bytes, which then are taken."""
        with self._lock:
            if self._used + size > KEPT_BYTES:
                return False
            self._used += size
            return True

    def give_back(self, taken: list[int]) -> None:
        """What a shelf that is gone had taken."""
        with self._lock:
            self._used -= sum(taken)


_BUDGET = _Budget()


class _Place(NamedTuple):
    """Where a value lies in the scratch file."""

    offset: int
    sizes: tuple[int, ...]  #: of the pickled value and of each array beside it, bytes


class _Scratch:
    """A file without a name that ends with the process, or when nobody needs it any more."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="fadefollow-", buffering=0)  # noqa: SIM115
        self._end, self._lock = 0, Lock()
        weakref.finalize(self, self._file.close)

    def write(self, parts: list[memoryview]) -> _Place:
        with self._lock:
            place = _Place(self._end, tuple(part.nbytes for part in parts))
            self._file.seek(self._end)
            for part in parts:
                rest = part
                while len(rest):
                    rest = rest[self._file.write(rest) :]
            self._end += sum(place.sizes)
        return place

    def read(self, place: _Place) -> Any:
        # each array has memory of its own: who keeps one keeps no other
        parts = [bytearray(size) for size in place.sizes]
        with self._lock:
            self._file.seek(place.offset)
            for part in parts:
                rest = memoryview(part)
                while len(rest):
                    rest = rest[self._file.readinto(rest) :]
        return pickle.loads(parts[0], buffers=parts[1:])


def only(values: Mapping[K, V], keys: Iterable[K]) -> Mapping[K, V]:
    """Some of the values of a mapping; of a shelf without reading them."""
    return values.only(keys) if isinstance(values, Shelf) else {key: values[key] for key in keys}


class Shelf(Mapping[K, V]):
    """Values by key, put there once each and read as often as wanted, from any thread.

    Values must be picklable. One that comes from the scratch file is a new object each time, so
    that changes to it are lost. The file lies where the environment's `TMPDIR` says.

    Args:
        items: what is put there, in order; read one at a time.
    """

    def __init__(self, items: Iterable[tuple[K, V]] = ()) -> None:
        self._values: dict[K, V | _Place] = {}
        self._scratch: _Scratch | None = None
        self._taken: list[int] = []
        self._at_hand: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()
        self._whole: Shelf[K, V] = self
        weakref.finalize(self, _BUDGET.give_back, self._taken)
        for key, value in items:
            self.put(key, value)

    def __reduce__(self) -> tuple[type[Shelf[K, V]], tuple[list[tuple[K, V]]]]:
        return Shelf, (list(self.items()),)

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[K]:
        return iter(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def __getitem__(self, key: K) -> V:
        held = self._values[key]
        if not isinstance(held, _Place):
            return held
        with self._lock:
            if key in self._at_hand:
                self._at_hand.move_to_end(key)
                return self._at_hand[key]
        assert self._scratch is not None
        value: V = self._scratch.read(held)
        with self._lock:
            self._at_hand[key] = value
            while len(self._at_hand) > _AT_HAND:
                self._at_hand.popitem(last=False)
        return value

    def put(self, key: K, value: V) -> None:
        """Add a value: in memory as long as there is room."""
        buffers: list[pickle.PickleBuffer] = []
        whole = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        parts = [memoryview(whole), *(buffer.raw() for buffer in buffers)]
        size = sum(part.nbytes for part in parts)
        if _BUDGET.take(size):
            self._taken.append(size)
            self._values[key] = value
            return
        with self._lock:
            self._scratch = self._scratch or _Scratch()
        self._values[key] = self._scratch.write(parts)

    def ask(self, key: K, make: Callable[[], V]) -> V:
        """The value of a key, which is made and put there if it is not yet."""
        if key in self._values:
            return self[key]
        value = make()
        self.put(key, value)
        return value

    def only(self, keys: Iterable[K]) -> Shelf[K, V]:
        """A shelf with some of the values, none of which is copied."""
        part: Shelf[K, V] = Shelf()
        part._values = {key: self._values[key] for key in keys}
        part._scratch = self._scratch
        part._whole = self._whole  # which holds what is taken of the budget
        return part
