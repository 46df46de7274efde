"""Holdout: what a data set keeps unseen, so that an answer can be checked once on fresh data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pandas as pd

from fadefollow.core.cache.shelf import Shelf
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.asof.coin_range import CoinRange
from fadefollow.market.asof.contents import Contents
from fadefollow.market.findings import UNREADABLE, Finding, when

#: findings that are words of the data set's author, and no counts of its rows
_WORDS = "caveat"


def hold_out(
    contents: Contents,
    start: pd.Timestamp | None,
    *,
    since: pd.Timestamp | None,
    until: pd.Timestamp | None,
    open_: bool,
) -> Contents:
    """The data set as a run may see it.

    With the holdout closed there is no bar, record, planted episode or finding from `start` on. A
    record that is stamped `start` belongs to the holdout, even if it is known at that moment.

    Args:
        contents: all of it.
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
                where=contents.name,
                hint="leave out --open-holdout",
            )
        return contents
    if open_:
        seen = until is None or until > start
        return dataclasses.replace(contents, holdout=start, holdout_open=seen)
    coins: Shelf[str, CoinRange] = Shelf()
    for symbol, coin in contents.coins.items():
        if len(cut := coin.before(start)):
            coins.put(symbol, cut)
    if not coins or (since is not None and since >= start):
        raise DataError(
            "no data before the holdout",
            got=f"since {since}" if since is not None else f"no data before {when(start)}",
            where=f"{contents.name}, holdout from {start:%Y-%m-%d}",
            hint="--open-holdout shows it; that is recorded, and told in every later report",
        )
    told = [_untold(f) for f in contents.findings if _seen(f, start, coins)]
    text = "no bars before the holdout, left out"
    gone = [symbol for symbol in contents.coins if symbol not in coins]
    told += [Finding("warning", symbol, "perp", "no data", 1, "", text) for symbol in gone]
    return dataclasses.replace(
        contents,
        coins=coins,
        truth=_episodes(contents.truth, start),
        findings=tuple(told),
        holdout=start,
    )


def _episodes(truth: pd.DataFrame | None, start: pd.Timestamp) -> pd.DataFrame | None:
    """Planted episodes that begin before; of one that is under way, not when it ends."""
    if truth is None:
        return None
    kept = truth[truth["start"] < start].reset_index(drop=True)
    return kept.assign(end=kept["end"].where(kept["end"] < start, start)) if "end" in kept else kept


def _seen(finding: Finding, start: pd.Timestamp, coins: Mapping[str, CoinRange]) -> bool:
    if finding.code == UNREADABLE:  # which tells nothing of the holdout
        return True
    if finding.symbol and finding.symbol not in coins:
        return False
    return finding.rule == _WORDS or (finding.where != "" and finding.where < when(start))


def _untold(finding: Finding) -> Finding:
    """A finding of the import, without what it counted over the holdout too."""
    if finding.rule in (_WORDS, UNREADABLE):
        return finding
    text = "seen by the import; how often is not told while the holdout is closed"
    return dataclasses.replace(finding, count=1, text=text, contracts=())
