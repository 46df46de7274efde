"""Which streams somebody's file holds, told by its columns' names, its path and its values."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from fadefollow.market.infer.choice import (
    IN_COINS,
    QUOTE,
    interest_of,
    rate_of,
    volume_of,
    words,
)
from fadefollow.market.infer.preview import Preview
from fadefollow.market.infer.reasons import Reason, doubt
from fadefollow.market.infer.times import InferredTime
from fadefollow.market.schema import MEDIAN_PREMIUM, MEDIAN_RATE_PER_8H

_FIELDS = ("open", "high", "low", "close", "volume")
_BOUGHT = "taker_buy_volume"
_SHORT = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume", "vol": "volume"}
#: words of streams of bars, those that decide first
_BARS = {
    "premium": "premium_index",
    "premiumindex": "premium_index",
    "mark": "mark",
    "markprice": "mark",
    "index": "index",
    "indexprice": "index",
    "spot": "spot",
    "perp": "perp",
    "perpetual": "perp",
    "swap": "perp",
    "quarterlies": "future",
    "quarterly": "future",
    "delivery": "future",
    "dated": "future",
    "future": "future",
    "futures": "perp",
}
#: words of what is no amount of coins
_NO_AMOUNT = frozenset((*QUOTE, "ratio", "share", "pct", "percent"))
#: a rate that repeats from row to row this often is not of settlements
_REPEATED = 0.7


@dataclass(frozen=True)
class InferredStream:
    """One stream in one file."""

    stream: str
    columns: dict[str, str]  #: stream's column → file's column
    scale: dict[str, float] = field(default_factory=dict)
    difference: dict[str, str] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()  #: from what it was inferred


def infer_streams(
    seen: Preview, time: InferredTime, *, dated: bool
) -> tuple[list[InferredStream], list[str]]:
    """The streams that a file may hold, by its columns.

    Args:
        seen: the file.
        time: its time column.
        dated: whether its name holds an expiry.

    Returns:
        The streams, and sentences about columns that are left out.
    """
    columns = [c for c in seen.columns if c != time.column]
    if not seen.header:
        return _by_values(seen, columns, dated=dated)
    said = _path_words(seen.where)
    named = {c: words(c) for c in columns}
    found, left = _bars(seen, named, said, dated=dated)
    taken = {c for g in found for c in g.columns.values()}
    rest = {c: w for c, w in named.items() if c not in taken}
    for one in (
        _funding(seen, rest, said, time),
        _interest(rest, said),
        _ratio(rest),
        _liquidated(rest),
        _netflow(seen, rest, said),
        _hash_rate(rest),
    ):
        if isinstance(one, str):
            left.append(one)
        elif one is not None:
            found.append(one)
    return found, left


def _path_words(where: str) -> list[list[str]]:
    """Words of the file's name, then of its folders, the nearest first."""
    path = PurePosixPath(where)
    return [words(path.stem), *(words(part) for part in reversed(path.parent.parts))]


def _says(said: list[list[str]], *any_of: str) -> bool:
    return any(word in any_of for part in said for word in part)


def _bars(
    seen: Preview, named: dict[str, list[str]], said: list[list[str]], *, dated: bool
) -> tuple[list[InferredStream], list[str]]:
    groups, volumes, left = _grouped(named)
    found = []
    bare = [key for key, fields in groups.items() if "close" in fields]
    for key in bare:
        fields = groups[key]
        stream, reasons = _which_bars(seen, key, fields, said, dated=dated)
        if stream in ("perp", "spot", "future") and not {"open", "high", "low"} <= set(fields):
            left.append(f"{fields['close']}: bars need open, high and low besides close")
            continue
        if stream not in ("mark", "index", "premium_index"):
            own = {c: w for c, w in volumes.items() if key == _market(w) or len(bare) == 1}
            volume, why = volume_of(own, seen.head, fields["close"])
            left += [reason.text for reason in why if not reason.doubtful]
            reasons += [reason for reason in why if reason.doubtful]
            if volume is not None:
                fields["volume"] = volume
                fields |= _bought(named) if len(bare) == 1 else {}
        scale = {}
        if stream == "premium_index":
            size = float(seen.head[fields["close"]].abs().median())
            if size > MEDIAN_PREMIUM:
                scale = dict.fromkeys(fields, 0.01)
                reasons.append(doubt(f"assumed to be in percent: the median size is {size:.1g}"))
        ordered = {name: fields[name] for name in (*_FIELDS, _BOUGHT) if name in fields}
        found.append(InferredStream(stream, ordered, scale, reasons=tuple(reasons)))
    return found, left


_Groups = dict[tuple[str, ...], dict[str, str]]


