"""The search space: what a strategy's `[search]` table lets the tuner change, checked at once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, get_args

import optuna.distributions as od
from pydantic.fields import FieldInfo

from fadefollow.core.toml import build, placed
from fadefollow.engine.exits import EXIT_RULES
from fadefollow.engine.strategy import Range, Strategy, Trade
from fadefollow.errors import FadeFollowError, ParameterError, SpecError, unknown
from fadefollow.phases import Signal

#: settings of `[trade]` that decide a trade and not how much is at stake
TUNABLE = (
    *("hold_hours", "delay_bars"),
    *(rule.name for rule in EXIT_RULES if rule.tunable),
    *("opposite", "exit_on", "leverage"),
)
#: among choices, what leaves an exit rule away (TOML has no null)
OFF = "off"


@dataclass(frozen=True)
class Space:
    """What is searched, by "params.NAME" or "trade.NAME".

    Attributes:
        strategy: whose `[search]` it is.
        signal: with the parameters of the strategy's file.
        distributions: as Optuna takes them.
        bar_hours: size of the bars.
    """

    strategy: Strategy
    signal: Signal
    distributions: Mapping[str, od.BaseDistribution]
    bar_hours: float

    @classmethod
    def of(cls, strategy: Strategy, signal: Signal, *, bar_hours: float) -> Space:
        """The search space of a strategy on bars of one size.

        Raises:
            SpecError: there is nothing to search.
            UnknownNameError: a key names no parameter.
            ParameterError: a range leaves the parameter's bounds, or a value in it does not work.
        """
        where = f"strategy {strategy.name}, [search]"
        if not strategy.search:
            raise SpecError(
                "nothing to search",
                where=where,
                hint='for instance "trade.hold_hours" = { low = 24, high = 168, step = 8 }',
            )
        made = {
            key: _distribution(key, span, signal, bar_hours, f"{where}, {key}")
            for key, span in strategy.search.items()
        }
        space = cls(strategy, signal, made, bar_hours)
        for key, distribution in made.items():
            for value in _ends(distribution):
                try:
                    space.candidate({key: value})
                except FadeFollowError as error:
                    raise placed(error, where) from None
        return space

    def candidate(self, params: Mapping[str, Any]) -> tuple[Signal, Trade]:
        """The signal and the trade rules with some parameters set, the rest as in the file.

        Raises:
            FadeFollowError: the values do not go together.
        """
        chosen, trade = self._built(params)
        signal = build(type(self.signal), chosen, where="params")
        bars = trade.hold_hours / self.bar_hours
        if bars < 1 or abs(bars - round(bars)) > 1e-9:
            raise ParameterError(
                "hold_hours must be a multiple of the bar",
                got=f"{trade.hold_hours:g} h on bars of {self.bar_hours:g} h",
            )
        return signal, trade

    def with_params(self, params: Mapping[str, Any]) -> Strategy:
        """The strategy with some parameters set; those of the signal in `params`, filled in."""
        chosen, trade = self._built(params)
        return self.strategy.model_copy(update={"params": chosen, "trade": trade})

    def _built(self, params: Mapping[str, Any]) -> tuple[dict[str, Any], Trade]:
        """The signal's parameters, not yet checked, and the trade rules, with some set."""
        tables = {table: dict(values) for table, values in self._tables.items()}
        for key, value in params.items():
            table, _, name = key.partition(".")
            tables[table][name] = meant(value)
        return tables["params"], build(Trade, tables["trade"], where="trade")

    @cached_property
    def _tables(self) -> Mapping[str, dict[str, Any]]:
        """What the strategy's file says, filled in."""
        return {"params": self.signal.model_dump(), "trade": self.strategy.trade.model_dump()}

    @property
    def longest_hours(self) -> float:
        """The longest holding time that a trial can have, its delay included."""
        trade = self.strategy.trade
        hold, delay = (
            max(
                (float(v) for v in _ends(self.distributions[key])),
                default=math.nan,
            )
            if (key := f"trade.{name}") in self.distributions
            else float(getattr(trade, name))
            for name in ("hold_hours", "delay_bars")
        )
        return hold + (1 + delay) * self.bar_hours

    def start(self) -> dict[str, Any]:
        """What the strategy's file says for the searched parameters."""
        return {
            key: _stored(self._tables[(parts := key.split(".", 1))[0]][parts[1]])
            for key in self.distributions
        }

    def words(self) -> dict[str, str]:
        """What is searched, by parameter, in words."""
        return {key: _words(d) for key, d in self.distributions.items()}


