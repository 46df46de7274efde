"""Strategy: what a TOML file under `strategies/` says."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fadefollow.core.toml import build, read_toml
from fadefollow.engine.costs import CostSettings
from fadefollow.engine.exits import EXIT_RULES, ExitSettings
from fadefollow.engine.model import Rules
from fadefollow.errors import ParameterError

if TYPE_CHECKING:
    from fadefollow.phases import Signal

_FROZEN = ConfigDict(frozen=True, extra="forbid")
#: fields of a strategy that change no trade: its name and texts, what it is judged by, where the
#: tuner may look, and where its parameters come from
WORDS = frozenset({"name", "title", "claim", "account", "smallest_bps", "search", "tuned"})
#: of Bitcoin, about, over the years since 2020: half of its price a year
TARGET_VOLATILITY = 0.5


def _by_notional(size_by: str) -> bool:
    return size_by == "notional"


def _unset(value: float | None) -> bool:
    return value is None


class _Entry(BaseModel):
    """How a position is opened, and the longest that it is held."""

    #: perp; spot; the nearest dated future; or that future against spot, equal coins
    instrument: Literal["perp", "spot", "future", "carry"] = "perp"
    min_days_left: float = Field(14.0, ge=0, le=365)  #: of a contract that is entered
    leave_days: float = Field(3.0, ge=0, le=365)  #: before expiry a contract is left
    hold_hours: float = Field(gt=0, le=24 * 365)  #: the longest holding time
    delay_bars: int = Field(0, ge=0, le=1000)  #: to wait beyond the first possible open


class Trade(ExitSettings, _Entry):
    """The `[trade]` table: what is traded, how it is left, and its size."""

    model_config = _FROZEN

    opposite: bool = True  #: leave when a phase points against the position
    exit_on: tuple[str, ...] = ()  #: phases that can do so; by default the strategy's own
    leverage: float = Field(1.0, ge=1, le=125)  #: isolated margin = notional / leverage
    weight: float = Field(1.0, gt=0, le=125)  #: share of the capital per position
    capital: float = Field(
        100_000.0, gt=0, allow_inf_nan=False
    )  #: per coin and book, quote currency
    compound: bool = False  #: size by the present equity instead of the capital
    #: notional: every position has its full size, weight × capital; risk: coins wilder than the
    #: target have less (docs/money-rules.md, 9)
    size_by: Literal["notional", "risk"] = Field("notional", exclude_if=_by_notional)
    #: of a coin whose position has its full size, a fraction a year; by risk only
    target_volatility: float | None = Field(None, gt=0, le=10, exclude_if=_unset)

    @model_validator(mode="before")
    @classmethod
    def _target_is_resolved(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("size_by") == "risk":
            return {"target_volatility": TARGET_VOLATILITY, **data}
        return data

    @model_validator(mode="after")
    def _size_fits(self) -> Self:
        if self.size_by == "risk" and self.instrument in ("future", "carry"):
            raise ParameterError(
                'size_by = "risk" is for perp and spot', got=f'instrument "{self.instrument}"'
            )
        if (self.size_by == "risk") != (self.target_volatility is not None):
            raise ParameterError(
                'target_volatility belongs to size_by = "risk"',
                got=f'size_by "{self.size_by}", target_volatility {self.target_volatility}',
            )
        return self

    @model_validator(mode="after")
    def _margin_fits(self) -> Self:
        if self.weight > self.leverage:
            raise ParameterError(
                "weight must not exceed leverage, or the margin exceeds the capital",
                got=f"weight {self.weight:g}, leverage {self.leverage:g}",
            )
        return self

    @model_validator(mode="after")
    def _spot_is_paid_in_full(self) -> Self:
        if self.instrument == "spot" and self.leverage != 1:
            raise ParameterError(
                "spot is paid for in full, and sold short against as much: leverage must be 1",
                got=f"{self.leverage:g}",
                hint='for leverage trade the perp (instrument = "perp")',
            )
        return self

    @model_validator(mode="after")
    def _dated_rules_fit(self) -> Self:
        if self.leave_days >= self.min_days_left and self.instrument in ("future", "carry"):
            raise ParameterError(
                "leave_days must be below min_days_left, or contracts are left as they are entered",
                got=f"{self.leave_days:g} and {self.min_days_left:g}",
            )
        for rule in EXIT_RULES:
            if self.instrument == "carry" and not rule.carry and getattr(self, rule.name):
                raise ParameterError(
                    f"carry takes no {rule.name}", hint="its stop and target are on the basis"
                )
        return self

    def rules(self) -> Rules:
        """The same as the resolver takes it."""
        names = Rules.__dataclass_fields__.keys()
        return Rules(**{name: getattr(self, name) for name in names})


class Range(BaseModel):
    """One entry of `[search]`: where the tuner may look."""

    model_config = _FROZEN

    low: float | None = Field(None, allow_inf_nan=False)  #: with `high`, or `choices` alone
    high: float | None = Field(None, allow_inf_nan=False)  #: included
    step: float | None = Field(None, gt=0, allow_inf_nan=False)  #: only so far apart
    log: bool = False  #: searched by ratio
    choices: tuple[Any, ...] | None = None  #: one of these

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        bounds = self.low is not None and self.high is not None
        if bounds == (self.choices is not None):
            raise ParameterError(
                "a search range has either low and high, or choices", got=self.model_dump_json()
            )
        listed = list(self.choices or ())
        twice = [choice for place, choice in enumerate(listed) if choice in listed[:place]]
        if twice:
            raise ParameterError("choices must each be listed once", got=f"{twice[0]!r} twice")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ParameterError("low must not exceed high", got=f"{self.low:g} > {self.high:g}")
        return self


class Tuned(BaseModel):
    """The `[tuned]` table of a strategy that a tuning job wrote: where its parameters come from."""

    model_config = _FROZEN

    original: str  #: the strategy that was tuned
    dataset: str  #: on which
    fingerprint: str  #: of its data
    until: str  #: end of the time that was searched, UTC; what was earned before is in sample
    stance: Literal["fade", "follow"]  #: whose objective was maximised
    book: Literal["outright", "hedged"] = "outright"  #: in which
    objective: str  #: what was maximised
    trials: int  #: that were evaluated in all folds


class Strategy(BaseModel):
    """A named bet on the phases of one signal; fade and follow are always both measured."""

    model_config = _FROZEN

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")
    title: str  #: as the report calls it
    claim: Literal["fade", "follow", "disputed"]  #: what the account says pays
    #: the smallest edge worth trading, bps; by default the workspace's
    smallest_bps: float | None = Field(None, gt=0, le=10_000)
    account: str  #: which account claims it, and what it says
    signal: str  #: a module in signals/
    phases: tuple[str, ...] = Field(min_length=1)  #: of the signal, that are traded
    symbols: tuple[str, ...] | None = None  #: by default all coins of the data set
    params: dict[str, Any] = {}  #: of the signal
    trade: Trade  #: what is traded and how it is left
    #: detect on, and charge, the rate that follows from the premium where settlements are missing
    implied_funding: bool = Field(False, exclude_if=operator.not_)
    costs: CostSettings = CostSettings()  #: overrides those of the data set
    search: dict[str, Range] = {}  #: "params.NAME" or "trade.NAME" → range
    tuned: Tuned | None = None  #: written by a tuning job

    def implies(self, signal: Signal) -> bool:
        """Whether this strategy or its signal asks for implied settlements, or a search may."""
        searched = "params.implied_funding" in self.search
        return self.implied_funding or searched or signal.implies_funding

    @model_validator(mode="after")
    def _phases_once(self) -> Self:
        if len(set(self.phases)) < len(self.phases):
            raise ParameterError("a phase must be listed once", got=", ".join(self.phases))
        return self

    def traded(self) -> dict[str, Any]:
        """All that decides its trades, as plain values: every field but `WORDS`."""
        return self.model_dump(mode="json", exclude=set(WORDS))


def load_strategy(path: Path) -> Strategy:
    """The strategy in a TOML file, named like the file.

    Raises:
        SpecError, UnknownNameError, ParameterError: the file, its key and what is wrong with it.
    """
    return build(Strategy, {"name": path.stem, **read_toml(path)}, where=str(path))
