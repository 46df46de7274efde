"""Data sets, signals, strategies and stored runs: a workspace's names in, objects out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Unpack

import pandas as pd

from fadefollow.core.toml import build
from fadefollow.errors import ParameterError
from fadefollow.jobs.datasets import list_datasets, open_named
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.frames import Frames, dataset_of_frames, market_of_frame
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.panel import Market
from fadefollow.notebook.arguments import checked
from fadefollow.notebook.options import DataKeywords, plain
from fadefollow.phases import Phases, Signal, detect_checked
from fadefollow.results.find import find_run
from fadefollow.results.stored_run import read_run as _read_run
from fadefollow.results.stored_run import read_tuning as _read_tuning
from fadefollow.tuning.model import Tuning
from fadefollow.verdict.model import RunResult
from fadefollow.workspace import find_workspace


@checked
def open_dataset(name: str | None = None, **options: Unpack[DataKeywords]) -> Dataset:
    """A data set of the workspace; what it holds out stays closed.

    Args:
        name: of the data set; by default the workspace's own.
        options: `symbols` (only these coins), `since` and `until` (first and last day or time,
            UTC, as text), `universe`, `revised`, `open_holdout`: see
            `fadefollow.market.datasets.request.DataRequest`.

    Raises:
        FadeFollowError: any of its kinds, where name, range or stored data are not as they must be.
    """
    command = f"ff.open_dataset({name or ''})"
    request, _ = DataRequest.split({"dataset": name, **plain(options)}, command=command)
    return open_named(find_workspace(), request)


@checked
def dataset(
    prices: Frames,
    *,
    funding: Frames | None = None,
    streams: Mapping[str, pd.DataFrame | Mapping[str, pd.DataFrame]] | None = None,
    name: str = "frames",
    bar: str | None = None,
    costs: Mapping[str, Any] | None = None,
) -> Dataset:
    """A data set from DataFrames: arguments, returns and errors are those of `dataset_of_frames`.

    A bar's time is its open, UTC where it carries no zone. A bar is available from its close, a
    settlement from its stamp, unless a column `available` says otherwise.

    Args:
        prices: bars of perps: long (columns time, symbol or coin, open, high, low, close, volume;
            the time may be the index), wide (two levels of columns), or a mapping of coins to
            frames, or of prices to frames with a column a coin.
        funding: settlements: columns time, symbol, rate (a fraction of notional), interval_hours;
            or rates alone, a column a coin. None: none is charged.
        streams: further streams by name, long.
        name: the data set's name.
        bar: size of a bar, such as `"1h"`; by default the smallest distance between two bars.
        costs: as a `[costs]` table: `{"taker_fee_bps": 4, "coins": {"BTC": {...}}}`.
    """
    return dataset_of_frames(
        prices, funding=funding, streams=streams, name=name, bar=bar, costs=costs
    )


@checked
def market(
    bars: pd.DataFrame,
    *,
    symbol: str | None = None,
    funding: pd.DataFrame | None = None,
    streams: Mapping[str, pd.DataFrame] | None = None,
    bar: str | None = None,
) -> Market:
    """One coin's market from a DataFrame of its bars, for `ff.detect` and indicators.

    Args:
        bars: as the prices of `ff.dataset`, of one coin.
        symbol: the coin; by default the one that the bars name.
        funding, streams, bar: as for `ff.dataset`.

    Raises:
        DataError: they are not as they must be.
        ParameterError: they are of several coins.
    """
    return market_of_frame(bars, symbol=symbol, funding=funding, streams=streams, bar=bar)


@checked
def signal(name: str, /) -> type[Signal]:
    """The signal class in `signals/NAME.py`; call it with parameters, or give it to `detect`.

    Raises:
        UnknownNameError: there is none of that name.
        SpecError: its module cannot be used.
    """
    return find_workspace().signal(name)


@checked
def detect(
    signal: str | Signal | type[Signal],
    where: Dataset | Market | Iterable[Market],
    /,
    **params: Any,
) -> Phases:
    """The phases of one market or of several.

    Args:
        signal: its name, its class, or one with its parameters.
        where: a data set, a market, or several.
        params: the signal's parameters, the rest at their defaults.

    Raises:
        FadeFollowError: name, parameters or bars do not fit, or the signal fails.
    """
    if isinstance(signal, Signal):
        if params:
            raise ParameterError("a signal that has its parameters takes no others", got=[*params])
        chosen = signal
    else:
        kind = find_workspace().signal(signal) if isinstance(signal, str) else signal
        chosen = build(kind, params, where=kind.name())
    return Phases.concat([detect_checked(chosen, one) for one in _markets(where)])


@checked
def indicator(signal: str | type[Signal], /) -> Any:
    """The vectorbt indicator of a signal: see `fadefollow.phases.indicators.indicator`."""
    from fadefollow.phases.indicators import indicator as made  # vectorbt takes seconds

    return made(find_workspace().signal(signal) if isinstance(signal, str) else signal)


@checked
def read_run(run: str = "latest", /) -> RunResult:
    """A stored run.

    Args:
        run: `"latest"`, its folder, its name, or a part of the name that only it has.

    Raises:
        UnknownNameError: there is no such run.
        ParameterError: several runs have that part in their names.
        StoreError: it cannot be read.
    """
    folder = find_run(find_workspace().runs, run)
    return replace(_read_run(folder), folder=folder)


@checked
def read_tuning(run: str = "latest", /) -> Tuning | None:
    """The tuning job that a stored run is the outcome of; None for others. As `read_run`."""
    return _read_tuning(find_run(find_workspace().runs, run))


@checked
def strategies() -> pd.DataFrame:
    """The workspace's strategies: title, claim, signal, phases, hold_hours, tuned; by name."""
    workspace = find_workspace()
    rows = {}
    for name in workspace.names("strategies"):
        one = workspace.strategy(name)
        rows[name] = {
            "title": one.title,
            "claim": one.claim,
            "signal": one.signal,
            "phases": ", ".join(one.phases),
            "instrument": one.trade.instrument,
            "hold_hours": one.trade.hold_hours,
            "tuned": one.tuned is not None,
        }
    return _table(rows, "strategy")


@checked
def signals() -> pd.DataFrame:
    """The workspace's signals: phases, needs (streams without which none is seen), params."""
    workspace = find_workspace()
    rows = {}
    for name in workspace.names("signals"):
        kind = workspace.signal(name)
        defaults = {key: kind.model_fields[key].default for key in kind.params()}
        rows[name] = {
            "phases": ", ".join(kind.phases),
            "needs": ", ".join(kind.needs().streams),
            "params": ", ".join(f"{key}={value}" for key, value in defaults.items()),
        }
    return _table(rows, "signal")


@checked
def datasets() -> pd.DataFrame:
    """The workspace's data sets: title, source, bar, coins, first, last, state; by name."""
    rows = {}
    for row in list_datasets(find_workspace()):
        name, coins = row.pop("name"), row.pop("symbols")
        rows[name] = {**row, "coins": len(coins)}
    return _table(rows, "dataset")


def _table(rows: Mapping[str, Mapping[str, Any]], name: str) -> pd.DataFrame:
    return pd.DataFrame(list(rows.values()), index=pd.Index(rows, name=name))


def _markets(where: Dataset | Market | Iterable[Market]) -> list[Market]:
    if isinstance(where, Dataset):
        return list(where.markets.values())
    return [where] if isinstance(where, Market) else list(where)
