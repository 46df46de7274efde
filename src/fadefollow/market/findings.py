"""Findings: what an import or an audit saw in market data, graded, countable, storable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pandas as pd

Grade = Literal["note", "warning", "error"]
#: from worst to mildest
GRADES: tuple[Grade, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Finding:
    """One thing seen in one stream of one coin."""

    grade: Grade  #: note: real or harmless; warning: mind it; error: the data cannot be used
    symbol: str  #: coin, empty where the finding is about none
    stream: str
    rule: str  #: short name of what was looked at, e.g. "missing bars"
    count: int  #: rows (or runs of rows) concerned
    where: str  #: time of the first, or of the largest, as `2022-11-09 20:00`; may be empty
    text: str  #: one plain sentence

    def of(self, symbol: str) -> Finding:
        """The same finding, of this coin."""
        return replace(self, symbol=symbol)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


def when(time: Any) -> str:
    """A UTC time as `2022-11-09 20:00`, seconds only where there are any."""
    stamp = pd.Timestamp(time)
    if pd.isna(stamp):
        return ""
    text = "%Y-%m-%d %H:%M" if stamp.second == stamp.microsecond == 0 else "%Y-%m-%d %H:%M:%S.%f"
    return stamp.strftime(text)


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings of the same coin, stream, rule and text pattern added up, worst grade first."""
    seen: dict[tuple[str, str, str], Finding] = {}
    for item in findings:
        key = (item.symbol, item.stream, item.rule)
        old = seen.get(key)
        if old is None:
            seen[key] = item
        else:
            first = min(filter(None, (old.where, item.where)), default="")
            seen[key] = replace(old, count=old.count + item.count, where=first)
    return ranked(seen.values())


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order in which to read them: grade, stream, rule, coin."""
    return tuple(
        sorted(findings, key=lambda f: (GRADES.index(f.grade), f.stream, f.rule, f.symbol))
    )
