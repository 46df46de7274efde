"""Words, fates and reasons in plain English; the only place where they are worded."""

from __future__ import annotations

import math
from collections.abc import Mapping

from fadefollow.engine.hedged import BookName
from fadefollow.verdict.model import Verdict
from fadefollow.verdict.words import Condition, Fate, Reason, Settle, Word

#: of a stance, what its word means
MEANING: Mapping[Word, str] = {
    "pays": "earns more than its costs, more than its placebo, and beyond momentum",
    "loses": "costs money",
    "small": "whatever is there is smaller than the smallest edge worth trading",
    "open": "not decided by this history",
    "untestable": "cannot be tested on this history",
}
#: of a row, in a word or two
FATES: Mapping[Fate, str] = {
    "supported": "supported",
    "refuted": "refuted",
    "open": "open",
    "untestable": "not testable here",
    "fade": "fade pays",
    "follow": "follow pays",
    "neither": "neither pays",
}
BOOKS: Mapping[BookName, str] = {"outright": "outright", "hedged": "against the market"}
_FAILS: Mapping[Condition, str] = {
    "blocks": "too few independent blocks",
    "mean": "the mean is too uncertain to tell from nothing",
    "placebo": "the same trades elsewhere do as well",
    "momentum": "momentum alone explains it",
}


def reason_text(reason: Reason) -> str:
    """Why a row is as it is, without its subject: `8 independent blocks, 20 are needed`."""
    if reason.code == "few_blocks":
        if math.isnan(reason.blocks):
            return "too few independent blocks"
        count = math.floor(reason.blocks)
        return f"{count} independent block{'' if count == 1 else 's'}, {reason.needed:g} are needed"
    if reason.code == "missing_streams":
        return f"no coin has {_listed(reason.streams)}"
    if reason.code == "never_seen":
        return "the phase was never seen" + (f" from {reason.detail}" if reason.detail else "")
    if reason.code == "no_trades":
        return "no trade came to its regular end"
    if reason.conditions:
        return "; ".join(_FAILS[name] for name in reason.conditions)
    return reason.detail


def fate_text(verdict: Verdict) -> str:
    """The fate, the book that speaks, and what the other says.

    For example `refuted against the market, open outright`.
    """
    fates = verdict.fates
    if fates.book is None or len(fates.by_book) < 2:
        return FATES[fates.fate]
    other: BookName = "hedged" if fates.book == "outright" else "outright"
    lead = f"{FATES[fates.fate]} {BOOKS[fates.book]}"
    second = fates.by_book.get(other)
    if second is None or second == fates.fate:
        return f"{FATES[fates.fate]} outright and against the market"
    return f"{lead}, {FATES[second]} {BOOKS[other]}"


def why_text(verdict: Verdict) -> str:
    """Why the row has its fate, in one sentence without its end."""
    if verdict.fate == "untestable" or not verdict.results:
        return reason_text(verdict.reason)
    if verdict.fate == "open":
        return settle_text(verdict.settle) or reason_text(verdict.reason)
    book = verdict.fates.book or "outright"
    parts = []
    for stance in ("fade", "follow"):
        one = verdict.results.get((stance, book))
        if one is not None:
            low, high = one.band_bps
            parts.append(
                f"{stance} {one.word}: {one.mean_net_bps:+.0f} bps [{low:+.0f}, {high:+.0f}]"
            )
    return f"{BOOKS[book]}, " + "; ".join(parts)


def settle_text(settle: Settle | None) -> str:
    """What would settle an open row; empty where nothing is known."""
    if settle is None:
        return ""
    if settle.streams:
        return f"needs {_listed(settle.streams)}"
    parts = [_FAILS[name] for name in settle.conditions]
    if not math.isnan(settle.multiple) and settle.multiple > 1.0:
        more = f"{settle.multiple:.3g} times this history"
        if settle.years > 0.0:
            more += f", {settle.years:.1f} more years at this rate"
        if not math.isnan(settle.coins):
            more += f" or {settle.coins:.0f} coins"
        parts.append(f"as it looks, {more} would decide it")
    elif not math.isnan(settle.detectable_bps):
        parts.append(f"an edge below {settle.detectable_bps:.0f} bps would likely go unseen")
    return "; ".join(parts)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names)
