"""Answers that look well and are not what was asked for: of each kind, how a page becomes one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

#: where a row has its time and its first number
_TIMES = ("fundingTime", "fundingRateTimestamp", "timestamp")
_NUMBERS = ("fundingRate", "sumOpenInterest", "openInterest", "longShortRatio", "buyRatio")
_MINUTE = 60_000
_DAY = 1440 * _MINUTE


def _changed(row: bytes, *, time: Callable[[int], int] | None = None, number: Any = None) -> bytes:
    made = json.loads(row)
    at, of = (0, 1) if isinstance(made, list) else (_first(made, _TIMES), _first(made, _NUMBERS))
    if time is not None:
        made[at] = type(made[at])(time(int(made[at])))
    if number is not None:
        made[of] = number(made[of])
    return json.dumps(made).encode()


def _first(row: dict[str, Any], names: tuple[str, ...]) -> str:
    return next(name for name in names if name in row)


#: kind → the rows of a page
ROWS: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "seconds": lambda page: [_changed(r, time=lambda t: t // 1000) for r in page],
    "micro": lambda page: [_changed(r, time=lambda t: t * 1000) for r in page],
    "future": lambda page: [_changed(r, time=lambda t: t + 9000 * _DAY) for r in page],
    "one_future": lambda page: [
        *page[:-1],
        *(_changed(r, time=lambda t: t + 9000 * _DAY) for r in page[-1:]),
    ],
    "off_grid": lambda page: [_changed(r, time=lambda t: t + 17 * _MINUTE) for r in page],
    "in_two_ways": lambda page: [
        *page,
        *(_changed(r, number=lambda v: str(float(v) * 1.01)) for r in page[:3]),
    ],
    "booleans": lambda page: [_changed(r, number=lambda v: True) for r in page],
    "nulls": lambda page: [_changed(r, number=lambda v: [None]) for r in page],
    "words": lambda page: [_changed(r, number=lambda v: "a\x1b[31mlot") for r in page],
    "null_rows": lambda page: [b"null" for _ in page],
}
#: kind → the range that is answered in place of the one that was asked for
RANGES: dict[str, Callable[[int, int, int], tuple[int, int]]] = {
    "earlier": lambda low, high, start: (low - 30 * _DAY, high - 30 * _DAY),
    "for_ever": lambda low, high, start: (start, start + 10 * _DAY),
}
#: kind → the answer as a whole
BODIES: dict[str, Callable[[Any], Any]] = {
    "object": lambda page: {"rows": page},
    "empty_object": lambda page: {},
    "null_list": lambda page: None,
    "number": lambda page: 5,
}
ODDITIES = (*ROWS, *RANGES, *BODIES, "redirect", "redirect_nowhere", "html", "odd_status")


def odd_body(body: bytes, fault: str) -> bytes:
    """An answer whose list of records is something else."""
    made = json.loads(body)
    if isinstance(made, list):
        made = BODIES[fault](made)
    elif isinstance(made.get("result"), dict) and "list" in made["result"]:
        made["result"]["list"] = BODIES[fault](made["result"]["list"])
    return json.dumps(made).encode()
