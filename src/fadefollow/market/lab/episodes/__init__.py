"""Episodes: what happens on purpose in the lab, one module a family of phases.

To add a family, write a module with a `Family` subclass and list it in `FAMILIES`.
"""

from __future__ import annotations

from fadefollow.market.lab.episodes.crowd import Crowding
from fadefollow.market.lab.episodes.family import Family

FAMILIES: tuple[type[Family], ...] = (Crowding,)

#: every phase that the lab can plant → its lean
LEANS: dict[str, int] = {phase: lean for f in FAMILIES for phase, lean in f.phases.items()}

__all__ = ["FAMILIES", "LEANS", "Crowding", "Family"]
