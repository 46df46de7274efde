"""Vintages: what was published first, what it was revised to, and when each could be known.

A store's table holds every record in its last vintage; superseded ones lie beside it (`revised` in
the manifest), in the order in which they were superseded, each with `seen`: when its successor was
fetched. The source does not say when it published a revision, so a revision counts from then, and
never earlier. One whose `seen` is unknown is never taken for known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.market.asof.revisions import rows_of
from fadefollow.market.streams import Stream

#: when the vintage after a superseded one was fetched
SEEN = "seen"


class Vintages(NamedTuple):
    """One stream's records in their vintages; canonical tables."""

    first: pd.DataFrame  #: every record as it was published first
    #: revisions in the order in which they became known, `available` being that time
    later: pd.DataFrame
    last: pd.DataFrame  #: every record as it is now


@dataclass(frozen=True)
class Revision:
    """Difference of the first and last vintages of one column.

    Attributes:
        records: of the stream.
        revised: those whose first and last values differ.
        mean, largest: of the absolute differences of those, in `unit`; a record that has a value
            in one of the two only counts as revised, but in neither of these.
    """

    symbol: str
    stream: str
    column: str
    unit: str
    records: int
    revised: int
    mean: float
    largest: float

    @property
    def note(self) -> Note:
        """What a report says of it."""
        figures = {
            "column": self.column,
            "unit": self.unit,
            "records": self.records,
            "revised": self.revised,
            "mean": self.mean,
            "largest": self.largest,
        }
        return Note("revised-records", {"coin": self.symbol, "stream": self.stream}, figures)


def vintages_of(
    table: pd.DataFrame, superseded: Sequence[pd.DataFrame], schema: Stream
) -> Vintages:
    """All vintages of a stream.

    Args:
        table: every record in its last vintage, canonical.
        superseded: earlier vintages in the order in which they were superseded: `time`, the
            stream's key, its values, and where known `available` and `seen`.
        schema: of the stream.

    Returns:
        `first` has the rows of `table` in the same order. Columns that were not kept of a
        superseded vintage are those of the last one.
    """
    older = [part for part in superseded if len(part)]
    if not older:
        return Vintages(table, table.iloc[:0], table)
    key, last = ["time", *schema.key], table.reset_index(drop=True)
    chain = pd.concat([part.assign(_row=rows_of(part, last, schema.key)) for part in older])
    chain = chain[chain["_row"] >= 0]
    row = np.concatenate([chain["_row"], chain["_row"].unique()]).astype(np.int64)
    whole = last.iloc[row].reset_index(drop=True)
    for name in (c for c in last if c not in key and c in chain):
        old = chain[name].reset_index(drop=True)
        # of a vintage kept without a time of publication, the last one's counts
        old = old.fillna(whole["available"].iloc[: len(old)]) if name == "available" else old
        whole[name] = pd.concat([old, whole[name].iloc[len(old) :]], ignore_index=True)
    seen = chain[SEEN] if SEEN in chain else pd.Series(pd.NaT, chain.index)
    whole[SEEN] = pd.Series(pd.NaT, whole.index, dtype="datetime64[ns, UTC]")
    whole.loc[: len(seen) - 1, SEEN] = pd.to_datetime(seen, utc=True).dt.as_unit("ns").to_numpy()
    whole[SEEN] = whole[SEEN].groupby(row).shift(1)
    is_first = ~pd.Series(row).duplicated().to_numpy()
    first = last.copy()
    first.iloc[row[is_first]] = whole.loc[is_first, last.columns.tolist()]
    return Vintages(first, _known(whole[~is_first], last.columns.tolist()), table)


def revisions(symbol: str, stream: Stream, found: Vintages) -> tuple[Revision, ...]:
    """How much first and last vintages differ, by column; only columns that do."""
    made = []
    for name, column in stream.columns.items():
        if name not in found.last or column.kind != "float" or name in stream.key:
            continue
        first, last = (t[name].to_numpy(np.float64) for t in (found.first, found.last))
        differs = (first != last) & ~(np.isnan(first) & np.isnan(last))
        if differs.any():
            off = np.abs(last - first)[differs]
            off = off[~np.isnan(off)]
            mean, most = (float(off.mean()), float(off.max())) if len(off) else (np.nan, np.nan)
            made.append(
                Revision(
                    symbol,
                    stream.name,
                    name,
                    column.unit,
                    len(last),
                    int(differs.sum()),
                    mean,
                    most,
                )
            )
    return tuple(made)


def vintage_notes(found: Sequence[Revision], *, revised: bool) -> tuple[Note, ...]:
    """Notes on the vintages that a job has used and how much they differ; empty with one only."""
    if not found:
        return ()
    return Note("last-vintages" if revised else "first-vintages"), *(one.note for one in found)


def _known(later: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Revisions that were known at some time, in that order."""
    later = later[later[SEEN].notna()]
    late = later["available"].where(later["available"] >= later[SEEN], later[SEEN])
    later = later.assign(available=late)[columns]
    return later.sort_values("available", kind="stable", ignore_index=True)
