"""The confidence sequence of a claim as a drawing: places in a box, and the words beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fadefollow.engine.model import FloatArray
from fadefollow.reporting.text import formatting as text
from fadefollow.reporting.watch.message import claim_words
from fadefollow.results.claims import Watched

#: of the box, in its own units
WIDTH, HEIGHT = 320.0, 130.0
#: the box shows at least so much around zero, bps
_LEAST = 50.0
#: and limits up to so many times those after the last block
_TIMES = 2.5


@dataclass(frozen=True)
class Drawing:
    """A confidence sequence over its blocks: paths of an SVG of `WIDTH` × `HEIGHT`."""

    band: str
    mean: str
    zero: float  #: heights of the lines at zero and at the smallest edge
    smallest: float
    top: str  #: what the upper and the lower edge stand for
    bottom: str
    first: str  #: the days at the left and at the right edge
    last: str


@dataclass(frozen=True)
class ClaimCard:
    """A watched claim on the page."""

    name: str
    word: str
    gone: bool
    late: bool
    question: str
    answer: str
    smallest: str
    next: str
    drawing: Drawing | None  #: None before the first block with a trade


def card_of(one: Watched) -> ClaimCard:
    """The card of a claim."""
    claim = one.claim
    following = claim.blocks.settled(len(one.blocks))
    return ClaimCard(
        name=claim.claim,
        word=one.word,
        gone=one.alarm is not None,
        late=claim.late,
        question=f"{claim.stance} {claim.phase.replace('_', ' ')}, {claim.book}, "
        f"on {claim.dataset}, from {claim.start[:10]} on",
        answer=claim_words(one),
        smallest=text.cost(claim.smallest_bps),
        next=text.when(following, clock=False),
        drawing=drawing_of(one),
    )


def drawing_of(one: Watched) -> Drawing | None:
    """The drawing of a claim; None where no block has limits yet."""
    answer, claim = one.answer, one.claim
    low, mean, high = (1e4 * np.asarray(v) for v in (answer.low, answer.mean, answer.high))
    drawn = np.isfinite(mean)
    if not drawn.any():
        return None
    reach = _reach(low, mean, high, claim.smallest_bps)
    n = len(mean)
    across = WIDTH * (np.arange(n) + 1.0) / n

    def heights(values: FloatArray) -> FloatArray:
        # an infinite limit lies at the edge
        inside = np.clip(np.nan_to_num(values, posinf=reach, neginf=-reach), -reach, reach)
        return np.asarray(HEIGHT / 2 * (1.0 - inside / reach), np.float64)

    up = _points(across[drawn], heights(high[drawn]))
    down = _points(across[drawn][::-1], heights(low[drawn])[::-1])
    zero, smallest = heights(np.array([0.0, claim.smallest_bps]))
    return Drawing(
        band=f"M{' L'.join((*up, *down))}Z",
        mean=f"M{' L'.join(_points(across[drawn], heights(mean[drawn])))}",
        zero=float(zero),
        smallest=float(smallest),
        top=text.bps(reach),
        bottom=text.bps(-reach),
        first=text.when(claim.starts, clock=False),
        last=text.when(claim.blocks.begins(n), clock=False),
    )


def _reach(low: FloatArray, mean: FloatArray, high: FloatArray, smallest: float) -> float:
    """What the edges of the box stand for, bps, to two digits."""
    ends = [abs(v[np.isfinite(v)][-1]) for v in (low, high) if np.isfinite(v).any()]
    middle = float(np.abs(mean[np.isfinite(mean)]).max())
    wanted = max(_LEAST, 2.0 * smallest, middle, *(_TIMES * end for end in ends))
    step = 10.0 ** (math.floor(math.log10(wanted)) - 1)
    return float(math.ceil(wanted / step) * step)


def _points(across: FloatArray, down: FloatArray) -> list[str]:
    return [f"{x:.1f} {y:.1f}" for x, y in zip(across, down, strict=True)]
