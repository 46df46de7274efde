"""Verdicts, runs and tuning jobs as cards for notebooks; in the words and numbers of the report."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from fadefollow.core.text import html_card, plural, whole
from fadefollow.reporting.notebook.display import card, chip, line, table
from fadefollow.reporting.text.answers import why_text
from fadefollow.reporting.text.formatting import (
    DASH,
    bps,
    chance,
    cost,
    fixed,
    hours,
    interval,
    money,
    percent,
    plain_bps,
    ratio,
    when,
)
from fadefollow.reporting.text.sentences import VERBS, doubt, headline, sentence, truth
from fadefollow.reporting.tuning.figures import as_found, short_names
from fadefollow.reporting.tuning.sentences import fold_name, parameters, score
from fadefollow.results.notes import note_lines
from fadefollow.tuning.model import Fold, Tuning
from fadefollow.verdict.model import EventStudy, NotTraded, RunResult, StanceResult, Verdict

Stance = StanceResult | NotTraded

_MOST_VERDICTS, _MOST_NOTES, _STUDY_ROWS = 40, 4, 12
#: what a verdict's two columns hold, in order
_MEASURES: tuple[tuple[str, Callable[[StanceResult], str]], ...] = (
    ("trades", lambda s: fixed(s.n_trades)),
    ("net a trade [interval], bps", lambda s: _mean(s)),
    ("corrected p against placebos", lambda s: chance(s.p_adjusted)),
    ("beyond like momentum [interval], bps", lambda s: _ranged(*_momentum(s))),
    ("at any hour, bps", lambda s: plain_bps(s.anyhour_mean_bps)),
    ("placebos, bps", lambda s: plain_bps(s.placebo_mean_bps)),
    ("trades won", lambda s: percent(s.win_rate)),
    ("held on average", lambda s: hours(s.mean_hold_hours)),
    ("break-even cost of a round trip", lambda s: cost(s.breakeven_cost_bps)),
    ("Sharpe ratio, of days, a year", lambda s: ratio(s.sharpe)),
    ("deepest drawdown", lambda s: percent(s.max_drawdown)),
    ("P&L: price", lambda s: money(s.pnl.price)),
    ("P&L: funding", lambda s: money(s.pnl.funding)),
    ("P&L: fees and slippage", lambda s: money(s.pnl.fees + s.pnl.slippage)),
    ("P&L: liquidated trades", lambda s: f"{money(s.pnl.liquidation)} ({fixed(s.n_liquidated)})"),
)


@html_card.register
def verdict_card(verdict: Verdict) -> str:
    """One sentence, both stances side by side, and why."""
    said = sentence(verdict)
    about = f"{verdict.strategy}, {plural(verdict.n_phases, 'event')} of {verdict.phase}"
    lead = Markup("{} <strong>{}</strong>{}").format(chip(verdict.verdict), said.lead, said.rest)
    stances = {"fade": verdict.fade, "follow": verdict.follow}
    why = f"Why: {why_text(verdict)}"
    difference = f"Follow less fade: {interval(verdict.difference_ci_bps)} bps a trade."
    return card(
        about,
        line(lead),
        *_sides(stances),
        line(why),
        *([line(difference, faded=True)] if math.isfinite(verdict.difference_ci_bps[0]) else []),
        *_planted(verdict),
    )


@html_card.register
def stance_card(stance: StanceResult) -> str:
    """The numbers of one stance."""
    return card(plural(stance.n_trades, "trade"), *_sides({"value": stance}))


@html_card.register
def run_card(run: RunResult) -> str:
    """The answer in a line, what it was measured on, and a table of verdicts."""
    paying = [v for v in run.verdicts if v.verdict in VERBS]
    ordered = [*paying, *(v for v in run.verdicts if v.verdict not in VERBS)]
    planted = any(v.planted_bps is not None for v in run.verdicts)
    named = len({v.strategy for v in run.verdicts}) > 1
    head = (
        *(["strategy"] if named else []),
        "phase",
        "verdict",
        "fade: net a trade [interval], bps",
        "trades",
        "p",
        "follow: net a trade [interval], bps",
        "trades",
        "p",
        *(["planted, bps", "verdict and truth"] if planted else []),
    )
    rows = [
        (*([v.strategy] if named else []), *_row(v), *(_truth_of(run, v) if planted else []))
        for v in ordered
    ]
    text = {0, 1, 2} if named else {0, 1}
    if planted:
        text.add(len(head) - 1)
    verdicts = table(
        head,
        rows,
        left=text,
        most=_MOST_VERDICTS,
        rest="verdicts",
        rest_in="run.verdicts",
        caption="p is corrected for all rows",
    )
    return card(
        f"{headline(run.verdicts)}.",
        line(_measured_on(run)),
        *([verdicts] if rows else []),
        *_notes(run),
        *_where(run.folder),
    )


@html_card.register
def study_card(study: EventStudy) -> str:
    """The mean path after the event beside its placebos, at some hours."""
    count = len(study.hours) if study.n_events else 0
    step = max(1, math.ceil(count / _STUDY_ROWS))
    at = sorted({*range(0, count, step), count - 1}) if count else []
    rows = [
        (
            fixed(study.hours[i]),
            plain_bps(study.mean_bps[i]),
            interval((study.placebo_low_bps[i], study.placebo_high_bps[i])),
        )
        for i in at
    ]
    head = ("hours since the first entry", "mean in the lean's direction, bps", "95 % of placebos")
    about = f"{study.strategy}: after {plural(study.n_events, 'event')} of {study.phase}"
    return card(about, *([table(head, rows, most=_STUDY_ROWS + 2)] if rows else []))


@html_card.register
def tuning_card(tuning: Tuning) -> str:
    """What was searched, and what each fold's winner did on the past and afterwards."""
    stance, objective = tuning.settings.stance, tuning.settings.objectives[0]
    names = short_names(tuning)
    searched = ", ".join(f"{names.get(key, key)}: {said}" for key, said in tuning.space.items())
    head = (
        "search",
        "past until, UTC",
        "traded until, UTC",
        "trials",
        f"{objective} on the past",
        "afterwards",
        "trades afterwards",
        "net a trade, bps",
        "winner's parameters",
    )
    rows = [_fold(fold, tuning, names) for fold in tuning.folds]
    psr, book = tuning.psr.get(stance, math.nan), tuning.joined.get(stance)
    made = (
        f"Out of sample, all folds' winners in one book: {bps(book.mean_net_bps)} a trade over "
        f"{plural(book.n_trades, 'trade')}. "
        if book is not None and book.n_trades
        else ""
    )
    told = (
        f"{made}Probability that the true Sharpe ratio of the joined out-of-sample account is "
        f"above zero: {percent(psr, 0)}."
    )
    return card(
        f"Tuning of {tuning.strategy}: {VERBS[stance].lower()}, "
        f"{plural(len(tuning.trials), 'trial')}, {plural(_tested(tuning), 'fold')}",
        line(f"Searched: {searched}", faded=True),
        table(head, rows, left=(0, 1, 2, 8), rest="folds", rest_in="tuning.folds"),
        *([line(told)] if math.isfinite(psr) else []),
        *(
            [line(f"What the last search chose, on all data, is in {tuning.tuned}.", faded=True)]
            if tuning.tuned
            else []
        ),
    )


