"""What a run says of data and events that it did not use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from fadefollow.core.notes import Note
from fadefollow.core.text import listed
from fadefollow.engine.plans.plan import Prepared, contrary_events
from fadefollow.phases import Phases, Signal

#: coins that a missing stream names; the notes have all of them
NAMED = 12
#: code of the note on the time that was traded
CLIPPED = "clipped"


def failed_notes(found: Sequence[tuple[Signal, Phases]]) -> list[Note]:
    """The coins that are left out because a signal failed on them."""
    return [
        Note("signal-failed", {"signal": signal.name(), "coin": symbol}, {"error": why})
        for signal, phases in found
        for symbol, why in phases.failed.items()
    ]


def left_out(prepared: Prepared) -> list[Note]:
    """Notes on excluded data and events."""
    of_plan = {"strategy": prepared.plan.strategy}
    notes = [
        Note("coin-lacks-streams", {**of_plan, "coin": symbol}, {"streams": streams})
        for symbol, streams in prepared.left_out.items()
    ]
    notes.append(Note(CLIPPED, figures=_time_traded(prepared)))
    if prepared.outside:
        notes.append(Note("events-outside", of_plan, {"events": prepared.outside}))
    if contrary := contrary_events(prepared.plan):
        notes.append(Note("opposite-leans", of_plan, {"events": contrary}))
    return notes


def _time_traded(prepared: Prepared) -> dict[str, Any]:
    starts = sorted(start for start, _ in prepared.spans.values())
    late = starts[-1].floor("D") > starts[0].floor("D")
    return {
        "streams": prepared.needs,
        "first": f"{starts[0]:%Y-%m-%d %H:%M}",
        "last": f"{max(end for _, end in prepared.spans.values()):%Y-%m-%d %H:%M}",
        "last_coin_first": f"{starts[-1]:%Y-%m-%d}" if late else None,
    }


def missing_streams(found: Phases) -> dict[str, tuple[str, ...]]:
    """Phase → streams that some coin lacks, as `stream (COIN, COIN)`, many coins counted."""
    lacks: dict[str, dict[str, list[str]]] = {}
    for (symbol, phase), streams in found.missing.items():
        for name in streams:
            lacks.setdefault(phase, {}).setdefault(name, []).append(symbol)
    return {
        phase: tuple(f"{name} ({listed(coins, NAMED)})" for name, coins in streams.items())
        for phase, streams in lacks.items()
    }


def missing_notes(found: Sequence[Phases]) -> list[Note]:
    """By stream and the coins that lack it, the phases that were not looked for there."""
    coins: dict[tuple[str, str], dict[str, None]] = {}
    for phases in found:
        for (symbol, phase), streams in phases.missing.items():
            for stream in streams:
                coins.setdefault((stream, phase), {})[symbol] = None
    unseen: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (stream, phase), symbols in coins.items():
        unseen.setdefault((stream, tuple(symbols)), []).append(phase)
    return [
        Note("stream-missing", {"stream": stream}, {"coins": symbols, "phases": phases})
        for (stream, symbols), phases in unseen.items()
    ]


def implied_notes(trades: pd.DataFrame) -> list[Note]:
    """One note for each strategy that was charged implied funding."""
    if "funding_implied" not in trades:
        return []
    rows = trades.groupby("strategy", sort=False)["funding_implied"].agg(["sum", "size"])
    return [
        Note(
            "charged-implied-funding",
            {"strategy": str(name)},
            {"trades": int(row["sum"]), "total": int(row["size"])},
        )
        for name, row in rows.iterrows()
        if row["sum"]
    ]
