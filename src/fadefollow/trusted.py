"""Whether a job's strategies may be run on a data set: the gate, for the streams that they use."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from fadefollow.engine.plan import NEEDS
from fadefollow.engine.strategy import Strategy
from fadefollow.market.dataset import Dataset
from fadefollow.market.gate import FUNDING_HOLE, accepted, pass_gate
from fadefollow.market.panel import FloatArray, Market
from fadefollow.phases import Signal


def trusted_notes(
    dataset: Dataset, bets: Sequence[tuple[Strategy, Signal]], accept: Sequence[str] | None
) -> list[str]:
    """Stop at data that cannot be trusted; else say what was accepted.

    Args:
        dataset: as it is opened.
        bets: the strategies with their signals; only streams that they use count.
        accept: codes of findings that may pass, as `--accept` takes them.

    Raises:
        DataError: a finding of grade error that was not accepted.
        ParameterError: a code or a coin that there is not.
    """
    asked = accepted(accept or (), dataset.symbols)
    notes = list(pass_gate(dataset.audit, streams_used(dataset, bets), asked))
    if any(a.code == FUNDING_HOLE for a in asked):
        notes.append(f"accepted {FUNDING_HOLE}: trades held over a hole in funding are left out")
    return notes


def skips_holes(accept: Sequence[str] | None) -> bool:
    """Whether `--accept` names holes in funding, which is `--missing-funding skip`."""
    return any(a.code == FUNDING_HOLE for a in accepted(accept or ()))


def streams_used(
    dataset: Dataset, bets: Sequence[tuple[Strategy, Signal]]
) -> dict[str, frozenset[str]]:
    """By coin the streams that bets are traded on, need, or read where they are there."""
    used: dict[str, set[str]] = {symbol: set() for symbol in dataset.symbols}
    richest = max(dataset.markets.values(), key=lambda m: len(m.streams))
    read = {repr(signal): signal for _, signal in bets}
    reads = {key: _read_by(signal, richest) for key, signal in read.items()}
    for strategy, signal in bets:
        needs = [need for phase in strategy.phases for need in signal.phases.get(phase, ())]
        declared = {one.partition(".")[0] for need in needs for one in need.split("|")}
        traded = {*NEEDS[strategy.trade.instrument], "perp", "mark"}
        for symbol in set(strategy.symbols or dataset.symbols) & set(used):
            used[symbol] |= traded | declared | reads[repr(signal)]
    return {symbol: frozenset(streams) for symbol, streams in used.items()}


def _read_by(signal: Signal, market: Market) -> set[str]:
    """What a signal reads of a market, needed or not, seen by letting it look."""
    watched = _Watched(
        market.symbol, bar=market.bar, start=market.index[0], end=market.index[-1] + market.bar,
        tables={name: market.table(name) for name in market.streams},
    )  # fmt: skip
    try:
        signal.detect(watched)
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException:  # a signal that fails is told of where it is run
        return watched.read
    return watched.read


class _Watched(Market):
    """A market that remembers which streams were read."""

    @property
    def read(self) -> set[str]:
        """The streams."""
        found: set[str] = self.__dict__.setdefault("_read", set())
        return found

    def column(self, name: str, column: str) -> FloatArray:
        """See `Market`."""
        self.read.add(name)
        return super().column(name, column)

    def table(self, name: str) -> pd.DataFrame:
        """See `Market`."""
        self.read.add(name)
        return super().table(name)

    def as_of(self, name: str, values: FloatArray) -> FloatArray:
        """See `Market`."""
        self.read.add(name)
        return super().as_of(name, values)
