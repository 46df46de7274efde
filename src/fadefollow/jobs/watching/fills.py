"""The job behind `fadefollow watch compare`: what fills cost against what the backtest assumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.engine.model import DAY_NS, FloatArray
from fadefollow.errors import DataError, ParameterError
from fadefollow.jobs.run import Step
from fadefollow.jobs.watching.export import watched_orders
from fadefollow.verdict.calibration.proportions import plain
from fadefollow.verdict.estimates.bootstrap import block_indices, bootstrap
from fadefollow.verdict.estimates.days import day_sums
from fadefollow.workspace import Workspace

#: columns that a file of fills must have, and may have
NEEDED, OPTIONAL = ("symbol", "action", "side", "time", "price"), ("fee_bps", "claim")
#: an order is a fill's if it was due no further away
WITHIN_HOURS = 1.0
_ACTIONS, _SIDES = ("enter", "exit"), {"buy": 1.0, "sell": -1.0}
_DRAWS, _SEED = 2000, 1


@dataclass(frozen=True)
class Slippage:
    """What fills cost beyond the assumption, bps of the price; positive is worse.

    Attributes:
        fills: number of them.
        days: UTC days on which they were.
        mean_bps: beyond the assumed fill.
        low_bps, high_bps: 95 % interval by a bootstrap of days; NaN where there are too few.
        assumed_bps: slippage that the backtest assumes, mean over the fills.
        fee_bps: fee beyond the assumed one; NaN where the file has none.
    """

    fills: int
    days: int
    mean_bps: float
    low_bps: float
    high_bps: float
    assumed_bps: float
    fee_bps: float


@dataclass(frozen=True)
class Compared:
    """Fills against assumptions.

    Attributes:
        all, enter, exit: of all fills, of entries and of exits.
        unmatched: rows of the file that no order belongs to.
        missed: filled orders of the same time that no row belongs to.
    """

    all: Slippage
    enter: Slippage
    exit: Slippage
    unmatched: int
    missed: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is not known is None."""
        said: dict[str, Any] = plain(asdict(self))
        return said


def compare_fills(
    workspace: Workspace,
    path: Path,
    names: Sequence[str] = (),
    *,
    within_hours: float = WITHIN_HOURS,
    step: Step,
) -> Compared:
    """Compare the fills in a CSV file with those that the backtest of the claims assumes.

    Args:
        workspace: where the claims are.
        path: of the file.
        names: of claims; by default all that are not closed.
        within_hours: how far from an order's time its fill may be.
        step: told what is being done.

    Raises:
        DataError: the file is not as it must be, with the row and the column.
        ParameterError: no fill belongs to an order.
    """
    fills = read_fills(path)
    orders, _, _ = watched_orders(workspace, names, step=step)
    filled = orders[orders["state"] == "filled"].reset_index(drop=True)
    place = matched(fills, filled, within=pd.Timedelta(hours=within_hours))
    found = place >= 0
    if not found.any():
        raise ParameterError(
            "no fill belongs to an order of the watched claims",
            got=f"{len(fills)} fills, {len(filled)} orders",
            where=str(path),
            hint="times are UTC; symbols as in the data set (BTC); --within-hours allows more",
        )
    hit = fills[found].reset_index(drop=True)
    order = filled.iloc[place[found]].reset_index(drop=True)
    worse = worse_bps(hit, order)
    action = hit["action"].to_numpy()
    parts = {
        name: _slippage(hit, order, worse, np.isin(action, wanted))
        for name, wanted in (("all", _ACTIONS), ("enter", ("enter",)), ("exit", ("exit",)))
    }
    first, last = hit["time"].min(), hit["time"].max()
    spanned = np.array(filled["due_at"].between(first, last))
    spanned[place[found]] = False
    return Compared(**parts, unmatched=int((~found).sum()), missed=int(spanned.sum()))


