"""What the trades of one strategy × phase say by themselves, before they meet the placebo."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.engine.model import Book, FloatArray, Plan
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.estimates.anyhour import Outcomes, all_outcomes, anyhour_mean
from fadefollow.verdict.estimates.bootstrap import UNKNOWN, Bootstrapped, bootstrap
from fadefollow.verdict.estimates.daily import daily_pnl
from fadefollow.verdict.estimates.days import (
    DaySums,
    Kind,
    Sample,
    block_length,
    day_of_bar,
    day_sums,
    independent_blocks,
    regular_trades,
    sample,
)
from fadefollow.verdict.estimates.momentum import Cells, all_cells, momentum_days

Books = Mapping[tuple[str, Stance], Sequence[Book]]


@dataclass(frozen=True)
class StanceEvidence:
    """One stance of one phase; returns as fractions of entry notional."""

    trades: pd.DataFrame  #: see `regular_trades`
    mean: Bootstrapped  #: net return
    momentum: Bootstrapped  #: excess over bars of like trailing return
    anyhour_mean: float
    blocks: float  #: effective number of independent blocks
    daily: FloatArray  #: returns of the phase's trades by day, shape (days,)


@dataclass(frozen=True)
class PhaseEvidence:
    """Both stances of one phase, as far as they are traded."""

    length: float  #: of a block, in days
    stances: dict[Stance, StanceEvidence]
    difference: Bootstrapped  #: follow − fade, unknown unless both are traded


@dataclass(frozen=True)
class _Row:
    """The trades of one stance as day sums."""

    trades: pd.DataFrame
    sample: Sample
    net: DaySums
    excess: DaySums


def weigh(
    plan: Plan,
    books: Books,
    *,
    draws: int,
    seed: int,
    outcomes: MutableMapping[str, Outcomes] | None = None,
) -> tuple[PhaseEvidence, ...]:
    """The evidence of each phase of a plan.

    Each phase's resampling depends on `seed` and on its own name only, so that an interval stays as
    it is when other strategies join the run. What entering at every bar earns is put into
    `outcomes`, by strategy, if that is given.
    """
    by_bar = all_outcomes(plan)
    if outcomes is not None:
        outcomes[plan.strategy] = by_bar
    cells = all_cells(plan, by_bar)
    return tuple(
        _weigh_phase(plan, books, code, by_bar, cells, draws=draws, rng=_rng(plan, code, seed))
        for code in range(len(plan.phases))
    )


def _rng(plan: Plan, code: int, seed: int) -> np.random.Generator:
    name = f"{plan.strategy}/{plan.phases[code]}"
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _weigh_phase(
    plan: Plan,
    books: Books,
    code: int,
    by_bar: Outcomes,
    cells: dict[Kind, Cells],
    *,
    draws: int,
    rng: np.random.Generator,
) -> PhaseEvidence:
    traded = [stance for stance in STANCES if stance not in plan.refused]
    rows = {s: _row(plan, books[plan.strategy, s], code, cells) for s in traded}
    length = block_length([row.net for row in rows.values()], hold_hours=plan.rules.hold_hours)
    means, excesses, difference = _resample(list(rows.values()), length, draws, rng)
    stances = {
        stance: StanceEvidence(
            trades=row.trades,
            mean=mean,
            momentum=excess,
            anyhour_mean=anyhour_mean(row.sample, by_bar),
            blocks=independent_blocks(row.net.count, length),
            daily=np.asarray(daily_pnl(plan, books[plan.strategy, stance], code), np.float64),
        )
        for (stance, row), mean, excess in zip(rows.items(), means, excesses, strict=True)
    }
    return PhaseEvidence(length, stances, difference)


def _row(plan: Plan, books: Sequence[Book], code: int, cells: dict[Kind, Cells]) -> _Row:
    trades = regular_trades(books, code)
    mine = sample(plan, trades)
    net = day_sums(mine.day, mine.value, int(day_of_bar(plan)[-1]) + 1)
    return _Row(trades, mine, net, momentum_days(plan, mine, cells))


def _resample(
    rows: Sequence[_Row], length: float, draws: int, rng: np.random.Generator
) -> tuple[Sequence[Bootstrapped], Sequence[Bootstrapped], Bootstrapped]:
    """Means, excesses and the difference of the two means, all on the same days."""
    k = len(rows)
    if k == 0:
        return (), (), UNKNOWN
    series = [row.net for row in rows] + [row.excess for row in rows]
    contrasts = [*np.eye(2 * k).tolist(), [-1.0, 1.0, 0.0, 0.0]][: 2 * k + k // 2]
    results = bootstrap(series, contrasts, length=length, draws=draws, rng=rng)
    return results[:k], results[k : 2 * k], results[-1] if k == 2 else UNKNOWN
