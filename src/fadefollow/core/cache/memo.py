"""Memo: a bounded cache of what was computed for a market."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")


class Memo:
    """Values by key; of those that differ by parameters only the last used are kept.

    A key is a name, or a tuple of a name and the parameters that the value depends on. Safe to use
    from several threads, which may then compute a value twice. A pickled memo is empty.
    """

    def __init__(self) -> None:
        self._values: dict[Hashable, OrderedDict[Hashable, Any]] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return sum(map(len, self._values.values()))

    def __bool__(self) -> bool:
        return True  # an empty one keeps what comes

    def __reduce__(self) -> tuple[type[Memo], tuple[()]]:
        return Memo, ()

    def get(self, key: Hashable, make: Callable[[], T], *, keep: int | None) -> T:
        """`make()`, or what it returned before; arrays among the result become read-only.

        Args:
            key: what the value depends on, all of it.
            make: computes it.
            keep: how many values of the key's name are kept; None for all of them.
        """
        name = key[0] if isinstance(key, tuple) else key
        with self._lock:
            known = self._values.setdefault(name, OrderedDict())
            if key in known:
                known.move_to_end(key)
                return known[key]  # type: ignore[no-any-return]
        made = make()
        for array in made if isinstance(made, tuple) else (made,):
            if isinstance(array, np.ndarray):
                array.setflags(write=False)
        with self._lock:
            known[key] = made
            known.move_to_end(key)
            while keep is not None and len(known) > keep:
                known.popitem(last=False)
        return made
