"""The report as one HTML page: everything is worked out here, the templates only lay it out."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from fadefollow.errors import SpecError, StoreError
from fadefollow.phases import STANCES
from fadefollow.reporting import exhibits, text
from fadefollow.reporting.budget import Budget, budget
from fadefollow.reporting.coverage import coverage_figure, findings, plain
from fadefollow.reporting.exhibits import Exhibit
from fadefollow.reporting.forest import ForestRow, forest
from fadefollow.reporting.further import fragility_tables, split_tables
from fadefollow.reporting.glossary import TERMS
from fadefollow.reporting.metrics import Metric, interval_cell, metrics, reason
from fadefollow.reporting.performance import TradeLists, trade_lists
from fadefollow.reporting.tuning import TuningChapter, chapter
from fadefollow.reporting.words import (
    Sentence,
    Truth,
    doubt,
    headline,
    rules,
    sentence,
    summary,
    truth,
)
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import NotTraded, RunResult, StanceResult, Verdict

#: with more answers than this, only those that are decided have a paragraph
FEW_ANSWERS = 6
#: with more strategies than this, those without a decided verdict are closed
FEW_STRATEGIES = 4


@dataclass(frozen=True)
class Answer:
    """One verdict, ready to be laid out."""

    number: int  #: 1, 2, ... in the order shown
    verdict: Verdict
    title: str
    sentence: Sentence
    doubt: str  #: why it is undecided, in a word or two
    truth: Truth | None
    forest: tuple[ForestRow, ForestRow]
    metrics: tuple[Metric, ...]
    difference: text.Cell
    detectable: text.Cell
    trades: tuple[TradeLists, ...]

    @property
    def stances(self) -> tuple[tuple[str, StanceResult | NotTraded], ...]:
        """Fade and follow with their names."""
        return (("fade", self.verdict.fade), ("follow", self.verdict.follow))


@dataclass(frozen=True)
class StrategyChapter:
    """All about one strategy: its story, and each of its phases in charts and numbers."""

    number: int  #: 1, 2, ... in the order shown
    name: str
    title: str
    story: str  #: which account claims what
    rules: str  #: what is traded and for how long
    answers: tuple[Answer, ...]
    studies: tuple[Exhibit, ...]  #: one an answer, as are the splits and returns
    equity: Exhibit
    splits: tuple[Exhibit, ...]
    returns: tuple[Exhibit, ...]
    open: bool  #: shown at once; the others open on demand


def render(run: RunResult, reports: Path, tuning: Tuning | None = None) -> str:
    """The report of a run.

    Args:
        run: what to render; nothing is computed but the layout.
        reports: the workspace's `reports/` folder: `templates/`, `theme/`, `scripts/`.
        tuning: the job that the run's trades come from, out of sample, if it was one.

    Raises:
        SpecError: a template is missing or wrong; says which and where.
    """
    return fill("report.html.j2", reports, {**context(run, tuning), "plotly": packed_plotly()})


@cache
def packed_plotly() -> Markup:
    """Plotly's script, zipped, as base64: the page unpacks it once it stands."""
    from plotly.offline import get_plotlyjs

    zipped = gzip.compress(get_plotlyjs().encode("utf-8"), 9, mtime=0)
    return Markup(base64.b64encode(zipped).decode("ascii"))


