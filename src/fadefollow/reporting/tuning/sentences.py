"""What tuning found, in sentences: out of sample first, then how much of the past was luck."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from fadefollow.phases import Stance
from fadefollow.reporting.text.formatting import (
    DASH,
    THIN,
    bps,
    cost,
    count,
    fixed,
    human,
    interval,
    listed,
    percent,
    plain_bps,
    ratio,
)
from fadefollow.reporting.text.sentences import VERBS, Sentence
from fadefollow.reporting.tuning.figures import (
    as_found,
    rank_correlation,
    short_names,
    stretches,
)
from fadefollow.reporting.tuning.scales import shown
from fadefollow.tuning.model import Fold, Objective, State, Tuning
from fadefollow.verdict.model import NotTraded, RunResult, StanceResult, Verdict

#: objectives as axes and tables call them
NAMES: Mapping[Objective, str] = {
    "t": "t-value",
    "psr": "PSR",
    "bps": "mean net return, bps",
    "calmar": "Calmar ratio",
}
#: states of trials as captions count them
_STATES: Mapping[State, str] = {
    "complete": "complete",
    "few": "with too few trades",
    "pruned": "pruned",
    "failed": "failed",
}
#: above it, luck is an unlikely explanation
_SURE = 0.95
#: with fewer trials, a rank correlation says nothing
FEW_PAIRS = 10


def score(objective: Objective, value: float) -> str:
    """A value of an objective: two decimals, basis points with their sign."""
    return plain_bps(value) if objective == "bps" else ratio(value)


def scores(objectives: Sequence[Objective], values: Sequence[float]) -> str:
    """`2.26`, or `2.26 / 0.31` for two objectives; a dash where there is none."""
    told = [score(o, v) for o, v in zip(objectives, values, strict=False)]
    return " / ".join(told) or DASH


def parameters(params: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """`quantile 0.93, hold_hours 48`."""
    return ", ".join(f"{names.get(key, key)} {shown(value)}" for key, value in params.items())


def fold_name(fold: Fold) -> str:
    """`Fold 3`, or `Next` for the search whose winner is what to trade next."""
    return f"Fold {fold.number}" if fold.test is not None else "Next"


def fold_label(fold: Fold) -> str:
    """`3`, or `next`, in a column that says what a fold is."""
    return str(fold.number) if fold.test is not None else "next"


def counted(fold: Fold) -> str:
    """`120 trials: 88 complete, 8 with too few trades, 21 pruned, 3 failed.`"""
    parts = [
        f"{fixed(n)} {name}" for state, name in _STATES.items() if (n := fold.counts.get(state, 0))
    ]
    return f"{count(sum(fold.counts.values()), 'trial')}: {', '.join(parts) or 'none'}."


def headline(run: RunResult, tuning: Tuning) -> str:
    """The answer in one line."""
    verdicts = tuned_verdicts(run, tuning)
    if not _traded(tuning):
        return "Tuning found nothing to trade out of sample"
    if not verdicts:
        return "Nothing was measured out of sample"
    stance = tuning.settings.stance
    verb = VERBS[stance].lower()
    pays = [v for v in verdicts if outcome(v, stance) == "pays"]
    if len(verdicts) > 1:
        places = f"{len(pays)} of the {len(verdicts)}" if pays else f"none of the {len(verdicts)}"
        return f"Out of sample, tuned {verb} pays in {places} phases"
    (verdict,) = verdicts
    subject = f"Out of sample, tuned {verb} of {human(verdict.phase)}"
    if pays:
        return f"{subject} pays"
    open_ = outcome(verdict, stance) == "open"
    return f"{subject} is not shown to pay" if open_ else f"{subject} does not pay"


def answer(run: RunResult, tuning: Tuning) -> Sentence:
    """Out of sample in numbers, and what it had looked like in sample."""
    if not _traded(tuning):
        few = count(tuning.settings.min_trades, "trade")
        return Sentence("No fold has a winner", f": no search had a complete trial of {few}.")
    told = [_outcome(v, tuning) for v in tuned_verdicts(run, tuning)]
    lead = "Out of sample"
    if not told:
        return Sentence(lead, ", nothing was traded that could be judged.")
    verb = VERBS[tuning.settings.stance].lower()
    rest = f", {verb} {'; '.join(told)}."
    psr = tuning.psr.get(tuning.settings.stance, math.nan)
    if math.isfinite(psr):
        rest += (
            " The probability that the true Sharpe ratio of the joined account is above zero is "
            f"{percent(psr, 0)} (PSR)."
        )
    return Sentence(lead, rest)


def looked(run: RunResult, tuning: Tuning) -> str:
    """In sample it looked like X, out of sample Y: the mean of the joined book."""
    if not _traded(tuning):
        return ""
    known = [f for f in stretches(tuning) if f.winner is not None]
    before = _weighted((f.mean_net_bps, f.n_trades) for f in known)
    after, trades = joined(run, tuning)
    if math.isnan(before) or math.isnan(after):
        return "There are no trades both on the past and on the stretches after it."
    of = "the winner of the only fold" if len(known) == 1 else f"the winners of {len(known)} folds"
    said = (
        f"In sample, {of} looked like {bps(before)} a trade; out of sample, the same settings "
        f"made {bps(after)} over {count(trades, 'trade')}"
    )
    if before > 0 and after < before:
        left = f"{percent(after / before, 0)} of it was left" if after > 0 else "nothing was left"
        return f"{said}: {left}."
    return f"{said}."


def joined(run: RunResult, tuning: Tuning) -> tuple[float, int]:
    """Mean net return, bps, and trades of the joined out-of-sample book, all phases together."""
    book = tuning.joined.get(tuning.settings.stance)
    if book is not None:
        return book.mean_net_bps, book.n_trades
    # of an earlier version: its phases are judged one by one, over the same trades
    both = (getattr(v, tuning.settings.stance) for v in tuned_verdicts(run, tuning))
    parts = [(s.mean_net_bps, s.n_trades) for s in both if isinstance(s, StanceResult)]
    return _weighted(parts), sum(n for _, n in parts)


def worth(run: RunResult, tuning: Tuning) -> str:
    """Whether tuning beat the file's own parameters on the same stretches, if that is known."""
    if not _traded(tuning):
        return ""
    file = tuning.untuned.get(tuning.settings.stance)
    if file is None:
        return (
            "Whether it was worth tuning cannot be read from this: what the file's own "
            "parameters would have made on the same stretches was not measured."
        )
    if not file.n_trades:
        return "The file's own parameters came to no trade on the same stretches."
    tuned, _ = joined(run, tuning)
    psr = f", PSR {percent(file.psr, 0)}" if math.isfinite(file.psr) else ""
    said = (
        f"On the same stretches the file's own parameters made {bps(file.mean_net_bps)} a trade "
        f"({count(file.n_trades, 'trade')}{psr})"
    )
    if math.isnan(tuned) or math.isnan(file.mean_net_bps):
        return f"{said}."
    gain = tuned - file.mean_net_bps
    did = "gained" if gain > 0 else "cost"
    return (
        f"{said}: tuning {did} {cost(abs(gain))} a trade, a difference that was not tested "
        "for luck."
    )


