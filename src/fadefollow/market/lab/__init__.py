"""The lab: a simulated market with known truth, made by structural equations.

Time runs in steps of `step_minutes`; bars of any size are gathered from the same steps. With P the
perp, S spot, p = P/S − 1 the perp premium, Q₊ and Q₋ the crowd's longs and shorts:

* `shocks`: one market factor and one factor a coin, each with three-speed stochastic volatility,
  heavy-tailed activity, bursts ("jumps") and the weekly rhythm. Given its variance V a step's shock
  is exp(√V·Z − V/2), whose mean is exactly 1 whatever was known before.
* `kernel`: the recursion of price, crowd, premium, funding and liquidations. At a settlement
  P_τ − rate·mark_τ = P_before·(1 + drift)·shock: what funding takes the price gives back, so that
  *after funding* the perp is a martingale plus a constant drift. Nothing that the crowd, the
  premium or the funding rate do moves the perp in a way that could be foreseen.
* `contracts`: dated futures on spot, with a carry that converges at expiry.
* `ledgers`: volumes, open interest, daily netflow, reserve and hash rate.
* `options`: open interest of puts and calls by strike and expiry, once a day.
* `calendar`, `script`, `phases`, `episodes`: what happens on purpose. The calendar shares a coin's
  time out among the families, a family writes forces on the state (crowd inflow, spot pressure,
  volatility, carry, netflow) into the script and labels them as truth; the perp's drift is touched
  only by a planted edge, which is written into the label. Settings: `plants.<phase>` for a phase,
  `families` to let only some families play.
* `tables`: steps → bars → canonical tables.
* `universe`: many coins in a lighter simulation of their own, where `[lab.universe]` is given.
"""

from fadefollow.market.lab.listing import Lab
from fadefollow.market.lab.settings import LabSettings, Plant
from fadefollow.market.lab.simulation import simulate

__all__ = ["Lab", "LabSettings", "Plant", "simulate"]
