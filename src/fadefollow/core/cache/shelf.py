"""A shelf: values of which a bounded part stays in memory, the rest in a scratch file.

The bars of a thousand coins do not fit into memory, and no step of a run needs more than one coin
at a time. A shelf is read like any mapping; where a value lies does not show.
"""

from __future__ import annotations

import os
import pickle
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from threading import Lock, RLock
from typing import Any, Generic, NamedTuple, TypeVar, overload

from fadefollow.core.cache.shared_folder import SharedFile, read_shared, shared_folder

K = TypeVar("K")
V = TypeVar("V")

#: what all shelves of a process together keep in memory, bytes
KEPT_BYTES = 256_000_000
#: values read last from the scratch file that a shelf keeps besides: the next lines ask again
_AT_HAND = 2


class _Budget:
    """Bytes that the shelves of this process hold in memory."""

    def __init__(self) -> None:
        self._used, self._inherited, self._sharers = 0, 0, 1
        # a shelf may be collected, and give back, at any line
        self._lock = RLock()

    def take(self, size: int) -> bool:
        """Whether there is room for so many more bytes, which then are taken."""
        with self._lock:
            if self._used + size > KEPT_BYTES // self._sharers + self._inherited:
                return False
            self._used += size
            return True

    def give_back(self, taken: list[int]) -> None:
        """What a shelf that is gone had taken."""
        with self._lock:
            self._used -= sum(taken)

    def share(self, sharers: int) -> None:
        """Begin as one of so many: what is held already is no cost of theirs."""
        self._inherited, self._sharers = self._used, sharers
        self._lock = RLock()  # a thread that is not here may have held it


_BUDGET = _Budget()


def begin_fork(forks: int) -> None:
    """Call first in each of so many forks: together they may keep half as much as their parent."""
    _BUDGET.share(2 * forks)


class _Place(NamedTuple):
    """Where a value lies in a scratch file."""

    offset: int
    sizes: tuple[int, ...]  #: of the pickled value and of each array beside it, bytes
    owner: int = 0  #: the process that wrote the file


class _Scratch:
    """Files without a name that end with the process, or when nobody needs them any more.

    A fork of the process reads its parent's file and writes one of its own.
    """

    def __init__(self) -> None:
        self._files: dict[int, _File] = {}
        self._lock = Lock()

    def write(self, parts: list[memoryview]) -> _Place:
        owner = os.getpid()
        with self._lock:
            if owner not in self._files:
                self._files[owner] = _File()
            return _Place(*self._files[owner].write(parts), owner)

    def read(self, place: _Place) -> list[bytearray]:
        # each array has memory of its own: who keeps one keeps no other
        parts = [bytearray(size) for size in place.sizes]
        with self._lock:
            self._files[place.owner].read(place.offset, parts)
        return parts


class _File:
    """One of them; read from and written to as if a fork had not moved its position."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="fadefollow-", buffering=0)  # noqa: SIM115
        self._end = 0
        weakref.finalize(self, self._file.close)

    def write(self, parts: list[memoryview]) -> tuple[int, tuple[int, ...]]:
        """Where these bytes begin, and their sizes."""
        begin, sizes = self._end, tuple(part.nbytes for part in parts)
        for part in parts:
            rest = part
            while len(rest):
                done = self._put(rest)
                self._end += done
                rest = rest[done:]
        return begin, sizes

    def read(self, offset: int, parts: list[bytearray]) -> None:
        """Fill some memory with what begins there."""
        for part in parts:
            rest = memoryview(part)
            while len(rest):
                done = self._get(rest, offset)
                offset += done
                rest = rest[done:]

    def _put(self, data: memoryview) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._file.fileno(), data, self._end)
        self._file.seek(self._end)
        return self._file.write(data)

    def _get(self, into: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [into], offset)
        self._file.seek(offset)
        return self._file.readinto(into)


def _pickled(value: Any) -> list[memoryview]:
    """A value's pickle, and the arrays beside it."""
    buffers: list[pickle.PickleBuffer] = []
    whole = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return [memoryview(whole), *(buffer.raw() for buffer in buffers)]


def _unpickled(parts: Sequence[bytes | bytearray]) -> Any:
    return pickle.loads(parts[0], buffers=parts[1:])


