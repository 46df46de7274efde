"""The decision rule: from the numbers of two stances to one word, and a sentence that says why."""

from __future__ import annotations

import math

from fadefollow.phases import Stance
from fadefollow.verdict.model import Interval, NotTraded, StanceResult, Word

#: fewer independent blocks with trades than this decide nothing
MIN_BLOCKS = 30


def pays(result: StanceResult | NotTraded, *, alpha: float) -> bool:
    """Whether a stance pays: after costs, more than at other times, more than like momentum does.

    NaN anywhere is a no.
    """
    return (
        isinstance(result, StanceResult)
        and result.ci_bps[0] > 0.0
        and result.p_adjusted < alpha
        and result.momentum_ci_bps[0] > 0.0
    )


def decide(
    fade: StanceResult | NotTraded,
    follow: StanceResult | NotTraded,
    *,
    difference_ci_bps: Interval,
    detectable_bps: float,
    blocks: float,
    alpha: float,
) -> tuple[Word, str]:
    """The verdict by docs/verdict.md, 6, and what decided it.

    Args:
        fade, follow: the two stances.
        difference_ci_bps: interval of follow − fade.
        detectable_bps: smallest edge that the rule would have shown, NaN if unknown.
        blocks: effective number of independent blocks, of the stance that has fewer.
        alpha: level of the corrected placebo test.

    Returns:
        The word, and one sentence for a trader.
    """
    both: dict[Stance, StanceResult | NotTraded] = {"fade": fade, "follow": follow}
    traded = {name: r for name, r in both.items() if isinstance(r, StanceResult)}
    if not traded:
        return "undecided", "undecided: neither stance can be traded"
    if not any(result.n_trades for result in traded.values()):
        return "undecided", "undecided: no trade came to its regular end"
    if blocks < MIN_BLOCKS:
        whole = math.floor(blocks)  # 29.8 are not 30
        found = f"{whole} independent block{'' if whole == 1 else 's'}"
        return "undecided", f"undecided: {found}, at least {MIN_BLOCKS} are needed"
    winners = [name for name, result in traded.items() if pays(result, alpha=alpha)]
    if len(winners) == 2:
        return _better(traded, difference_ci_bps)
    if winners:
        return winners[
            0
        ], f"{_earned(winners[0], traded[winners[0]])}, {_proof(traded[winners[0]])}"
    if all(result.ci_bps[1] < 0.0 for result in traded.values()):
        losses = " and ".join(_earned(name, result) for name, result in traded.items())
        return "neither", f"neither: {losses}"
    return "undecided", _undecided(traded, detectable_bps, alpha)


def _better(traded: dict[Stance, StanceResult], difference: Interval) -> tuple[Word, str]:
    low, high = difference
    if low <= 0.0 <= high or math.isnan(low):
        gap = f"their difference [{low:+.0f}, {high:+.0f}] bps does not say which is better"
        return "undecided", f"undecided: both stances pay, but {gap}"
    name: Stance = "follow" if low > 0.0 else "fade"
    return name, f"{_earned(name, traded[name])}; both stances pay, and this one more"


def _earned(name: Stance, result: StanceResult) -> str:
    low, high = result.ci_bps
    return f"{name}: {result.mean_net_bps:+.0f} bps a trade [{low:+.0f}, {high:+.0f}] after costs"


def _proof(result: StanceResult) -> str:
    share = 100.0 * (1.0 - result.p_placebo)
    return f"better than {share:.1f} % of shifted placebos, and more than like momentum explains"


def _undecided(traded: dict[Stance, StanceResult], detectable_bps: float, alpha: float) -> str:
    """Why the stance that earned more does not pay."""
    name = max(traded, key=lambda stance: traded[stance].mean_net_bps)
    result = traded[name]
    text = f"undecided: {_earned(name, result)}, {_doubt(result, alpha)}"
    if not math.isnan(detectable_bps):
        text += f"; an edge below {detectable_bps:.0f} bps would likely go unseen"
    return text


def _doubt(result: StanceResult, alpha: float) -> str:
    if not result.ci_bps[0] > 0.0:
        return "too uncertain to tell from nothing"
    if math.isnan(result.p_adjusted):
        return "but no placebo could be drawn"
    if not result.p_placebo < alpha:
        return f"but {100.0 * result.p_placebo:.0f} % of shifted placebos do as well"
    if not result.p_adjusted < alpha:
        return (
            f"but the best of so many questions does as well in {100.0 * result.p_adjusted:.0f} %"
        )
    if math.isnan(result.momentum_ci_bps[0]):
        return "but there is too little history of like momentum to compare with"
    return "but like momentum explains it"
