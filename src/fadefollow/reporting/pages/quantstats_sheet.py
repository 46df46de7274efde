"""QuantStats' own tear sheet of a book, from its stored daily equity; nothing is downloaded.

It is given each day's P&L as a share of the capital that the account began with, and told not to
compound: these are the returns that every ratio of a run is made of. Over the equity of the day
before, one lucky day after a loss of 90 % would count ten times, and turn the Sharpe ratio's sign.
"""

from __future__ import annotations

import contextlib
import io
import logging
import re
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.errors import ParameterError, StoreError, unknown
from fadefollow.reporting.text.formatting import when

#: QuantStats draws nothing of fewer days
_FEW_DAYS = 30
_NOTE = (
    "Daily P&amp;L as a share of the capital that the account began with, added up and not "
    "compounded, as in fadefollow's report, whose Sharpe ratio this is. What QuantStats calls "
    "drawdown, and its ratios with it, compound these shares and differ from fadefollow's"
)


@dataclass(frozen=True)
class Sheet:
    """One book's tear sheet, or why there is none."""

    strategy: str
    stance: str
    page: str = ""
    reason: str = ""  #: why QuantStats cannot say anything; empty where there is a page

    @property
    def file(self) -> str:
        """The name of its page."""
        safe = re.sub(r"[^A-Za-z0-9_-]+", "-", self.strategy).strip("-") or "strategy"
        return f"quantstats-{safe}-{self.stance}.html"


def books(equity: pd.DataFrame, named: Sequence[str] = ()) -> tuple[tuple[str, str], ...]:
    """The traded books of a run as (strategy, stance), those `named` or else all.

    Args:
        equity: daily, columns (strategy, stance).
        named: as `STRATEGY` for both stances, or `STRATEGY:STANCE`.

    Raises:
        UnknownNameError: there is no such book.
        ParameterError: the run traded nothing.
    """
    traded = [(str(pair[0]), str(pair[1])) for pair in equity.columns]
    if not traded:
        raise ParameterError("no book was traded in this run")
    chosen: dict[tuple[str, str], None] = {}
    for name in named:
        found = [book for book in traded if name in (book[0], ":".join(book))]
        if not found:
            raise unknown("book", name, [":".join(book) for book in traded])
        chosen.update(dict.fromkeys(found))
    return tuple(chosen) if named else tuple(traded)


def daily_returns(value: pd.Series) -> pd.Series:
    """Daily P&L as shares of the capital that the account began with; they add up to the gain.

    Args:
        value: equity at the end of each UTC day; days without one are left out.
    """
    known = value.dropna()
    returns = known - known.shift(1, fill_value=1.0)
    index = pd.DatetimeIndex(returns.index)
    returns.index = index.tz_localize(None) if index.tz is not None else index
    return returns


def sheet(equity: pd.DataFrame, strategy: str, stance: str, *, about: str) -> Sheet:
    """QuantStats' tear sheet of one book.

    Args:
        equity: daily, columns (strategy, stance).
        strategy, stance: a column of it.
        about: the run and its data set, for the sheet's head.

    Raises:
        ParameterError: the extra `quantstats` is not installed.
        StoreError: QuantStats cannot be used as it is installed.
    """
    value = equity[(strategy, stance)].dropna()
    reason = _unfit(value)
    if reason:
        return Sheet(strategy, stance, reason=reason)
    returns = daily_returns(value)
    return Sheet(strategy, stance, page=_made(returns, _plain(f"{strategy}, {stance}"), about))


def _unfit(value: pd.Series) -> str:
    """Why QuantStats cannot say anything of an equity curve; empty if it can."""
    if len(value) < _FEW_DAYS:
        return f"it has {len(value)} days; a tear sheet needs {_FEW_DAYS}"
    if (value == value.iloc[0]).all():
        return "its equity never moves"
    returns = daily_returns(value)
    ruined = returns[returns <= -1]
    if len(ruined):
        day = when(ruined.index[0], clock=False)
        return f"on {day} it lost what it began with in one day, and QuantStats' drawdowns compound"
    if returns.min() >= 0 and returns.max() > 1:
        return "it never lost and once doubled in a day, which QuantStats takes for prices"
    return ""


def _made(returns: pd.Series, book: str, about: str) -> str:
    with tempfile.TemporaryDirectory() as folder, _quiet() as quantstats:
        path = Path(folder) / "sheet.html"
        quantstats.reports.html(
            returns,
            title=f"{book}, not advice",
            strategy_title=book,
            parameters={"Run": _plain(about), "Note": _NOTE},
            periods_per_year=365,
            compounded=False,
            output=str(path),
        )
        page = path.read_text("utf-8")
    return _offline(page, f"QuantStats: {book}, not advice")


def _offline(page: str, title: str) -> str:
    """The page without what it would load from elsewhere, and with a title of its own."""
    page = re.sub(r"<link [^>]*favicon[^>]*>", '<link rel="icon" href="data:,">', page)
    page = re.sub(r"<title>.*?</title>", f"<title>{title}</title>", page, count=1)
    page = page.replace(' onload="save()"', "", 1)  # a function that the page does not have
    loaded = re.search(r"""<(?:link|script|img|iframe)[^>]+https?:[^>]*>|@import""", page)
    if loaded:
        raise StoreError(
            "the tear sheet loads something from elsewhere",
            got=loaded[0],
            hint="this version of quantstats is not known to fadefollow",
        )
    return page


def _plain(text: str) -> str:
    """Text that neither HTML, nor QuantStats' template, nor matplotlib takes for an order."""
    return re.sub(r"[^\w .,:+()-]", "?", " ".join(text.split()))


@contextlib.contextmanager
def _quiet() -> Iterator[Any]:
    """QuantStats, which draws without a screen, says nothing and leaves no settings behind."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            import matplotlib
            import matplotlib.pyplot as plt
        except ImportError as error:
            raise _missing(error) from error
        fonts = logging.getLogger("matplotlib.font_manager")
        level, backend = fonts.level, matplotlib.get_backend(auto_select=False)
        fonts.setLevel(logging.ERROR)  # Arial is not everywhere
        try:
            # on pandas' axis of years, QuantStats would label each bar with the year after it
            plots: Any = pd.plotting.plot_params
            with matplotlib.rc_context(), plots.use("x_compat", value=True):
                plt.switch_backend("agg")
                yield _quantstats()
        finally:
            fonts.setLevel(level)
            if backend is not None:
                plt.switch_backend(backend)


def _quantstats() -> Any:
    try:
        import quantstats
    except ImportError as error:
        raise _missing(error) from error
    return quantstats


def _missing(error: ImportError) -> ParameterError:
    return ParameterError(
        "--quantstats needs the extra `quantstats`",
        got=f"no module {error.name}",
        hint="pip install 'fadefollow[quantstats]'",
    )
