"""Episodes: what happens on purpose in the lab, one module a family of phases.

To add a family, list its phases in `fadefollow.market.lab.phases`, write a module with a `Family`
subclass, and name it in `FAMILIES`. Where families set volatility at the same time, those that only
multiply it come first: a storm that ends by what price has done must know what it multiplies.
"""

from __future__ import annotations

from fadefollow.market.lab.episodes.basis import Basis
from fadefollow.market.lab.episodes.campaign import Campaign
from fadefollow.market.lab.episodes.crowd import Crowding
from fadefollow.market.lab.episodes.doors import Doors
from fadefollow.market.lab.episodes.family import Family
from fadefollow.market.lab.episodes.gamma import Gamma
from fadefollow.market.lab.episodes.liquidations import Liquidations
from fadefollow.market.lab.episodes.netflow import Netflow
from fadefollow.market.lab.episodes.network import Network
from fadefollow.market.lab.episodes.stress import Stress

#: by the names that `families` in the settings takes
FAMILIES: dict[str, type[Family]] = {
    "gamma": Gamma,
    "stress": Stress,
    "campaign": Campaign,
    "liquidations": Liquidations,
    "crowd": Crowding,
    "basis": Basis,
    "netflow": Netflow,
    "network": Network,
    "doors": Doors,
}

__all__ = ["FAMILIES", "Family"]
