"""The numbers of a verdict as rows of a table, fade and follow side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fadefollow.reporting.text.formatting import (
    DASH,
    TOO_SMALL,
    Cell,
    bps,
    cell,
    chance,
    cost,
    count,
    fixed,
    hours,
    interval,
    percent,
    ratio,
    size,
)
from fadefollow.verdict.model import Interval, NotTraded, StanceResult, Verdict


@dataclass(frozen=True)
class Metric:
    """One row: the key of its explanation in the glossary, and both stances' numbers."""

    term: str
    fade: Cell
    follow: Cell


#: glossary key → how a traded stance shows it
_ROWS: tuple[tuple[str, Callable[[StanceResult], Cell]], ...] = (
    ("trades", lambda s: Cell(fixed(s.n_trades))),
    ("mean", lambda s: cell(bps, s.mean_net_bps, why=reason(s))),
    ("ci", lambda s: interval_cell(s.ci_bps, why=reason(s))),
    ("anyhour", lambda s: cell(bps, s.anyhour_mean_bps, why=reason(s))),
    ("placebo", lambda s: cell(bps, s.placebo_mean_bps, why=reason(s))),
    ("p_placebo", lambda s: _p(s, s.p_placebo, s.p_placebo_error)),
    ("p_adjusted", lambda s: _p(s, s.p_adjusted, s.p_adjusted_error)),
    ("momentum", lambda s: _momentum(s)),
    ("sharpe", lambda s: cell(ratio, s.sharpe, why=reason(s))),
    ("deflated", lambda s: _deflated(s)),
    ("drawdown", lambda s: cell(percent, s.max_drawdown, why=reason(s))),
    ("breakeven", lambda s: cell(cost, s.breakeven_cost_bps, why=reason(s))),
    ("capacity", lambda s: _capacity(s)),
    ("win_rate", lambda s: cell(lambda x: percent(x, 0), s.win_rate, why=reason(s))),
    ("hold", lambda s: cell(hours, s.mean_hold_hours, why=reason(s))),
    ("liquidated", lambda s: Cell(fixed(s.n_liquidated))),
)


def metrics(verdict: Verdict) -> tuple[Metric, ...]:
    """All numbers of both stances."""
    return tuple(
        Metric(term, _shown(verdict.fade, show), _shown(verdict.follow, show))
        for term, show in _ROWS
    )


def reason(stance: StanceResult | NotTraded) -> str:
    """Why a stance lacks a number."""
    if isinstance(stance, NotTraded):
        return f"not traded: {stance.reason}"
    return "no trades" if stance.n_trades == 0 else TOO_SMALL


def interval_cell(pair: Interval, *, why: str = TOO_SMALL) -> Cell:
    """An interval with its unit, or a dash and the reason."""
    text = interval(pair)
    return Cell(DASH, why) if DASH in text else Cell(f"{text}\u202fbps")


def _shown(stance: StanceResult | NotTraded, show: Callable[[StanceResult], Cell]) -> Cell:
    return Cell(DASH, reason(stance)) if isinstance(stance, NotTraded) else show(stance)


def _momentum(stance: StanceResult) -> Cell:
    mean = cell(bps, stance.momentum_mean_bps, why=reason(stance))
    shown = interval(stance.momentum_ci_bps)
    return mean if mean.why or DASH in shown else Cell(f"{mean.text} {shown}")


def _p(stance: StanceResult, p: float, error: float) -> Cell:
    """A p-value, ± what its number of draws leaves."""
    shown = cell(chance, p, why=reason(stance))
    return shown if shown.why or not error > 0.0 else Cell(f"{shown.text} ± {error:.1g}")


def _capacity(stance: StanceResult) -> Cell:
    """The order size over all coins, then coin by coin."""
    if not stance.capacity_by_coin:
        return Cell(DASH, reason(stance) if not stance.n_trades else "no volume is known")
    coins = [f"{c.symbol} {size(c.quote)}" for c in stance.capacity_by_coin]
    named = ", ".join(coins) if len(coins) <= 6 else f"{len(coins)} coins"
    median = f"; median {size(stance.capacity_median_quote)}" if len(coins) > 1 else ""
    if not stance.capacity_quote > 0.0:
        return Cell(DASH, f"no net edge to be eaten ({named})")
    return Cell(f"{size(stance.capacity_quote)}{median} ({named})")


def _deflated(stance: StanceResult) -> Cell:
    if not stance.n_trials_known:
        return Cell(DASH, "the trials on this data were not counted")
    shown = cell(chance, stance.deflated_sharpe, why=reason(stance))
    return shown if shown.why else Cell(f"{shown.text} ({count(stance.n_trials_known, 'trial')})")
