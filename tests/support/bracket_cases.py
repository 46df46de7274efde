"""Random maintenance brackets, with and without deductions, by notional or by coins."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import strategies as st

from fadefollow.engine.model import Brackets


@st.composite
def brackets(draw: st.DrawFn) -> Brackets | None:
    """None, or up to four brackets about the notional of a position of 100,000."""
    count = draw(st.sampled_from([0, 0, 1, 2, 3, 4]))
    if not count:
        return None
    in_coins = draw(st.booleans())
    least, most = (1, 4000) if in_coins else (20_000, 300_000)
    steps = draw(st.lists(st.integers(least, most), min_size=count - 1, max_size=count - 1))
    floors = [0.0, *sorted({float(step) for step in steps})]
    rates = sorted(draw(st.lists(st.sampled_from(RATES), min_size=count, max_size=count)))
    rates = rates[: len(floors)]
    deductions = [0.0] * len(floors)
    if not in_coins and draw(st.booleans()):
        # each keeps maintenance without a jump
        for k, (before, rate) in enumerate(pairwise(rates), 1):
            deductions[k] = deductions[k - 1] + floors[k] * (rate - before)
    return Brackets(tuple(zip(floors, rates, deductions, strict=True)), in_coins)


RATES = [0.0, 0.004, 0.01, 0.0251, 0.05, 0.125, 0.25]
