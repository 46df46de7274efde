"""Parameters' values as a reader sees them, and where they lie on an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fadefollow.reporting.text.formatting import DASH, MINUS, fixed, inert


def shown(value: Any) -> str:
    """A parameter's value: `0.93`, `48`, `yes`, `none`, or its text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, int):
        return fixed(value)
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", MINUS) if math.isfinite(value) else DASH
    text = " ".join(str(value).split())
    return text if len(text) <= 60 else f"{text[:59]}…"


@dataclass(frozen=True)
class Scale:
    """Where a parameter's values lie: numbers as they are, other values one step apart."""

    name: str
    label: str
    low: float
    high: float
    log: bool
    words: tuple[str, ...]  #: the values in order, where they are no numbers

    @classmethod
    def of(cls, name: str, label: str, values: Iterable[Any], *, log: bool = False) -> Scale:
        """The scale of all values that were tried; `log` where they are positive numbers."""
        seen = list(values)
        if all(isinstance(v, int | float) and not isinstance(v, bool) for v in seen):
            known = [float(v) for v in seen if math.isfinite(v)] or [0.0]
            low, high = min(known), max(known)
            return cls(name, label, low, high, log and 0.0 < low < high, ())
        words = tuple(sorted({shown(v) for v in seen}))
        return cls(name, label, 0.0, max(len(words) - 1.0, 0.0), log=False, words=words)

    def at(self, value: Any) -> float:
        """The place of a value on the axis; NaN if it has none."""
        if self.words:
            word = shown(value)
            return float(self.words.index(word)) if word in self.words else math.nan
        known = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if known and math.isfinite(value) else math.nan

    def share(self, value: Any) -> float:
        """The place between the lowest, 0, and the highest, 1; one half where all are equal."""
        place, low, high = self.at(value), self.low, self.high
        if self.log and place > 0:
            place, low, high = math.log(place), math.log(low), math.log(high)
        return (place - low) / (high - low) if high > low else 0.5 + 0.0 * place


def ticks(scale: Scale, *, most: int = 6) -> dict[str, Any]:
    """Ticks for a Plotly axis where its own would not do: words, and logarithms."""
    if scale.log:
        first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
        decades = range(first, last + 1, max((last - first) // 4, 1))
        steps = (1.0,) if last - first > 3 or most < 4 else (1.0, 3.0)
        places = [step * 10.0**decade for decade in decades for step in steps]
        texts = [shown(place) for place in places]
        return {"type": "log", "tickmode": "array", "tickvals": places, "ticktext": texts}
    if not scale.words:
        return {}
    gap = -(-len(scale.words) // most)
    some = range(0, len(scale.words), gap)
    names = [inert(cut(scale.words[place])) for place in some]
    return {"tickmode": "array", "tickvals": list(some), "ticktext": names}


def cut(word: str, most: int = 14) -> str:
    """A label that fits below a chart."""
    return word if len(word) <= most else f"{word[: most - 1]}…"
