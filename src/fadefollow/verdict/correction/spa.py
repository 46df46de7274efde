"""Is the best book of a run better than its own placebo? A test of superior predictive ability.

One question to the whole table, beside the corrected p of each row: if no book were better than
its placebo, how often would the best of so many look as good as this one? The unit is the UTC day
of entry, all coins together; a book's day is Σ (net return − placebo mean) over the trades that it
entered on it. Each book is divided by its block standard error first, as `arch` compares the bare
means and the widest book would be all of the answer.

Source: Hansen (2005), A test for superior predictive ability, Journal of Business & Economic
Statistics 23(4); White (2000), A reality check for data snooping, Econometrica 68(5).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fadefollow.engine.model import DAY_NS, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES
from fadefollow.verdict.correction.maxt import p_error
from fadefollow.verdict.estimates.bootstrap import block_variance
from fadefollow.verdict.estimates.days import (
    block_length,
    day_of_bar,
    day_sums,
    regular_trades,
    sample,
)
from fadefollow.verdict.estimates.estimates import Books
from fadefollow.verdict.exploratory import SpaTest
from fadefollow.verdict.model import StanceResult, Verdict


@dataclass(frozen=True)
class SpaBook:
    """One stance of one phase against its placebo."""

    strategy: str
    phase: str
    stance: str
    excess: FloatArray  #: by UTC day of entry, the same days for all books, shape (days,)


def spa_test(
    books: Sequence[SpaBook], *, length: float, draws: int, alpha: float, seed: int
) -> SpaTest | None:
    """Test the best of several books against their placebos.

    Args:
        books: those to be tested; a book without variation is left out.
        length: mean length of a block in days.
        draws: bootstrap replicates.
        alpha: level at which the sentence says "is better".
        seed: the same seed gives the same p.

    Returns:
        p-values (1 + #{replicates as good}) / (1 + draws); None if there is no book.
    """
    decay = 1.0 - 1.0 / length
    scaled, tested = list[FloatArray](), list[SpaBook]()
    for book in books:
        excess = book.excess - book.excess.mean()
        variance = block_variance(excess, decay) / len(excess)
        if variance > 0.0:
            scaled.append(book.excess / math.sqrt(variance))
            tested.append(book)
    if not tested:
        return None
    gains = np.column_stack(scaled)
    # a loss is a gain below that of the placebo, whose own is zero by construction
    from arch.bootstrap import SPA  # its package takes two seconds to import

    test = SPA(
        np.zeros(len(gains)),
        -gains,
        block_size=max(1, round(length)),
        reps=draws,
        bootstrap="stationary",
        studentize=True,
        seed=np.random.default_rng([seed]),
    )
    test.compute()
    lower, consistent, upper = (
        (1.0 + float(test.pvalues[name]) * draws) / (1.0 + draws)
        for name in ("lower", "consistent", "upper")
    )
    best = tested[int(gains.mean(axis=0).argmax())]
    word = "is" if consistent < alpha else "is not"
    error = p_error(consistent, draws)
    sentence = (
        f"The best of {len(tested)} books ({best.stance} {best.phase}, {best.strategy}) {word} "
        f"better than its placebo: p = {consistent:.3f} ± {error:.3f}"
    )
    return SpaTest(
        n_books=len(tested),
        strategy=best.strategy,
        phase=best.phase,
        stance=best.stance,
        p_lower=lower,
        p_consistent=consistent,
        p_upper=upper,
        draws=draws,
        p_error=error,
        sentence=sentence,
    )


def spa_of_run(
    plans: Sequence[Plan],
    books: Books,
    verdicts: Sequence[Verdict],
    *,
    alpha: float = 0.05,
    draws: int = 1000,
    seed: int = 0,
) -> SpaTest | None:
    """The test over all stances of a run that have a corrected p, that is 30 blocks or more.

    The blocks are as long as twice the longest holding time, and as the middle one of the books'
    automatic lengths.
    """
    found, lengths = list[tuple[SpaBook, int]](), list[float]()
    by_key = {(v.strategy, v.phase): v for v in verdicts}
    for plan in plans:
        for code, phase in enumerate(plan.phases):
            for stance in STANCES:
                result = getattr(by_key[plan.strategy, phase], stance)
                if not (isinstance(result, StanceResult) and math.isfinite(result.p_adjusted)):
                    continue
                mine = sample(plan, regular_trades(books[plan.strategy, stance], code))
                n_days = int(day_of_bar(plan)[-1]) + 1
                value = mine.value - result.placebo_mean_bps / 1e4
                net = day_sums(mine.day, value, n_days, mine.weight)
                found.append((SpaBook(plan.strategy, phase, stance, net.total), _first(plan)))
                lengths.append(block_length([net], hold_hours=0.0))
    if not found:
        return None
    hold = max(plan.rules.hold_hours for plan in plans)
    length = max(float(np.median(lengths)), 2.0 * hold / 24.0)
    return spa_test(_aligned(found), length=length, draws=draws, alpha=alpha, seed=seed)


def _first(plan: Plan) -> int:
    return int(plan.time[0] // DAY_NS)


def _aligned(found: Sequence[tuple[SpaBook, int]]) -> list[SpaBook]:
    """All books on one calendar of days; a book earns nothing outside its own."""
    start = min(first for _, first in found)
    end = max(first + len(book.excess) for book, first in found)
    made = []
    for book, first in found:
        excess = np.zeros(end - start)
        excess[first - start : first - start + len(book.excess)] = book.excess
        made.append(SpaBook(book.strategy, book.phase, book.stance, excess))
    return made
