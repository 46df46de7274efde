"""What the path of somebody's file says: the coin, an expiry, and what varies between files."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

_QUOTES = r"USDT|USDC|BUSD|FDUSD|USD|PERP"
#: BTCUSDT, BTC-USDT, BTC/USDT, BTC_USD
_PAIR = re.compile(rf"(?<![A-Za-z0-9])([A-Z0-9]{{2,15}}?)([-_]?(?:{_QUOTES}))(?![A-Za-z0-9])")
_ALONE = re.compile(r"(?<![A-Za-z0-9])([A-Z][A-Z0-9]{1,9})(?![A-Za-z0-9])")
_DATE = re.compile(r"\d{4}-\d{2}(?:-\d{2})?|(?<!\d)20\d{6}(?!\d)")
_EXPIRY = re.compile(r"(?<!\d)(\d{6})(?!\d)")
#: capital words of file names that are no coins
_NO_COINS = frozenset(
    ("USDT", "USD", "USDC", "OHLCV", "CSV", "UTC", "OI", "UM", "CM", "API", "README")
)
_LONG = {"bitcoin": "BTC", "ethereum": "ETH", "solana": "SOL"}


@dataclass(frozen=True)
class NameGuess:
    """A path as a pattern with `{coin}`, `{expiry}` and `*`, and what stood there."""

    pattern: str
    coin: str | None  #: in place of `{coin}`, or, where the pattern has none, from another word
    expiry: bool = False


def guess_name(where: str) -> NameGuess:
    """What a path says. Folders count, the file's own name first."""
    folder, _, file = where.rpartition("/")
    parts = [*folder.split("/"), file] if folder else [file]
    coin = None
    for at in reversed(range(len(parts))):
        coin, parts[at] = _coin_of(parts[at])
        if coin:
            break
    stem, dot, suffix = parts[-1].rpartition(".")
    stem = re.sub(r"(?:\*[-_])+\*", "*", _DATE.sub("*", stem))
    expiry = _EXPIRY.search(stem)
    if expiry and _is_day(expiry[1]):
        stem = stem[: expiry.start()] + "{expiry}" + stem[expiry.end() :]
    parts[-1] = stem + dot + suffix
    said = next((c for word, c in _LONG.items() if word in where.lower()), None)
    return NameGuess("/".join(parts), coin or said, "{expiry}" in stem)


def _coin_of(part: str) -> tuple[str | None, str]:
    """The coin that a part of a path names, and the part with its place marked."""
    found = _PAIR.search(part)
    if found is None:
        found = next((m for m in _ALONE.finditer(part) if m[1] not in _NO_COINS), None)
    if found is None:
        return None, part
    return found[1], part[: found.start(1)] + "{coin}" + part[found.end(1) :]


def _is_day(text: str) -> bool:
    try:
        return 2010 <= dt.datetime.strptime(text, "%y%m%d").year <= 2060
    except ValueError:
        return False
