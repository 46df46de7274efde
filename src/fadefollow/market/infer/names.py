"""What the path of somebody's file says: the coin, an expiry, and what varies between files."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from fadefollow.market.infer.reasons import Reason, doubt
from fadefollow.market.names import LONGEST_SYMBOL, SYMBOL_CHARACTER

_QUOTES = r"USDT|USDC|BUSD|FDUSD|USD|PERP"
_PAIR_TEXT = rf"({SYMBOL_CHARACTER}{{1,{LONGEST_SYMBOL}}}?)([-_]?(?:{_QUOTES}))"
#: BTCUSDT, BTC-USDT, BTC/USDT, BTC_USD
_PAIR = re.compile(rf"(?<![^\W_]){_PAIR_TEXT}(?![A-Za-z0-9])")
#: btcusdt, which an import does not take for a coin by itself
_LOWER_PAIR = re.compile(
    r"(?<![a-z0-9])([a-z0-9]{2,15}?)(?:[-_]?(?:usdt|usdc|busd|fdusd)|usd)(?![a-z0-9])",
    re.IGNORECASE,
)
#: BTC, 1000SHIB
_ALONE = re.compile(r"(?<![A-Za-z0-9])((?:10{2,6})?[A-Z][A-Z0-9]{1,9}|1INCH)(?![A-Za-z0-9])")
#: a name that begins with a letter that may be a coin: W_perp
_LETTER = re.compile(r"([A-Z])(?=[-_.]|$)")
#: a whole word that may be one, of any script
_SYMBOL = re.compile(rf"({SYMBOL_CHARACTER}{{1,{LONGEST_SYMBOL}}})")
_COIN = rf"(?P<coin>{_SYMBOL.pattern})"
_DATE = re.compile(r"(?<!\d)(?:20\d{2}(?:[-_.]\d{2}){0,2}|20\d{6})(?!\d)")
#: 250328, 28MAR25, 7FEB25
_EXPIRIES = (
    ("%y%m%d", re.compile(r"(?<!\d)(\d{6})(?!\d)")),
    ("%d%b%y", re.compile(r"(?<![A-Za-z0-9])(\d{1,2}[A-Za-z]{3}\d{2})(?![A-Za-z0-9])")),
)
#: capital words of file names that are no coins
_NO_COINS = frozenset(
    (
        *("USDT", "USD", "USDC", "BUSD", "FDUSD", "TUSD", "OHLC", "OHLCV", "CSV", "UTC", "OI"),
        *("UM", "CM", "API", "README", "ALL", "DATA", "TOTAL", "SWAP", "SPOT", "PERP"),
        *("PERPETUAL", "FUTURE", "FUTURES", "FUNDING", "RATE", "MARK", "INDEX", "PREMIUM"),
        *("PRICE", "BARS", "CANDLES", "KLINE", "KLINES", "OPEN", "INTEREST", "VOLUME", "LIQ"),
        *("H1", "H4", "H8", "D1", "M1", "M5", "M15", "M30", "BINANCE", "BYBIT", "OKX", "MEXC"),
        *("GATE", "HTX", "KRAKEN", "COINBASE", "DERIBIT", "BITMEX", "KUCOIN", "BITGET"),
    )
)
_WORDS = {
    "bitcoin": "BTC",
    "ethereum": "ETH",
    "solana": "SOL",
    "btc": "BTC",
    "eth": "ETH",
    "sol": "SOL",
    "xrp": "XRP",
    "bnb": "BNB",
    "doge": "DOGE",
}
#: the number of coins in a contract, before or after its name
_THOUSANDS = re.compile(r"(10{2,6}|1M)(?=[A-Z])|(?<=[A-Z])(10{2,6})$")


@dataclass(frozen=True)
class InferredName:
    """A path as a pattern with `{coin}`, `{expiry}` and `*`, and what stood there."""

    pattern: str
    coin: str | None  #: in place of `{coin}`, or, where the pattern has none, from another word
    expiry: bool = False
    expiry_format: str = "%y%m%d"
    doubt: Reason | None = None  #: why the coin is doubtful


def infer_names(paths: Iterable[str], *, folder: str = "") -> dict[str, InferredName]:
    """Coin, stream and expiry in each path, also by comparison with its neighbours.

    Args:
        paths: relative to the folder.
        folder: name of the folder, which speaks for files that name no coin.
    """
    names = {where: infer_name(where) for where in paths}
    known: dict[str, dict[str, InferredName]] = {}
    for where, name in names.items():
        if "{coin}" in _file(name.pattern) and not name.doubt:
            known.setdefault(_folder(where), {}).setdefault(name.pattern, name)
    for where, name in names.items():
        if "{coin}" not in _file(name.pattern) or name.doubt:
            near = known.get(_folder(where), {})
            names[where] = _like(where, [near[p] for p in sorted(near)]) or name
    coin = _coin_of(folder)[0] if _PAIR.search(folder) or _ALONE.fullmatch(folder) else None
    coin = coin or _word(folder)
    if coin:
        text = f"{coin} is the name of the folder; no file name says which coin this is"
        for where, name in names.items():
            if name.coin is None:
                names[where] = replace(name, coin=coin, doubt=doubt(text))
    return names


def infer_name(where: str) -> InferredName:
    """What a path says by itself. Folders count, the file's own name first."""
    folder, _, file = where.rpartition("/")
    parts = [*folder.split("/"), file] if folder else [file]
    coin, in_doubt = None, None
    for at in reversed(range(len(parts))):
        coin, parts[at] = _coin_of(parts[at])
        if coin:
            break
    for at, part in enumerate(parts[:-1]):
        same, marked = _coin_of(part)
        if coin is not None and same == coin:
            parts[at] = marked
    letter = _LETTER.match(file)
    if coin is None and letter:
        coin, parts[-1] = letter[1], "{coin}" + file[1:]
        in_doubt = doubt(f"{coin}, at the start of the name, is assumed to be a coin")
    stem, dot, suffix = _split(parts[-1])
    stem, expiry_format = _with_expiry(stem)
    stem = re.sub(r"(?:\*[-_])+\*", "*", _DATE.sub("*", stem))
    parts[-1] = stem + dot + suffix
    expiry = expiry_format is not None
    coin = coin or _word(where)
    return InferredName("/".join(parts), coin, expiry, expiry_format or "%y%m%d", in_doubt)


