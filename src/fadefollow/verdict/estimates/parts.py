"""Where a mean comes from: price, funding, fees, slippage, liquidation and hedge of each trade."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fadefollow.engine.model import BookName, FloatArray


@dataclass(frozen=True)
class TradeParts:
    """Parts of trades' net returns, fractions of entry notional, shape (k,) each; they add up.

    Liquidated trades lose their margin whatever took it: their whole loss is `liquidation`, and no
    other part but the hedge counts them. Price is that before slippage.
    """

    price: FloatArray
    funding: FloatArray
    fees: FloatArray  #: ≤ 0
    slippage: FloatArray  #: ≤ 0
    liquidation: FloatArray  #: ≤ 0
    hedge: FloatArray  #: net of its own costs; 0 in the outright book
    paid: FloatArray  #: fees and slippage of all trades, those that were liquidated too; no part

    @classmethod
    def of(cls, trades: pd.DataFrame, book: BookName) -> TradeParts:
        """The parts of `trades`, columns as in `Book` with HEDGE_COLUMNS."""
        notional = trades["notional"].to_numpy(np.float64)
        alive = (trades["reason"] != "liquidation").to_numpy()
        cash = {c: trades[c].to_numpy(np.float64) for c in ("pnl", "funding", "fees", "slippage")}
        price = cash["pnl"] - cash["funding"] + cash["fees"] + cash["slippage"]
        hedge = np.zeros(len(trades))
        if book == "hedged":
            hedge = (trades["hedge_gross"] + trades["hedge_cost"]).to_numpy(np.float64)
        parts = (
            np.where(alive, price, 0.0),
            np.where(alive, cash["funding"], 0.0),
            np.where(alive, -cash["fees"], 0.0),
            np.where(alive, -cash["slippage"], 0.0),
            np.where(alive, 0.0, cash["pnl"]),
            hedge,
            cash["fees"] + cash["slippage"],
        )
        return cls(*(part / notional for part in parts))

    @property
    def net(self) -> FloatArray:
        """The net return."""
        parts = (self.price, self.funding, self.fees, self.slippage, self.liquidation, self.hedge)
        return np.sum(parts, axis=0)  # type: ignore[no-any-return]

    @property
    def against_the_market(self) -> FloatArray:
        """Price and hedge together: what the coin's price did beyond the market's."""
        return self.price + self.hedge