def _sides(stances: Mapping[str, Stance]) -> list[str]:
    """Their numbers side by side; nothing where there is no trade to count."""
    if all(isinstance(s, NotTraded) or not s.n_trades for s in stances.values()):
        return []
    rows = [
        (name, *(DASH if isinstance(s, NotTraded) else show(s) for s in stances.values()))
        for name, show in _MEASURES
    ]
    reasons = [
        line(f"{VERBS[name]} was not traded: {s.reason}.")
        for name, s in stances.items()
        if isinstance(s, NotTraded)
    ]
    return [table(("measure", *stances), rows, most=len(rows)), *reasons]


def _row(verdict: Verdict) -> tuple[str, ...]:
    why = doubt(verdict)
    word = chip(verdict.verdict) + (f" {why}" if why and why != verdict.verdict else "")
    return verdict.phase, word, *_cells(verdict.fade), *_cells(verdict.follow)


def _cells(stance: Stance) -> tuple[str, str, str]:
    if isinstance(stance, NotTraded):
        return "not traded", DASH, DASH
    return _mean(stance), fixed(stance.n_trades), chance(stance.p_adjusted)


def _mean(stance: StanceResult) -> str:
    return _ranged(stance.mean_net_bps, stance.ci_bps)


def _momentum(stance: StanceResult) -> tuple[float, tuple[float, float]]:
    return stance.momentum_mean_bps, stance.momentum_ci_bps


def _ranged(mean: float, pair: tuple[float, float]) -> str:
    shown = plain_bps(mean)
    return f"{shown} {interval(pair)}" if all(map(math.isfinite, pair)) else shown


def _truth_of(run: RunResult, verdict: Verdict) -> tuple[str, str]:
    trade: Any = run.strategies.get(verdict.strategy, {}).get("trade", {})
    found = truth(verdict, str(trade.get("instrument", "perp")))
    return (found.planted, found.kind) if found else (DASH, DASH)


def _planted(verdict: Verdict) -> list[str]:
    planted = verdict.planted_bps
    if planted is None or not math.isfinite(planted):
        return []
    over = f" over {hours(verdict.horizon_hours)}" if verdict.horizon_hours else ""
    what = f"{bps(planted)}{over} in the lean's direction" if planted else "nothing"
    return [line(f"Planted by the lab: {what}.")]


def _measured_on(run: RunResult) -> str:
    edges = [time for frame in run.prices.values() if len(frame) for time in frame.index[[0, -1]]]
    range_ = f", {when(min(edges))} to {when(max(edges))} UTC" if edges else ""
    coins = plural(len(run.prices), "coin")
    simulated = ", simulated" if run.dataset.get("simulated") else ""
    return f"{run.dataset['title']} ({run.dataset['name']}, {coins}{range_}{simulated})"


def _notes(run: RunResult) -> list[str]:
    lines = note_lines(run.notes)
    shown = [line(f"Note: {one.text}", faded=True) for one in lines[:_MOST_NOTES]]
    rest = len(lines) - _MOST_NOTES
    more = f"… and {whole(rest)} more notes: run.notes"
    return [*shown, *([line(more, faded=True)] if rest > 0 else [])]


def _where(folder: Path | None) -> list[str]:
    if folder is None:
        return []
    report = folder / "report.html"
    here = Path(os.path.relpath(report))
    return [line(f"Report: {report if '..' in here.parts else here.as_posix()}")]


def _fold(fold: Fold, tuning: Tuning, names: Mapping[str, str]) -> tuple[str, ...]:
    objective = tuning.settings.objectives[0]
    until = when(fold.test[1], clock=False) if fold.test else DASH
    found = parameters(as_found(fold.params, tuning), names) if fold.winner is not None else ""
    return (
        fold_name(fold),
        when(fold.train[1], clock=False),
        until,
        fixed(sum(fold.counts.values())),
        score(objective, fold.scores[0]) if fold.scores else DASH,
        score(objective, fold.after[0]) if fold.after else DASH,
        fixed(fold.n_trades_after) if fold.test else DASH,
        plain_bps(fold.mean_net_bps_after),
        found or "no winner",
    )


def _tested(tuning: Tuning) -> int:
    return sum(fold.test is not None for fold in tuning.folds)
