"""Names of coins and data sets, checked before anything touches the disk."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Sequence

from fadefollow.errors import ParameterError

_SYMBOL = re.compile(r"[A-Z0-9]{1,20}")
_OFFSET = re.compile(r"UTC[+-](0\d|1[0-4]):[0-5]\d")
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_symbol(name: str) -> str:
    """`name`, if it can be a coin: up to 20 capital letters and digits."""
    if not _SYMBOL.fullmatch(name):
        rule = "a coin's name must be 1 to 20 capital letters and digits"
        raise ParameterError(rule, got=repr(name))
    return name


def check_dataset_name(name: str) -> str:
    """`name`, if it can be a data set: up to 64 letters, digits, `_` and `-`."""
    if not _DATASET.fullmatch(name):
        rule = "a data set's name must be 1 to 64 letters, digits, _ and -"
        raise ParameterError(rule, got=repr(name))
    return name


def check_timezone(name: str) -> str:
    """`name`, if it is a time zone: an IANA name such as Europe/Berlin, or UTC+08:00."""
    if name.upper() == "UTC" or _OFFSET.fullmatch(name):
        return name
    known = zoneinfo.available_timezones()
    if name not in known:
        near = nearest(name, sorted(known))
        hint = f"{near}such as UTC, Europe/Berlin, UTC+08:00"
        raise ParameterError("no such time zone", got=repr(name), hint=hint)
    return name


def nearest(name: str, known: Sequence[str]) -> str:
    """`did you mean 'x'? `, or nothing where no known name is like it."""
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}? " if near else ""
