"""From events and prices in DataFrames to a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, Unpack

import pandas as pd

from fadefollow.core.toml import build
from fadefollow.engine.hedge.hedging import BTC, Hedges
from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.errors import DataError, ParameterError
from fadefollow.jobs.run import Given, RunOptions, run_job, run_result
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.frames import (
    ONLY,
    Frames,
    dataset_of_frames,
    lowered,
    utc_times,
)
from fadefollow.market.datasets.request import DataRequest
from fadefollow.notebook.arguments import checked
from fadefollow.notebook.options import StudyKeywords, plain
from fadefollow.notebook.telling import progress_shown
from fadefollow.phases import Phases
from fadefollow.phases.given import GivenEvents, given_events
from fadefollow.verdict.model import RunResult
from fadefollow.verdict.run.prepare import hedges_of
from fadefollow.verdict.words import Claim
from fadefollow.workspace import find_workspace

Hedge = Literal["auto", "btc", "none"]


@checked
def study(
    events: pd.DataFrame | Phases,
    prices: Frames | Dataset,
    *,
    funding: Frames | None = None,
    hold: str | float | pd.Timedelta = "72h",
    claim: Claim | None = None,
    hedge: Hedge = "auto",
    **options: Unpack[StudyKeywords],
) -> RunResult:
    """The verdict on your own events: whether fading or following them pays.

    Engine, costs, placebos, correction and words are those of `ff.run`. Both stances are traded on
    every event: entered at the open of the bar after the event is known, held for `hold`.

    **When an event is known:** at the close of its bar. A time between two bars, and one that is a
    bar's own open, belongs to the bar that contains it. So an event of 12:20 on hourly bars is
    known at 13:00 and entered at the open of 13:00. Times are UTC where they carry no zone.

    Args:
        events: columns `time`, `symbol` or `coin`, and `lean`, the side that the event is about: 1
            or "long", −1 or "short". To follow is to trade with it, to fade against it. Optionally
            `phase` (its rows are judged apart; by default all are `event`), `actor`, `strength`.
            Or phases that `ff.detect` found.
        prices: bars of perps, or a data set: see `ff.dataset`. Coins without events take part as
            placebos and in the hedge.
        funding: settlements, see `ff.dataset`; None: none is charged, and the result says so.
        hold: how long a position is held: `"72h"`, `"3d"`, or hours as a number.
        claim: the stance that is said to pay, "fade" or "follow"; None: both are asked about.
        hedge: "auto" judges each trade against the market as well, the coins of `prices` if there
            are 20 or more, else BTC if it is there; "btc" only against BTC; "none" not at all.
        options: see `fadefollow.notebook.options.StudyKeywords`.

    Returns:
        What was found. `result["event"]` is the verdict, `result.table` all numbers,
        `result.plot()` a figure. Within a workspace of your own the ledger counts the trial.

    Raises:
        FadeFollowError: any of its kinds: events or prices are not as they must be.
    """
    workspace, given = find_workspace(), plain(options)
    dataset = _opened(prices, funding, given)
    signal = _signal(events, dataset, given.pop("built_up_hours", 24.0))
    strategy = _strategy(
        signal,
        name=given.pop("name", "study"),
        claim=claim or "disputed",
        trade={"hold_hours": hold_hours(hold), "opposite": False, **given.pop("trade", {})},
    )
    _refuse_part_of_a_bar(strategy, dataset)
    request = DataRequest(dataset=dataset.name, accept=given.pop("accept", None))
    report = given.pop("report", False)
    chosen = RunOptions.of(
        workspace, request, strategies=(strategy.name,), command="ff.study", **given
    )
    own = workspace.root == workspace.output
    handed = Given(
        bets=((strategy, signal),), dataset=hedged_by(dataset, hedge), record=own or report
    )
    with progress_shown() as step:
        if not report:
            return run_result(workspace, chosen, step=step, given=handed)
        result, folder = run_job(workspace, chosen, step=step, given=handed)
    return replace(result, folder=folder)


def hold_hours(hold: str | float | pd.Timedelta) -> float:
    """A holding time in hours.

    Raises:
        ParameterError: it is no time above zero.
    """
    if isinstance(hold, str | pd.Timedelta):
        try:
            hours = pd.Timedelta(hold) / pd.Timedelta(hours=1)
        except ValueError:
            hours = 0.0
    else:
        hours = float(hold)
    if not 0.0 < hours < float("inf"):
        raise ParameterError(
            "hold must be a time above zero", got=repr(hold), hint='"72h", "3d", or hours as 72'
        )
    return hours


def hedged_by(dataset: Dataset, hedge: Hedge) -> Dataset:
    """The data set with its hedges chosen.

    Raises:
        ParameterError: BTC is to hedge and is not there.
    """
    if hedge == "auto":
        return dataset
    if hedge == "btc" and BTC not in dataset.markets:
        got = ", ".join(dataset.symbols)
        raise ParameterError('hedge="btc" needs BTC among the prices', got=got)
    chosen = (
        Hedges(None, None, refused="no hedge was asked for")
        if hedge == "none"
        else replace(hedges_of(dataset), market=None)
    )
    made = replace(dataset)  # with a memo of its own
    made.memo.get("hedges", lambda: chosen, keep=None)
    return made


def _opened(prices: Frames | Dataset, funding: Frames | None, given: dict[str, Any]) -> Dataset:
    bar, costs = given.pop("bar", None), given.pop("costs", None)
    if not isinstance(prices, Dataset):
        return dataset_of_frames(prices, funding=funding, bar=bar, costs=costs, name="study")
    if funding is not None or bar is not None:
        name = "funding" if funding is not None else "bar"
        raise ParameterError(f"a data set has its {name} already; leave it out", where="ff.study")
    return prices if costs is None else replace(prices, costs=costs)


def _signal(events: pd.DataFrame | Phases, dataset: Dataset, built_up_hours: float) -> GivenEvents:
    table = events.table if isinstance(events, Phases) else _columns(events, dataset)
    signal = GivenEvents.of(
        given_events(table, list(dataset.symbols)), built_up_hours=built_up_hours
    )
    for market in dataset.markets.values():
        signal.detect(market)  # what does not fit is refused here, and no coin is left out
    return signal


def _columns(events: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """Events with the columns `time`, UTC, and `symbol`."""
    made = lowered(events, where="events")
    if "time" not in made:
        got = f"columns {', '.join(map(str, made.columns))}"
        raise DataError("events need the column time", got=got, where="events")
    made = made.assign(time=utc_times(made["time"], where="events, column time"))
    if "symbol" not in made and dataset.symbols == (ONLY,):
        made = made.assign(symbol=ONLY)
    return made


def _strategy(signal: GivenEvents, *, name: str, claim: Claim, trade: dict[str, Any]) -> Strategy:
    where = "ff.study"
    return build(
        Strategy,
        {
            "name": name,
            "title": "Your own events",
            "claim": claim,
            "account": "Events that were handed over.",
            "signal": signal.name(),
            "phases": tuple(signal.phases),
            "trade": build(Trade, trade, where=f"{where}, trade"),
        },
        where=where,
    )


def _refuse_part_of_a_bar(strategy: Strategy, dataset: Dataset) -> None:
    bars = pd.Timedelta(hours=strategy.trade.hold_hours) / dataset.bar
    if bars < 1 or abs(bars - round(bars)) > 1e-9:
        raise ParameterError(
            "hold must be a multiple of the bar",
            got=f"{strategy.trade.hold_hours:g} h on bars of "
            f"{dataset.bar / pd.Timedelta(hours=1):g} h",
            where="ff.study",
        )
