"""What is due is sent, in order, with patience, and not in quiet hours."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from fadefollow.jobs.notifying.channels import Channel, Message, UndeliveredError
from fadefollow.jobs.notifying.outbox import Outbox
from fadefollow.jobs.notifying.quiet import QuietHours

#: tries of a message before its channel is left alone for a while
ATTEMPTS = 4
#: seconds before the second try; each wait is about twice the one before
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
#: how long a channel that fails is left alone: at first, and at most; it doubles
FIRST_REST, LONGEST_REST = pd.Timedelta(minutes=1), pd.Timedelta(minutes=30)


@dataclass(frozen=True)
class Clock:
    """This machine's clock, or one of a test."""

    now: Callable[[], pd.Timestamp] = lambda: pd.Timestamp.now(tz="UTC")
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Delivery:
    """Sends what an outbox holds.

    Attributes:
        outbox: that is open.
        channels: where messages go.
        quiet: hours in which they wait.
        clock: of the waits.
    """

    outbox: Outbox
    channels: Sequence[Channel]
    quiet: QuietHours | None = None
    clock: Clock = Clock()
    #: channels that failed: until when they rest, and how long that is
    _rests: dict[str, tuple[pd.Timestamp, pd.Timedelta]] = field(default_factory=dict, init=False)
    #: messages that were refused for themselves, by channel and id: when they are tried again
    _refused: dict[tuple[str, str], pd.Timestamp] = field(default_factory=dict, init=False)

    def deliver(self) -> tuple[int, tuple[str, ...]]:
        """Send what is due; so many were taken, and a sentence for each that was not.

        Raises:
            StoreError: what was taken cannot be recorded; it is sent again, with its id.
        """
        sent, failed = 0, list[str]()
        for channel in self.channels:
            for message in self._of(channel):
                if self._free(channel, message) > self.clock.now():
                    continue
                try:
                    self._patiently(channel, message)
                except UndeliveredError as error:
                    failed.append(str(error))
                    self._leave(channel, message, error)
                    continue
                self.outbox.sent(channel.name, message, self.clock.now())
                self._rests.pop(channel.name, None)
                sent += 1
        return sent, tuple(failed)

    @property
    def waiting(self) -> int:
        """Messages that are due."""
        return len(self.outbox.due)

    def next_try(self) -> pd.Timestamp | None:
        """When something can be sent next, UTC; None where nothing is due on these channels."""
        times = [self._free(one, message) for one in self.channels for message in self._of(one)]
        return min(times, default=None)

    def _of(self, channel: Channel) -> list[Message]:
        """The messages that are due on a channel, the oldest first."""
        return [one for (name, _), one in self.outbox.due.items() if name == channel.name]

    def _free(self, channel: Channel, message: Message) -> pd.Timestamp:
        """From when on a message may be sent."""
        now = self.clock.now()
        rest, _ = self._rests.get(channel.name, (now, None))
        first = max(now, rest, self._refused.get((channel.name, message.id), now))
        quiet = self.quiet.until(first) if self.quiet is not None else None
        return quiet or first

    def _leave(self, channel: Channel, message: Message, error: UndeliveredError) -> None:
        """Leave a channel alone for a while, or one message that stands in nobody's way."""
        now, asked = self.clock.now(), pd.Timedelta(seconds=error.after)
        if not error.later:
            self._refused[channel.name, message.id] = now + max(LONGEST_REST, asked)
            return
        _, before = self._rests.get(channel.name, (now, None))
        length = FIRST_REST if before is None else min(2 * before, LONGEST_REST)
        self._rests[channel.name] = (now + max(length, asked), length)

    def _patiently(self, channel: Channel, message: Message) -> None:
        spaced = wait_exponential_jitter(FIRST_WAIT, LONGEST_WAIT)

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            asked = error.after if isinstance(error, UndeliveredError) else 0.0
            return max(spaced(state), asked)

        def again(error: BaseException) -> bool:
            # a receiver that wants a longer pause is left alone meanwhile
            return (
                isinstance(error, UndeliveredError) and error.later and error.after <= LONGEST_WAIT
            )

        Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait,
            retry=retry_if_exception(again),
            sleep=self.clock.sleep,
            reraise=True,
        )(channel.send, message)
