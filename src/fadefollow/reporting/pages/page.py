"""The report as one HTML page: everything is worked out here, the templates only lay it out."""

from __future__ import annotations

import base64
import contextlib
import gzip
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
from jinja2.bccache import Bucket
from markupsafe import Markup

from fadefollow.core.parallel import beside
from fadefollow.core.version import __version__
from fadefollow.errors import SpecError, StoreError
from fadefollow.phases import Stance
from fadefollow.reporting.charts.encoding import zipped_text
from fadefollow.reporting.charts.monthly import MONTHS
from fadefollow.reporting.charts.trades import trade_table
from fadefollow.reporting.pages import figures as exhibits
from fadefollow.reporting.pages.answers import Answer, answers_of, title_of
from fadefollow.reporting.pages.assumptions import assumed
from fadefollow.reporting.pages.budget import budget
from fadefollow.reporting.pages.coverage import coverage_figure, findings
from fadefollow.reporting.pages.first_screen import lacking, tiles
from fadefollow.reporting.pages.phase_page import phase_pages
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.text.answers import FATES, VERBS, books_of, needed_blocks, why_text
from fadefollow.reporting.text.glossary import TERMS
from fadefollow.reporting.text.provenance import making, not_looked_for
from fadefollow.reporting.text.sentences import headline, truths_counted
from fadefollow.reporting.tuning.section import TuningChapter, chapter
from fadefollow.results.notes import Line, note_lines
from fadefollow.results.record import folder_name
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult
from fadefollow.verdict.words import CONTROLS


def render(run: RunResult, reports: Path, tuning: Tuning | None = None) -> str:
    """The report of a run.

    Args:
        run: what to render; nothing is computed but the layout.
        reports: the workspace's `reports/` folder: `templates/`, `theme/`, `scripts/`.
        tuning: the job that the run's trades come from, out of sample, if it was one.

    Raises:
        SpecError: a template is missing or wrong; says which and where.
    """
    return fill("report.html.j2", reports, context(run, tuning))


@cache
def packed_plotly() -> Markup:
    """Plotly's script, zipped, as base64: the page unpacks it once it stands."""
    from plotly.offline import get_plotlyjs

    zipped = gzip.compress(get_plotlyjs().encode("utf-8"), 9, mtime=0)
    return Markup(base64.b64encode(zipped).decode("ascii"))


