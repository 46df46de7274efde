"""Names of coins and data sets, checked before anything touches the disk."""

from __future__ import annotations

import difflib
import re
import unicodedata
import zoneinfo
from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator

from fadefollow.errors import ParameterError

#: characters that a coin's name has at most: 160 bytes in UTF-8, which leaves room in a file name
LONGEST_SYMBOL = 40
#: one character of a coin's name in a pattern: wider than `check_symbol`, which decides
SYMBOL_CHARACTER = r"[^\W_a-z]"
#: Unicode categories of letters and of decimal digits
_LETTERS_AND_DIGITS = frozenset({"Lu", "Lt", "Lo", "Lm", "Nd"})
#: letters by category that show nothing: the fillers of Korean syllables
_INVISIBLE = frozenset("\u115f\u1160\u3164\uffa0")
#: devices, which Windows opens in place of a folder of that name
_DEVICE = re.compile(r"CON|PRN|AUX|NUL|(?:COM|LPT)\d")
_OFFSET = re.compile(r"UTC[+-](0\d|1[0-4]):[0-5]\d")
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


def check_symbol(name: str) -> str:
    """`name` in Unicode's form NFC, if it can be a coin: letters and digits of any script.

    Letters that have a capital form must be in it. Marks that no letter takes up (NFC), signs that
    stand for other letters (full-width `ＢＴＣ`), invisible ones and names of devices are refused,
    so that a name looks like one coin, and is a plain part of a file's name and of a page.

    Raises:
        ParameterError: it cannot be a coin.
    """
    normal = unicodedata.normalize("NFC", name)
    if _is_symbol(normal):
        return normal
    rule = f"a coin's name must be 1 to {LONGEST_SYMBOL} capital letters and digits, of any script"
    plain = unicodedata.normalize("NFKC", normal).upper()
    hint = f"write {plain}" if _is_symbol(plain) else ""
    if _DEVICE.fullmatch(normal):
        hint = "Windows keeps this name for a device"
    raise ParameterError(rule, got=repr(name) if name.upper() == plain else ascii(name), hint=hint)


def _is_symbol(name: str) -> bool:
    """Whether a name, in the form NFC, can be a coin's."""
    letters = all(unicodedata.category(c) in _LETTERS_AND_DIGITS for c in name)
    plain = _INVISIBLE.isdisjoint(name) and unicodedata.normalize("NFKC", name) == name
    fits = 1 <= len(name) <= LONGEST_SYMBOL and name == name.upper()
    return letters and plain and fits and not _DEVICE.fullmatch(name)


#: a coin's name in settings
CoinName = Annotated[str, AfterValidator(check_symbol)]


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
