"""What would settle a row that is open or cannot be tested."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.model import StanceResult, Verdict
from fadefollow.verdict.words import Settle

Key = tuple[Stance, BookName]


@dataclass(frozen=True)
class Needs:
    """What the conditions of one stance in one book ask for; errors in bps, NaN where unknown."""

    se: float  #: standard error of the mean
    mean_t: float  #: errors that zero, or the smallest edge, must be away from the mean
    placebo_t: float  #: errors by which the mean must exceed that of its placebo
    momentum_se: float  #: standard error of the excess over momentum
    momentum_t: float  #: errors that the excess must be above zero


@dataclass(frozen=True)
class History:
    """The data at hand."""

    years: float
    coins: int


def settle(
    verdict: Verdict,
    *,
    needs: Mapping[Key, Needs],
    smallest_bps: float,
    history: History,
    min_blocks: float,
) -> Verdict:
    """The same verdict with what would settle it, if its claim is open or untestable.

    Of the claimed stances and their books, those without a word yet count, and of these the one
    that needs the least more of this history speaks.

    Args:
        verdict: a row.
        needs: of each stance and book that was traded.
        smallest_bps: the smallest edge worth trading.
        history: how much there is.
        min_blocks: that may decide.
    """
    if verdict.fate not in ("open", "untestable"):
        return verdict
    asked = STANCES if verdict.claim == "disputed" else (verdict.claim,)
    rows = {
        key: one
        for key, one in verdict.results.items()
        if key[0] in asked and one.n_trades and one.word in ("open", "untestable")
    }
    if not rows:
        return replace(verdict, settle=Settle(streams=verdict.reason.streams))
    multiples = {
        key: _multiple(one, needs[key], smallest_bps, min_blocks) for key, one in rows.items()
    }
    key = min(rows, key=lambda k: math.inf if math.isnan(multiples[k]) else multiples[k])
    one, multiple = rows[key], multiples[key]
    return replace(
        verdict,
        settle=Settle(
            conditions=one.reason.conditions,
            stance=key[0],
            book=key[1],
            blocks=one.blocks,
            blocks_needed=min_blocks,
            block_days=one.block_days,
            detectable_bps=one.detectable_bps,
            multiple=multiple,
            years=history.years * (multiple - 1.0),
            coins=_coins(history.coins, multiple) if key[1] == "hedged" else math.nan,
        ),
    )


def _coins(coins: int, multiple: float) -> float:
    """So many coins in all; outright errors hardly shrink with more, as the market moves them."""
    return math.nan if math.isnan(multiple) else float(math.ceil(coins * multiple))


def _multiple(one: StanceResult, needs: Needs, smallest_bps: float, min_blocks: float) -> float:
    """So many times this history would decide the row, at the edges as seen; at least 1.

    An edge that stands as it is while its error falls with the root of the history is (t × error /
    edge)² histories away from being told. The row is decided once it pays, for which all three
    conditions must hold, or loses, or is small.

    Returns:
        NaN where no history would: the mean is above what is small, and no better than its placebo
        or than like momentum.
    """
    mean = one.mean_net_bps
    pays = max(
        _times(needs.mean_t, needs.se, mean),
        _times(needs.placebo_t, needs.se, mean - one.placebo_mean_bps),
        _times(needs.momentum_t, needs.momentum_se, one.momentum_mean_bps),
    )
    small = _times(needs.mean_t, needs.se, smallest_bps - mean)  # nearer than `loses`
    blocks = 1.0
    if not one.blocks >= min_blocks:
        blocks = min_blocks / one.blocks if one.blocks > 0.0 else math.inf
    needed = max(1.0, blocks, min(pays, small))
    return needed if math.isfinite(needed) else math.nan


def _times(t: float, se: float, edge: float) -> float:
    """The multiple of a history at which an edge is `t` errors; inf where none would do."""
    known = math.isfinite(t) and math.isfinite(se) and math.isfinite(edge)
    if not known or edge <= 0.0:
        return math.inf
    return (max(t, 0.0) * se / edge) ** 2