def as_regex(pattern: str) -> re.Pattern[str]:
    """What an import takes for names of a pattern; its groups are what stood at each place."""
    pieces = re.split(r"(\{coin\}|\{expiry\}|\*)", pattern)
    kinds = {"{coin}": "([^/_]+)", "{expiry}": r"(\w+)", "*": "([^/]*)"}
    return re.compile("".join(kinds.get(piece, re.escape(piece)) for piece in pieces))


def coin_format(symbols: Sequence[str]) -> str | None:
    """How symbols are made of coins, as `{coin}USDT`; None where they differ in it."""
    forms = {_symbol_form(symbol) for symbol in symbols}
    return forms.pop() if len(forms) == 1 else None


def coins_of(symbols: Sequence[str], form: str | None) -> tuple[str, ...]:
    """The coins of symbols that are made as `form` says; none where it says nothing."""
    if form is None:
        return ()
    tail = len(form) - len("{coin}")
    return tuple(symbol[: len(symbol) - tail] for symbol in symbols)


def thousands(coins: Iterable[str]) -> list[tuple[str, str, int]]:
    """Pairs of names that seem to be one coin in two units, and how many: 1000SHIB, SHIB, 1000."""
    there = set(coins)
    made = []
    for coin in sorted(there):
        found = _THOUSANDS.search(coin)
        bare = _THOUSANDS.sub("", coin)
        if found and bare in there:
            made.append((coin, bare, int(found[0].replace("M", "000000"))))
    return made


def _symbol_form(symbol: str) -> str | None:
    found = re.match(rf"{_PAIR_TEXT}(?![A-Z0-9])", symbol) or _SYMBOL.fullmatch(symbol)
    return None if found is None else "{coin}" + symbol[found.end(1) :]


def _file(path: str) -> str:
    return path.rpartition("/")[2]


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _split(name: str) -> tuple[str, str, str]:
    """Stem, dot and suffix, `.csv.gz` being one."""
    found = re.fullmatch(r"(.+?)(\.)((?:csv|json|feather)\.(?:gz|zip))", name, re.IGNORECASE)
    stem, dot, suffix = found.groups() if found else name.rpartition(".")
    return stem, dot, suffix


def _like(where: str, neighbours: Sequence[InferredName]) -> InferredName | None:
    """The name read by the first of its neighbours' patterns that fits it."""
    for name in neighbours:
        head, _, tail = name.pattern.rpartition("{coin}")
        text = as_regex(head).pattern + _COIN + as_regex(tail).pattern
        found = re.fullmatch(text, where)
        if found and "{coin}" not in head and found["coin"] not in _NO_COINS:
            coin = found["coin"]
            text = f"{coin} is assumed to be a coin, as in the files beside it"
            return replace(name, coin=coin, doubt=doubt(text) if coin.isdigit() else None)
    return None


def _coin_of(part: str) -> tuple[str | None, str]:
    """The coin that a part of a path names, and the part with its place marked."""
    for wanted in (_PAIR, _ALONE):
        for found in wanted.finditer(part):
            if found[1] not in _NO_COINS and found[0] not in _NO_COINS:
                return found[1], part[: found.start(1)] + "{coin}" + part[found.end(1) :]
    lower = _LOWER_PAIR.search(part)
    if lower is not None and not {lower[0].upper(), lower[1].upper()} & _NO_COINS:
        return lower[1].upper(), part
    return None, part


def _word(where: str) -> str | None:
    """A coin by a word in small letters, anywhere in a path."""
    words = re.split(r"[^a-z]+", where.lower())
    return next((coin for word, coin in _WORDS.items() if word in words), None)


def _with_expiry(stem: str) -> tuple[str, str | None]:
    for written, wanted in _EXPIRIES:
        found = wanted.search(stem)
        if found and _is_day(found[1], written):
            return stem[: found.start()] + "{expiry}" + stem[found.end() :], written
    return stem, None


def _is_day(text: str, written: str) -> bool:
    try:
        return 2010 <= dt.datetime.strptime(text, written).year <= 2060
    except ValueError:
        return False
