"""Stress: the chain of events of April 2021, each weak alone.

The victims are there first: longs crowd in and pay. Over some days, in an order that varies, the
factors of account C (docs/accounts.md) come together: coins flow to exchanges, a listing
disappoints, the rich carry is attacked with open interest at its peak, dealers are short of gamma,
miners go offline, hacked accounts post bad news. Now and then one of them is missing.

`selloff_watch` starts when the longs have paid and four of the six are in force, and ends when the
longs give up. What is contained is labelled as itself, too. No price falls for all that, unless it
is planted: the claim is the question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fadefollow.market.lab.calendar import LANES, Want
from fadefollow.market.lab.clock import FloatArray
from fadefollow.market.lab.episodes.basis import RICH, attack, carry
from fadefollow.market.lab.episodes.crowd import crowd
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.episodes.gamma import nervous, short_gamma
from fadefollow.market.lab.episodes.netflow import streak
from fadefollow.market.lab.episodes.network import drop, report

#: days of the chain: when the carry is rich, when longs have paid, and when they give up
_RICH, _PAID, _GIVE_UP = 4.0, 6.0, 9.5
#: days of the slot beyond that
_AFTER = 4.0
#: factors in force when the watch begins, and the chance that one of the six is wanting
_ENOUGH, _WANTING = 4, 0.3
_SIX = ("inflow", "listing", "attack", "gamma", "miners", "hack")


@dataclass(frozen=True)
class _Chain:
    """One chain: its first step, and factor → day on which it is in force."""

    begin: int
    days: dict[str, float]


class Stress(Family):
    """Phase `selloff_watch`."""

    phases: ClassVar[tuple[str, ...]] = ("selloff_watch",)

    def wants(self) -> list[Want]:
        """A slot on every lane."""
        length = 24.0 * _PAID + max(24.0 * (_GIVE_UP - _PAID + _AFTER), self.horizon(*self.phases))
        return [Want("selloff_watch", self.rate(*self.phases), length, LANES)]

    def shake(self) -> None:
        """Draw the days of the factors; the market grows nervous with its dealers."""
        self.chains: list[_Chain] = []
        for slot in self.slots:
            days = {f: float(self.rng.uniform(5.0, 7.5)) for f in _SIX}
            if self.rng.random() < _WANTING:
                del days[str(self.rng.choice(_SIX))]
            # a flow is known only when its third day is published, the book a snapshot late
            days |= {"inflow": float(self.rng.integers(5, 7))} if "inflow" in days else {}
            self.chains.append(_Chain(slot.start, days))
            if "gamma" in days:
                nervous(self.script, slot.start + self._steps(days["gamma"] - 3.0))

    def play(self, log_return: FloatArray) -> None:
        """The chain, factor by factor, and the watch."""
        for chain in self.chains:
            self._factors(chain, log_return)
            per = self.clock.per_settlement
            paid = chain.begin + self._steps(_PAID)
            end = chain.begin + self._steps(_GIVE_UP)
            enough = chain.begin + self._steps(sorted(chain.days.values())[_ENOUGH - 1])
            crowd(self.script, self.rng, log_return, "crowded_long", paid - paid % per, end)
            self.script.label("selloff_watch", max(enough, paid), end)

    def _factors(self, chain: _Chain, log_return: FloatArray) -> None:
        script, rng, days = self.script, self.rng, chain.days
        at = {factor: chain.begin + self._steps(day) for factor, day in days.items()}
        rich, end = (chain.begin + self._steps(d) for d in (_RICH, _GIVE_UP))
        carry(script, "rich_carry", float(rng.uniform(*RICH)), chain.begin, rich, end)
        for factor, step in at.items():
            match factor:
                case "inflow":
                    streak(script, rng, "inflow_streak", step // self.clock.per_day - 4, 6)
                case "attack":
                    attack(script, rng, step - self.clock.steps(6.0))
                case "gamma":
                    short_gamma(script, log_return, step - self._steps(3.0))
                case "miners":
                    drop(script, rng, step - self._steps(1.0))
                case news:
                    report(script, news, step)

    def _steps(self, days: float) -> int:
        return self.clock.steps(24.0 * days)