def luck(tuning: Tuning) -> tuple[Sentence, ...]:
    """How much of the winners is luck: one sentence a figure, over all folds."""
    pasts = [f.past for f in tuning.folds if f.winner is not None]
    if not pasts:
        return ()
    said = [_deflated([p.deflated_sharpe for p in pasts], [p.n_trials for p in pasts])]
    said += [_pbo([p.pbo for p in pasts], [p.p_loss for p in pasts])]
    said += [_slope([p.slope for p in pasts]), *_ranks(tuning)]
    return tuple(s for s in said if s is not None)


def next_up(tuning: Tuning) -> Sentence:
    """What to trade from here on, and the file that holds it."""
    last = next((f for f in tuning.folds if f.test is None), None)
    if last is None or last.winner is None:
        why = f": {counted(last)}" if last is not None else ": there was no last search."
        return Sentence("The last search chose nothing", why)
    said = parameters(as_found(last.params, tuning), short_names(tuning))
    written = f"; written to {tuning.tuned}" if tuning.tuned else ""
    return Sentence(
        "What the last search chose",
        f": {said}{written}. Nothing has come after it yet, so that "
        "nothing is known of its worth but what the folds say of such choices.",
    )


def correlated(value: float) -> str:
    """What a rank correlation between the past and the stretch after it means."""
    for least, meaning in (
        (0.6, "what did well on the past mostly did well after it"),
        (0.3, "the past said something about what came after"),
        (0.1, "the past said a little about what came after"),
        (-0.1, "the past said next to nothing about what came after"),
    ):
        if value >= least:
            return meaning
    return "what did better on the past did worse after it"


def tuned_verdicts(run: RunResult, tuning: Tuning) -> tuple[Verdict, ...]:
    """The verdicts of the strategy that was tuned."""
    mine = tuple(v for v in run.verdicts if v.strategy == tuning.strategy)
    return mine or run.verdicts


