"""The data gate: whether the streams that a job uses may be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fadefollow.core.notes import Note
from fadefollow.engine.plans.plan import NEEDS
from fadefollow.engine.strategy import Strategy
from fadefollow.market.audit.audit import audit, trusted_part
from fadefollow.market.audit.gate import (
    FUNDING_HOLE,
    Accepted,
    accepted,
    left_out_note,
    pass_gate,
)
from fadefollow.market.bars import base_of
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.findings import UNREADABLE
from fadefollow.market.panel import LEAST_KNOWN
from fadefollow.market.streams import STREAMS
from fadefollow.phases import Signal

Bet = tuple[Strategy, Signal]


def trusted(dataset: Dataset, bets: Sequence[Bet], data: DataRequest) -> tuple[Dataset, list[Note]]:
    """The data set without the coins that cannot be trusted, and what a result says of that.

    Args:
        dataset: as it is opened.
        bets: the strategies with their signals; only streams that they use count.
        data: its codes of findings that may pass, and whether it is strict.

    Raises:
        DataError: no coin can be trusted, or the request is strict and one cannot.
        ParameterError: a code or a coin that there is not.
    """
    return _gated(dataset, bets, data, _asked(dataset, data), may_be_none=False)


def first_trusted(
    dataset: Dataset, bets: Sequence[Bet], data: DataRequest, *, most: int
) -> tuple[Dataset, list[Note]]:
    """As `trusted`, of the first coins that can be trusted; those after them are not looked at.

    Args:
        dataset, bets, data: as of `trusted`.
        most: so many coins, as far as there are.
    """
    asked, coins, tried = _asked(dataset, data), dataset.symbols, most
    while True:
        part = dataset.select(*coins[:tried])
        kept, notes = _gated(part, bets, data, asked, may_be_none=tried < len(coins))
        if len(kept.symbols) >= most or tried >= len(coins):
            return kept, notes
        tried += most - len(kept.symbols)


def _asked(dataset: Dataset, data: DataRequest) -> tuple[Accepted, ...]:
    return accepted(data.accept or (), (*dataset.symbols, *unreadable(dataset)))


def _gated(
    dataset: Dataset,
    bets: Sequence[Bet],
    data: DataRequest,
    asked: Sequence[Accepted],
    *,
    may_be_none: bool,
) -> tuple[Dataset, list[Note]]:
    uses = streams_used(dataset, bets)
    passed = pass_gate(audit(dataset), uses, asked, strict=data.strict, may_be_none=may_be_none)
    notes = [left_out_note(f) for found in passed.left_out.values() for f in found]
    notes += passed.notes
    if any(a.code == FUNDING_HOLE for a in asked):
        notes.append(Note("accepted-funding-hole"))
    return trusted_part(dataset, passed.left_out), notes


def unreadable(dataset: Dataset) -> tuple[str, ...]:
    """The coins of which a file cannot be read; the data set has no market of them."""
    return tuple(f.symbol for f in dataset.findings if f.code == UNREADABLE)


def skips_holes(accept: Sequence[str] | None) -> bool:
    """Whether `--accept` names holes in funding, which is `--missing-funding skip`."""
    return any(a.code == FUNDING_HOLE for a in accepted(accept or ()))


def streams_used(dataset: Dataset, bets: Sequence[Bet]) -> dict[str, frozenset[str]]:
    """The streams that strategies trade on, need, or read, by coin."""
    used: dict[str, set[str]] = {symbol: set() for symbol in dataset.symbols}
    for strategy, signal in bets:
        traded = {*NEEDS[strategy.trade.instrument], "perp", "mark", "spot"}
        for symbol in set(strategy.symbols or dataset.symbols) & set(used):
            used[symbol] |= traded | signal.may_read(dataset.streams[symbol])
    return {symbol: frozenset(streams) for symbol, streams in used.items()}


def streams_read(bets: Sequence[Bet]) -> frozenset[str] | None:
    """All streams that a job on these strategies reads; None where a signal may read any."""
    names = set[str]()
    for strategy, signal in bets:
        reads = signal.may_read(STREAMS)
        if reads >= set(STREAMS):
            return None
        names |= {*NEEDS[strategy.trade.instrument], *reads}
        if strategy.implies(signal):
            names.add("premium_index")
    return frozenset(names)


@dataclass(frozen=True)
class Known:
    """Share of the time in which a needed stream was known."""

    stream: str
    share: float  #: mean over the coins that have it, of the bars in the stream's time, 0 to 1
    least: float  #: that of the coin that knew it least
    coin: str  #: that coin
    short: tuple[str, ...]  #: coins for which it counts as missing, as they knew it too rarely

    @property
    def note(self) -> Note:
        """What a report says of it."""
        figures = {
            "share": self.share,
            "least": self.least,
            "coin": self.coin,
            "short": self.short,
            "least_known": LEAST_KNOWN,
        }
        return Note("known-share", {"stream": self.stream}, figures)


def known_shares(dataset: Dataset, bets: Sequence[Bet]) -> tuple[Known, ...]:
    """Share of the time in which each needed stream was known, without streams that no coin has.

    A stream's time is that of the bars from its first record to its last, see
    `Market.known_share`.
    """
    shares: dict[str, dict[str, float]] = {name: {} for name in needed(bets)}
    short: dict[str, list[str]] = {name: [] for name in shares}
    for one in dataset.coverages:
        if one.stream in shares:
            shares[one.stream][one.symbol] = one.known
            # a coin's own bars never count as missing
            own = base_of(dataset.streams[one.symbol], where=one.symbol)
            if one.stream != own and one.known < LEAST_KNOWN:
                short[one.stream].append(one.symbol)
    found = []
    for name, of_coins in shares.items():
        if of_coins:
            coin = min(of_coins, key=lambda s: of_coins[s])
            mean = sum(of_coins.values()) / len(of_coins)
            found.append(Known(name, mean, of_coins[coin], coin, tuple(short[name])))
    return tuple(found)


def known_notes(dataset: Dataset, bets: Sequence[Bet]) -> list[Note]:
    """`known_shares`, one note for each stream; empty without streams."""
    return [known.note for known in known_shares(dataset, bets)]


def needed(bets: Sequence[Bet]) -> tuple[str, ...]:
    """The streams without which some bet cannot be traded or its phases not be seen."""
    traded = [name for strategy, _ in bets for name in NEEDS[strategy.trade.instrument]]
    declared = [name for bet, signal in bets for name in signal.needs(*bet.phases).streams]
    return tuple(dict.fromkeys([*traded, *declared]))
