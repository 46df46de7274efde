"""What a notebook and a terminal show of phases: how many, where, from when to when, the last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from fadefollow.core.text import html_card, listed, whole
from fadefollow.phases.events import COLUMNS
from fadefollow.phases.summary import describe_events
from fadefollow.phases.table import Phases
from fadefollow.reporting.notebook.display import card, line, table

#: with more coins than that, only their sum is shown
_MOST_COINS = 8
_LAST = 5
_CONTEXT = 4


def phases_card(
    events: pd.DataFrame,
    coins: Iterable[str],
    missing: Mapping[tuple[str, str], tuple[str, ...]],
) -> str:
    """Counts by phase and coin with the first and the last time, then the last events.

    Args:
        events: columns as in `fadefollow.phases.Phases`.
        coins: all that were looked at.
        missing: by coin and phase, the streams for want of which it was not looked for.
    """
    known = list(coins)
    title = describe_events(events, known)
    parts = [] if events.empty else [_by_phase(events, known), _last(events)]
    return card(f"Phases: {title}", *parts, *_not_looked_for(missing))


def _by_phase(events: pd.DataFrame, coins: list[str]) -> str:
    shown = coins if 1 < len(coins) <= _MOST_COINS else []
    rows = []
    for phase, mine in events.groupby("phase", sort=True, observed=True):
        each = [whole(int((mine["symbol"] == coin).sum())) for coin in shown]
        first, last = (f"{time:%Y-%m-%d}" for time in (mine["time"].min(), mine["time"].max()))
        rows.append((str(phase), whole(len(mine)), *each, first, last))
    head = ("phase", "events", *shown, "first, UTC", "last, UTC")
    return table(head, rows, most=40, rest="phases", rest_in="phases.table")


def _last(events: pd.DataFrame) -> str:
    tail = events.tail(_LAST)
    context = [str(c) for c in events.columns if c not in COLUMNS and tail[c].notna().any()]
    head = ("bar opens, UTC", *COLUMNS[1:2], *COLUMNS[3:], *context)
    names = (*COLUMNS[1:2], *COLUMNS[3:], *context)[: len(COLUMNS) - 2 + _CONTEXT]
    rows = [
        (f"{row['time']:%Y-%m-%d %H:%M}", *(_value(name, row[name]) for name in names))
        for row in tail.to_dict("records")
    ]
    left = {0, *(i for i, name in enumerate(names, 1) if _is_text(tail, name))}
    what = "the last event" if len(tail) == 1 else f"the last {len(tail)} events"
    caption = f"{what}, each known when its bar closes; all of them, with all context: phases.table"
    return table(head[: len(names) + 1], rows, left=left, caption=caption)


def _is_text(events: pd.DataFrame, name: str) -> bool:
    return name == "lean" or not pd.api.types.is_numeric_dtype(events[name])


def _value(name: str, value: object) -> str:
    if name == "lean":
        return "long" if value == 1 else "short"
    if isinstance(value, float):
        return "–" if value != value else f"{value:.4g}".replace("-", "−")
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def _not_looked_for(missing: Mapping[tuple[str, str], tuple[str, ...]]) -> list[str]:
    lacks: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (coin, phase), streams in missing.items():
        lacks.setdefault((phase, streams), []).append(coin)
    return [
        line(f"Not looked for: {phase} on {listed(coins)}, no {', '.join(streams)}", faded=True)
        for (phase, streams), coins in lacks.items()
    ]


@html_card.register
def _(phases: Phases) -> str:
    return phases_card(phases.table, phases.grids, phases.missing)
