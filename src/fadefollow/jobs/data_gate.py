"""Whether a job's strategies may be run on a data set: the gate, for the streams that they use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fadefollow.core.text import listed as few
from fadefollow.engine.plan import NEEDS
from fadefollow.engine.strategy import Strategy
from fadefollow.market.audit.audit import audit
from fadefollow.market.audit.gate import FUNDING_HOLE, accepted, pass_gate
from fadefollow.market.dataset import Dataset
from fadefollow.market.panel import LEAST_KNOWN
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
    notes = list(pass_gate(audit(dataset), streams_used(dataset, bets), asked))
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
    for strategy, signal in bets:
        traded = {*NEEDS[strategy.trade.instrument], "perp", "mark", "spot"}
        for symbol in set(strategy.symbols or dataset.symbols) & set(used):
            used[symbol] |= traded | signal.may_read(dataset.markets[symbol].streams)
    return {symbol: frozenset(streams) for symbol, streams in used.items()}


@dataclass(frozen=True)
class Known:
    """How much of the time a needed stream was known."""

    stream: str
    share: float  #: mean over the coins that have it, of the bars in the stream's time, 0 to 1
    least: float  #: that of the coin that knew it least
    coin: str  #: that coin
    short: tuple[str, ...]  #: coins for which it counts as missing, as they knew it too rarely

    def __str__(self) -> str:
        least = f" (least {self.coin}, {_percent(self.least)})" if self.least < self.share else ""
        rule = f", counted as missing below {LEAST_KNOWN:.0%}".replace("%", " %")
        short = f" (too little on {few(self.short)}{rule})" if self.short else ""
        return f"{self.stream} {_percent(self.share)}{short or least}"


def known_shares(dataset: Dataset, bets: Sequence[tuple[Strategy, Signal]]) -> tuple[Known, ...]:
    """By needed stream how much of its time it was known; those that no coin has are left out.

    A stream's time is that of the bars from its first record to its last, see
    `Market.known_share`.
    """
    found = []
    for name in needed(bets):
        shares = {s: m.known_share(name) for s, m in dataset.markets.items() if name in m.streams}
        if shares:
            coin = min(shares, key=lambda s: shares[s])
            short = tuple(s for s in shares if name in dataset.markets[s].missing(name))
            mean = sum(shares.values()) / len(shares)
            found.append(Known(name, mean, shares[coin], coin, short))
    return tuple(found)


#: how the note on `known_shares` begins
KNOWN = "share of its time in which each needed stream was known: "


def known_notes(dataset: Dataset, bets: Sequence[tuple[Strategy, Signal]]) -> list[str]:
    """`known_shares` as one sentence; none where no stream is there."""
    rows = known_shares(dataset, bets)
    return [KNOWN + ", ".join(map(str, rows))] if rows else []


def needed(bets: Sequence[tuple[Strategy, Signal]]) -> tuple[str, ...]:
    """The streams without which some bet cannot be traded or its phases not be seen."""
    traded = [name for strategy, _ in bets for name in NEEDS[strategy.trade.instrument]]
    declared = [name for bet, signal in bets for name in signal.needs(*bet.phases).streams]
    return tuple(dict.fromkeys([*traded, *declared]))


def _percent(share: float) -> str:
    return f"{math.floor(1000 * share) / 10:g} %"  # 100 % is all of it
