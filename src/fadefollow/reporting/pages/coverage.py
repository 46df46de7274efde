"""What the data covers: spans per coin and stream, and the audit's findings as tables.

The dataset's `coverage` is a mapping coin → stream → span or coin → span, a span being a pair
(start, end) or a mapping with `start` and `end` (further keys are shown as notes). Whatever has
another form is shown as text, never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.core.utc import as_utc
from fadefollow.reporting.text.formatting import Table, fixed, when
from fadefollow.verdict.model import RunResult

_STARTS = ("start", "first", "from", "since")
_ENDS = ("end", "last", "to", "until")
#: a chart with more rows cannot be read
MOST_ROWS = 80


@dataclass(frozen=True)
class Span:
    """One stream of one coin: what it covers, and notes about it."""

    symbol: str
    stream: str
    start: pd.Timestamp
    end: pd.Timestamp
    note: str = ""


@dataclass(frozen=True)
class CoverageFigure:
    """Spans to draw, with the holes in the bars, and what could not be understood as a span."""

    spans: tuple[Span, ...]
    holes: tuple[Span, ...]
    others: tuple[tuple[str, str], ...]

    @property
    def drawn(self) -> CoverageFigure:
        """What fits into a chart: with many spans, a row a stream from its first to its last."""
        if len(self.spans) <= MOST_ROWS:
            return self
        streams: dict[str, list[Span]] = {}
        for span in self.spans:
            streams.setdefault(span.stream, []).append(span)
        joined = tuple(
            Span(
                "all coins",
                stream,
                min(s.start for s in spans),
                max(s.end for s in spans),
                f"{fixed(len({s.symbol for s in spans}))} coins",
            )
            for stream, spans in streams.items()
        )
        return CoverageFigure(joined, (), self.others)


def coverage_figure(run: RunResult) -> CoverageFigure:
    """The bars that the report holds, and the coverage that the dataset declares."""
    spans: list[Span] = []
    holes: list[Span] = []
    others: list[tuple[str, str]] = []
    for symbol, frame in run.prices.items():
        if frame["close"].notna().any():
            gaps = _holes(symbol, frame)
            spans.append(_bars(symbol, frame, gaps))
            holes.extend(gaps)
    declared = run.dataset.get("coverage")
    if isinstance(declared, Mapping):
        for name, value in declared.items():
            _collect(str(name), value, spans, others)
    elif declared is not None:
        others.append(("coverage", plain(declared)))
    order = {symbol: place for place, symbol in enumerate(run.prices)}
    spans.sort(
        key=lambda s: (order.get(s.symbol, len(order)), s.stream != "bars of the run", s.stream)
    )
    return CoverageFigure(tuple(spans), tuple(holes), tuple(others))


def findings(audit: Any) -> Table | None:
    """The audit's findings as one table: a list of mappings or texts, or a mapping of them."""
    if isinstance(audit, Mapping) and isinstance(audit.get("findings"), list | tuple):
        audit = audit["findings"]
    rows = [row for row in _flatten(audit, {}) if row]
    if not rows:
        return None
    head = list(dict.fromkeys(key for row in rows for key in row))
    names = tuple(name[:1].upper() + name[1:] for name in head)
    return Table(names, tuple(tuple(row.get(key, "") for key in head) for row in rows))


def plain(value: Any) -> str:
    """Any value of a configuration or an audit as text."""
    if isinstance(value, pd.Timestamp):
        return when(value)
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {plain(v)}" for k, v in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return ", ".join(plain(v) for v in value)
    if isinstance(value, float | np.floating):
        return f"{value:.6g}".replace("-", "−").replace("nan", "—")
    return "none" if value is None else str(value)


def _collect(
    symbol: str, value: Any, spans: list[Span], others: list[tuple[str, str]], stream: str = ""
) -> None:
    span = _span(symbol, stream or "all streams", value)
    if span is not None:
        spans.append(span)
    elif isinstance(value, Mapping) and not stream:
        for name, inner in value.items():
            _collect(symbol, inner, spans, others, str(name))
    else:
        others.append((f"{symbol} {stream}".strip(), plain(value)))


def _span(symbol: str, stream: str, value: Any) -> Span | None:
    note = ""
    if isinstance(value, Mapping):
        start = next((value[k] for k in _STARTS if k in value), None)
        end = next((value[k] for k in _ENDS if k in value), None)
        rest = {k: v for k, v in value.items() if k not in (*_STARTS, *_ENDS) and v is not None}
        note = plain(rest)
    elif isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        start, end = value
    else:
        return None
    times = [_time(start), _time(end)]
    if times[0] is None or times[1] is None:
        return None
    return Span(symbol, stream, times[0], times[1], note)


def _time(value: Any) -> pd.Timestamp | None:
    if not isinstance(value, str | pd.Timestamp | np.datetime64) and not hasattr(value, "year"):
        return None
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError):
        return None
    if pd.isna(stamp):
        return None
    return as_utc(stamp)


def _bars(symbol: str, frame: pd.DataFrame, gaps: list[Span]) -> Span:
    known = frame["close"].notna()
    index = pd.DatetimeIndex(frame.index)[known.to_numpy()]
    note = f"{fixed(int(known.sum()))} bars"
    if gaps:
        note += f", {fixed(len(gaps))} {'hole' if len(gaps) == 1 else 'holes'}"
    first, last = _time(index[0]), _time(index[-1])
    assert first is not None
    assert last is not None
    return Span(symbol, "bars of the run", first, last, note)


def _holes(symbol: str, frame: pd.DataFrame) -> list[Span]:
    index = pd.DatetimeIndex(frame.index)[frame["close"].notna().to_numpy()]
    if len(index) < 3:
        return []
    steps = np.diff(index.asi8)
    bar = np.median(steps)
    found = []
    for place in np.flatnonzero(steps > 1.5 * bar):
        start, end = _time(index[int(place)]), _time(index[int(place) + 1])
        assert start is not None
        assert end is not None
        found.append(Span(symbol, "bars of the run", start, end))
    return found


def _flatten(value: Any, head: dict[str, str]) -> list[dict[str, str]]:
    if isinstance(value, Mapping):
        if value and all(isinstance(v, Mapping | list | tuple) for v in value.values()):
            level = ("subject", "stream", "detail")[min(len(head), 2)]
            parts = [_flatten(v, {**head, level: str(k)}) for k, v in value.items()]
            return [row for part in parts for row in part]
        return [{**head, **{str(k): plain(v) for k, v in value.items()}}] if value else []
    if isinstance(value, list | tuple):
        return [row for item in value for row in _flatten(item, head)]
    return [] if value is None else [{**head, "finding": plain(value)}]
