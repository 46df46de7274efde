"""Findings: what an import or an audit saw in market data, graded, countable, storable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import pandas as pd

Grade = Literal["note", "warning", "error"]
#: from worst to mildest
GRADES: tuple[Grade, ...] = ("error", "warning", "note")
#: the code of a coin of which a file cannot be read
UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Finding:
    """One thing seen in one stream of one coin."""

    grade: Grade  #: note: real or harmless; warning: mind it; error: cannot be trusted (see `gate`)
    symbol: str  #: coin, empty where the finding is about none
    stream: str
    rule: str  #: short name of what was looked at, e.g. "missing bars"
    count: int  #: rows (or runs of rows) concerned
    where: str  #: time of the first, as `2022-11-09 20:00`; may be empty
    text: str  #: one plain sentence, without the contracts
    contracts: tuple[str, ...] = ()  #: of dated futures, by their expiry as `230929`

    @property
    def code(self) -> str:
        """The rule as an option takes it: `stale-bars`."""
        return self.rule.replace(" ", "-")

    @property
    def sentence(self) -> str:
        """The text, with what it is about before it: `future 230929, 231229: not stored`."""
        about = f"{self.stream} {', '.join(self.contracts)}: " if self.contracts else ""
        return f"{about}{self.text}"

    def of(self, symbol: str) -> Finding:
        """The same finding, of this coin."""
        return replace(self, symbol=symbol)

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON; `text` is the whole sentence."""
        return {**asdict(self), "text": self.sentence}


def when(time: Any) -> str:
    """A UTC time as `2022-11-09 20:00`, seconds only where there are any."""
    stamp = pd.Timestamp(time)
    if pd.isna(stamp):
        return ""
    text = "%Y-%m-%d %H:%M" if stamp.second == stamp.microsecond == 0 else "%Y-%m-%d %H:%M:%S.%f"
    return stamp.strftime(text)


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings of the same coin, stream and rule added up, all contracts named; worst first."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for item in findings:
        groups.setdefault((item.symbol, item.stream, item.rule), []).append(item)
    return ranked(
        replace(
            group[0],
            count=sum(f.count for f in group),
            where=min((f.where for f in group if f.where), default=""),
            contracts=tuple(dict.fromkeys(name for f in group for name in f.contracts)),
        )
        for group in groups.values()
    )


def ranked(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Findings in the order in which to read them: grade, stream, rule, coin."""
    return tuple(
        sorted(findings, key=lambda f: (GRADES.index(f.grade), f.stream, f.rule, f.symbol))
    )
