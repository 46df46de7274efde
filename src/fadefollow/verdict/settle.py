"""What would settle a row that is open or cannot be tested."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from fadefollow.engine.hedged import BookName
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.model import StanceResult, Verdict
from fadefollow.verdict.words import Settle

Key = tuple[Stance, BookName]


def settle(
    verdict: Verdict,
    *,
    criticals: Mapping[Key, float],
    ses: Mapping[Key, float],
    smallest_bps: float,
    years: float,
    coins: int,
    min_blocks: float,
) -> Verdict:
    """The same verdict with what would settle it, if its claim is open or untestable.

    The stance and book nearest to an answer speak: those of the claim, and of these the one that
    needs the least more of this history.

    Args:
        criticals: the critical t of each row.
        ses: standard error of each mean, fractions.
        smallest_bps: the smallest edge worth trading.
        years, coins: of this history.
        min_blocks: that may decide.
    """
    if verdict.fate not in ("open", "untestable"):
        return verdict
    asked = STANCES if verdict.claim == "disputed" else (verdict.claim,)
    rows = {key: one for key, one in verdict.results.items() if key[0] in asked and one.n_trades}
    if not rows:
        return replace(verdict, settle=Settle(streams=verdict.reason.streams))
    multiples = {
        key: _multiple(one, criticals[key], 1e4 * ses[key], smallest_bps, min_blocks)
        for key, one in rows.items()
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
            years=years * (multiple - 1.0),
            # the market moves all coins alike: outright errors hardly shrink with more of them
            coins=math.ceil(coins * multiple) if key[1] == "hedged" and multiple > 0 else math.nan,
        ),
    )


def _multiple(
    one: StanceResult, critical: float, se_bps: float, smallest_bps: float, min_blocks: float
) -> float:
    """So many times this history would decide the row, at the edge as seen; at least 1."""
    if not one.blocks >= min_blocks:
        return min_blocks / one.blocks if one.blocks > 0.0 else math.nan
    mean = one.mean_net_bps
    edge = max(abs(mean), smallest_bps - mean)
    needed = (critical * se_bps / edge) ** 2 if edge > 0.0 and se_bps > 0.0 else math.nan
    return max(1.0, needed) if not math.isnan(needed) else math.nan
