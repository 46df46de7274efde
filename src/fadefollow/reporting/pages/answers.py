"""The verdicts of a run as answers: in order, in sentences, and as rows of a table."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from fadefollow.phases import STANCES
from fadefollow.reporting.charts.forest import Forest, ForestRow, forest
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.metrics import Metric, interval_cell, metrics, reason
from fadefollow.reporting.text.sentences import POSITIONS, Sentence, Truth, doubt, sentence, truth
from fadefollow.verdict.model import NotTraded, RunResult, StanceResult, Verdict

#: with more answers than this, only those that are decided have a paragraph and are printed
FEW_ANSWERS = 6
_WORDS = ("fade", "follow", "neither", "undecided")


@dataclass(frozen=True)
class Row:
    """What the table of verdicts sorts and filters an answer by; empty where there is no number."""

    instrument: str
    events: int
    trades: str  #: the larger of both stances
    trades_shown: str
    fade: str  #: mean net return, bps
    follow: str
    p: str  #: the smaller corrected p-value of both stances
    p_shown: text.Cell
    p_stance: str  #: whose it is
    rank: int  #: fade, follow, neither, undecided
    planted: str

    @property
    def traded(self) -> bool:
        """Whether any stance has a trade."""
        return self.trades not in {"", "0"}


@dataclass(frozen=True)
class Answer:
    """One verdict, ready to be laid out."""

    number: int  #: 1, 2, ... in the order shown
    verdict: Verdict
    strategy: str  #: its title
    title: str
    sentence: Sentence
    doubt: str  #: why it is undecided, in a word or two
    truth: Truth | None
    forest: tuple[ForestRow, ForestRow]
    metrics: tuple[Metric, ...]
    difference: text.Cell
    detectable: text.Cell
    row: Row

    @property
    def stances(self) -> tuple[tuple[str, StanceResult | NotTraded], ...]:
        """Fade and follow with their names."""
        return (("fade", self.verdict.fade), ("follow", self.verdict.follow))

    @property
    def decided(self) -> bool:
        """Whether it says more than that the sample cannot tell."""
        return self.verdict.verdict != "undecided"


def answers_of(run: RunResult) -> tuple[tuple[Answer, ...], Forest]:
    """All answers in the order shown, and the scale that their small charts share."""
    verdicts = ordered(run.verdicts)
    scale = forest(verdicts)
    pairs = enumerate(zip(verdicts, scale.rows, strict=True), start=1)
    return tuple(_answer(run, v, row, number) for number, (v, row) in pairs), scale


def ordered(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """Grouped by strategy; strategies with a stance that pays first, in the run's order else."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.strategy, []).append(verdict)
    inside = (sorted(group, key=_rank) for group in groups.values())
    return tuple(v for group in sorted(inside, key=lambda g: _rank(g[0])) for v in group)


def told(answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The answers with a paragraph of their own: all of a few, the decided ones of many."""
    return tuple(a for a in answers if len(answers) <= FEW_ANSWERS or a.decided)


def title_of(run: RunResult, strategy: str) -> str:
    """What a reader calls a strategy."""
    return str(run.strategies.get(strategy, {}).get("title") or text.titled(strategy))


def instrument_of(run: RunResult, strategy: str) -> str:
    """What a strategy trades: perp, spot, future or carry."""
    trade = run.strategies.get(strategy, {}).get("trade", {})
    return str(trade.get("instrument", "perp")) if isinstance(trade, Mapping) else "perp"


def _rank(verdict: Verdict) -> int:
    """What pays comes first, then what is decided otherwise."""
    return 0 if verdict.verdict in STANCES else 1 if verdict.verdict == "neither" else 2


def _answer(
    run: RunResult, verdict: Verdict, drawn: tuple[ForestRow, ForestRow], number: int
) -> Answer:
    small = reason(verdict.fade) if isinstance(verdict.fade, NotTraded) else reason(verdict.follow)
    instrument = instrument_of(run, verdict.strategy)
    shown = metrics(verdict)
    return Answer(
        number=number,
        verdict=verdict,
        strategy=title_of(run, verdict.strategy),
        title=text.titled(verdict.phase),
        sentence=sentence(verdict),
        doubt=doubt(verdict),
        truth=truth(verdict, instrument),
        forest=drawn,
        metrics=shown,
        difference=interval_cell(verdict.difference_ci_bps, why=small),
        detectable=text.cell(text.cost, verdict.detectable_bps, why=small),
        row=_row(verdict, POSITIONS.get(instrument, instrument)),
    )


def _row(verdict: Verdict, instrument: str) -> Row:
    both = {"fade": verdict.fade, "follow": verdict.follow}
    traded = {name: s for name, s in both.items() if isinstance(s, StanceResult)}
    counts = {name: s.n_trades for name, s in traded.items()}
    numbers = [text.fixed(n) for n in dict.fromkeys(counts.values())]
    chances = {n: s.p_adjusted for n, s in traded.items() if math.isfinite(s.p_adjusted)}
    best = min(chances, key=lambda name: chances[name], default="")
    p = chances.get(best, math.nan)
    means = {name: s.mean_net_bps for name, s in traded.items()}
    return Row(
        instrument=instrument,
        events=verdict.n_phases,
        trades=str(max(counts.values())) if counts else "",
        trades_shown=" / ".join(numbers) or text.DASH,
        fade=_key(means.get("fade")),
        follow=_key(means.get("follow")),
        p=_key(p),
        p_shown=text.cell(text.chance, p, why=_no_p(verdict)),
        p_stance=best,
        rank=_WORDS.index(verdict.verdict),
        planted=_key(verdict.planted_bps),
    )


def _no_p(verdict: Verdict) -> str:
    found = (s for s in (verdict.fade, verdict.follow) if isinstance(s, StanceResult))
    return next((reason(s) for s in found), reason(verdict.fade))


def _key(value: float | None) -> str:
    """A number that a script sorts by; empty where there is none."""
    return "" if value is None or not math.isfinite(value) else f"{value:.6g}"
