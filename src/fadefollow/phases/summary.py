"""Phases in one line: how many, of which signals, where, from when to when."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from fadefollow.core.text import listed, plural


def describe_events(events: pd.DataFrame, coins: Iterable[str]) -> str:
    """`214 events of funding on BTC, ETH, 2021-04-02 08:00 to 2023-12-29 16:00 UTC`."""
    where = f" on {listed(coins)}"
    if events.empty:
        return f"no events{where}"
    signals = listed(sorted(set(events["signal"])))
    return f"{plural(len(events), 'event')} of {signals}{where}, {_span(events)} UTC"


def counts(events: pd.DataFrame) -> dict[str, int]:
    """Events by phase, by name."""
    found = events["phase"].value_counts()
    return {str(phase): int(found[phase]) for phase in sorted(found.index)}


def _span(events: pd.DataFrame) -> str:
    return f"{events['time'].min():%Y-%m-%d %H:%M} to {events['time'].max():%Y-%m-%d %H:%M}"
