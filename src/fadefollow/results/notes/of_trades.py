"""Notes on detection and trades: what failed, what was left out of the books."""

from __future__ import annotations

from collections.abc import Sequence

from fadefollow.core.notes import Note
from fadefollow.results.notes.wording import (
    Wording,
    coins_of,
    grouped,
    many,
    of_each,
    semicolons,
    who,
    with_reason,
)

#: lone prints that are named in words; reports mark all
_NAMED = 5


def _failed(notes: Sequence[Note]) -> str:
    by_signal: dict[str, list[Note]] = {}
    for note in notes:
        by_signal.setdefault(note.about["signal"], []).append(note)
    return semicolons(_failed_on(signal, found) for signal, found in by_signal.items())


def _failed_on(signal: str, notes: Sequence[Note]) -> str:
    reasons = dict.fromkeys(note.figures["error"] for note in notes)
    others = f", and {len(reasons) - 1} more reasons" if len(reasons) > 1 else ""
    coins = coins_of(note.about["coin"] for note in notes)
    return (
        f"{signal} failed on {coins}, which its strategies leave out: {next(iter(reasons))}{others}"
    )


def _lone_prints(notes: Sequence[Note]) -> str:
    said = []
    for note in notes:
        trades, total = note.figures["trades"], note.figures["total"]
        named = [f"{coin} {time} ({reason})" for coin, time, reason in trades[:_NAMED]]
        more = f" and {total - len(named)} more" if total > len(named) else ""
        whose = f" of {who(note)}" if who(note) else ""
        said.append(
            f"{many(total, 'trade')}{whose} ended by a print that the coin's other series "
            f"do not share: {', '.join(named)}{more}"
        )
    return semicolons(said)


def _leaning(count: int) -> str:
    return "1 event leans" if count == 1 else f"{count} events lean"


_AGAINST = "against another on the same bar, and the phase that the strategy lists first is traded"
_HELD = "held while funding settlements were missing, and left out (--missing-funding skip)"
_CHARGED = "charged funding that is implied from the premium, not settled"


#: by code
TRADES: dict[str, Wording] = {
    "not-measured": Wording(
        lambda n: f"could not be measured: {n.figures['error']}",
        with_reason("could not be measured"),
    ),
    "signal-failed": grouped(_failed),
    "events-outside": Wording(
        lambda n: f"{many(n.figures['events'], 'event')} fell outside the time traded",
        of_each("events fell outside the time traded", "events"),
        first=False,
    ),
    "opposite-leans": Wording(
        lambda n: f"{_leaning(n.figures['events'])} {_AGAINST}",
        of_each(f"events lean {_AGAINST}", "events"),
        first=False,
    ),
    "entries-on-missing-bars": Wording(
        lambda n: (
            f"{n.figures['entries']:,} {'entry' if n.figures['entries'] == 1 else 'entries'} "
            "fell on missing bars"
        ),
        of_each("entries fell on missing bars", "entries"),
        first=False,
    ),
    "trades-over-funding-holes": Wording(
        lambda n: f"{many(n.figures['trades'], 'trade')} {_HELD}",
        of_each(f"trades {_HELD}", "trades"),
    ),
    "lone-prints": grouped(_lone_prints),
    "charged-implied-funding": Wording(
        lambda n: f"{n.figures['trades']:,} of {n.figures['total']:,} trades were {_CHARGED}",
        of_each(f"trades were {_CHARGED}", "trades"),
    ),
}
