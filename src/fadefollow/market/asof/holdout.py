"""Holdout: what a data set keeps unseen, so that an answer can be checked once on fresh data."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pandas as pd

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.findings import Finding, when
from fadefollow.market.panel import Market

if TYPE_CHECKING:
    from fadefollow.market.dataset import Dataset

#: findings that are words of the data set's author, and no counts of its rows
_WORDS = "caveat"


def hold_out(
    dataset: Dataset,
    start: pd.Timestamp | None,
    *,
    since: pd.Timestamp | None,
    until: pd.Timestamp | None,
    open_: bool,
) -> Dataset:
    """The data set as a run may see it.

    With the holdout closed there is no bar, record, planted episode or finding from `start` on. A
    record that is stamped `start` belongs to the holdout, even if it is known at that moment.

    Args:
        dataset: all of it.
        start: when the holdout begins, UTC; None where none is declared.
        since, until: the range asked for.
        open_: whether to show it.

    Raises:
        DataError: the range, or all data, lies in the holdout.
        ParameterError: it is to be opened, and none is declared.
    """
    if start is None:
        if open_:
            raise ParameterError(
                "only a data set that declares a holdout can open one",
                got="no holdout_from",
                where=dataset.name,
                hint="leave out --open-holdout",
            )
        return dataset
    if open_:
        seen = until is None or until > start
        return dataclasses.replace(dataset, holdout=start, holdout_open=seen)
    cut = {symbol: market.until(start) for symbol, market in dataset.markets.items()}
    markets = {symbol: _before(market, start) for symbol, market in cut.items() if len(market)}
    if not markets or (since is not None and since >= start):
        raise DataError(
            "no data before the holdout",
            got=f"since {since}" if since is not None else f"no data before {when(start)}",
            where=f"{dataset.name}, holdout from {start:%Y-%m-%d}",
            hint="--open-holdout shows it; that is recorded, and told in every later report",
        )
    told = [_untold(f) for f in dataset.findings if _seen(f, start, markets)]
    text = "no bars before the holdout, left out"
    told += [Finding("warning", s, "perp", "no data", 1, "", text) for s in cut if s not in markets]
    truth = _episodes(dataset.truth, start)
    return dataclasses.replace(
        dataset, markets=markets, truth=truth, findings=tuple(told), holdout=start
    )


def _before(market: Market, start: pd.Timestamp) -> Market:
    """A market cut at `start`, less records that were known by then but are stamped `start`."""
    tables = {name: market.table(name) for name in market.streams}
    return Market(
        market.symbol,
        bar=market.bar,
        start=market.index[0],
        end=market.index[-1] + market.bar,
        tables={name: table[table["time"] < start] for name, table in tables.items()},
        listed=market.listed,
        delisted=market.delisted,
        later=market.later,
        members=market.members,
    )


def _episodes(truth: pd.DataFrame | None, start: pd.Timestamp) -> pd.DataFrame | None:
    """Planted episodes that begin before; of one that is under way, not when it ends."""
    if truth is None:
        return None
    kept = truth[truth["start"] < start].reset_index(drop=True)
    return kept.assign(end=kept["end"].where(kept["end"] < start, start)) if "end" in kept else kept


def _seen(finding: Finding, start: pd.Timestamp, markets: dict[str, Market]) -> bool:
    if finding.symbol and finding.symbol not in markets:
        return False
    return finding.rule == _WORDS or (finding.where != "" and finding.where < when(start))


def _untold(finding: Finding) -> Finding:
    """A finding of the import, without what it counted over the holdout too."""
    if finding.rule == _WORDS:
        return finding
    text = "seen by the import; how often is not told while the holdout is closed"
    return dataclasses.replace(finding, count=1, text=text, contracts=())