def _parts_of(held: object, scratch: _Scratch | None) -> Sequence[memoryview] | Sequence[bytearray]:
    """A value in pieces, wherever it lies."""
    if isinstance(held, _Place):
        assert scratch is not None
        return scratch.read(held)
    return _pickled(held)


class _AtHand(Generic[K, V]):
    """The values that were read last."""

    def __init__(self) -> None:
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()

    def get(self, key: K, read: Callable[[], Sequence[bytearray]]) -> V:
        """A value, made of its parts if it is not at hand."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value: V = _unpickled(read())
        with self._lock:
            self._values[key] = value
            while len(self._values) > _AT_HAND:
                self._values.popitem(last=False)
        return value


def only(values: Mapping[K, V], keys: Iterable[K]) -> Mapping[K, V]:
    """Some of the values of a mapping; of a shelf without reading them."""
    return values.only(keys) if isinstance(values, Shelf) else {key: values[key] for key in keys}


class InOrder(Sequence[V]):
    """The values of a mapping by their place, each read when it is asked for."""

    def __init__(self, values: Mapping[K, V]) -> None:
        self._values, self._keys = values, tuple(values)

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, place: int) -> V: ...

    @overload
    def __getitem__(self, place: slice) -> list[V]: ...

    def __getitem__(self, place: int | slice) -> V | list[V]:
        if isinstance(place, slice):
            return [self._values[key] for key in self._keys[place]]
        return self._values[self._keys[place]]


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
        self._at_hand: _AtHand[K, V] = _AtHand()
        self._lock = Lock()
        self._whole: Shelf[K, V] | None = None  #: none for a whole one, or it would hold itself
        self._published: tuple[SharedFile, dict[K, _Place]] | None = None
        weakref.finalize(self, _BUDGET.give_back, self._taken)
        for key, value in items:
            self.put(key, value)

    def __reduce__(self) -> tuple[Any, ...]:
        if not self._values:  # whoever gets it may put values there
            return Shelf, ()
        folder = shared_folder()
        return (Published, self._publish(folder)) if folder else (Shelf, (list(self.items()),))

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
        scratch = self._scratch
        assert scratch is not None
        return self._at_hand.get(key, lambda: scratch.read(held))

    def put(self, key: K, value: V) -> None:
        """Add a value: in memory as long as there is room."""
        parts = _pickled(value)
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

    def _publish(self, folder: str) -> tuple[str, dict[K, _Place]]:
        """Write all values to a file of a shared folder, once; it goes with the shelf."""
        with self._lock:
            if self._published is None:
                places: dict[K, _Place] = {}
                file = SharedFile(folder, self._all_parts(places))
                self._published = file, places
            file, places = self._published
            return file.address, places

    def _all_parts(self, places: dict[K, _Place]) -> Iterator[memoryview | bytearray]:
        """The pieces of all values in order; where each value lies among them goes to `places`."""
        end = 0
        for key in self._values:
            parts = _parts_of(self._values[key], self._scratch)
            places[key] = _Place(end, tuple(len(part) for part in parts))
            yield from parts
            end += sum(places[key].sizes)

    def only(self, keys: Iterable[K]) -> Shelf[K, V]:
        """A shelf with some of the values, none of which is copied."""
        part: Shelf[K, V] = Shelf()
        part._values = {key: self._values[key] for key in keys}
        part._scratch = self._scratch
        # which holds what is taken of the budget
        part._whole = self if self._whole is None else self._whole
        return part


class Published(Mapping[K, V]):
    """A shelf as another machine sees it: each value is read from the shared folder once.

    What was read lies on a shelf of this process: a step asks for each coin many times.
    """

    def __init__(self, file: str, places: dict[K, _Place]) -> None:
        self._file, self._places = file, places
        self._kept: Shelf[K, V] = Shelf()
        self._reading = {key: Lock() for key in places}  #: threads go through the coins abreast

    def __reduce__(self) -> tuple[type[Published[K, V]], tuple[str, dict[K, _Place]]]:
        return Published, (self._file, self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[K]:
        return iter(self._places)

    def __getitem__(self, key: K) -> V:
        place = self._places[key]
        with self._reading[key]:
            return self._kept.ask(
                key, lambda: _unpickled(read_shared(self._file, place.offset, place.sizes))
            )