def read_fills(path: Path) -> pd.DataFrame:
    """The fills in a CSV file: columns NEEDED, and of OPTIONAL those there are.

    Raises:
        DataError: it cannot be read, lacks a column, or has a value that cannot be.
    """
    try:
        table = pd.read_csv(path, dtype={"symbol": str, "claim": str})
    except (OSError, ValueError) as error:
        raise DataError("cannot read the fills", got=str(error), where=str(path)) from error
    lost = [name for name in NEEDED if name not in table]
    if lost:
        raise DataError(
            "a file of fills needs a column for each of " + ", ".join(NEEDED),
            got=f"no {', '.join(lost)}",
            where=str(path),
        )
    table = table[[*NEEDED, *(name for name in OPTIONAL if name in table)]]
    time = pd.to_datetime(table["time"], utc=True, errors="coerce", format="ISO8601")
    price = pd.to_numeric(table["price"], errors="coerce")
    good = {
        "symbol": table["symbol"].notna(),
        "action": table["action"].isin(_ACTIONS),
        "side": table["side"].isin(list(_SIDES)),
        "time": time.notna(),
        "price": (price > 0.0) & np.isfinite(price),
    }
    rules = {
        "action": f"action must be {' or '.join(_ACTIONS)}",
        "side": f"side must be {' or '.join(_SIDES)}",
        "time": "time must be a time in UTC, such as 2026-01-31T08:00:00Z",
        "price": "price must be a positive number",
    }
    for name, fine in good.items():
        if not fine.all():
            row = int(np.flatnonzero(~fine.to_numpy())[0])
            raise DataError(
                rules.get(name, f"{name} must be given"),
                got=repr(table[name].iloc[row]),
                where=f"{path}, row {row + 2}, column {name}",
            )
    fees = pd.to_numeric(table["fee_bps"], errors="coerce") if "fee_bps" in table else np.nan
    return table.assign(time=time, price=price.astype(np.float64), fee_bps=fees)


def matched(fills: pd.DataFrame, orders: pd.DataFrame, *, within: pd.Timedelta) -> np.ndarray:
    """The place of the order that each fill belongs to, shape (k,); −1 where there is none.

    Symbol, action, side and claim (where the file names it) agree, and the order was due nearest to
    the fill; several fills of one order are parts of it.
    """
    place = np.full(len(fills), -1)
    due = orders["due_at"]
    for number, fill in enumerate(fills.to_dict("records")):
        same = orders["symbol"] == fill["symbol"]
        for name in ("action", "side", "claim"):
            if name in fills and isinstance(fill[name], str):
                same &= orders[name] == fill[name]
        away = (due[same] - fill["time"]).abs()
        if len(away) and away.min() <= within:
            place[number] = int(np.asarray(away.idxmin()))
    return place


def worse_bps(fills: pd.DataFrame, orders: pd.DataFrame) -> FloatArray:
    """By how much each fill was worse than the assumed one, bps of the assumed price, shape (k,).

    A purchase is worse the dearer it is, a sale the cheaper.
    """
    side = fills["side"].map(_SIDES).to_numpy(np.float64)
    price, assumed = (
        table[name].to_numpy(np.float64)
        for table, name in ((fills, "price"), (orders, "assumed_price"))
    )
    return np.asarray(1e4 * side * (price / assumed - 1.0))


def _slippage(
    fills: pd.DataFrame, orders: pd.DataFrame, worse: FloatArray, mine: np.ndarray
) -> Slippage:
    """Of some of the fills."""
    if not mine.any():
        return Slippage(0, 0, *(float("nan"),) * 5)
    stamps = fills["time"].dt.tz_convert(None).to_numpy("datetime64[ns]").astype(np.int64)
    # days without fills say nothing of fills: those with some are the units
    days, day = np.unique(stamps[mine] // DAY_NS, return_inverse=True)
    sums = day_sums(np.asarray(day, np.int64), worse[mine], len(days))
    low = high = float("nan")
    if len(days) > 1:
        rng = np.random.default_rng([_SEED])
        index = block_indices(len(days), length=1.0, draws=_DRAWS, rng=rng)
        low, high = bootstrap([sums], [[1.0]], length=1.0, index=index)[0].interval(0.05)
    extra = (fills["fee_bps"] - orders["fee_bps"]).to_numpy(np.float64)[mine]
    known = extra[~np.isnan(extra)]
    return Slippage(
        fills=int(mine.sum()),
        days=len(days),
        mean_bps=float(worse[mine].mean()),
        low_bps=low,
        high_bps=high,
        assumed_bps=float(orders["slippage_bps"].to_numpy(np.float64)[mine].mean()),
        fee_bps=float(known.mean()) if len(known) else float("nan"),
    )
