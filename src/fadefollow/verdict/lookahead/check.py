"""The check of a strategy: look-ahead, repeatability, unused parameters."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

import pandas as pd

from fadefollow.core.limits import MOST_DAYS
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import DataError, ParameterError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.panel import Market
from fadefollow.phases import Signal
from fadefollow.verdict.lookahead.altered_future import only
from fadefollow.verdict.lookahead.answers import Answer, ask_as_it_is, ask_safely
from fadefollow.verdict.lookahead.files import opened_files
from fadefollow.verdict.lookahead.lookahead import Ask, Looker, bars_to_try, used_streams
from fadefollow.verdict.lookahead.reimport import anew
from fadefollow.verdict.lookahead.repeatability import Elsewhere, moves_along, orders, repeats
from fadefollow.verdict.lookahead.report import CheckReport, Fault, told, worst_first
from fadefollow.verdict.lookahead.unused_params import idle_parameters
from fadefollow.verdict.lookahead.watched import undeclared_reads

Step = Callable[[str, float | None], None]

#: fewer bars say nothing
_LEAST_BARS = 10


@dataclass(frozen=True)
class CheckSettings:
    """The options of a check."""

    bars: int = 36  #: after which the future is changed, a coin
    coins: int = 2  #: at most
    days: float = 400.0  #: of each coin
    seed: int = 1  #: of the bars tried and of the values that are made up
    new_process: bool = True  #: ask in a process of its own, too
    parameters: bool = True  #: look for parameters that do nothing

    def __post_init__(self) -> None:
        """Check that `days` is within its bounds."""
        if not 0 < self.days <= MOST_DAYS:
            raise ParameterError(
                f"days must be above 0 and at most {MOST_DAYS:,}", got=f"{self.days:g}"
            )


def check_strategy(
    strategy: Strategy,
    signal: Signal,
    dataset: Dataset,
    *,
    settings: CheckSettings | None = None,
    step: Step = lambda _text, _done: None,
) -> CheckReport:
    """The report on look-ahead, answers that do not repeat, and unused parameters.

    Args:
        strategy: to be checked.
        signal: its signal, with its parameters.
        dataset: on which; only some coins and days of it are used.
        settings: how thorough.
        step: told how far it is.

    Raises:
        DataError: there is too little data.
        SignalError: the signal fails on the data as they are.
    """
    started = time.perf_counter()
    check = _Check(strategy, signal, settings or CheckSettings(), step)
    markets = sample_markets(dataset, signal, settings=check.settings)
    faults = check.faults(markets)
    events = Counter(phase for whole in check.wholes for _, phase, _ in whole.events)
    return CheckReport(
        strategy=strategy.name,
        signal=signal.name(),
        dataset=dataset.name,
        symbols=tuple(market.symbol for market in markets),
        first=min(market.index[0] for market in markets),
        last=max(market.index[-1] for market in markets),
        events={phase: events[phase] for phase in signal.phases},
        streams=tuple(check.streams),
        bars_tried=check.bars_tried,
        features=len(check.wholes[0].features),
        faults=worst_first(faults),
        seconds=round(time.perf_counter() - started, 3),
    )


def sample_markets(
    dataset: Dataset, signal: Signal, *, settings: CheckSettings
) -> tuple[Market, ...]:
    """The first coins of a data set, from where all streams that the signal names have begun.

    Raises:
        DataError: there are hardly any bars.
    """
    whole = list(dataset.markets.values())[: settings.coins]
    markets = tuple(_sample(market, signal, settings.days) for market in whole)
    short = next((market for market in markets if len(market) < _LEAST_BARS), None)
    if short is not None:
        raise DataError(
            f"a check needs at least {_LEAST_BARS} bars",
            got=f"{len(short)}",
            where=f"{dataset.name}, {short.symbol}",
        )
    return markets


def _sample(market: Market, signal: Signal, days: float) -> Market:
    if not len(market):
        return market
    begin, end = market.index[0], market.index[-1] + market.bar
    named = [name for name in signal.needs().streams if name in market.streams]
    firsts = [market.table(name)["available"].min() for name in named]
    span = pd.Timedelta(days=days)
    start = max(begin, min([max([begin, *firsts]), end - span]))
    return market.between(start, min(start + span, end))


class _Check:
    """The steps of one check, and what they have seen so far."""

    def __init__(
        self, strategy: Strategy, signal: Signal, settings: CheckSettings, step: Step
    ) -> None:
        self.strategy, self.signal, self.settings, self.step = strategy, signal, settings, step
        self.wholes: list[Answer] = []
        self.streams: dict[str, None] = {}
        self.bars_tried = 0

    def faults(self, markets: Sequence[Market]) -> list[Fault]:
        """All faults; what makes no sense after another fault is left out."""
        self.step("asking the signal", None)
        opened = self._ask_watched(markets)
        other = Elsewhere(self.signal, markets) if self.settings.new_process else nullcontext()
        with other as elsewhere:
            pairs = list(zip(markets, self.wholes, strict=True))
            found = [f for m, whole in pairs if (f := repeats(self.signal, m, whole))]
            if found:
                return opened + found[:1]
            found = opened + self._look(markets, lambda market: ask_safely(self.signal, market))
            found += [
                told(Fault("undeclared read", name))
                for name in undeclared_reads(self.signal, markets[0])
            ]
            found += self._in_other_order(pairs)
            self.step("asking in another process", None)
            fault = elsewhere.fault() if elsewhere else None
        if fault:
            found.append(fault)
        if fault and fault.kind == "keeps state" and not _ahead(found):
            # what it keeps hides what it knows: ask a signal that has kept nothing yet
            found += self._look(markets, lambda market: ask_safely(anew(self.signal), market))
        return found if found else self._warnings(markets)

    def _ask_watched(self, markets: Sequence[Market]) -> list[Fault]:
        """Ask about all of each market; what the signal opened, of the first that it did for."""
        package = type(self.signal).__module__.partition(".")[0]
        faults: list[Fault] = []
        for market in markets:
            with opened_files(package) as opened:
                self.wholes.append(ask_as_it_is(self.signal, market))
                if len(self.wholes) == 1:
                    anew(self.signal)  # its module may open something when it is imported
            faults = faults or [told(Fault("opens files", n, market.symbol)) for n in opened]
        return faults

    def _look(self, markets: Sequence[Market], asking: Ask) -> list[Fault]:
        """Look-ahead on the first coin that shows any."""
        for number, market in enumerate(markets):
            self.step(f"changing the future of {market.symbol}", number / len(markets))
            streams = used_streams(asking, market, asking(market))
            self.streams |= dict.fromkeys(streams)
            # what the signal does not read costs time only
            looker = Looker(asking, only(market, streams), seed=self.settings.seed)
            bars = bars_to_try(
                looker.whole, len(market), count=self.settings.bars, seed=self.settings.seed
            )
            self.bars_tried += len(bars)
            found = looker.look(bars) or ([] if number else looker.look_late())
            if found:
                return found
        return []

    def _in_other_order(self, pairs: Sequence[tuple[Market, Answer]]) -> list[Fault]:
        self.step("changing order and dates", None)
        for market, whole in pairs:
            found = [
                orders(self.signal, market, whole),
                moves_along(self.signal, market, whole),
            ]
            if any(found):
                return [fault for fault in found if fault]
        return []

    def _warnings(self, markets: Sequence[Market]) -> list[Fault]:
        unseen = self._unseen(markets)
        if not self.settings.parameters:
            return unseen
        idle = idle_parameters(self.signal, markets, self.wholes, self.strategy, step=self.step)
        return unseen + idle

    def _unseen(self, markets: Sequence[Market]) -> list[Fault]:
        """Phases of the strategy on which nothing could be tried but the features."""
        seen = {phase for whole in self.wholes for _, phase, _ in whole.events}
        found = []
        for phase in (phase for phase in self.strategy.phases if phase not in seen):
            lacks = self.signal.lacking(markets[0]).get(phase)
            why = f"for lack of {', '.join(lacks)}" if lacks else "in these data"
            text = f"was not seen {why}: only the features were tried, not its events"
            found.append(told(Fault("not seen", phase, text=text)))
        return found


def _ahead(faults: Sequence[Fault]) -> bool:
    return any(fault.kind == "look-ahead" for fault in faults)