class _Compiled(jinja2.FileSystemBytecodeCache):
    """Compiled templates in a folder of the user's, where one can be had and written."""

    @classmethod
    def here(cls) -> _Compiled | None:
        """That of this machine."""
        try:
            return cls()
        except (OSError, RuntimeError):
            return None

    def get_source_checksum(self, source: str) -> str:
        """Of a template and of what compiled it."""
        return super().get_source_checksum(f"{__version__} {jinja2.__version__} {source}")

    def load_bytecode(self, bucket: Bucket) -> None:
        """Without it, or where it is damaged, the template is compiled."""
        try:
            super().load_bytecode(bucket)
        except Exception:  # what a pickle raises that was cut is anything
            bucket.reset()

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Without room for it, it is compiled again the next time."""
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def fill(name: str, reports: Path, values: Mapping[str, Any]) -> str:
    """One template of the workspace filled in; all values are escaped."""
    environment = jinja2.Environment(
        bytecode_cache=_Compiled.here(),
        optimized=False,  # or what a filter made of a constant would be kept
        loader=jinja2.FileSystemLoader(reports / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        asset=lambda name: _asset(reports / name), terms=TERMS, fates=FATES, controls=CONTROLS
    )
    environment.filters.update(FILTERS, why=why_text)
    try:
        return environment.get_template(name).render(values)
    except jinja2.TemplateNotFound as error:
        raise SpecError(
            "a template of the report is missing",
            got=f"no {error.name}",
            where=str(reports / "templates"),
            hint="`fadefollow init` makes a workspace with all templates",
        ) from error
    except StoreError:  # of `_asset`
        raise
    except OSError as error:
        raise StoreError(
            "cannot read the report's templates",
            got=error.strerror or str(error),
            where=str(error.filename or reports / "templates"),
        ) from error
    except jinja2.TemplateError as error:
        raise SpecError(
            "cannot render a template of the report",
            got=f"{type(error).__name__}: {error}",
            where=_line_of(error, reports),
        ) from error


class Notes(NamedTuple):
    """The notes of a run, one line a kind."""

    warnings: tuple[Line, ...]  #: to be read before the numbers
    coverage: tuple[Line, ...]  #: what was clipped, left out, or could not be looked for

    @classmethod
    def of(cls, lines: tuple[Line, ...]) -> Notes:
        """The lines in two kinds."""
        first = tuple(line for line in lines if line.first)
        return cls(first, tuple(line for line in lines if not line.first))


def context(run: RunResult, tuning: Tuning | None = None) -> dict[str, Any]:
    """What the templates are given."""
    tuned: TuningChapter | None = None if tuning is None else chapter(run, tuning)
    answers, scale = answers_of(run)
    share = budget(run)
    traded = set(run.trades["strategy"].astype(str))
    names = _strategies(run, answers)
    titles = {name: title_of(run, name) for name in names}
    table, span = coverage_figure(run), _range(run)
    trades = trade_table(run, share.trades)
    # forked before there is a thread; zipping leaves the interpreter to others
    with (
        beside(lambda: exhibits.market(run, share, names, trades)) as market,
        ThreadPoolExecutor(max_workers=1) as thread,
    ):
        plotly = thread.submit(packed_plotly)
        return {
            "run": run,
            "simulated": bool(run.dataset.get("simulated", False)),
            "dataset": {**{"name": "", "title": "", "fingerprint": ""}, **run.dataset},
            "headline": headline(run.verdicts) if tuned is None else tuned.headline,
            "tuned": tuned,
            "range": span,
            "scale": scale,
            "answers": answers,
            "tiles": tiles(answers),
            "lacking": lacking(run, answers, span[:10]),
            "needed": needed_blocks(run.verdicts),
            "books": books_of(run.verdicts),
            "tested": tuple(a for a in answers if a.verdict.fate != "untestable"),
            "untestable": tuple(a for a in answers if a.verdict.fate == "untestable"),
            "notes": Notes.of(note_lines(run.notes, titles)),
            "pages": phase_pages(run, answers, share, trades),
            "months": MONTHS,
            "traded": [(at, title_of(run, n)) for at, n in enumerate(names) if n in traded],
            "market": market(),
            "best": _best(run),
            "coverage": exhibits.covered(table),
            "coverage_notes": table.others,
            "findings": findings(run.dataset.get("audit")),
            "missing": not_looked_for(run),
            "making": making(run),
            "assumed": assumed(run),
            "again": _again(run),
            "truths": truths_counted(a.truth for a in answers),
            "plotly": plotly.result(),
        }


def _best(run: RunResult) -> str:
    """Whether the best of all books beats its placebo, and what its own row says."""
    if run.spa is None:
        return ""
    key = run.spa.strategy, run.spa.phase
    rows = [v for v in run.verdicts if (v.strategy, v.phase) == key]
    stance: Stance = "fade" if run.spa.stance == "fade" else "follow"
    words = [r.results[stance, "outright"].word for r in rows if (stance, "outright") in r.results]
    said = text.prose(run.spa.sentence)
    if not words:
        return said
    return (
        f"{said} This asks of all books at once and of placebos alone; the row of this one asks "
        f"more, and says {words[0]} of {VERBS[stance].lower()} outright."
    )


def _strategies(run: RunResult, answers: tuple[Answer, ...]) -> tuple[str, ...]:
    """All strategies with an answer or an equity curve, in the order shown."""
    curves = (str(pair[0]) for pair in run.equity.columns)
    return tuple(dict.fromkeys([*(a.verdict.strategy for a in answers), *curves]))


def _again(run: RunResult) -> str:
    """The name of the folder that `fadefollow run --again` repeats."""
    return run.folder.name if run.folder is not None else folder_name(run)


def _range(run: RunResult) -> str:
    edges = [time for frame in run.prices.values() if len(frame) for time in frame.index[[0, -1]]]
    if not edges:
        return ""
    first, last = min(edges), max(edges)
    return f"{text.when(first, clock=False)} to {text.when(last, clock=False)}"


def _asset(path: Path) -> Markup:
    try:
        return Markup(path.read_text("utf-8"))
    except OSError as error:
        raise StoreError(
            "cannot read the report's theme and scripts",
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
    "zipped": zipped_text,
}
