"""Universes: 30 to 1000 coins that are listed and delisted, pumped and crowded, with known truth.

Lighter than the lab's full market: perp, spot and funding only, one step a bar, no recursion.

* `lives`: listings and delistings, apart from prices.
* `returns`: a market factor, an altcoin factor and each coin's own, with volatility that clusters.
* `premiums`: the premium index behind funding, and the noisier premium of closes.
* `episodes`: crowds that pay extreme funding, clustered in time and across coins, with a planted
  drift (zero by default), and pumps without drift.
* `expectation`: the growth that the drifts promise, for whatever is traded on it.

Settings: `[lab.universe]`, and of `[lab]` the keys `seed`, `start`, `years`, `coins`,
`annual_drift`, `quiet_days` (after each coin's listing) and `plants`.
"""

from fadefollow.market.lab.universe.settings import UniverseSettings

__all__ = ["UniverseSettings"]
