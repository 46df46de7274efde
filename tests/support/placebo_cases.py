"""One stance of a placebo's draws, as tests ask for it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import Stance
from fadefollow.verdict.placebos import Draws, Lengths, Placebo, resolve_draws


def draws_of(
    plan: Plan, stance: Stance, placebo: Placebo, lengths: npt.ArrayLike, *, last: int | None = None
) -> Draws:
    """All draws of one stance, or the first `last` of them, in both books.

    Args:
        lengths: of a block in days, shape (phases,), the same for both books.
    """
    days = np.asarray(lengths, float)
    last = placebo.draws if last is None else last
    return resolve_draws(plan, placebo, {stance: Lengths(days, days)}, first=0, last=last)[stance]
