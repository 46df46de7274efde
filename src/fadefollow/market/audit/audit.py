"""The audit: what a data set covers and what is odd about it, as a typed result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.parallel import pool_here
from fadefollow.market.audit import checks, drift
from fadefollow.market.audit.misread import misread
from fadefollow.market.audit.units import unit_changes
from fadefollow.market.datasets.coverage import Coverage, cover_all
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.findings import GRADES, Finding, Grade, ranked
from fadefollow.market.panel import FloatArray, Market
from fadefollow.market.prints import supported
from fadefollow.market.streams import stream

#: notes that a reader of results need not be told
_MINOR = frozenset(
    (
        "jitter",
        "inferred intervals",
        "older rows",
        "later rows",
        "first row",
        "rows without values",
        "no final line break",
        "no trades",
        "starts late",
        "ends early",
        "rows after expiry",
        "wild first bar",
        "wicks",
        "jumps",
    )
)


@dataclass(frozen=True)
class Audit:
    """The result of an audit.

    Attributes:
        dataset: the data set's name.
        coverage: one row a coin and stream.
        findings: worst first; those of the import included.
    """

    dataset: str
    coverage: tuple[Coverage, ...]
    findings: tuple[Finding, ...]

    @property
    def worst(self) -> Grade | None:
        """The worst grade; None without findings."""
        return min((f.grade for f in self.findings), key=GRADES.index, default=None)

    def of(self, grade: Grade) -> tuple[Finding, ...]:
        """The findings of one grade."""
        return tuple(f for f in self.findings if f.grade == grade)

    def summary(self, *, most: int = 12) -> list[str]:
        """A few plain sentences for every result: one per stream and rule, worst first."""
        groups: dict[tuple[Grade, str, str], list[Finding]] = {}
        for finding in self.findings:
            if finding.grade != "note" or finding.rule not in _MINOR:
                key = (finding.grade, finding.stream, finding.rule)
                groups.setdefault(key, []).append(finding)
        lines = [_line(group) for group in groups.values()]
        rest = len(lines) - most
        more = [f"{rest} more kinds of findings, see `fadefollow data audit {self.dataset}`"]
        return lines[:most] + (more if rest > 0 else [])

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "dataset": self.dataset,
            "worst": self.worst,
            "coverage": [c.to_dict() for c in self.coverage],
            "findings": [{**f.to_dict(), "code": f.code} for f in self.findings],
            "summary": self.summary(),
        }


def audit(dataset: Dataset) -> Audit:
    """Coverage and findings of every stream of every coin; computed once."""
    result: Audit = dataset.memo.get("audit", lambda: _audit(dataset), keep=None)
    return result


def trusted_part(dataset: Dataset, left_out: Mapping[str, tuple[Finding, ...]]) -> Dataset:
    """The same data set without some coins, of which it keeps the findings; not audited anew.

    Its fingerprint, its holdout and its universe are those of all coins: no other coin takes the
    place of one that is left out.

    Args:
        dataset: audited.
        left_out: coins with the findings for which they are left out.
    """
    if not left_out:
        return dataset
    whole = audit(dataset)
    kept = dataset.select(*(symbol for symbol in dataset.symbols if symbol not in left_out))
    part = Audit(
        whole.dataset,
        tuple(c for c in whole.coverage if c.symbol not in left_out),
        tuple(f for f in whole.findings if f.symbol not in left_out),
    )
    made = replace(kept, left_out=left_out)
    made.memo.get("audit", lambda: part, keep=None)
    made.memo.get("coverages", lambda: part.coverage, keep=None)
    return made


def _audit(dataset: Dataset) -> Audit:
    pool = pool_here()
    coins = pool.map(_of_coin, list(dataset.markets), pool.share(dataset.markets))
    coverage = tuple(cover for of_coin, _ in coins for cover in of_coin)
    dataset.memo.get("coverages", lambda: coverage, keep=None)
    found = [*dataset.findings, *(finding for _, of_coin in coins for finding in of_coin)]
    return Audit(dataset.name, coverage, ranked(_once(found)))


def _of_coin(
    markets: Mapping[str, Market], symbol: str
) -> tuple[tuple[Coverage, ...], list[Finding]]:
    """Coverage and findings of one coin's streams."""
    market = markets[symbol]
    coverage = cover_all({symbol: market})
    found: list[Finding] = []
    for name, cover in zip(market.streams, coverage, strict=True):
        found += _stream(market, name, cover)
    found += drift.drifting(market)
    found += misread(symbol, {n: _shown(market, n) for n in market.streams}, market.bar)
    if not market.missing("perp", "spot"):
        found += checks.divergence(symbol, market.table("perp"), market.table("spot"), market.bar)
    return coverage, found


def _once(found: list[Finding]) -> list[Finding]:
    """Findings without jumps over a hole that a unit change reports already."""
    told = {(f.symbol, f.stream, f.where) for f in found if f.rule == "unit change"}
    return [f for f in found if f.rule != "gap jump" or (f.symbol, f.stream, f.where) not in told]


def _stream(market: Market, name: str, cover: Coverage) -> Iterable[Finding]:
    symbol, table, schema, bar = market.symbol, market.table(name), stream(name), market.bar
    base = market.table(market.base)
    yield from checks.gaps(cover)
    yield from checks.impossible(symbol, table, schema)
    yield from checks.order(symbol, table, schema, bar)
    yield from checks.stale(symbol, table, schema)
    yield from checks.jumps(symbol, table, schema)
    yield from checks.wicks(symbol, table, schema, **_support(market, name, table))
    yield from checks.funding(symbol, table, schema)
    yield from checks.levels(symbol, table, schema)
    shown = _shown(market, name)
    yield from drift.stopped(symbol, shown, schema, bar)
    beside = {n: _shown(market, n) for n in market.streams if n in drift.PRICES and n != name}
    yield from unit_changes(symbol, shown, schema, beside)
    if name != "perp":
        yield from checks.ends(symbol, table, schema, base)


def _shown(market: Market, name: str) -> pd.DataFrame:
    """A stream's table; of bars only those that the market shows."""
    table = market.table(name)
    return table[table["time"] >= market.index[0]] if stream(name).kind == "bars" else table


def _support(market: Market, name: str, table: pd.DataFrame) -> dict[str, FloatArray]:
    """The range that mark and spot support at each row of a perp's table; else empty."""
    if name != "perp":
        return {}
    edges = supported(market, "perp", marks=("close", "high", "low"))
    at = market.index.get_indexer(pd.DatetimeIndex(table["time"]))
    # rows before the market's first bar have −1, which is the end: nothing is known there
    low, high = (
        np.append(edge, end)[at] for edge, end in zip(edges, (-np.inf, np.inf), strict=True)
    )
    return {"low": low, "high": high}


def _line(group: list[Finding]) -> str:
    """One sentence for the findings of one stream and rule in several coins."""
    worst = max(group, key=lambda f: f.count)
    if worst.rule == "caveat":
        return f"{worst.stream}: {worst.text}"
    coins = ", ".join(f"{f.symbol} {f.count:,}" if f.count > 1 else f.symbol for f in group)
    place = f" ({worst.symbol}, {worst.where})" if worst.where else ""
    return f"{worst.stream}, {worst.rule}: {coins}. {worst.sentence}{place}"
