"""Which column of somebody's file is its time, and how it is written."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd

from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.infer.reasons import Reason, doubt

Unit = Literal["s", "ms", "us", "ns"]

#: names of time columns, the likeliest first
_NAMES = (
    "open_time",
    "opentime",
    "timestamp",
    "time",
    "datetime",
    "date",
    "fundingtime",
    "funding_time",
    "calc_time",
    "create_time",
    "ts",
    "t",
    "__index_level_0__",
    "index",
    "day",
)
#: how times are written, besides ISO 8601
_FORMATS = tuple(
    day + clock
    for day in ("%Y.%m.%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d/%m/%Y", "%d-%m-%Y")
    for clock in ("", " %H:%M", " %H:%M:%S")
)
#: sizes of epochs between 2001 and 2128, by unit
_EPOCHS: tuple[tuple[Unit, float], ...] = (("s", 1e9), ("ms", 1e12), ("us", 1e15), ("ns", 1e18))
#: days since 1900 between 1995 and 2064
_SERIAL = (35_000.0, 60_000.0)


@dataclass(frozen=True)
class InferredTime:
    """A time column, and what follows from its values."""

    column: str
    unit: Unit | None = None  #: of numbers since 1970
    format: str | None = None  #: of text that is not ISO 8601
    naive: bool = False  #: without a zone
    step: pd.Timedelta | None = None  #: the usual distance
    sorted: bool = True
    first: pd.Timestamp | None = None  #: the earliest of the rows, UTC
    last: pd.Timestamp | None = None  #: the latest of them
    doubts: tuple[Reason, ...] = field(default=())

    @property
    def bar(self) -> str | None:
        """The distance as a bar's size, if it can be one."""
        try:
            return bar_text(bar_size(bar_text(self.step))) if self.step else None
        except ValueError:
            return None

    @property
    def key(self) -> tuple[str, str | None, str | None, bool, bool]:
        """What files must share to be mapped by one entry."""
        return self.column, self.unit, self.format, self.naive, self.sorted


def infer_time(head: pd.DataFrame) -> InferredTime | None:
    """The time column of a file's first rows; None if no column holds times."""
    # of `t` and `T`, open and close at one venue, the small one
    names = {c.lower(): c for c in sorted(map(str, head.columns))}
    likely = [names[n] for n in _NAMES if n in names]
    others = [str(c) for c in head.columns if str(c) not in likely]
    for column in [*likely, *others]:
        found = _as_time(head[column], column)
        if found is not None:
            return found
    return None


def until(time: InferredTime, tail: pd.DataFrame) -> InferredTime:
    """The same with the last rows of the file, of which the latest counts."""
    ends = _as_time(tail[time.column], time.column)
    if ends is None or ends.last is None or time.last is None:
        return time
    return replace(time, last=max(time.last, ends.last))


def spoilt(head: pd.DataFrame) -> str:
    """Why stamps are none that could be read; empty where nothing is to be said of them."""
    for column in head.columns:
        numeric = pd.api.types.is_numeric_dtype(head[column].dtype)
        values = head[column].dropna()
        if str(column).lower() in _NAMES and numeric and len(values) > 1:
            size, different = float(values.abs().median()), values.nunique()
            if different < len(values) / 2 and size > _EPOCHS[0][1]:
                return (
                    f"{column} has {different} different stamps in {len(values)} rows, such as "
                    f"{values.iloc[0]:.6g}: rounded, as spreadsheets do; export the file again"
                )
            if _SERIAL[0] < size < _SERIAL[1]:
                return (
                    f"{column} counts days as spreadsheets do, such as {values.iloc[0]:.10g}: "
                    "write it as 2024-01-31 08:00:00 and export the file again"
                )
    return ""


def _as_time(column: pd.Series, name: str) -> InferredTime | None:
    values = column.dropna()
    if not len(values):
        return None
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return _spaced(values, name, naive=values.dt.tz is None)
    if pd.api.types.is_bool_dtype(values.dtype):
        return None
    if pd.api.types.is_numeric_dtype(values.dtype):
        size = float(np.median(np.abs(values.to_numpy(np.float64))))
        unit = next((u for u, least in _EPOCHS if least <= size < 5 * least), None)
        if unit is None:
            return None
        return _spaced(pd.to_datetime(values, unit=unit, utc=True, errors="coerce"), name, unit)
    texts = values.astype("str").str.strip()
    parsed = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
    if parsed.notna().all() and texts.str.match(r"\d{4}-").all():
        zoned = bool(texts.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$", regex=True).all())
        return _spaced(parsed, name, naive=not zoned)
    fits = []
    for written in _FORMATS:
        parsed = pd.to_datetime(texts, format=written, errors="coerce", utc=True)
        if parsed.notna().all():
            fits.append((written, parsed))
    if not fits:
        return None
    # of two ways to read it, the one whose days follow each other
    fits.sort(key=lambda fit: _roughness(fit[1]))
    also = (doubt(f"the times could also be {fits[1][0]}"),) if len(fits) > 1 else ()
    return _spaced(fits[0][1], name, format=fits[0][0], naive=True, doubts=also)


def _roughness(times: pd.Series) -> float:
    steps = times.diff().dropna().dt.total_seconds().abs()
    return float(steps.sum()) if len(steps) else 0.0


def _spaced(
    times: pd.Series,
    name: str,
    unit: Unit | None = None,
    *,
    format: str | None = None,
    naive: bool = False,
    doubts: tuple[Reason, ...] = (),
) -> InferredTime:
    steps = times.diff().dropna()
    ahead = steps[steps != pd.Timedelta(0)].abs().dt.round("s")
    usual = pd.Timedelta(ahead.mode().iloc[0]) if len(ahead) else None
    in_order = bool((steps >= pd.Timedelta(0)).all())
    utc = times if times.dt.tz is not None else times.dt.tz_localize("UTC")
    first, last = pd.Timestamp(utc.min()), pd.Timestamp(utc.max())
    return InferredTime(name, unit, format, naive, usual, in_order, first, last, doubts)
