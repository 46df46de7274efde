"""The report as one HTML page: everything is worked out here, the templates only lay it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
from markupsafe import Markup

from fadefollow.errors import SpecError, StoreError
from fadefollow.phases import STANCES
from fadefollow.reporting import exhibits, text
from fadefollow.reporting.coverage import coverage_figure, findings, plain
from fadefollow.reporting.exhibits import Exhibit
from fadefollow.reporting.forest import ForestRow, forest
from fadefollow.reporting.further import fragility_tables, split_tables
from fadefollow.reporting.glossary import TERMS
from fadefollow.reporting.metrics import Metric, interval_cell, metrics, reason
from fadefollow.reporting.performance import TradeLists, trade_lists
from fadefollow.reporting.words import Sentence, Truth, headline, sentence, truth
from fadefollow.verdict.model import NotTraded, RunResult, StanceResult, Verdict


@dataclass(frozen=True)
class Answer:
    """One verdict, ready to be laid out."""

    verdict: Verdict
    title: str
    sentence: Sentence
    truth: Truth | None
    forest: tuple[ForestRow, ForestRow]
    metrics: tuple[Metric, ...]
    difference: text.Cell
    detectable: text.Cell
    returns: Exhibit
    trades: tuple[TradeLists, ...]

    @property
    def stances(self) -> tuple[tuple[str, StanceResult | NotTraded], ...]:
        """Fade and follow with their names."""
        return (("fade", self.verdict.fade), ("follow", self.verdict.follow))


def render(run: RunResult, reports: Path) -> str:
    """The report of a run.

    Args:
        run: what to render; nothing is computed but the layout.
        reports: the workspace's `reports/` folder: `templates/`, `theme.css`, `report.js`.

    Raises:
        SpecError: a template is missing or wrong; says which and where.
    """
    from plotly.offline import get_plotlyjs

    plotly = Markup(get_plotlyjs())
    return fill("report.html.j2", reports, {**context(run), "plotly": plotly})


def fill(name: str, reports: Path, values: Mapping[str, Any]) -> str:
    """One template of the workspace filled in; all values are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(reports / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        theme=_asset(reports / "theme.css"), script=_asset(reports / "report.js"), terms=TERMS
    )
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


def context(run: RunResult) -> dict[str, Any]:
    """What the templates are given."""
    table = coverage_figure(run)
    run = replace(run, verdicts=tuple(sorted(run.verdicts, key=_rank)))
    scale = forest(run.verdicts)
    answers = tuple(_answer(run, v, row) for v, row in zip(run.verdicts, scale.rows, strict=True))
    return {
        "run": run,
        "simulated": bool(run.dataset.get("simulated", False)),
        "dataset": {**{"name": "", "title": "", "fingerprint": ""}, **run.dataset},
        "headline": headline(run.verdicts),
        "range": _range(run),
        "scale": scale,
        "answers": answers,
        "market": exhibits.market(run),
        "equity": exhibits.equity(run),
        "splits": exhibits.splits(run),
        "split_tables": split_tables(run),
        "fragility_tables": fragility_tables(run),
        "best": text.prose(run.spa.sentence) if run.spa is not None else "",
        "studies": exhibits.studies(run),
        "coverage": exhibits.covered(table),
        "coverage_notes": table.others,
        "findings": findings(run.dataset.get("audit")),
        "missing": _missing(run),
        "making": _making(run),
        "truths": _truths(answers),
    }


def _rank(verdict: Verdict) -> int:
    """What pays comes first, in the run's order otherwise."""
    return 0 if verdict.verdict in STANCES else 1


def _answer(run: RunResult, verdict: Verdict, row: tuple[ForestRow, ForestRow]) -> Answer:
    small = reason(verdict.fade) if isinstance(verdict.fade, NotTraded) else reason(verdict.follow)
    return Answer(
        verdict=verdict,
        title=text.titled(verdict.phase),
        sentence=sentence(verdict),
        truth=truth(verdict),
        forest=row,
        metrics=metrics(verdict),
        difference=interval_cell(verdict.difference_ci_bps, why=small),
        detectable=text.cell(text.cost, verdict.detectable_bps, why=small),
        returns=exhibits.returns(run, verdict),
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
    tables = {
        "Configuration": _flat(run.config),
        **{f"Strategy {name}": _flat(said) for name, said in run.strategies.items()},
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
            "the report's theme must be readable",
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
