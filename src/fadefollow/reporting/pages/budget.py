"""How much data a report may hold, and how it is shared out: the one place that decides.

A report has at most 8 MB, of which some 3 are data. Plotly takes 1.9 of them (zipped), text and
tables the rest; the shares below are what charts and the table of trades may hold. Each is divided
by what has to share it, so that more coins or strategies make curves coarser, and more trades leave
the middling ones to trades.parquet, but do not make the file larger. Only a thousand coins do, as
each has the least that a figure can be read by.
"""

from __future__ import annotations

from dataclasses import dataclass

from fadefollow.verdict.model import RunResult

#: bytes of the page that the charts of one kind may hold together; the market's figures hold
#: prices and what is below them, and events, which are zipped together
MARKET, EQUITY, STUDIES = 1_300_000, 260_000, 160_000
#: of the market's, what events may take; and of the page, what the table of all trades may
EVENTS, TRADES = 200_000, 700_000
#: the same of a tuning job's trials; such a run has one strategy and so little else
TRIALS = 700_000
#: bytes that one more trade, event, day or hour takes as base64
_TRADE, _EVENT, _DAY, _HOUR = 14, 8, 27, 32


@dataclass(frozen=True)
class Budget:
    """The most that each chart may hold."""

    coin_bytes: int  #: base64 of one coin's market, its events included
    trades: int  #: of all coins, strategies and stances together
    events: int  #: of one coin, all phases together
    equity_points: int  #: of one curve
    study_points: int  #: of one line of an event study


def budget(run: RunResult) -> Budget:
    """What each chart of this run may hold."""
    coins = max(len(run.prices), 1)
    names = (str(pair[0]) for one in (run.equity, run.hedged_equity) for pair in one.columns)
    books = max(len(set(names)) * (1 + bool(len(run.hedged_equity)) + bool(len(run.benchmark))), 1)
    studies = max(len(run.event_studies), 1)
    return Budget(
        coin_bytes=MARKET // coins,
        trades=TRADES // _TRADE,
        events=_share(EVENTS, coins * _EVENT, 8_000, least=40),
        equity_points=_share(EQUITY, books * _DAY, 800),
        study_points=_share(STUDIES, studies * _HOUR, 240),
    )


def _share(size: int, each: int, most: int, *, least: int = 20) -> int:
    return max(min(size // each, most), least)
