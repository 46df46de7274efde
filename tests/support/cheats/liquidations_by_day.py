"""The liquidations of the day, by its date."""

from __future__ import annotations

from signals.cheating import Cheat

from fadefollow.market import Market
from fadefollow.phases.features import FloatArray


class LiquidationsByDay(Cheat):
    def measure(self, market: Market) -> FloatArray:
        table = market.table("liquidations").set_index("time")["long_coins"]
        usual = table.expanding().median()
        return (table / usual).reindex(market.index, method="ffill").to_numpy()
