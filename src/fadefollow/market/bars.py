"""Sizes of bars, as text and as time."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from fadefollow.errors import DataError, ParameterError

#: the streams whose bars can make a coin's grid; the first that is there does
BASES = ("perp", "spot")
_BAR = re.compile(r"(\d{1,4})(min|h|d)")
_DAY = pd.Timedelta(days=1)


def bar_size(text: str) -> pd.Timedelta:
    """A bar's size from `5min`, `1h`, `8h` or `1d`.

    Raises:
        ParameterError: it is written otherwise, or does not divide a day.
    """
    match = _BAR.fullmatch(text.strip())
    size = pd.Timedelta(f"{match[1]}{match[2].replace('d', 'D')}") if match else pd.Timedelta(0)
    if size <= pd.Timedelta(0) or _DAY % size:
        hint = "write 5min, 1h, 8h or 1d"
        raise ParameterError("a bar must divide a day", got=repr(text), hint=hint)
    return size


def bar_text(size: pd.Timedelta) -> str:
    """`5min`, `1h`, `8h` or `1d`; the inverse of `bar_size`."""
    minutes = round(size / pd.Timedelta(minutes=1))
    if minutes % 1440 == 0:
        return f"{minutes // 1440}d"
    return f"{minutes // 60}h" if minutes % 60 == 0 else f"{minutes}min"


def base_of(streams: Iterable[str], *, where: str, hint: str = "") -> str:
    """The stream whose bars make a coin's grid: the perp, else spot.

    Args:
        streams: those of the coin that have a record.
        where: the coin, for the message.
        hint: what can be done where it has neither.

    Raises:
        DataError: it has neither.
    """
    there = list(streams)
    for name in BASES:
        if name in there:
            return name
    got = ", ".join(sorted(there)) or "no stream"
    raise DataError("a coin needs perp or spot bars", got=got, where=where, hint=hint)