def _distribution(
    key: str, span: Range, signal: Signal, bar_hours: float, where: str
) -> od.BaseDistribution:
    table, _, name = key.partition(".")
    field = _field(table, name, signal, where)
    if span.choices is not None:
        if not span.choices:
            raise ParameterError("choices must not be empty", where=where)
        return od.CategoricalDistribution([_stored(choice) for choice in span.choices])
    low, high, step = float(span.low or 0), float(span.high or 0), span.step
    kinds = {field.annotation, *get_args(field.annotation)}
    if not kinds & {int, float} or bool in kinds:
        raise ParameterError(
            "only a number can lie between low and high",
            got=f"{name} is {field.annotation}",
            where=where,
            hint="list its values with choices",
        )
    bounds = signal.params().get(name) if table == "params" else None
    if bounds is not None and not bounds.low <= low <= high <= bounds.high:
        raise ParameterError(
            f"the range must lie within {bounds.low:g} to {bounds.high:g} {bounds.unit}".strip(),
            got=f"{low:g} to {high:g}",
            where=where,
        )
    if span.log and (low <= 0 or step is not None):
        raise ParameterError(
            "a logarithmic range must be above zero and have no step",
            got=f"low {low:g}, step {step}",
            where=where,
        )
    if int in kinds and float not in kinds:
        whole = [low, high, step or 1]
        if any(value != int(value) for value in whole):
            got = f"{low:g} to {high:g}, step {step or 1:g}"
            raise ParameterError("the range of a whole number must be whole", got=got, where=where)
        return od.IntDistribution(int(low), int(high), log=span.log, step=int(step or 1))
    if name == "hold_hours":
        step = step or bar_hours
        if abs(step / bar_hours - round(step / bar_hours)) > 1e-9:
            raise ParameterError(
                "hold_hours must go in steps of the bar",
                got=f"steps of {step:g} h on bars of {bar_hours:g} h",
                where=where,
            )
    if span.log and name == "hold_hours":
        raise ParameterError("hold_hours goes in steps of the bar, not log", where=where)
    return od.FloatDistribution(low, _last(low, high, step), log=span.log, step=step)


def _last(low: float, high: float, step: float | None) -> float:
    """The highest value that whole steps from `low` reach."""
    return high if step is None else low + math.floor((high - low) / step + 1e-9) * step


def _field(table: str, name: str, signal: Signal, where: str) -> FieldInfo:
    if table == "params":
        fields = type(signal).model_fields
        if name not in fields:
            raise unknown(f"parameter of signal {signal.name()}", name, fields, where=where)
        return fields[name]
    if table == "trade":
        if name not in TUNABLE:
            raise unknown("tunable setting of [trade]", name, TUNABLE, where=where)
        return Trade.model_fields[name]
    raise unknown("table of a search key", table, ("params", "trade"), where=where)


def _ends(distribution: od.BaseDistribution) -> tuple[Any, ...]:
    if isinstance(distribution, od.CategoricalDistribution):
        return tuple(distribution.choices)
    assert isinstance(distribution, od.IntDistribution | od.FloatDistribution)
    return distribution.low, distribution.high


def _stored(value: Any) -> Any:
    """A value as Optuna stores it: lists and tables as text, none as `off`."""
    if value is None:
        return OFF
    return json.dumps(value) if isinstance(value, list | tuple | dict) else value


def meant(value: Any) -> Any:
    """The value that a stored one stands for."""
    if value == OFF:
        return None
    if isinstance(value, str) and value[:1] in "[{":
        return json.loads(value)
    return value


def _words(distribution: od.BaseDistribution) -> str:
    if isinstance(distribution, od.CategoricalDistribution):
        return "one of " + ", ".join(map(str, distribution.choices))
    assert isinstance(distribution, od.IntDistribution | od.FloatDistribution)
    text = f"{distribution.low:g} to {distribution.high:g}"
    if distribution.log:
        return f"{text}, logarithmic"
    unstepped = isinstance(distribution, od.IntDistribution) and distribution.step == 1
    return text if distribution.step is None or unstepped else f"{text} by {distribution.step:g}"