def _traded(tuning: Tuning) -> bool:
    return any(fold.winner is not None for fold in stretches(tuning))


def outcome(verdict: Verdict, stance: Stance) -> Literal["pays", "fails", "open"]:
    """What came out for the stance that was tuned, from its words in both books."""
    words = {one.word for (mine, _), one in verdict.results.items() if mine == stance}
    return "pays" if "pays" in words else "fails" if words & {"loses", "small"} else "open"


def _outcome(verdict: Verdict, tuning: Tuning) -> str:
    """One phase: `crowded shorts on BTC made +12 bps a trade [−4, 28] over 132 trades: pays`."""
    stance = tuning.settings.stance
    result = verdict.result(stance, "outright")
    subject = f"{human(verdict.phase)} on {listed(verdict.symbols)}"
    if isinstance(result, NotTraded):
        return f"{subject} was not traded ({result.reason})"
    if not result.n_trades:
        return f"{subject} had no trades"
    if math.isnan(result.mean_net_bps):
        return f"{subject} had too few trades to say ({fixed(result.n_trades)})"
    ci = f" {interval(result.ci_bps)}" if all(map(math.isfinite, result.ci_bps)) else ""
    hedged = verdict.results.get((stance, "hedged"))
    other = (
        f"; against the market {bps(hedged.mean_net_bps)} {interval(hedged.ci_bps)} ({hedged.word})"
        if hedged is not None and math.isfinite(hedged.mean_net_bps)
        else ""
    )
    return (
        f"{subject} made {bps(result.mean_net_bps)} a trade after all costs{ci} over "
        f"{count(result.n_trades, 'trade')} ({result.word}){other}"
    )


def _deflated(values: list[float], trials: list[int]) -> Sentence | None:
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return None
    sure = sum(v >= _SURE for v in known)
    of = f"{fixed(min(trials))} to {fixed(max(trials))}" if len(set(trials)) > 1 else trials[0]
    each = "Above 0.95 luck is an unlikely explanation, which holds in"
    return Sentence(
        f"Best of many: {_middle(known, ratio)}",
        f" is the probability that the winner's true Sharpe ratio on the past was above zero, "
        f"given that it was picked as the best of {of} trials. "
        f"{each} {sure or 'none'} of {_searches(len(known))}.",
    )


def _pbo(values: list[float], losses: list[float]) -> Sentence | None:
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return Sentence(
            "The probability of overfitting is unknown", ": too few trials were completed."
        )
    lost = [v for v in losses if math.isfinite(v)]
    loss = f" In {_middle(lost, _share)} it lost money there." if lost else ""
    return Sentence(
        f"In {_middle(known, _share)} of the ways to split the past in two",
        ", the winner of one half was no better than the median trial in the other. Picking "
        f"blindly would give one half of the ways.{loss}",
    )


def _slope(values: list[float]) -> Sentence | None:
    known = [v for v in values if math.isfinite(v)]
    if not known:
        return None
    middle = float(np.median(known))
    meaning = (
        "the better the winner of a half looked, the worse it did in the other"
        if middle < -0.05
        else "how good the winner of a half looked said nothing about the other"
        if middle < 0.05
        else "part of what the winner of a half showed came back in the other"
    )
    return Sentence(
        f"Slope {_middle(known, ratio)}",
        f": {meaning} (1: all of it comes back, 0: none; halves of one past are no independent "
        f"samples, which pulls it down).",
    )


def _ranks(tuning: Tuning) -> list[Sentence]:
    found = [rank_correlation(tuning, fold, least=FEW_PAIRS) for fold in stretches(tuning)]
    known = [v for v in found if math.isfinite(v)]
    if not known:
        return []
    lead = f"Rank correlation {_middle(known, ratio)}"
    middle = correlated(float(np.median(known)))
    return [
        Sentence(lead, f" between all trials' scores on the past and right after it: {middle}.")
    ]


def _middle(values: list[float], show: Any) -> str:
    """The median, and the range where there are several."""
    middle = show(float(np.median(values)))
    if len(values) == 1:
        return str(middle)
    return f"{middle} ({show(min(values))} to {show(max(values))} over {_searches(len(values))})"


def _searches(number: int) -> str:
    return count(number, "search", "searches")


def _share(value: float) -> str:
    return f"{fixed(100 * value)}{THIN}%"


def _weighted(pairs: Iterable[tuple[float, int]]) -> float:
    known = [(value, n) for value, n in pairs if n > 0 and math.isfinite(value)]
    total = sum(n for _, n in known)
    return sum(value * n for value, n in known) / total if total else math.nan
