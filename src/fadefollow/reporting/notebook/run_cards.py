"""Verdicts, runs and tuning jobs as cards for notebooks; in the words and numbers of the report."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from fadefollow.core.text import html_card, plural, whole
from fadefollow.engine.model import BookName
from fadefollow.phases import STANCES
from fadefollow.reporting.notebook.display import card, chip, line, table
from fadefollow.reporting.text.answers import (
    BOOKS,
    FATE_ORDER,
    books_of,
    read_from,
    settle_text,
)
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
from fadefollow.reporting.text.metrics import columns
from fadefollow.reporting.text.sentences import VERBS, doubt, headline, sentence, truth
from fadefollow.reporting.tuning.figures import as_found, short_names
from fadefollow.reporting.tuning.sentences import fold_name, parameters, score
from fadefollow.results.notes import note_lines
from fadefollow.tuning.model import Fold, Tuning
from fadefollow.verdict.model import EventStudy, NotTraded, RunResult, StanceResult, Verdict

Stance = StanceResult | NotTraded
#: columns of text in the table of a run
_TEXT = ("strategy", "phase", "claim", "fate", "what would settle it", "words and truth")

_MOST_VERDICTS, _MOST_NOTES, _STUDY_ROWS = 40, 4, 12
#: what a verdict's two columns hold, in order
_MEASURES: tuple[tuple[str, Callable[[StanceResult], str]], ...] = (
    ("word", lambda s: s.word),
    ("trades", lambda s: fixed(s.n_trades)),
    ("net a trade [95 % interval], bps", lambda s: _ranged(s.mean_net_bps, s.ci_bps)),
    ("interval for all questions, bps", lambda s: _pair(s.band_bps)),
    ("of it price [interval], bps", lambda s: _price(s)),
    ("of it funding [interval], bps", lambda s: _funding(s)),
    ("of it fees and slippage, bps", lambda s: plain_bps(s.parts_bps.fees + s.parts_bps.slippage)),
    ("corrected p against placebos", lambda s: chance(s.p_adjusted)),
    ("beyond like momentum [interval], bps", lambda s: _ranged(*_momentum(s))),
    ("at any hour, bps", lambda s: plain_bps(s.anyhour_mean_bps)),
    ("placebos, bps", lambda s: plain_bps(s.placebo_mean_bps)),
    ("would have been found, bps", lambda s: plain_bps(s.detectable_bps, sign=False)),
    ("shrunken over coins [interval], bps", lambda s: _ranged(s.shrunken_bps, s.shrunken_ci_bps)),
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
    """One sentence, both stances in both books side by side, and what would settle it."""
    said = sentence(verdict)
    about = f"{verdict.strategy}, {plural(verdict.n_phases, 'event')} of {verdict.phase}"
    lead = Markup("{} <strong>{}</strong>{}").format(chip(verdict.fate), said.lead, said.rest)
    difference = f"Follow less fade: {interval(verdict.difference_ci_bps)} bps a trade."
    settled = settle_text(verdict.settle)
    return card(
        about,
        line(lead),
        *_sides(_stances(verdict)),
        *([line(f"What would settle it: {settled}.")] if settled else []),
        *([line(difference, faded=True)] if math.isfinite(verdict.difference_ci_bps[0]) else []),
        *_planted(verdict),
    )


def _stances(verdict: Verdict) -> dict[str, Stance]:
    """Both stances in each book in which anything was traded, by name."""
    keys = columns(verdict)
    several = any(book == "hedged" for _, book in keys)
    return {
        f"{stance} {BOOKS[book]}" if several else stance: verdict.result(stance, book)
        for stance, book in keys
    }


@html_card.register
def stance_card(stance: StanceResult) -> str:
    """The numbers of one stance."""
    return card(plural(stance.n_trades, "trade"), *_sides({"value": stance}))


@html_card.register
def run_card(run: RunResult) -> str:
    """The answer in a line, what it was measured on, and a table of fates and words."""
    ordered = sorted(run.verdicts, key=lambda v: FATE_ORDER.index(v.fate))
    books = books_of(run.verdicts)
    planted = any(v.planted_bps is not None for v in run.verdicts)
    named = len({v.strategy for v in run.verdicts}) > 1
    head = (
        *(["strategy"] if named else []),
        "phase",
        "claim",
        "fate",
        *(
            f"{stance}{f' {BOOKS[book]}' if len(books) > 1 else ''}: net a trade [interval], bps"
            for stance in STANCES
            for book in books
        ),
        "trades",
        "what would settle it",
        *(["planted, bps", "words and truth"] if planted else []),
    )
    rows = [
        (*([v.strategy] if named else []), *_row(v, books), *(_truth_of(run, v) if planted else []))
        for v in ordered
    ]
    text = {n for n, name in enumerate(head) if name in _TEXT}
    verdicts = table(
        head,
        rows,
        left=text,
        most=_MOST_VERDICTS,
        rest="verdicts",
        rest_in="run.verdicts",
        caption="Intervals and words hold for all questions of the run together",
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
        line(f"{_doing(name)} was not traded: {s.reason}.")
        for name, s in stances.items()
        if isinstance(s, NotTraded)
    ]
    return [table(("measure", *stances), rows, most=len(rows)), *reasons]


def _doing(name: str) -> str:
    """`Following against the market` for `follow against the market`."""
    stance, _, book = name.partition(" ")
    verbs = {str(key): verb for key, verb in VERBS.items()}
    return f"{verbs.get(stance, stance)} {book}".strip()


def _row(verdict: Verdict, books: tuple[BookName, ...]) -> tuple[str, ...]:
    why = doubt(verdict)
    fate = chip(verdict.fate) + (f" {why}" if why else "")
    trades = {fixed(one.n_trades): None for one in verdict.results.values()}
    return (
        verdict.phase,
        verdict.claim,
        fate,
        *(_cell(verdict.result(stance, book)) for stance in STANCES for book in books),
        " / ".join(trades) or DASH,
        settle_text(verdict.settle),
    )


def _cell(stance: Stance) -> str:
    """`pays +42 [5.1, 80]`, with the interval that the word is read from."""
    if isinstance(stance, NotTraded):
        return "not hedged" if stance.code == "no_hedge" else "not traded"
    return f"{stance.word} {_ranged(stance.mean_net_bps, read_from(stance))}"


def _pair(pair: tuple[float, float]) -> str:
    return interval(pair) if all(map(math.isfinite, pair)) else DASH


def _price(stance: StanceResult) -> str:
    """The price part; of a hedged book that of price and hedge together."""
    hedge = stance.parts_bps.hedge
    return _ranged(stance.parts_bps.price + hedge, stance.price_ci_bps)


def _funding(stance: StanceResult) -> str:
    return _ranged(stance.parts_bps.funding, stance.funding_ci_bps)


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
