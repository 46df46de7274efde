"""The panels of the market figure: which columns of a coin's prices, their units and colours."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Drawn:
    """One curve of a panel."""

    column: str  #: of a coin's prices
    name: str
    sign: int = 1  #: −1: drawn downwards, where a panel sets two sides against each other
    colour: str = "@muted"


@dataclass(frozen=True)
class Panel:
    """One panel below the price."""

    title: str
    unit: str
    curves: tuple[Drawn, ...]
    zero: bool = True  #: the zero line means something
    held: bool = False  #: a value holds until the next one: drawn in steps


#: from top to bottom; a coin has those of which it has data
PANELS = (
    Panel("Spot premium", "bps", (Drawn("premium_bps", "spot premium"),)),
    Panel("Funding", "bps per 8 h", (Drawn("funding_bps_per_8h", "funding"),), held=True),
    Panel("Open interest", "coins", (Drawn("open_interest_coins", "open interest"),), zero=False),
    Panel("Basis at 90 days", "% a year", (Drawn("basis_pct_per_year", "basis at 90 days"),)),
    Panel(
        "Exchange netflow, + is inflow",
        "coins a day",
        (Drawn("netflow_coins", "exchange netflow"),),
        held=True,
    ),
    Panel(
        "Liquidations, shorts up, longs down",
        "coins a day",
        (
            Drawn("liquidated_short_coins", "liquidated shorts", 1, "@short"),
            Drawn("liquidated_long_coins", "liquidated longs", -1, "@long"),
        ),
        held=True,
    ),
)
