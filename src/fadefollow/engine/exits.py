"""The exit rules, one table for all: what each is called, its bounds, its columns and its words.

A rule that closes a position at a price level is a row of `EXIT_RULES` and a field of `Levels`,
`ExitFractions` and `ExitSettings`. The settings of a strategy, the rules that the resolver takes,
the columns of the kernels, the tuner's search space and the report follow from these. How price
reaches the level is in `kernels/book.py`; what that means for a carry, in `kernels/carry.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import pandas as pd
from pydantic import BaseModel, Field


@dataclass(frozen=True)
class ExitRule:
    """One exit at a price level, given as a fraction above zero; None is off."""

    name: str  #: of the setting, and of the exit reason
    below: float | None  #: the fraction must be less than this
    side: Literal["losing", "winning"]  #: of the position, on which the level lies
    carry: bool  #: whether a carry takes it, on its basis
    tunable: bool = True  #: whether a strategy's `[search]` may change it
    words: str = "{name} at {value}"  #: as the report says it

    def said(self, value: str) -> str:
        """The rule with its value, in words."""
        return self.words.format(name=self.name, value=value)


#: in the order of the kernels' columns
EXIT_RULES = (
    ExitRule("stop", below=1.0, side="losing", carry=True),
    ExitRule("target", below=None, side="winning", carry=True),
    ExitRule("trail", below=1.0, side="losing", carry=False),
)
_NAMES = tuple(rule.name for rule in EXIT_RULES)

#: why a trade or leg ended, by the code that the kernels give
EXIT_REASONS = ("time", "opposite", *_NAMES, "liquidation", "roll", "expiry", "end")
#: how a column of them is kept
REASONS = pd.CategoricalDtype(list(EXIT_REASONS))


class Levels(NamedTuple):
    """One position's fractions as the kernels take them; NaN is off."""

    stop: float
    target: float
    trail: float


def _setting(name: str) -> Any:
    return Field(None, gt=0, lt=EXIT_RULES[_NAMES.index(name)].below)


@dataclass(frozen=True, kw_only=True)
class ExitFractions:
    """A value for each exit rule, as the resolver takes it: fractions, None is off."""

    stop: float | None = None
    target: float | None = None
    trail: float | None = None


class ExitSettings(BaseModel):
    """A setting for each exit rule, as a strategy's `[trade]` table has it."""

    stop: float | None = _setting("stop")  #: fraction of the entry fill
    target: float | None = _setting("target")  #: likewise
    trail: float | None = _setting("trail")  #: likewise, from the best price so far
