"""Unused parameters: no value within their bounds changes an event on the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from fadefollow.engine.strategy import Strategy
from fadefollow.errors import ParameterError
from fadefollow.market.panel import Market
from fadefollow.phases import Param, Signal
from fadefollow.verdict.lookahead.answers import Answer, EventKey, ask_as_it_is
from fadefollow.verdict.lookahead.report import Fault, told


def idle_parameters(
    signal: Signal,
    markets: Sequence[Market],
    wholes: Sequence[Answer],
    strategy: Strategy,
    *,
    step: Callable[[str, float | None], None],
) -> list[Fault]:
    """Warnings about parameters that change no event, or none of the strategy that tunes them.

    An event is changed by another strength or context, too. A value that the signal refuses on
    these bars is left out.
    """
    found, params = [], signal.params()
    for number, (name, param) in enumerate(params.items()):
        step("moving the parameters", number / len(params))
        wanted = set(strategy.phases if f"params.{name}" in strategy.search else signal.phases)
        phases = _changed(signal, markets, wholes, name, param, wanted)
        if not phases:
            text = f"changes no event of these data between {param.low:g} and {param.high:g}"
        elif not phases & wanted:
            text = f"is in [search], but changes no event of {', '.join(strategy.phases)}"
        else:
            continue
        found.append(told(Fault("idle parameter", name, text=text)))
    return found


def _changed(
    signal: Signal,
    markets: Sequence[Market],
    wholes: Sequence[Answer],
    name: str,
    param: Param,
    wanted: set[str],
) -> set[str]:
    """The phases of which an event changes with a parameter, until one of `wanted` does."""
    changed: set[str] = set()
    for value in _values(param, getattr(signal, name)):
        for market, whole in zip(markets, wholes, strict=True):
            try:
                answer = ask_as_it_is(type(signal)(**{**signal.model_dump(), name: value}), market)
            except ParameterError:
                break  # such as a window of fewer than three bars
            changed |= {phase for _, phase, _ in _events(whole) ^ _events(answer)}
            if changed & wanted:
                return changed
    return changed


def _events(answer: Answer) -> set[tuple[EventKey, str, str]]:
    """Events as things that can be compared: key, phase, and all their columns as text."""
    return {(key, key[1], repr(sorted(row.items()))) for key, row in answer.events.items()}


def _values(param: Param, now: float | int) -> Iterator[float | int]:
    """Both bounds, then half way from the present value to each."""
    bounds = (param.low, param.high)
    halves = (float(np.sqrt(now * b)) if param.log else (now + b) / 2 for b in bounds)
    for value in (*bounds, *halves):
        yield round(value) if isinstance(now, int) else value
