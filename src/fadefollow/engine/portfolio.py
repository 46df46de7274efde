"""vectorbt's portfolio, built from the resolver's trades, with funding as a ledger of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from vectorbt.base.array_wrapper import ArrayWrapper
from vectorbt.base.reshape_fns import to_2d_array
from vectorbt.portfolio.enums import OrderSide, log_dt, order_dt
from vectorbt.portfolio.trades import EntryTrades, ExitTrades, Trades
from vectorbt.utils.config import Configured

from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.hedge.hedged import hedge_cash
from fadefollow.engine.model import AnyRules, BarArrays, Book, DatedBarArrays, FloatArray


class FundedPortfolio(vbt.Portfolio):  # type: ignore[misc]
    """A `vbt.Portfolio` whose cash, profit, value and trades are net of funding.

    Args:
        ledger: funding cash by bar and column, shape (n, coins), + received, − paid; a settlement
            stands on the first bar that opens at or after it.
        fixed_capital: returns are P&L / initial capital, as positions are sized by it and not by
            equity; vectorbt's own returns would be meaningless once equity is ≤ 0.
    """

    def __init__(
        self, *args: Any, ledger: FloatArray, fixed_capital: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        # `replace` and pickling rebuild the object from its config
        Configured.__init__(self, **self.config, ledger=ledger, fixed_capital=fixed_capital)
        self._ledger, self._fixed_capital = ledger, fixed_capital

    @property
    def funding(self) -> pd.DataFrame:
        """Funding cash by bar and coin, + received."""
        frame: pd.DataFrame = self.wrapper.wrap(self._ledger, group_by=False)
        return frame

    def indexing_func(self, pd_indexing_func: Any, **kwargs: Any) -> FundedPortfolio:
        """Some of the columns, with their part of the ledger."""
        _, _, _, columns = self.wrapper.indexing_func_meta(
            pd_indexing_func, column_only_select=True, **kwargs
        )
        part = super().indexing_func(pd_indexing_func, **kwargs)
        replaced: FundedPortfolio = part.replace(ledger=self._ledger[:, np.atleast_1d(columns)])
        return replaced

    def daily_returns(self, listed: pd.DataFrame) -> pd.Series[float]:
        """Return by UTC day: mean over the coins listed on that day of P&L / capital.

        Args:
            listed: whether a coin has a bar, shape (n, coins), columns as in this portfolio.

        Returns:
            One value a day on which a coin was listed, on a naive UTC index.
        """
        # of a single group vectorbt gives a series
        value, capital = to_2d_array(self.value()), np.atleast_1d(self.init_cash)
        profit = np.diff(value, axis=0, prepend=capital[None, :])
        day = self.wrapper.index.floor("D")
        by_day = pd.DataFrame(profit / capital).groupby(day).sum()
        present = np.asarray(listed)
        # between its first and last bar a coin is listed, missing bars or not
        spans = np.cumsum(present, axis=0).astype(bool)
        spans &= np.cumsum(present[::-1], axis=0)[::-1].astype(bool)
        count = pd.DataFrame(spans).groupby(day).any().sum(axis=1)
        return (by_day.sum(axis=1) / count)[count > 0]

    # Not cached: with vectorbt's decorator, super() finds this method again.
    def cash_flow(
        self, group_by: Any = None, free: bool = False, wrap_kwargs: Any = None, engine: Any = None
    ) -> Any:
        """Cash flow by bar, funding included."""
        flow = to_2d_array(super().cash_flow(group_by=False, free=free, engine=engine))
        total = self._grouped(flow + self._ledger, group_by)
        return self.wrapper.wrap(total, group_by=group_by, **(wrap_kwargs or {}))

    def total_profit(
        self, group_by: Any = None, wrap_kwargs: Any = None, engine: Any = None
    ) -> Any:
        """Total profit, funding included."""
        plain = np.atleast_1d(super().total_profit(group_by=False, engine=engine))
        total = self._grouped((plain + self._ledger.sum(axis=0))[None, :], group_by)[0]
        kwargs = {"name_or_index": "total_profit"} | (wrap_kwargs or {})
        return self.wrapper.wrap_reduced(total, group_by=group_by, **kwargs)

    def returns(
        self,
        group_by: Any = None,
        in_sim_order: bool = False,
        wrap_kwargs: Any = None,
        engine: Any = None,
    ) -> Any:
        """Return by bar: P&L on the initial capital, or on equity where the book compounds."""
        if not self._fixed_capital:
            return super().returns(
                group_by=group_by, in_sim_order=in_sim_order, wrap_kwargs=wrap_kwargs, engine=engine
            )
        capital = np.atleast_1d(self.get_init_cash(group_by=group_by))
        value = to_2d_array(self.value(group_by=group_by, in_sim_order=in_sim_order))
        profit = np.diff(value, axis=0, prepend=capital[None, :])
        return self.wrapper.wrap(profit / capital, group_by=group_by, **(wrap_kwargs or {}))

    def get_exit_trades(self, group_by: Any = None, **kwargs: Any) -> Any:
        """Exit trade records, P&L net of funding."""
        return self._funded(ExitTrades, group_by, kwargs)

    def get_entry_trades(self, group_by: Any = None, **kwargs: Any) -> Any:
        """Entry trade records, P&L net of funding."""
        return self._funded(EntryTrades, group_by, kwargs)

    def _grouped(self, by_column: FloatArray, group_by: Any) -> FloatArray:
        if not self.wrapper.grouper.is_grouped(group_by=group_by):
            return by_column
        lengths = self.wrapper.grouper.get_group_lens(group_by=group_by)
        starts = np.cumsum(lengths) - lengths
        return np.add.reduceat(by_column, starts, axis=1)

    def _funded(self, kind: type[Trades], group_by: Any, kwargs: dict[str, Any]) -> Any:
        trades = kind.from_orders(self.orders, engine=self.engine, **kwargs)
        records = trades.values.copy()
        # no other position of the column is open between a trade's entry and its exit
        paid = np.cumsum(self._ledger, axis=0)
        column = records["col"]
        records["pnl"] += paid[records["exit_idx"], column] - paid[records["entry_idx"], column]
        records["return"] = records["pnl"] / (records["size"] * records["entry_price"])
        return trades.replace(records_arr=records).regroup(group_by)


def portfolio(
    coin_arrays: Sequence[BarArrays],
    books: Sequence[Book],
    *,
    rules: AnyRules,
    basket: Basket | None = None,
) -> FundedPortfolio:
    """The portfolio of one book: a column a coin, each with its own capital.

    Where trades have several legs, there is a column for each series that a leg can be held in
    (levels `symbol`, `series`), grouped by coin; the coin's capital stands in its first one.

    Args:
        coin_arrays: one per coin, on the same calendar of n bars.
        books: what the resolver made of them, in the same order.
        rules: capital, and whether it compounds.
        basket: of the hedged book: only trades that are hedged, the cash of their hedges in the
            ledger, as if marked to market at each bar's close.

    Returns:
        A portfolio on a naive UTC index of shape (n,), whose total profit, trades and value agree
        with the trades of `books`.
    """
    index = pd.DatetimeIndex(coin_arrays[0].time.astype("datetime64[ns]"), name="time")
    bar = pd.Timedelta(coin_arrays[0].bar_ns, "ns")
    if basket is not None:
        books = [replace(b, trades=b.trades[b.trades["beta"].notna()]) for b in books]
    parts = [part for pair in zip(coin_arrays, books, strict=True) for part in _columns(*pair)]
    if basket is not None:
        parts = [
            replace(part, ledger=part.ledger + hedge_cash(part.trades, basket)) for part in parts
        ]
    names = [(part.symbol, part.series) for part in parts]
    columns: Any = pd.MultiIndex.from_tuples(names, names=["symbol", "series"])
    several = any(isinstance(arrays, DatedBarArrays) for arrays in coin_arrays)
    grouping: dict[str, Any] = {"group_by": "symbol"} if several else {}
    if not several:
        columns = columns.get_level_values("symbol")
    wrapper = ArrayWrapper(index=index, columns=columns, ndim=2, freq=bar, **grouping)
    firsts = ~pd.Series([symbol for symbol, _ in names]).duplicated()
    return FundedPortfolio(
        wrapper,
        pd.DataFrame(np.column_stack([part.close for part in parts]), index, columns),
        np.concatenate([_orders(part.trades, number) for number, part in enumerate(parts)]),
        np.empty(0, log_dt),
        np.where(firsts, rules.capital, 0.0),
        cash_sharing=False,
        trades_type="exittrades",
        ledger=np.column_stack([part.ledger for part in parts]),
        fixed_capital=not rules.compound,
    )


@dataclass(frozen=True)
class _Column:
    """What one column of the portfolio is built from."""

    symbol: str
    series: str
    close: FloatArray
    trades: pd.DataFrame
    ledger: FloatArray


def _columns(arrays: BarArrays, book: Book) -> list[_Column]:
    if not isinstance(arrays, DatedBarArrays) or book.legs is None:
        own, trades = "spot" if arrays.spot else "perp", book.trades
        cash = _borrowed(arrays, trades) if arrays.spot else ledger(arrays, trades)
        return [_Column(arrays.symbol, own, arrays.close, trades, cash)]
    parts = []
    for number, name in enumerate(arrays.series):
        legs = book.legs[book.legs["series"] == number]
        cash = _borrowed(arrays, legs)
        parts.append(_Column(arrays.symbol, name, arrays.series_close(number), legs, cash))
    return parts


def _borrowed(arrays: BarArrays, trades: pd.DataFrame) -> FloatArray:
    """What borrowing spot cost by bar, shape (n,): paid when it is given back."""
    cash = np.zeros(len(arrays.time))
    np.add.at(cash, trades["exit_bar"].to_numpy(), trades["funding"].to_numpy())
    return cash


def ledger(arrays: BarArrays, trades: pd.DataFrame) -> FloatArray:
    """Funding cash by bar of one coin's trades, shape (n,); + received."""
    cash = np.zeros(len(arrays.time))
    place = np.searchsorted(arrays.time, arrays.settle_time, side="left")
    per_coin = -arrays.settle_mark * arrays.settle_rate
    for side, size, entry, last in trades[["side", "size", "entry_bar", "exit_bar"]].itertuples(
        index=False
    ):
        after = np.searchsorted(arrays.settle_time, arrays.time[entry], side="right")
        upto = np.searchsorted(arrays.settle_time, arrays.time[last], side="right")
        held = slice(after, upto)
        np.add.at(cash, place[held], side * size * per_coin[held])
    return cash


def _orders(trades: pd.DataFrame, column: int) -> np.ndarray[Any, Any]:
    """Two order records a trade; the fee of each end from what the trade paid."""
    count = len(trades)
    records = np.zeros(2 * count, order_dt)
    entry, exit_ = records[0::2], records[1::2]
    records["id"], records["col"] = np.arange(2 * count), column
    buys = trades["side"].to_numpy() > 0
    entry["side"] = np.where(buys, OrderSide.Buy, OrderSide.Sell)
    exit_["side"] = np.where(buys, OrderSide.Sell, OrderSide.Buy)
    for end, name in ((entry, "entry"), (exit_, "exit")):
        end["idx"], end["price"] = trades[f"{name}_bar"], trades[f"{name}_price"]
        end["size"] = trades["size"]
    value = trades["size"] * trades["exit_price"]
    exit_value = np.where(trades["reason"] == "liquidation", 0.0, value)
    both = trades["notional"] + exit_value
    entry["fees"] = trades["fees"] * trades["notional"] / both
    exit_["fees"] = trades["fees"] * exit_value / both
    return records