def fill(name: str, reports: Path, values: Mapping[str, Any]) -> str:
    """One template of the workspace filled in; all values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(reports / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=lambda name: _asset(reports / name), terms=TERMS)
    environment.filters.update(FILTERS)
    try:
        return environment.get_template(name).render(values)
    except jinja2.TemplateNotFound as error:
        raise SpecError(
            "a template of the report must exist",
            got=f"no {error.name}",
            where=str(reports / "templates"),
            hint="`fadefollow init` makes a workspace with all templates",
        ) from error
    except jinja2.TemplateError as error:
        raise SpecError(
            "a template of the report must render",
            got=f"{type(error).__name__}: {error}",
            where=_line_of(error, reports),
        ) from error


def context(run: RunResult, tuning: Tuning | None = None) -> dict[str, Any]:
    """What the templates are given."""
    tuned: TuningChapter | None = None if tuning is None else chapter(run, tuning)
    table = coverage_figure(run)
    run = replace(run, verdicts=_ordered(run.verdicts))
    scale = forest(run.verdicts)
    answers = tuple(
        _answer(run, v, row, number)
        for number, (v, row) in enumerate(zip(run.verdicts, scale.rows, strict=True), start=1)
    )
    share = budget(run)
    chapters = _chapters(run, answers, share)
    traded = set(run.trades["strategy"].astype(str))
    return {
        "run": run,
        "simulated": bool(run.dataset.get("simulated", False)),
        "dataset": {**{"name": "", "title": "", "fingerprint": ""}, **run.dataset},
        "headline": headline(run.verdicts) if tuned is None else tuned.headline,
        "tuned": tuned,
        "range": _range(run),
        "scale": scale,
        "answers": answers,
        "told": _told(answers),
        "undecided": summary(run.verdicts) if len(answers) > FEW_ANSWERS else None,
        "chapters": chapters,
        "traded": [(c.number - 1, c.title) for c in chapters if c.name in traded],
        "market": exhibits.market(run, share, tuple(c.name for c in chapters)),
        "split_tables": split_tables(run),
        "fragility_tables": fragility_tables(run),
        "best": text.prose(run.spa.sentence) if run.spa is not None else "",
        "coverage": exhibits.covered(table),
        "coverage_notes": table.others,
        "findings": findings(run.dataset.get("audit")),
        "missing": _missing(run),
        "making": _making(run),
        "truths": _truths(answers),
    }


def _ordered(verdicts: tuple[Verdict, ...]) -> tuple[Verdict, ...]:
    """Grouped by strategy; strategies with a stance that pays first, in the run's order else."""
    groups: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        groups.setdefault(verdict.strategy, []).append(verdict)
    inside = (sorted(group, key=_rank) for group in groups.values())
    return tuple(v for group in sorted(inside, key=lambda g: _rank(g[0])) for v in group)


def _rank(verdict: Verdict) -> int:
    """What pays comes first, then what is decided otherwise."""
    return 0 if verdict.verdict in STANCES else 1 if verdict.verdict == "neither" else 2


def _told(answers: tuple[Answer, ...]) -> tuple[Answer, ...]:
    """The answers with a paragraph of their own: all of a few, the decided ones of many."""
    if len(answers) <= FEW_ANSWERS:
        return answers
    return tuple(a for a in answers if a.verdict.verdict != "undecided")


def _chapters(
    run: RunResult, answers: tuple[Answer, ...], share: Budget
) -> tuple[StrategyChapter, ...]:
    curves = exhibits.equity(run, share)
    names = dict.fromkeys([*(a.verdict.strategy for a in answers), *curves])
    return tuple(
        _chapter(run, name, number, tuple(a for a in answers if a.verdict.strategy == name),
                 curves.get(name), share, few=len(names) <= FEW_STRATEGIES)
        for number, name in enumerate(names, start=1)
    )  # fmt: skip


def _chapter(
    run: RunResult,
    name: str,
    number: int,
    answers: tuple[Answer, ...],
    curve: Exhibit | None,
    share: Budget,
    *,
    few: bool,
) -> StrategyChapter:
    said = run.strategies.get(name, {})
    alone = len(answers) <= 1
    return StrategyChapter(
        number=number,
        name=name,
        title=str(said.get("title") or text.titled(name)),
        story=str(said.get("account") or ""),
        rules=rules(said),
        answers=answers,
        studies=tuple(exhibits.studied(run, a.verdict, share, alone=alone) for a in answers),
        equity=curve or Exhibit("Equity and drawdown", "It was not traded."),
        splits=tuple(exhibits.split(a.verdict, alone=alone) for a in answers),
        returns=tuple(exhibits.returns(run, a.verdict, alone=alone) for a in answers),
        open=few or any(a.verdict.verdict != "undecided" for a in answers),
    )


