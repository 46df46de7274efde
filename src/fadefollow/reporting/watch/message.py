"""An event in words: a title, and a few lines of plain text."""

from __future__ import annotations

import math

from fadefollow.core.printable import printable
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.answers import BOOKS, FATES
from fadefollow.results.claims import Watched
from fadefollow.scanning.model import Standing, Tried
from fadefollow.scanning.news import ClaimEvent, Event, PhaseEvent

_LEANS = {1: "long", -1: "short"}
_ADVICE = "Nothing here is advice."


def message_words(event: Event) -> tuple[str, str]:
    """The title of an event, and its whole text, whose first line is the title.

    Foreign names do nothing in it but show letters.
    """
    title, lines = _phase(event) if isinstance(event, PhaseEvent) else _claim(event)
    shown = [printable(line, limit=400) for line in (title, *lines, _ADVICE)]
    return shown[0], "\n".join(shown)


def phase_name(phase: str) -> str:
    """A phase as a sentence calls one event of it."""
    name = phase.replace("_", " ")
    return name[:1].upper() + name[1:]


def claim_words(one: Watched) -> str:
    """A claim's answer in a line: `open, 12 trades, mean +5 bps, limits −40 to +50 bps`."""
    last = one.last
    trades, low, high = last["trades"] or 0.0, last["low_bps"], last["high_bps"]
    gone = ", the edge has gone" if one.alarm is not None else ""
    said = f"{one.word}{gone}, {text.fixed(trades)} {'trade' if trades == 1 else 'trades'}"
    if last["mean_bps"] is None:
        return said
    limits = "no limits yet"
    if low is not None or high is not None:
        limits = f"limits {limit_words(low)} to {limit_words(high)}"
    return f"{said}, mean {text.bps(last['mean_bps'])}, {limits}"


def limit_words(value: float | None) -> str:
    """A limit of a confidence sequence, bps."""
    return "none" if value is None or not math.isfinite(value) else text.bps(value)


def _phase(event: PhaseEvent) -> tuple[str, list[str]]:
    row = event.row
    title = f"{row.symbol}: {phase_name(row.phase)} since {text.when(row.known)} UTC"
    rank = "the first of its kind here"
    if row.n_before:
        rank = f"stronger than {text.percent(row.stronger_than, 0)} of {text.fixed(row.n_before)}"
    where = f"{event.title}: {_LEANS[row.lean]} side, by {row.actor}; {rank}"
    price = f"price {text.price(row.price)}, {text.bps(row.move_bps)} since then that way"
    lines = [where, f"{price}; present for {text.hours(row.hours_left)} more"]
    lines += [f"history, {one.strategy}: {_standing(one)}" for one in event.standings]
    lines += [f"watch, {one.claim.claim}: {claim_words(one)}" for one in event.claims]
    return title, lines


def _claim(event: ClaimEvent) -> tuple[str, list[str]]:
    one, day = event.watched, text.when(event.known, clock=False)
    said = one.word if event.kind == "word" else "the edge has gone"
    title = f"{one.claim.claim}: {said} on {day}"
    return title, [f"watch: {claim_words(one)}", f"since {one.claim.start[:10]}"]


def _standing(one: Standing) -> str:
    """What history says: its fate, and both stances in the book that speaks."""
    if not one.measured:
        return f"not measured; {one.measure} would"
    known = {str(fate): name for fate, name in FATES.items()}
    book = {str(b): name for b, name in BOOKS.items()}.get(one.speaking, one.speaking)
    stances = (("fade", one.fade), ("follow", one.follow))
    said = [f"{stance} {_tried(tried)}" for stance, tried in stances if tried is not None]
    caveats = f" ({'; '.join(one.caveats)})" if one.caveats else ""
    figures = f", {book}: {'; '.join(said)}" if said else ""
    return f"{known.get(one.fate, one.fate)}{figures}{caveats}"


def _tried(one: Tried) -> str:
    ends = "" if math.isnan(one.ci_bps[0]) else f" {text.interval(one.ci_bps)}"
    return f"{one.word} {text.bps(one.mean_net_bps)}{ends}"
