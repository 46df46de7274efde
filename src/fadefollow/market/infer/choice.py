"""Which of several columns that could be the same thing it is: names and values decide."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from fadefollow.market.infer.reasons import Reason, doubt

#: words of amounts in dollars
QUOTE = frozenset(
    ["quote", "usd", "usdt", "usdc", "busd", "value", "notional", "amount", "turnover"]
)
#: words of amounts in coins, beside a column of contracts
IN_COINS = frozenset(["ccy", "base", "coin", "coins", "asset"])
IN_CONTRACTS = frozenset(["contract", "contracts", "cont", "lots"])
#: words of rates that nobody is charged
_NOT_CHARGED = frozenset(
    (
        *("predicted", "predict", "next", "estimated", "estimate", "cap", "floor", "max", "min"),
        *("cumulative", "annual", "annualized", "annualised", "apr", "apy", "daily", "average"),
        *("avg", "mean", "absolute"),
    )
)
_COMPOUNDS = {
    "fundingrate": ["funding", "rate"],
    "openinterest": ["open", "interest"],
    "markprice": ["mark", "price"],
    "indexprice": ["index", "price"],
    "netflow": ["net", "flow"],
    "hashrate": ["hash", "rate"],
    "relativefundingrate": ["relative", "funding", "rate"],
}


def words(text: str) -> list[str]:
    """`sumOpenInterest_usd` → sum, open, interest, usd; `fundingRate8h` → funding, rate, 8h."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=\d+h(?![a-z]))", " ", text)
    parts = [w for w in re.split(r"[^a-z0-9]+", text.lower()) if w]
    return [word for part in parts for word in _COMPOUNDS.get(part, [part])]


def rate_of(
    named: Mapping[str, Sequence[str]], hours: float, *, about: bool
) -> tuple[str | None, list[Reason]]:
    """The column of the funding rate that was charged.

    Args:
        named: words by column.
        hours: usual distance of the rows.
        about: whether the path speaks of funding.

    Returns:
        The column, None if none is, and why; a reason without a column says what is wrong.
    """
    rates = {c: set(w) for c, w in named.items() if _is_rate(set(w), about=about)}
    fit = [c for c in rates if not _NOT_CHARGED & rates[c] and _hours(rates[c]) in (None, hours)]
    if not fit:
        return None, [Reason(_why_not(c, rates[c], hours)) for c in list(rates)[:1]]
    fit.sort(key=lambda c: _rate_rank(rates[c], hours))
    reasons = [Reason(f"funding: column {fit[0]}")]
    if len(rates) > 1:
        others = ", ".join(c for c in rates if c != fit[0])
        reasons.append(doubt(f"{fit[0]} is assumed to be the rate charged, not {others}"))
    return fit[0], reasons


def _is_rate(parts: set[str], *, about: bool) -> bool:
    if {"time", "timestamp", "interval", "hash", "open"} & parts:
        return False
    rated = "rate" in parts or ("interest" in parts and _hours(parts) is not None)
    return rated and (about or "funding" in parts or "interest" in parts)


def _hours(parts: Iterable[str]) -> float | None:
    """The hours that a column's name speaks of."""
    found = [re.fullmatch(r"(\d+)(?:h|hr|hrs|hour|hours)", part) for part in parts]
    return next((float(one[1]) for one in found if one), None)


def _rate_rank(parts: set[str], hours: float) -> tuple[bool, bool, bool]:
    return not {"relative"} & parts, _hours(parts) != hours, not {"realized", "realised"} & parts


def _why_not(column: str, parts: set[str], hours: float) -> str:
    if "absolute" in parts:
        return (
            f"{column} is an amount of money per coin, not a relative rate: divide it by the "
            "index price and call it relative_funding_rate"
        )
    if _NOT_CHARGED & parts:
        return f"{column} is not the rate charged at a settlement"
    return (
        f"{column} is a rate over {_hours(parts):g} h on rows {hours:g} h apart: a rolling rate, "
        "not settlements"
    )


def interest_of(
    named: Mapping[str, Sequence[str]], *, about: bool
) -> tuple[str | None, list[Reason]]:
    """The column of open interest in coins, None if none is, and why."""
    fits = {c: set(w) for c, w in named.items() if _is_interest(set(w))}
    fits = fits or {c: set(w) for c, w in named.items() if about and set(w) & {"value", "amount"}}
    coins = sorted((c for c in fits if not QUOTE & fits[c]), key=lambda c: _coins_rank(fits[c]))
    if not coins:
        rule = "is in quote currency; open interest must be in coins"
        return None, [Reason(f"{c} {rule}") for c in list(fits)[:1]]
    column, parts = coins[0], fits[coins[0]]
    reasons = [Reason(f"open_interest: column {column}")]
    if len(coins) > 1:
        others = ", ".join(coins[1:])
        reasons.append(doubt(f"{column} is assumed to be in coins, {others} in contracts"))
    elif IN_CONTRACTS & parts:
        reasons.append(doubt(f"{column} is in contracts: set scale to the coins per contract"))
    elif not IN_COINS & parts:
        reasons.append(doubt("assumed to be in coins, not in contracts"))
    return column, reasons


def _is_interest(parts: set[str]) -> bool:
    return bool({"open", "interest"} <= parts or "oi" in parts) and not (
        {"time", "change", "chg", "pct", "percent", "ratio", "open_time"} & parts
    )


def _coins_rank(parts: set[str]) -> int:
    """Coins first, contracts last."""
    return 0 if IN_COINS & parts else 2 if IN_CONTRACTS & parts else 1


def volume_of(
    volumes: Mapping[str, Sequence[str]], head: pd.DataFrame, close: str
) -> tuple[str | None, list[Reason]]:
    """The column of volume in coins, None if none is, and why.

    Args:
        volumes: words by column, of one market.
        head: the file's first rows.
        close: the column of the close, which tells dollars from coins.
    """
    coins = [c for c in volumes if not QUOTE & set(volumes[c])]
    in_quote = [c for c in volumes if c not in coins]
    reasons = [Reason(f"{c} is in quote currency; volume must be in coins") for c in in_quote]
    coins.sort(key=lambda c: _coins_rank(set(volumes[c])))
    if len(coins) > 1 and _is_product(head[coins[0]], head[coins[1]], head[close]):
        coins = [*coins[1:], coins[0]]  # named as coins, but of a size with dollars
    if not coins:
        return None, reasons
    if len(coins) > 1:
        more = f"{coins[0]} is assumed to be the volume in coins, not {', '.join(coins[1:])}"
    else:
        more = "volume is assumed to be in coins, not in contracts or quote currency"
    return coins[0], [*reasons, doubt(more)]


def _is_product(one: pd.Series, other: pd.Series, price: pd.Series) -> bool:
    """Whether `one` is `other` times the price."""
    a, b, p = (pd.to_numeric(column, errors="coerce") for column in (one, other, price))
    ratio = (a / (b * p)).median()
    return bool(0.8 < ratio < 1.25) and not bool(0.8 < p.median() < 1.25)
