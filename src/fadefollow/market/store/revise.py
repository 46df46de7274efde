"""Merging records with those that are stored: the newest of each, and the vintages before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from fadefollow.market.asof.vintages import SEEN
from fadefollow.market.streams import Stream


class Merged(NamedTuple):
    """What a merge gives.

    Attributes:
        newest: each record once, as it was got last, by time and key.
        superseded: records that a later one replaced with other values, with the UTC time at
            which that one was got in `SEEN`.
    """

    newest: pd.DataFrame
    superseded: pd.DataFrame


def merge_revisions(
    stored: pd.DataFrame | None, fresh: Sequence[pd.DataFrame], schema: Stream
) -> Merged:
    """Merge records with those of a store.

    Args:
        stored: the records so far; None where there are none.
        fresh: the new records, each with the UTC time at which it was got in `SEEN`. One record
            may be in several.
        schema: of the stream; a record is identified by its time and its key. Values are compared
            in the columns that all tables have; NaN equals NaN.
    """
    key = ["time", *schema.key]
    tables = list(fresh)
    if stored is not None:
        never = pd.Series(pd.NaT, stored.index, dtype="datetime64[ns, UTC]")
        tables.insert(0, stored.assign(**{SEEN: never}))
    values = [c for c in schema.columns if all(c in table for table in tables)]
    whole = pd.concat(tables, ignore_index=True)
    whole = whole.sort_values([*key, SEEN], kind="stable", na_position="first", ignore_index=True)
    newest = ~whole.duplicated(key, keep="last")
    after = whole.shift(-1)
    same = (whole[values].eq(after[values]) | (whole[values].isna() & after[values].isna())).all(
        axis=1
    )
    superseded = ~newest & ~same
    older = whole[superseded].assign(**{SEEN: whole[SEEN].shift(-1)[superseded]})
    return Merged(
        whole[newest].drop(columns=SEEN).reset_index(drop=True), older.reset_index(drop=True)
    )
