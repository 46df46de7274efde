"""Events, a clock and channels for the tests of messages."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from fadefollow.jobs.notifying.channels import Message, UndeliveredError
from fadefollow.jobs.notifying.delivery import Clock
from fadefollow.scanning.model import Running, ScanRow, Standing
from fadefollow.scanning.news import PhaseEvent

TIME = pd.Timestamp("2024-05-20 17:00", tz="UTC")
HOUR = pd.Timedelta(hours=1)


def row(symbol: str = "BTC", phase: str = "spot_led_up", ago: float = 2, **changes: Any) -> ScanRow:
    """A phase that became known some hours before TIME, held for a day."""
    known = TIME - ago * HOUR
    plain = ScanRow(
        symbol=symbol,
        signal="doors",
        phase=phase,
        params={"flat": 1.0},
        lean=1,
        actor="institutions",
        known=known,
        age_hours=ago,
        first=known,
        times=1,
        strength=3.28,
        n_before=70,
        stronger_than=0.76,
        price=264.739,
        price_time=TIME,
        move_bps=-145.4,
        bets=(Running("follow_spot_led", 24.0, 24.0 - ago),),
    )
    return dataclasses.replace(plain, **changes)


def event(symbol: str = "BTC", ago: float = 2, fate: str = "", **changes: Any) -> PhaseEvent:
    """A phase event; without a fate it was never measured."""
    one = row(symbol, ago=ago, **changes)
    run = "20240101T000000Z-x" if fate else ""
    standing = Standing("follow_spot_led", one.phase, "demo", run=run, fate=fate)
    return PhaseEvent("demo", "Demo", one, (standing,), ())


@dataclass
class Hands:
    """A clock that goes only when one sleeps."""

    time: pd.Timestamp = TIME
    sleeps: list[float] = field(default_factory=list)

    @property
    def clock(self) -> Clock:
        """As the loop takes it."""
        return Clock(lambda: self.time, self.sleep)

    def sleep(self, seconds: float) -> None:
        """Go on by so much."""
        self.sleeps.append(seconds)
        self.time += pd.Timedelta(seconds=seconds)


@dataclass
class Fake:
    """A channel that does as planned: "ok", or an error's words and whether later may do."""

    name: str = "fake"
    plan: list[Any] = field(default_factory=list)
    taken: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        """Take it, or not."""
        step: Any = self.plan.pop(0) if self.plan else "ok"
        if step != "ok":
            raise UndeliveredError(self.name, "planned", **step)
        self.taken.append(message)


def message(name: str) -> Message:
    """A message of this id."""
    return Message(name, f"title {name}", f"title {name}\nmore", {"id": name})
