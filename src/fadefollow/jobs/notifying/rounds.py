"""Round after round: look, say what is new, sleep; through failures of the network and restarts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.core.atomic_file import as_store_error
from fadefollow.core.text import plural
from fadefollow.errors import DataError, ParameterError
from fadefollow.jobs.notifying.channels import Message, channels_of
from fadefollow.jobs.notifying.delivery import Clock, Delivery
from fadefollow.jobs.notifying.outbox import Outbox
from fadefollow.jobs.notifying.quiet import QuietHours
from fadefollow.market.fetch.markets import coin_named
from fadefollow.reporting.text.answers import FATES
from fadefollow.reporting.watch.message import message_words
from fadefollow.scanning.news import UNMEASURED, Event, Filters

#: a round begins so long after its time, when venues have closed their bars
AFTER = pd.Timedelta(seconds=10)
#: longest sleep without a look at the clock: a machine may have been suspended
_NAP = 60.0


@dataclass(frozen=True, kw_only=True)
class LoopRequest:
    """How often to look, and whom to tell of what.

    Attributes:
        every: from round to round, at multiples since 1970 UTC.
        notify: channels, as `channels_of` takes them.
        quiet: hours in which messages wait, as `QuietHours.of` takes them.
        phases, coins, fates: only of these; empty: of all.
    """

    every: pd.Timedelta
    notify: tuple[str, ...] = ()
    quiet: str | None = None
    phases: tuple[str, ...] = ()
    coins: tuple[str, ...] = ()
    fates: tuple[str, ...] = ()

    def filters(self) -> Filters:
        """The events that are wanted.

        Raises:
            ParameterError: no such fate, or no name of a coin.
        """
        known = (*FATES, UNMEASURED)
        for fate in self.fates:
            if fate not in known:
                raise ParameterError(
                    "--only-fates must name fates", got=repr(fate), hint=", ".join(known)
                )
        return Filters(self.phases, tuple(coin_named(coin) for coin in self.coins), self.fates)


@dataclass(frozen=True)
class Look:
    """What a round found: events of now, oldest first, and lines that say more."""

    events: tuple[Event, ...]
    lines: tuple[str, ...] = ()
    page: Path | None = None


@dataclass(frozen=True)
class Round:
    """One round, or a try to send what was left over.

    Attributes:
        time: of it, UTC.
        looked: whether it looked at data.
        news: titles of what is new.
        sent: messages that were taken.
        waiting: messages that are due.
        missed: sentences: what could not be looked at, or not be sent.
        next: when the next look is due, UTC.
        look: what it found; None where it could not look.
    """

    time: pd.Timestamp
    looked: bool
    news: tuple[str, ...]
    sent: int
    waiting: int
    missed: tuple[str, ...]
    next: pd.Timestamp
    look: Look | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "time": self.time.isoformat(),
            "looked": self.looked,
            "present": None if self.look is None else len(self.look.events),
            "news": list(self.news),
            "sent": self.sent,
            "waiting": self.waiting,
            "missed": list(self.missed),
            "next": self.next.isoformat(),
        }


def rounds(
    look: Callable[[], Look],
    request: LoopRequest,
    path: Path,
    *,
    environ: Mapping[str, str],
    clock: Clock | None = None,
) -> Generator[Round, None, None]:
    """Look and tell, until the caller stops.

    A look that fails for the data's or the network's reasons is said, and the next one tries again;
    where no round ever was, the first one's failure is the caller's.

    Args:
        look: finds the events of now.
        request: how often, and whom to tell.
        path: of the outbox.
        environ: where the channels' secrets are.
        clock: by default this machine's.

    Raises:
        ParameterError: a channel, quiet hours or a filter that cannot be.
        StoreError: the outbox cannot be read or written, or another process has it.
        FadeFollowError: any other of a look, but for DataErrors after the first.
    """
    clock = clock or Clock()
    channels = channels_of(request.notify, environ)
    quiet = None if request.quiet is None else QuietHours.of(request.quiet)
    filters, names = request.filters(), [channel.name for channel in channels]
    with as_store_error("cannot write the outbox", path, "check permissions"):
        path.parent.mkdir(parents=True, exist_ok=True)
    with Outbox(path).opened() as outbox:
        delivery = Delivery(outbox, channels, quiet, clock)
        following, strange = clock.now(), _strange(outbox, names)
        while True:
            now, found, news, missed = clock.now(), None, list[Event](), [*strange]
            strange = ()
            due = now >= following
            if due:
                try:
                    found = look()
                    news = _recorded(outbox, found.events, filters, names, now)
                except DataError as error:
                    if not outbox.begun:
                        raise
                    missed.append(str(error))
                following = next_look(clock.now(), request.every)
            sent, failed = delivery.deliver()
            titles = tuple(_message(event).title for event in news)
            if due or sent or failed:
                missed += failed
                waiting = delivery.waiting
                yield Round(now, due, titles, sent, waiting, tuple(missed), following, found)
            _sleep_until(min(delivery.next_try() or following, following), clock)


def next_look(now: pd.Timestamp, every: pd.Timedelta) -> pd.Timestamp:
    """The first time for a look after `now`: a little after a multiple of `every` since 1970."""
    return (now - AFTER).floor(every) + every + AFTER


def _recorded(
    outbox: Outbox,
    events: Sequence[Event],
    filters: Filters,
    channels: Sequence[str],
    now: pd.Timestamp,
) -> list[Event]:
    """Record what is new as due; the first round makes no news."""
    if not outbox.begun:
        outbox.begin(events, now)
        return []
    words = {event.id: _message(event) for event in events}
    return outbox.news(events, filters, channels, words, now)


def _strange(outbox: Outbox, names: Sequence[str]) -> tuple[str, ...]:
    """Sentences on messages that wait for channels which are not among those named."""
    counts = Counter(name for name, _ in outbox.due if name not in names)
    return tuple(
        f"{plural(number, 'message')} for {name}, not among --notify, kept"
        for name, number in counts.items()
    )


def _message(event: Event) -> Message:
    title, text = message_words(event)
    return Message(event.id, title, text, event.to_dict())


def _sleep_until(time: pd.Timestamp, clock: Clock) -> None:
    while (left := (time - clock.now()).total_seconds()) > 0:
        clock.sleep(min(left, _NAP))