def _grouped(named: dict[str, list[str]]) -> tuple[_Groups, dict[str, list[str]], list[str]]:
    """Prices by what else their names say, words of the volumes, and what is left out."""
    groups: _Groups = {}
    volumes: dict[str, list[str]] = {}
    left = list[str]()
    short = {"o", "h", "l", "c"} <= {w[0] for w in named.values() if len(w) == 1}
    for column, all_words in named.items():
        parts = [_SHORT.get(w, w) if short or w == "vol" else w for w in all_words]
        names = [w for w in parts if w in _FIELDS]
        if len(names) == 1 and not {"interest", "time", "taker", "buy", "sell"} & set(parts):
            if names[0] == "volume":
                volumes[column] = parts
            else:
                key = tuple(w for w in parts if w not in (*names, "price"))
                groups.setdefault(key, {})[names[0]] = column
        elif {"mark", "index"} & set(parts) and "price" in parts and "prev" not in parts:
            groups.setdefault(tuple(parts), {}).setdefault("close", column)
    return groups, volumes, left


def _bought(named: dict[str, list[str]]) -> dict[str, str]:
    """The column of the coins that takers bought, where a single one can be it."""
    said = {c: set(w) for c, w in named.items() if {"taker", "buy"} <= set(w)}
    fits = [c for c, w in said.items() if w & {"volume", "vol", "base"} and not w & QUOTE]
    return {_BOUGHT: fits[0]} if len(fits) == 1 else {}


def _market(parts: list[str]) -> tuple[str, ...]:
    """What the name of a volume says besides its unit."""
    return tuple(w for w in parts if w not in ("volume", *QUOTE, *IN_COINS))


def _which_bars(
    seen: Preview,
    key: tuple[str, ...],
    fields: dict[str, str],
    said: list[list[str]],
    *,
    dated: bool,
) -> tuple[str, list[Reason]]:
    for place, part in [("a column's name", list(key)), *(("the path", p) for p in said)]:
        word = next((w for w in _BARS if w in part), None)
        if word is not None:
            stream = "future" if dated and word in ("future", "futures") else _BARS[word]
            if stream == "future" and not dated:
                text = f"{place} says {word!r}, but no expiry: assumed to be the perp"
                return "perp", [doubt(text)]
            return stream, [Reason(f"{stream}: {place} says {word!r}")]
        if dated and place == "the path" and part is said[0]:
            return "future", [Reason("future: the file's name is an expiry")]
    values = pd.to_numeric(seen.head[fields["close"]], errors="coerce")
    if (values <= 0).any():
        return "premium_index", [Reason("premium_index: values on both sides of zero")]
    return "perp", [doubt("nothing says whether these are bars of perp, spot, mark or index")]


def _by_values(
    seen: Preview, columns: list[str], *, dated: bool
) -> tuple[list[InferredStream], list[str]]:
    """A file without a header: four columns in a row that hold together as bars."""
    numbers = seen.head.apply(pd.to_numeric, errors="coerce")
    for at in range(len(columns) - 3):
        four = columns[at : at + 4]
        o, h, low, c = (numbers[name].to_numpy(np.float64) for name in four)
        inside = (h >= np.fmax(o, c)) & (low <= np.fmin(o, c)) & np.isfinite(o + h + low + c)
        if inside.mean() > 0.99 and (h > low).any():
            fields = dict(zip(_FIELDS[:4], four, strict=True))
            if at + 4 < len(columns):
                fields["volume"] = columns[at + 4]
            stream, reasons = _which_bars(seen, (), fields, _path_words(seen.where), dated=dated)
            if stream in ("mark", "index", "premium_index"):
                fields.pop("volume", None)
            text = "no header: open, high, low, close and volume are inferred from their values"
            return [InferredStream(stream, fields, reasons=(doubt(text), *reasons))], []
    return [], ["no header, and no four columns that hold together as open, high, low, close"]


def _funding(
    seen: Preview, named: dict[str, list[str]], said: list[list[str]], time: InferredTime
) -> InferredStream | str | None:
    hours = time.step / pd.Timedelta(hours=1) if time.step else 8.0
    column, reasons = rate_of(named, hours, about=_says(said, "funding"))
    if column is None and not reasons and [w for w in named.values() if "rate" in w] == [["rate"]]:
        column = next(c for c, w in named.items() if w == ["rate"])
        reasons = [doubt(f"nothing says what kind of rate {column} is: assumed to be funding")]
    if column is None:
        return reasons[0].text if reasons else None
    rate = pd.to_numeric(seen.head[column], errors="coerce").dropna()
    if len(rate) > 16 and hours < 8 and float((rate.diff().iloc[1:] == 0).mean()) > _REPEATED:
        return (
            f"{column} repeats from row to row, every {hours:g} h: filled in, not settlements; "
            "charging it would charge each settlement several times"
        )
    columns = {"rate": column}
    interval = next((c for c, w in named.items() if "interval" in w), None)
    if interval is not None:
        columns["interval_hours"] = interval
    else:
        text = f"the settlement interval, usually {hours:g} h, is taken from the spacing"
        reasons.append(doubt(text))
    size = float(rate.abs().median()) * 8 / max(hours, 1.0) if len(rate) else 0.0
    scale = {}
    if size > MEDIAN_RATE_PER_8H:
        tiny = size > 30 * MEDIAN_RATE_PER_8H
        unit = "basis points" if tiny else "percent"
        scale = {"rate": 1e-4 if tiny else 1e-2}
        reasons.append(doubt(f"assumed to be in {unit}: the median size per 8 h is {size:.1g}"))
    return InferredStream("funding", columns, scale, reasons=tuple(reasons))


