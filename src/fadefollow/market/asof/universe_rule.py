"""Universe rule: what a coin must have been at a date to be a member, in TOML or in one line."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from fadefollow.core.toml import build
from fadefollow.errors import ParameterError

_DAY = pd.Timedelta(days=1)
#: a rule in one line: these parts, separated by commas
WRITTEN = "50, 20-100, age=30-365, perp_to_spot=3- (from) or =-3 (to), separated by commas; 0: all"
_BAND = re.compile(r"(\d{1,9})-(\d{1,9})")
_RANGE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)?-(\d{1,9}(?:\.\d{1,9})?)?")
#: by the name of a part, the fields that hold its two ends
_ENDS = {
    "age": ("min_age_days", "max_age_days"),
    "perp_to_spot": ("min_perp_to_spot", "max_perp_to_spot"),
}


def _period(value: object) -> object:
    """Whole days from `"30D"`."""
    if isinstance(value, str):
        try:
            value = pd.Timedelta(value)
        except ValueError:
            value = pd.Timedelta(0)
    if not isinstance(value, pd.Timedelta) or value < _DAY or value % _DAY:
        raise ParameterError("every must be some whole days", got=value, hint='write "30D"')
    return value


class UniverseSpec(BaseModel):
    """The rule by which a universe is formed: `[universe]` in a data set's TOML.

    A member fulfils all conditions that are given, at least one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    largest: int | None = Field(None, ge=1)  #: so many coins, the first ranks
    #: or those from one rank to another, both included, the largest coin being 1
    ranks: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(ge=1)]] | None = None
    by: Literal["volume"] = "volume"  #: of the perp, else of spot, in the quote currency
    over_days: float = Field(30.0, gt=0, le=3650)  #: summed over so many days before each date
    min_age_days: float | None = Field(None, ge=0, allow_inf_nan=False)  #: since the listing
    max_age_days: float | None = Field(None, ge=0, allow_inf_nan=False)  #: likewise, at most
    #: perp volume over spot volume in those days, where both are known
    min_perp_to_spot: float | None = Field(None, ge=0, allow_inf_nan=False)
    max_perp_to_spot: float | None = Field(None, ge=0, allow_inf_nan=False)  #: likewise, at most
    #: formed anew after so many days, at midnight UTC, counted from 1970
    every: Annotated[pd.Timedelta, BeforeValidator(_period)] = pd.Timedelta(days=30)

    @model_validator(mode="after")
    def _has_a_condition(self) -> Self:
        if self.largest is None and self.ranks is None and not (self.has_age or self.has_ratio):
            raise ParameterError(
                "a universe needs a condition",
                got="none of largest, ranks, age and perp-to-spot ratio",
                hint="largest = 50",
            )
        return self

    @model_validator(mode="after")
    def _ends_are_in_order(self) -> Self:
        if self.largest is not None and self.ranks is not None:
            raise ParameterError(
                "a universe has either largest or ranks",
                got=f"largest {self.largest}, ranks {self.ranks[0]} to {self.ranks[1]}",
                hint="largest = 50 is ranks = [1, 50]",
            )
        for name, (low, high) in {
            "ranks": self.ranks or (None, None),
            "age_days": self.ages,
            "perp_to_spot": self.ratios,
        }.items():
            if low is not None and high is not None and low > high:
                rule = f"{name}: the lower end must not exceed the upper"
                raise ParameterError(rule, got=f"{low:g} to {high:g}")
        return self

    @property
    def band(self) -> tuple[int, int | None]:
        """The first and the last rank of members; None: to the last coin."""
        return self.ranks or (1, self.largest)

    @property
    def ages(self) -> tuple[float | None, float | None]:
        """The least and the greatest age, days."""
        return self.min_age_days, self.max_age_days

    @property
    def ratios(self) -> tuple[float | None, float | None]:
        """The least and the greatest perp-to-spot volume ratio."""
        return self.min_perp_to_spot, self.max_perp_to_spot

    @property
    def has_age(self) -> bool:
        """Whether age is a condition."""
        return self.ages != (None, None)

    @property
    def has_ratio(self) -> bool:
        """Whether the perp-to-spot volume ratio is a condition."""
        return self.ratios != (None, None)

    @property
    def words(self) -> str:
        """The rule in words."""
        parts = [self._rank_words()]
        if self.has_age:
            parts.append(f"listed for {_range_words(*self.ages)} days")
        if self.has_ratio:
            parts.append(f"with {_range_words(*self.ratios)} times as much perp as spot volume")
        return ", ".join([*parts, f"formed every {self.every // _DAY} days"])

    def _rank_words(self) -> str:
        by = f"by {self.by} over {self.over_days:g} days"
        if self.largest is not None:
            return f"the {self.largest} largest coins {by}"
        if self.ranks is not None:
            return f"the coins of rank {self.ranks[0]} to {self.ranks[1]} {by}"
        return "all coins" if not self.has_ratio else f"all coins, {by}"


def _range_words(low: float | None, high: float | None) -> str:
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"


def combined_rule(declared: UniverseSpec | None, written: int | str | None) -> UniverseSpec | None:
    """The rule of a data set's TOML with what a user writes in its place.

    Args:
        declared: the rule of the TOML; None: it has none.
        written: a number of coins, the largest; or parts separated by commas: `50`, `20-100`
            (ranks), `age=30-365` (days), `perp_to_spot=3-`, where either end of the last two can
            be left out. Each part replaces what the TOML says of the same thing, and keeps the
            rest. 0: no universe; None: as declared.

    Raises:
        ParameterError: it cannot be read, or its parts contradict each other.
    """
    if written is None:
        return declared
    text = str(written).strip()
    if re.fullmatch("0+", text):
        return None
    kept = {} if declared is None else declared.model_dump()
    names = [part.partition("=")[0].strip() if "=" in part else "" for part in text.split(",")]
    if len(set(names)) < len(names):
        raise _unreadable(text, "the same part twice")
    for part in text.split(","):
        kept |= _fields(part.strip(), text)
    return build(UniverseSpec, kept, where="--universe")


def _fields(part: str, text: str) -> dict[str, Any]:
    """What one part of a written rule sets."""
    name, equals, value = (piece.strip() for piece in part.partition("="))
    if not equals:
        if re.fullmatch(r"\d{1,9}", part) and int(part):
            return {"largest": int(part), "ranks": None}
        band = _BAND.fullmatch(part)
        if band is None or not int(band[1]):
            raise _unreadable(text, repr(part))
        return {"largest": None, "ranks": (int(band[1]), int(band[2]))}
    ends = _RANGE.fullmatch(value)
    if name not in _ENDS or ends is None or ends.groups() == (None, None):
        raise _unreadable(text, repr(part))
    low, high = (None if end is None else float(end) for end in ends.groups())
    return dict(zip(_ENDS[name], (low, high), strict=True))


def _unreadable(text: str, found: str) -> ParameterError:
    got = found if found == repr(text) else f"{found} in {text!r}"
    return ParameterError("--universe must be a rule of membership", got=got, hint=WRITTEN)
