"""Detection: a signal on one coin and on many, held to the contract, with plain errors."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fadefollow.core.printable import printable
from fadefollow.errors import FadeFollowError, SignalError
from fadefollow.market.panel import Market
from fadefollow.phases.table import Phases, Signal

#: what a signal finds, or why it failed
Found = Phases | FadeFollowError


def detect_checked(signal: Signal, market: Market) -> Phases:
    """The phases of `signal.detect(market)`; failures become SignalError.

    Where there is a universe, only events on whose bar's close the coin is a member.

    Raises:
        SignalError: the signal fails, or finds a phase that it does not declare; the message names
            the module, the line and the coin.
        FadeFollowError: as raised by the signal, e.g. where its windows do not fit the bars.
    """
    try:
        found = signal.detect(market)
    except (FadeFollowError, KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:  # also one that would end the program
        raise failure(error, where=place_of(signal, market.symbol)) from error
    if not isinstance(found, Phases):
        got = type(found).__name__
        raise SignalError(
            "detect must return Phases", got=got, where=place_of(signal, market.symbol)
        )
    undeclared = sorted(found.names - signal.phases.keys())
    if undeclared:
        raise SignalError(
            "a signal must declare the phases that it detects",
            got=", ".join(map(repr, undeclared)),
            where=place_of(signal, market.symbol),
            hint=f"declared: {', '.join(signal.phases)}",
        )
    return found if market.member is None else found.where(market.member)


def place_of(signal: Signal, coins: str) -> str:
    """Where a signal works, for messages: its module, and in which coins."""
    module = sys.modules[type(signal).__module__]
    return f"{getattr(module, '__file__', signal.name())}, {coins}"


def detect_coins(signal: Signal, markets: Iterable[Market], *, keep: bool = False) -> Phases:
    """Phases of a signal in every coin, without coins on which it fails (`Phases.failed`).

    Args:
        signal: with its parameters.
        markets: the coins.
        keep: whether each market keeps what was detected, for whoever asks for it again.

    Raises:
        FadeFollowError: as `detect_checked`, where it fails on every coin.
    """
    (found,) = detect_signals([signal], markets, keep=keep)
    if isinstance(found, FadeFollowError):
        raise found
    return found


def detect_signals(
    signals: Sequence[Signal], markets: Iterable[Market], *, keep: bool = False
) -> list[Found]:
    """As `detect_coins` of each signal, going through the coins once; errors are returned."""
    return gathered({m.symbol: look_at(signals, m, keep=keep) for m in markets}, len(signals))


def look_at(signals: Sequence[Signal], market: Market, *, keep: bool = False) -> list[Found]:
    """What each signal finds in one coin."""
    look = _kept if keep else detect_checked
    found: list[Found] = []
    for signal in signals:
        try:
            with np.errstate(all="ignore"):  # what is not finite is refused, not warned of
                found.append(look(signal, market))
        except FadeFollowError as error:
            # its traceback would keep this coin, and through our own frame all of them
            found.append(_bare(error))
    return found


def gathered(coins: Mapping[str, Sequence[Found]], signals: int) -> list[Found]:
    """By signal what was found in all coins together, from what `look_at` found in each.

    Coins on which a signal failed are left out and named; where it failed on all of them, its
    first error stands for what it found.

    Args:
        coins: in their order.
        signals: number of signals.
    """
    together: list[Found] = []
    for place in range(signals):
        found = {coin: of_coin[place] for coin, of_coin in coins.items()}
        errors = {coin: one for coin, one in found.items() if isinstance(one, FadeFollowError)}
        if errors and len(errors) == len(found):
            together.append(next(iter(errors.values())))
            continue
        whole = Phases.concat([one for one in found.values() if isinstance(one, Phases)])
        whole.failed = {coin: error.summary for coin, error in errors.items()}
        together.append(whole)
    return together


def _bare(error: FadeFollowError) -> FadeFollowError:
    """The error without what it came through."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def _kept(signal: Signal, market: Market) -> Phases:
    key = ("phases", type(signal), signal.model_dump_json())
    return market.memo(key, lambda: detect_checked(signal, market))


def failure(error: BaseException, *, where: str) -> SignalError:
    """The error for what a signal raised, with the line."""
    line = traceback.extract_tb(error.__traceback__)[-1]
    said = printable(f"{type(error).__name__}: {error}", limit=140)
    place = printable(f"{Path(line.filename).name}, line {line.lineno}", limit=55)
    return SignalError(f"the signal failed with {said} ({place})", where=where)
