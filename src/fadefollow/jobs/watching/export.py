"""The job behind `fadefollow export signals`: orders of claims as files for other programs.

`signals.csv` and `signals.json` hold all orders; `freqtrade/CLAIM.csv` those of one claim by
freqtrade's conventions: a row a candle and pair, columns as in its dataframes (`date` is the open
time of the candle at whose close a signal is known; it trades at the next candle's open, as the
backtest does).
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.core.atomic_file import as_store_error, remove_drafts, write_whole
from fadefollow.errors import ParameterError
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.run import Step
from fadefollow.jobs.watching.orders import ORDER_COLUMNS, orders_of
from fadefollow.jobs.watching.trades import request_of
from fadefollow.jobs.watching.update import chosen_claims, trades_of
from fadefollow.results.claims import CLAIMS, Claim, ClaimsFile
from fadefollow.workspace import Workspace

#: columns of a file for freqtrade
FREQTRADE_COLUMNS = (
    "date",
    "pair",
    "enter_long",
    "enter_short",
    "enter_tag",
    "exit_long",
    "exit_short",
    "exit_tag",
)
_MARKS = ("enter_long", "enter_short", "exit_long", "exit_short")
#: version of signals.json
SCHEMA = 1


@dataclass(frozen=True)
class ExportedSignals:
    """What was written.

    Attributes:
        files: paths, in order.
        orders: of all claims, columns ORDER_COLUMNS.
        until: when the last bar closes, UTC, by claim.
    """

    files: tuple[Path, ...]
    orders: pd.DataFrame
    until: dict[str, pd.Timestamp]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the files, and how many orders of each state there are."""
        states = {str(name): int(n) for name, n in self.orders["state"].value_counts().items()}
        return {"files": [str(path) for path in self.files], "orders": states}


def export_signals(
    workspace: Workspace,
    folder: Path,
    names: Sequence[str] = (),
    *,
    quote: str = "USDT",
    step: Step,
) -> ExportedSignals:
    """Write the orders of claims; files that are there are replaced, each at once.

    Args:
        workspace: where the claims are.
        folder: where to write; it is made where it does not exist.
        names: of claims; by default all that are not closed.
        quote: the currency in which freqtrade's pairs are quoted.
        step: told what is being done.

    Raises:
        ParameterError: nothing is watched; a quote that is none.
        FadeFollowError: any of its kinds; nothing is written then.
    """
    if not quote.isalnum():
        raise ParameterError("--quote must be a currency", got=repr(quote), hint="USDT")
    orders, until, claims = watched_orders(workspace, names, step=step)
    texts = {
        "signals.csv": _csv(orders),
        "signals.json": _json(orders, until, claims),
        **{
            f"freqtrade/{claim.claim}.csv": _csv(freqtrade(orders, claim, quote=quote))
            for claim in claims
        },
    }
    rule, hint = "cannot write the signals", "give another place with --to, or free some space"
    with as_store_error(rule, folder, hint):
        for place in (folder, folder / "freqtrade"):
            place.mkdir(parents=True, exist_ok=True)
            remove_drafts(place)
        for name, text in texts.items():
            write_whole(folder / name, text.encode())
    return ExportedSignals(tuple(folder / name for name in texts), orders, until)


def watched_orders(
    workspace: Workspace, names: Sequence[str], *, step: Step
) -> tuple[pd.DataFrame, dict[str, pd.Timestamp], tuple[Claim, ...]]:
    """Orders of claims, when their data end, and the claims.

    Raises:
        ParameterError: nothing is watched.
    """
    file = ClaimsFile(workspace.runs / CLAIMS)
    chosen = chosen_claims(file.lines(), names, open_only=not names)
    if not chosen:
        raise ParameterError("no claim is watched", hint="fadefollow watch add STRATEGY")
    tables, until = [], {}
    for number, (name, one) in enumerate(chosen.items()):
        step(f"trading {name}", number / len(chosen))
        found = trades_of(workspace, one.claim, open_named(workspace, request_of(one.claim)))
        tables.append(orders_of(one.claim, found))
        until[name] = found.end
    some = [table for table in tables if len(table)]
    orders = pd.concat(some, ignore_index=True) if some else tables[0]
    return orders, until, tuple(one.claim for one in chosen.values())


def freqtrade(orders: pd.DataFrame, claim: Claim, *, quote: str) -> pd.DataFrame:
    """The orders of one claim by freqtrade's conventions, columns FREQTRADE_COLUMNS.

    An exit inside a bar stands on that bar's candle: freqtrade learns of it at the candle's end,
    and leaves at the next open where its own stop did not come before.
    """
    spot = claim.bet.trade.instrument == "spot"
    settled = "" if spot else f":{quote}"
    mine = orders[orders["claim"] == claim.claim]
    kind = mine["action"] + "_" + mine["position"]
    marks = {name: (kind == name).astype(int) for name in _MARKS}
    entering = mine["action"] == "enter"
    rows = pd.DataFrame(
        {
            "date": mine["candle"],
            "pair": [f"{symbol}/{quote}{settled}" for symbol in mine["symbol"]],
            **marks,
            "enter_tag": mine["claim"].where(entering, ""),
            "exit_tag": mine["reason"].where(~entering, ""),
        }
    )
    together = rows.groupby(["date", "pair"], sort=True, as_index=False).max()
    return together[list(FREQTRADE_COLUMNS)]


def _csv(table: pd.DataFrame) -> str:
    text: str = table.to_csv(index=False, date_format="%Y-%m-%dT%H:%M:%SZ", lineterminator="\n")
    return text


def _json(orders: pd.DataFrame, until: dict[str, pd.Timestamp], claims: tuple[Claim, ...]) -> str:
    rows = [
        {name: _plain(row[name]) for name in ORDER_COLUMNS} for row in orders.to_dict("records")
    ]
    said = {
        "schema": SCHEMA,
        "claims": [
            {
                "claim": claim.claim,
                "dataset": claim.dataset,
                "data_until": f"{until[claim.claim]:%Y-%m-%dT%H:%M:%SZ}",
                "trade": claim.bet.trade.model_dump(mode="json", exclude_none=True),
            }
            for claim in claims
        ],
        "orders": rows,
    }
    return json.dumps(said, indent=1, allow_nan=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return None if isinstance(value, float) and math.isnan(value) else value
