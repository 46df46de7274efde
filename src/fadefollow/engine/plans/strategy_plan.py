"""A plan: one strategy on a universe of coins, ready to be resolved in either stance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fadefollow.core.cache.shelf import Shelf
from fadefollow.engine.hedge.basket import Basket
from fadefollow.engine.kernels.outcomes import Outcomes
from fadefollow.engine.model import AnyRules, Costs, Events, IntArray
from fadefollow.engine.plans.coin_arrays import CoinArrays
from fadefollow.engine.resolver import outcomes


@dataclass(frozen=True)
class Plan:
    """One strategy on a universe of coins, ready to be resolved in either stance.

    Attributes:
        strategy, signal: their names.
        phases: names of the strategy's phases; an event's `code` is its place here.
        coin_arrays: one per coin, **all on the same union calendar** (equal `time` arrays; NaN bars
            where a coin has no data or is not covered); any sequence, kept as `CoinArrays`.
        costs: one per coin.
        bars, leans, codes: per coin the events: the bar at whose close the phase became known
            (its number on the union calendar), its lean (+1, −1), its phase's code.
        exit_bars, exit_leans: per coin the phases that can end a position by `opposite`.
        rules: how positions are opened and closed; `rules.hold_hours` is the longest time that one
            is held.
        refused: stances that cannot be traded, with the reason.
        window_hours: the longest detection window of the signal.
        weekly: whether its phases are tied to weekdays.
        which: per coin the place of each event's rules in `rules.sets`; None: all 0.
        basket: hedges the trades, on the plan's calendar; None where they are not hedged.
        unhedged: why they are not.
    """

    strategy: str
    signal: str
    phases: tuple[str, ...]
    coin_arrays: CoinArrays
    costs: tuple[Costs, ...]
    bars: tuple[IntArray, ...]
    leans: tuple[IntArray, ...]
    codes: tuple[IntArray, ...]
    exit_bars: tuple[IntArray, ...]
    exit_leans: tuple[IntArray, ...]
    rules: AnyRules
    refused: dict[str, str] = field(default_factory=dict)
    window_hours: float = 0.0
    weekly: bool = False
    which: tuple[IntArray, ...] | None = None
    basket: Basket | None = None
    unhedged: str = ""
    _everywhere: Shelf[tuple[int, int, int], Outcomes] = field(
        default_factory=Shelf, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not isinstance(self.coin_arrays, CoinArrays):
            object.__setattr__(self, "coin_arrays", CoinArrays(self.coin_arrays))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"_everywhere": Shelf()}  # other processes make their own

    @property
    def symbols(self) -> tuple[str, ...]:
        """The coins, in order."""
        return self.coin_arrays.symbols

    @property
    def time(self) -> IntArray:
        """Open times of the calendar's bars, nanoseconds since 1970 UTC, shape (n,)."""
        return self.coin_arrays.time

    @property
    def bar_ns(self) -> int:
        """Size of a bar in nanoseconds."""
        return self.coin_arrays.bar_ns

    def kinds(self, coin: int) -> set[tuple[int, int]]:
        """The sides on which one coin may be traded, in either stance, each with a rule set."""
        used = set(zip(self.leans[coin].tolist(), self.rule_of(coin).tolist(), strict=True))
        return used | {(-lean, rule) for lean, rule in used}

    def everywhere(self, coin: int, side: int, rule: int) -> Outcomes:
        """What a trade on one side and by one rule set earns at every bar; kept for the next."""
        return self._everywhere.ask(
            (coin, side, rule),
            lambda: outcomes(
                self.coin_arrays[coin], side, rules=self.rules.sets[rule], costs=self.costs[coin]
            ),
        )

    def forget(self) -> None:
        """Let go of what `everywhere` keeps."""
        object.__setattr__(self, "_everywhere", Shelf())

    def rule_of(self, coin: int) -> IntArray:
        """The place of each event's rules in `rules.sets`, of one coin."""
        return np.zeros(len(self.bars[coin]), np.int64) if self.which is None else self.which[coin]

    def events(self, coin: int, stance: str) -> Events:
        """The events of one coin as a book of this stance sees them."""
        sign = 1 if stance == "follow" else -1
        return Events(
            bar=self.bars[coin],
            side=sign * self.leans[coin],
            code=self.codes[coin],
            exit_bar=self.exit_bars[coin],
            exit_side=sign * self.exit_leans[coin],
            rule=None if self.which is None else self.which[coin],
        )