def _interest(named: dict[str, list[str]], said: list[list[str]]) -> InferredStream | str | None:
    column, reasons = interest_of(named, about=_says(said, "oi", "interest"))
    if column is None:
        return reasons[0].text if reasons else None
    return InferredStream("open_interest", {"open_interest": column}, reasons=tuple(reasons))


def _ratio(named: dict[str, list[str]]) -> InferredStream | None:
    fits = {
        c: w
        for c, w in named.items()
        if {"long", "short", "ratio"} <= set(w) and not {"top", "toptrader", "taker"} & set(w)
    }
    if not fits:
        return None
    # of accounts rather than of positions
    column = min(fits, key=lambda c: not {"count", "account", "accounts"} & set(fits[c]))
    reasons = [
        Reason(f"long_short: column {column}"),
        doubt("assumed to count accounts, not positions"),
    ]
    if len(fits) > 1:
        others = ", ".join(c for c in fits if c != column)
        reasons.append(doubt(f"{column} is used, not {others}"))
    return InferredStream("long_short", {"ratio": column, **_more(named)}, reasons=tuple(reasons))


def _more(named: dict[str, list[str]]) -> dict[str, str]:
    """The further ratios of Binance's metrics, by the words that tell them apart."""
    made = dict[str, str]()
    for name, telling in (
        ("top_accounts_ratio", {"count", "toptrader"}),
        ("top_positions_ratio", {"sum", "toptrader"}),
        ("taker_ratio", {"taker", "vol"}),
    ):
        words = {"long", "short", "ratio"} | telling
        fits = [c for c, w in named.items() if words <= set(w)]
        made |= {name: fits[0]} if len(fits) == 1 else {}
    return made


def _liquidated(named: dict[str, list[str]]) -> InferredStream | None:
    about = {"liq", "liqs", "liquidation", "liquidations", "liquidated"}
    fits = {c: w for c, w in named.items() if about & set(w) and not _NO_AMOUNT & set(w)}
    sides = {
        side: next((c for c, w in fits.items() if side in w), None) for side in ("long", "short")
    }
    long, short = sides["long"], sides["short"]
    if long is None or short is None:
        return None
    reasons = (
        Reason(f"liquidations: columns {long} and {short}"),
        doubt("assumed to be in coins, one row a day"),
    )
    columns = {"long_coins": long, "short_coins": short}
    return InferredStream("liquidations", columns, reasons=reasons)


def _netflow(
    seen: Preview, named: dict[str, list[str]], said: list[list[str]]
) -> InferredStream | str | None:
    fits = [c for c, w in named.items() if {"net", "flow"} <= set(w) and not QUOTE & set(w)]
    flow = fits[0] if fits else None
    held = {"reserve", "reserves", "balance", "balances"}
    reserve = next((c for c, w in named.items() if held & set(w) and not QUOTE & set(w)), None)
    numeric = [c for c in named if pd.api.types.is_numeric_dtype(seen.head[c].dtype)]
    if reserve is None and flow is None and _says(said, *held) and len(numeric) == 1:
        reserve = numeric[0]
    if reserve is None:
        return f"{flow}: netflow also needs the total held, as reserve_coins" if flow else None
    reasons = [
        Reason(f"netflow: {reserve} is the total held"),
        doubt("assumed to be in coins, one row a day"),
    ]
    columns, difference = {"reserve_coins": reserve}, {}
    if flow is None:
        difference = {"netflow_coins": "reserve_coins"}
        reasons.append(Reason("the flow is its change from day to day"))
    else:
        columns["netflow_coins"] = flow
    return InferredStream("netflow", columns, difference=difference, reasons=tuple(reasons))


def _hash_rate(named: dict[str, list[str]]) -> InferredStream | None:
    for column, parts in named.items():
        if {"hash", "rate"} <= set(parts):
            reasons = (Reason(f"hash_rate: column {column}"), doubt("assumed to be in EH/s"))
            return InferredStream("hash_rate", {"hash_rate": column}, reasons=reasons)
    return None
