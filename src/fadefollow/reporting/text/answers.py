"""Words, fates and reasons in plain English; the only place where they are worded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from fadefollow.engine.model import BOOKS as ALL_BOOKS
from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.reporting.text.formatting import THIN, bps, cost, count, fixed, interval
from fadefollow.verdict.model import Interval, StanceResult, Verdict
from fadefollow.verdict.settings import MIN_BLOCKS
from fadefollow.verdict.words import Claim, Condition, Fate, Reason, Settle, Word

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
#: the order in which fates are counted and shown
FATE_ORDER: tuple[Fate, ...] = (
    "supported",
    "fade",
    "follow",
    "refuted",
    "neither",
    "open",
    "untestable",
)
BOOKS: Mapping[BookName, str] = {"outright": "outright", "hedged": "against the market"}
CLAIMS: Mapping[Claim, str] = {
    "fade": "fading pays",
    "follow": "following pays",
    "disputed": "disputed",
}
VERBS: Mapping[Stance, str] = {"fade": "Fading", "follow": "Following"}
#: a condition that fails → in a sentence, and in a word
FAILS: Mapping[Condition, tuple[str, str]] = {
    "blocks": ("too few independent blocks", "too few blocks"),
    "mean": ("the mean is too uncertain to tell from nothing", "too uncertain"),
    "placebo": ("the same trades elsewhere do as well", "like placebo"),
    "momentum": ("momentum alone explains it", "like momentum"),
}
#: up to so many times this history, a little more of it is wanted
_NEARLY = 1.05
#: beyond so many times this history, more of it is no answer
_OUT_OF_REACH = 50.0


def read_from(result: StanceResult) -> Interval:
    """The interval that the word is read from; runs of the first schema have the plain one only."""
    return result.ci_bps if math.isnan(result.band_bps[0]) else result.band_bps


def reason_text(reason: Reason) -> str:
    """Why a row is as it is, without its subject: `8 independent blocks, 20 are needed`."""
    if reason.code == "few_blocks":
        if math.isnan(reason.blocks):
            return reason.detail or "too few independent blocks"
        blocks = count(math.floor(reason.blocks), "independent block")
        return f"{blocks}, {reason.needed:g} are needed"
    if reason.code == "missing_streams":
        return f"no coin has {', '.join(reason.streams)}"
    if reason.code == "never_seen":
        return "the phase was never seen" + (f" from {reason.detail}" if reason.detail else "")
    if reason.code == "no_trades":
        return "no trade came to its regular end"
    if reason.conditions:
        return "; ".join(FAILS[name][0] for name in reason.conditions)
    return reason.detail


def fate_text(verdict: Verdict) -> str:
    """The fate, the book that speaks, and what the other says.

    For example `refuted against the market, open outright`.
    """
    fates = verdict.fates
    if fates.book is None or len(fates.by_book) < 2:
        return FATES[fates.fate]
    other: BookName = "hedged" if fates.book == "outright" else "outright"
    second = fates.by_book.get(other)
    if second is None or second == fates.fate:
        return f"{FATES[fates.fate]} outright and against the market"
    return f"{FATES[fates.fate]} {BOOKS[fates.book]}, {FATES[second]} {BOOKS[other]}"


def word_text(stance: Stance, result: StanceResult) -> str:
    """One stance in one book with what its word is read from: `fade pays +42 bps [5, 80]`."""
    shown = interval(read_from(result))
    known = "" if math.isnan(result.mean_net_bps) else f" {bps(result.mean_net_bps)}"
    return f"{stance} {result.word}{known}{'' if '—' in shown else f' {shown}'}"


def why_text(verdict: Verdict) -> str:
    """Why the row has its fate, in one sentence without its end."""
    if verdict.fate == "untestable" or not verdict.results:
        return reason_text(verdict.reason)
    if verdict.fate == "open":
        return settle_text(verdict.settle) or reason_text(verdict.reason) or "open"
    book = verdict.fates.book or "outright"
    said = (word_text(s, verdict.results[s, book]) for s in STANCES if (s, book) in verdict.results)
    several = f"{BOOKS[book]}, " if len(verdict.fates.by_book) > 1 else ""
    return several + "; ".join(said)


def settle_text(settle: Settle | None) -> str:
    """What would settle an open row; empty where nothing is known."""
    if settle is None:
        return ""
    if settle.streams:
        gets = "fadefollow data fetch, or data import,"
        return f"{gets} may bring {', '.join(settle.streams)}"
    if "blocks" in settle.conditions:
        return f"{_more(settle)} would be enough" if settle.multiple > 1.0 else ""
    parts = [_conditions(settle)] if settle.conditions else []
    if settle.multiple > _OUT_OF_REACH:
        parts.append(
            f"at the edge as seen it would take {fixed(settle.multiple)} times this history"
        )
    elif settle.multiple > 1.0:
        parts.append(f"at the edge as seen, {_more(settle)} would decide it")
    if not math.isnan(settle.detectable_bps):
        seen = cost(settle.detectable_bps)
        parts.append(f"an edge of {seen} would have been found")
    if not parts:
        return ""
    return _whose(settle) + "; ".join(parts)


def _whose(settle: Settle) -> str:
    """The stance and book that are nearest to an answer: `fading outright: `."""
    if settle.stance is None or settle.book is None:
        return ""
    return f"{VERBS[settle.stance].lower()} {BOOKS[settle.book]}: "


def evidence_rank(verdict: Verdict) -> tuple[int, float, str, str]:
    """What rows are sorted by: decided ones first, the surest at the top.

    Open ones follow, the nearest to an answer first.
    """
    if verdict.fate == "open":
        multiple = math.nan if verdict.settle is None else verdict.settle.multiple
        weight = math.inf if math.isnan(multiple) else multiple
    else:
        weight = -max((_strength(one) for one in verdict.results.values()), default=0.0)
    return FATE_ORDER.index(verdict.fate), weight, verdict.strategy, verdict.phase


def _strength(result: StanceResult) -> float:
    """How sure a decided word is: the mean in widths of its interval; 0 where it is open."""
    low, high = read_from(result)
    decided = result.word in ("pays", "loses", "small") and high > low
    return abs(result.mean_net_bps) / (high - low) if decided else 0.0


def other_book(verdict: Verdict) -> str:
    """Where the books differ, what the one says that does not decide: `outright: open`.

    Empty where they agree, or where there is one.
    """
    fates = verdict.fates
    if fates.book is None or len(fates.by_book) < 2:
        return ""
    other: BookName = "hedged" if fates.book == "outright" else "outright"
    second = fates.by_book.get(other, fates.fate)
    if second == fates.fate:
        return ""
    return f"{'market' if other == 'hedged' else other}: {FATES[second]}"


def settled_by(verdict: Verdict) -> tuple[str, str]:
    """What decides a row, or would, in a few words; and what is wrong with an open one.

    For example `fading earns at most +16 bps`, or `1.2 × this history (1.2 more years)` and
    `mean too uncertain`.
    """
    if verdict.fate != "open":
        return _decided_by(verdict), ""
    settle = verdict.settle
    if settle is None:
        return reason_text(verdict.reason), ""
    failing = ("mean",) if "mean" in settle.conditions else settle.conditions
    doubts = ", ".join(FAILS[name][1] for name in failing)
    detail = f"{_whose(settle)}{doubts}" if doubts else ""
    if math.isnan(settle.multiple):
        return "more of this history would not", detail or verdict.reason.detail
    if settle.multiple > _OUT_OF_REACH:
        return f"{fixed(settle.multiple)} × this history: out of reach", detail
    return (_more(settle, "×") if settle.multiple > 1.0 else "other controls"), detail


def _decided_by(verdict: Verdict) -> str:
    """Which word of which stance decides a row."""
    book = verdict.fates.book or "outright"
    if verdict.claim == "disputed":
        if verdict.fate == "neither":
            return "both stances lose or are small"
        winner: Stance = "fade" if verdict.fate == "fade" else "follow"
        return f"{VERBS[winner].lower()} pays"
    mine = verdict.results.get((verdict.claim, book))
    verb = VERBS[verdict.claim].lower()
    if mine is not None and mine.word == "small":
        return f"{verb} earns at most {bps(read_from(mine)[1])}"
    if mine is not None and mine.word in ("pays", "loses"):
        return f"{verb} {mine.word}"
    opposite: Stance = "follow" if verdict.claim == "fade" else "fade"
    return f"{VERBS[opposite].lower()} pays instead"


def blocks_text(blocks: float, needed: float, days: float) -> str:
    """`32 × 7 d`: independent blocks and how long each is; `12 of 20 × 7 d` where too few."""
    if math.isnan(blocks):
        return "—"
    each = "" if math.isnan(days) else f" × {fixed(days, 0 if days == int(days) else 1)}{THIN}d"
    of = f" of {needed:g}" if blocks < needed else ""
    return f"{fixed(math.floor(blocks))}{of}{each}"


def needed_blocks(verdicts: Sequence[Verdict]) -> float:
    """How many blocks may decide in a run: what its reasons say, else what this version asks."""
    said = [one.reason.needed for v in verdicts for one in v.results.values()]
    said += [v.reason.needed for v in verdicts]
    return max((n for n in said if not math.isnan(n)), default=float(MIN_BLOCKS))


def books_of(verdicts: Sequence[Verdict]) -> tuple[BookName, ...]:
    """The books in which anything was traded, outright first."""
    traded = {book for v in verdicts for _, book in v.results}
    return tuple(book for book in ALL_BOOKS if book in traded or book == "outright")


def _conditions(settle: Settle) -> str:
    """What fails; a mean that cannot be told from nothing says all that the controls could."""
    failing = ("mean",) if "mean" in settle.conditions else settle.conditions
    return " and ".join(FAILS[name][0] for name in failing)


def _more(settle: Settle, times: str = "times") -> str:
    if settle.multiple <= _NEARLY:
        return "a little more than this history"
    more = f"{settle.multiple:.2g} {times} this history"
    ways = []
    if settle.years > 0.0:
        rate = " at this rate" if times == "times" else ""
        ways.append(f"{fixed(settle.years, 1)} more years{rate}")
    if not math.isnan(settle.coins):
        ways.append(count(int(settle.coins), "coin"))
    return f"{more} ({' or '.join(ways)})" if ways else more
