"""The columns of one coin's market that a result stores for its charts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fadefollow.market import Market
from fadefollow.phases.dated_contracts import constant_maturity_basis, usable_rows
from fadefollow.phases.features import FloatArray, spot_premium_bps

#: columns of a result as they are in the panel, by stream
_AS_THEY_ARE = {
    "open_interest_coins": ("open_interest", "open_interest"),
    "netflow_coins": ("netflow", "netflow_coins"),
    "liquidated_long_coins": ("liquidations", "long_coins"),
    "liquidated_short_coins": ("liquidations", "short_coins"),
}


def prices_of(market: Market) -> pd.DataFrame:
    """Price and context columns that the report draws for one coin.

    Returns:
        Indexed by the bars' open times, UTC; row t holds what was known at the close of bar t.
        `open, high, low, close` (quote currency) are those of the perp, else of spot. The others
        are there where their streams are, in single precision: they are only drawn.
        `premium_bps` is spot / perp − 1. `funding_bps_per_8h` is the last settlement's rate.
        `open_interest_coins` are open contracts. `basis_pct_per_year` is the annualised basis at
        90 days to expiry (see `fadefollow.phases.dated_contracts`), not averaged. `netflow_coins`
        (+ into exchanges), `liquidated_long_coins` and `liquidated_short_coins` are those
        of the newest day that was published by then.
    """
    prices = {c: market.column(market.base, c) for c in ("open", "high", "low", "close")}
    drawn: dict[str, FloatArray] = {}
    if not market.missing("perp", "spot"):
        drawn["premium_bps"] = spot_premium_bps(market)
    if not market.missing("funding"):
        rate, interval = (market.column("funding", c) for c in ("rate", "interval_hours"))
        drawn["funding_bps_per_8h"] = 1e4 * rate * 8 / interval
    if not market.missing("future", "spot"):
        basis = 100 * constant_maturity_basis(market, usable_rows(market))
        if np.isfinite(basis).any():
            drawn["basis_pct_per_year"] = basis
    for name, (stream, column) in _AS_THEY_ARE.items():
        if not market.missing(f"{stream}.{column}"):
            drawn[name] = market.column(stream, column)
    single = {name: values.astype(np.float32) for name, values in drawn.items()}
    return pd.DataFrame({**prices, **single}, index=market.index)
