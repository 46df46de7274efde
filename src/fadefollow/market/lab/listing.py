"""What a simulation gives, and perps that are listed on the day of a pump."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pandas as pd

#: columns of `Lab.truth`
TRUTH_COLUMNS = ("symbol", "phase", "start", "end", "planted_bps", "horizon_hours")

#: what there is of a coin before its perp is listed
_BEFORE = frozenset({"spot", "netflow", "hash_rate", "options", "news"})
#: the listing is on a multiple of 8 hours, so long before the pump is labelled or a little more
_AHEAD, _GRID = pd.Timedelta(hours=12), "8h"


@dataclass(frozen=True)
class Lab:
    """A simulated market.

    Attributes:
        tables: coin → stream → canonical table.
        truth: the planted phases, one row each, sorted by time and symbol: `symbol`, `phase`,
            `start` and `end` (UTC; from `start` the phase is in full force and its drift acts),
            `planted_bps` (mean perp return after funding and beyond the market's drift, in the
            direction of the lean, over the horizon; negative: fading it pays), `horizon_hours`.
        listed: coin → when its trading began.
        delisted: coin → when its trading ended, if it did before the end.
    """

    tables: Mapping[str, Mapping[str, pd.DataFrame]]
    truth: pd.DataFrame
    listed: Mapping[str, pd.Timestamp]
    delisted: Mapping[str, pd.Timestamp] = field(default_factory=dict)


def listed_with_pump(lab: Lab) -> Lab:
    """The same market with each perp listed on the day of its coin's first pump.

    A coin that is never pumped is listed from the start. What is planted before a listing is left
    out of the truth.
    """
    pumps = lab.truth[lab.truth["phase"] == "ignition"].groupby("symbol")["start"].min()
    pumped = {symbol: (start - _AHEAD).floor(_GRID) for symbol, start in pumps.items()}
    listed = {symbol: pumped.get(symbol, start) for symbol, start in lab.listed.items()}
    tables = {
        symbol: {
            name: table if name in _BEFORE else _from(table, listed[symbol])
            for name, table in streams.items()
        }
        for symbol, streams in lab.tables.items()
    }
    seen = lab.truth["start"] >= lab.truth["symbol"].map(listed)
    return replace(lab, tables=tables, truth=lab.truth[seen].reset_index(drop=True), listed=listed)


def _from(table: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    """The records from a time on."""
    return table[table["time"] >= start].reset_index(drop=True)
