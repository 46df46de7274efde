"""Signals as vectorbt indicators: many parameters at once, for people in notebooks.

from fadefollow.phases.indicators import indicator
from fadefollow.workspace import find_workspace

Funding = indicator(find_workspace().signal("funding"))
found = Funding.run(market, quantile=[0.90, 0.95], floor_bps=[1.0, 2.0], param_product=True)
found.crowded_long    # boolean frame, a column for each pair of parameters and each coin
vbt.Portfolio.from_signals(
    found.close, found.fade_long, short_entries=found.fade_short, price=found.open
)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import vectorbt as vbt
from vectorbt.indicators.factory import run_pipeline

from fadefollow.errors import DataError, unknown
from fadefollow.market import Market
from fadefollow.market.panel import FloatArray
from fadefollow.phases import Phases, Signal

BoolArray = npt.NDArray[np.bool_]
Markets = Market | Iterable[Market] | Mapping[str, Market]

#: prices that an instance carries along, of the perp, or of spot where there is none
PRICES = ("open", "close")
#: entries by stance; the fading ones are the following ones with the sides exchanged
ENTRIES = ("follow_long", "follow_short")
_MIRRORED = {"fade_long": "follow_short", "fade_short": "follow_long"}


@cache
def indicator(signal: type[Signal]) -> Any:
    """The vectorbt indicator class of a signal.

    Its `run(markets, **params)` takes one market, several, or a mapping of them, then the
    signal's parameters, each a number or a list of numbers; lists are broadcast against each
    other, or multiplied out with `param_product=True`. `run_combs` works likewise. All else that
    `vbt.IndicatorFactory` offers is there: `run_unique`, `hide_default`, `per_column` (one
    parameter value for each coin), indexing by parameter.

    Args:
        signal: a signal class.

    Returns:
        A subclass of `vbt.IndicatorFactory`'s class. An instance holds boolean frames, index: open
        times of all coins' bars (UTC), columns: parameters given × coins: each phase, true on the
        bar at whose close it became known; and `follow_long`, `follow_short`, `fade_long`,
        `fade_short`, true on the bar at whose open to enter, `delay_bars` later if `run` is
        given any. `open` and `close` are the perp's prices (spot's where there is no perp) in the
        same columns.
    """
    phases, params = tuple(signal.phases), tuple(signal.params())
    outputs = (*phases, *ENTRIES)
    factory = vbt.IndicatorFactory(
        class_name=signal.__name__,
        class_docstring=signal.__doc__ or "",
        module_name=__name__,
        short_name=signal.name(),
        input_names=PRICES,
        param_names=params,
        output_names=outputs,
        custom_output_props={fade: _alias(follow) for fade, follow in _MIRRORED.items()},
        attr_settings={name: {"dtype": np.bool_} for name in (*outputs, *_MIRRORED)},
    )
    defaults = {name: signal.model_fields[name].default for name in params}
    built = factory.from_custom_func(_detector(signal), pass_col=True, **defaults)
    methods: dict[str, Any] = {
        name: classmethod(_on_markets(getattr(built, name).__func__, name, defaults))
        for name in ("run", "run_combs")
    }
    return type(signal.__name__, (built,), {"__module__": __name__, **methods})


def _alias(name: str) -> Callable[[Any], Any]:
    return lambda self: getattr(self, name)


def _on_markets(run: Any, name: str, defaults: Mapping[str, float]) -> Any:
    """A run method that takes its prices from markets."""
    known = {*defaults, "delay_bars", *_arguments(run), *_arguments(run_pipeline)}

    def on_markets(cls: Any, markets: Markets, **kwargs: Any) -> Any:
        for key in kwargs.keys() - known:
            raise unknown("parameter", key, defaults, where=cls.__name__)
        listed = _listed(markets)
        return run(cls, *(_prices(listed, price) for price in PRICES), markets=listed, **kwargs)

    keyword = inspect.Parameter.KEYWORD_ONLY
    on_markets.__name__, on_markets.__doc__ = name, run.__doc__
    on_markets.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter("cls", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            inspect.Parameter("markets", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(inspect.Parameter(key, keyword, default=value) for key, value in defaults.items()),
            inspect.Parameter("delay_bars", keyword, default=0),
            inspect.Parameter("settings", inspect.Parameter.VAR_KEYWORD),
        ]
    )
    return on_markets


def _arguments(function: Any) -> Collection[str]:
    return inspect.signature(function).parameters.keys()


def _prices(markets: Sequence[Market], price: str) -> pd.DataFrame:
    columns = {m.symbol: pd.Series(_price(m, price), index=m.index) for m in markets}
    frame = pd.DataFrame(columns, index=_union(m.index for m in markets))
    return frame.rename_axis(columns="symbol")


def _price(market: Market, price: str) -> FloatArray:
    return market.column(market.base, price)


def _detector(signal: type[Signal]) -> Callable[..., tuple[BoolArray, ...]]:
    """The function that the factory calls: prices, then lists of parameters of equal length."""
    names = tuple(signal.params())

    def run(
        *values: Any,
        markets: Sequence[Market],
        delay_bars: int = 0,
        col: int | None = None,
    ) -> tuple[BoolArray, ...]:
        index = _union(m.index for m in markets)
        chosen = markets if col is None else markets[col : col + 1]
        runs = [
            _frames(signal(**dict(zip(names, row, strict=True))), chosen, index, delay_bars)
            for row in zip(*values[len(PRICES) :], strict=True)
        ]
        return tuple(np.hstack(columns) for columns in zip(*runs, strict=True))

    return run


def _frames(
    signal: Signal, markets: Sequence[Market], index: pd.DatetimeIndex, delay_bars: int
) -> list[BoolArray]:
    """Each phase, then the entries of `ENTRIES`, shape (n, coins)."""
    phases = Phases.concat([signal.detect(market) for market in markets])
    bars = index.get_indexer(pd.DatetimeIndex(phases.table["time"]))
    columns = pd.Index([m.symbol for m in markets]).get_indexer(pd.Index(phases.table["symbol"]))
    found = []
    for phase in signal.phases:
        frame = np.zeros((len(index), len(markets)), bool)
        rows = (phases.table["phase"] == phase).to_numpy()
        frame[bars[rows], columns[rows]] = True
        found.append(frame)
    entries = phases.entries("follow", delay_bars=delay_bars)
    return found + [side.reindex(index, fill_value=False).to_numpy(bool) for side in entries]


def _union(grids: Iterable[pd.DatetimeIndex]) -> pd.DatetimeIndex:
    index = pd.DatetimeIndex([], tz="UTC", name="time")
    for grid in grids:
        index = index.union(grid)
    return index


def _listed(markets: Markets) -> list[Market]:
    if isinstance(markets, Market):
        return [markets]
    listed = list(markets.values() if isinstance(markets, Mapping) else markets)
    symbols = [m.symbol for m in listed]
    if not listed or len(set(symbols)) < len(symbols):
        raise DataError(
            "an indicator needs one or more markets, each of another coin", got=symbols or "none"
        )
    if len({m.bar for m in listed}) > 1:
        sizes = ", ".join(f"{m.symbol} {m.bar}" for m in listed)
        raise DataError("all markets must have the same bar size", got=sizes)
    return listed