def _answer(
    run: RunResult, verdict: Verdict, row: tuple[ForestRow, ForestRow], number: int
) -> Answer:
    small = reason(verdict.fade) if isinstance(verdict.fade, NotTraded) else reason(verdict.follow)
    trade = run.strategies.get(verdict.strategy, {}).get("trade", {})
    instrument = trade.get("instrument", "perp") if isinstance(trade, Mapping) else "perp"
    return Answer(
        number=number,
        verdict=verdict,
        title=text.titled(verdict.phase),
        sentence=sentence(verdict),
        doubt=doubt(verdict),
        truth=truth(verdict, str(instrument)),
        forest=row,
        metrics=metrics(verdict),
        difference=interval_cell(verdict.difference_ci_bps, why=small),
        detectable=text.cell(text.cost, verdict.detectable_bps, why=small),
        trades=tuple(trade_lists(run, verdict, stance) for stance in STANCES),
    )


def _range(run: RunResult) -> str:
    indexes = [pd.DatetimeIndex(f.index) for f in run.prices.values() if len(f)]
    if not indexes:
        return ""
    first, last = min(i[0] for i in indexes), max(i[-1] for i in indexes)
    return f"{text.when(first, clock=False)} to {text.when(last, clock=False)}"


def _truths(answers: tuple[Answer, ...]) -> dict[str, int]:
    kinds = [a.truth.kind for a in answers if a.truth is not None]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}


def _missing(run: RunResult) -> tuple[str, ...]:
    return tuple(
        f"{outer}: {inner} could not be looked for; missing: {', '.join(streams)}"
        for outer, parts in run.missing.items()
        for inner, streams in parts.items()
    )


def _making(run: RunResult) -> dict[str, list[tuple[str, str]]]:
    """Tables of key and value: how the run was made."""
    seconds = [(k, f"{v:.2f}\u202fs") for k, v in run.seconds.items()]
    config = {key: value for key, value in run.config.items() if key != "strategies"}
    given = run.config.get("strategies", {})
    named = given if isinstance(given, Mapping) else {}
    if not named:
        config = dict(run.config)
    names = dict.fromkeys([*run.strategies, *named])
    tables = {
        "Configuration": _flat(config),
        **{
            f"Strategy {name}": _flat({**run.strategies.get(name, {}), **named.get(name, {})})
            for name in names
        },
        "Versions": [("fadefollow", run.version), *_flat(run.versions)],
        "Time taken": seconds,
    }
    return {title: rows for title, rows in tables.items() if rows}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{name}.")
        else:
            rows.append((name, plain(value)))
    return rows


def _asset(path: Path) -> Markup:
    try:
        return Markup(path.read_text("utf-8"))
    except OSError as error:
        raise StoreError(
            "the report's theme and scripts must be readable",
            got=error.strerror,
            where=str(path),
            hint="`fadefollow init` makes a workspace with all templates",
        ) from error


def _line_of(error: jinja2.TemplateError, reports: Path) -> str:
    if isinstance(error, jinja2.TemplateSyntaxError):
        return f"{error.filename or reports / 'templates'}:{error.lineno}"
    frame, where = error.__traceback__, str(reports / "templates")
    while frame is not None:
        name = frame.tb_frame.f_code.co_filename
        where = f"{name}:{frame.tb_lineno}" if name.endswith(".j2") else where
        frame = frame.tb_next
    return where


FILTERS = {
    "bps": text.plain_bps,
    "interval": text.interval,
    "percent": text.percent,
    "money": text.money,
    "price": text.price,
    "prose": text.prose,
    "chance": text.chance,
    "when": text.when,
    "count": text.count,
    "human": text.human,
    "titled": text.titled,
    "listed": text.listed,
    "fixed": text.fixed,
}
