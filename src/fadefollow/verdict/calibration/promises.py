"""Promises of a calibration: kept, broken, or not yet shown, by an interval and never by a point.

A promise is **kept** if the whole 95 % interval of what was measured lies within it, widened by its
tolerance; it is **broken** if the whole interval lies outside it, not widened; else it is **not yet
shown**, as where nothing was measured. Tolerances: of a level (false claims) half the level; of a
power, a recall or a precision 10 points; of a coverage or a stated rate of false alarms 1 point; of
a mean none. So five markets without a false claim keep nothing yet: their interval ends at 52 %.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fadefollow.verdict.calibration.proportions import Mean, Share

State = Literal["kept", "broken", "not yet shown"]

#: points by which the interval of a share may lie below what was promised at the least
_SHORT = 0.10
#: … and of a coverage on either side of its band, and of a rate above what was stated
_BESIDE = 0.01


@dataclass(frozen=True)
class Promise:
    """One promised figure and its measurement."""

    what: str
    promised: str  #: in words
    measured: str  #: likewise; a dash where nothing was
    value: float  #: NaN where nothing was measured
    low: float  #: of the 95 % interval; NaN where there is none
    high: float
    least: float = -math.inf  #: what was promised, from …
    most: float = math.inf  #: … to
    tolerance: float = 0.0

    @property
    def state(self) -> State:
        """Kept, broken, or not yet shown."""
        if math.isnan(self.low) or math.isnan(self.high):
            return "not yet shown"
        if self.low > self.most or self.high < self.least:
            return "broken"
        within = self.low >= self.least - self.tolerance and self.high <= self.most + self.tolerance
        return "kept" if within else "not yet shown"

    def __str__(self) -> str:
        return f"{self.what}: {self.measured}, promised {self.promised}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON; bounds that there are not are None."""
        said = {"what": self.what, "promised": self.promised, "state": self.state}
        numbers = {
            name: getattr(self, name)
            for name in ("value", "low", "high", "least", "most", "tolerance")
        }
        return said | {k: v if math.isfinite(v) else None for k, v in numbers.items()}


def at_most(what: str, share: Share, level: float) -> Promise:
    """A share of at most `level`, with a tolerance of half of it."""
    return _at_most(what, share, level, level / 2.0)


def at_stated_rate(what: str, share: Share, rate: float) -> Promise:
    """A share of at most a stated `rate`, with a tolerance of 1 point."""
    return _at_most(what, share, rate, _BESIDE)


def _at_most(what: str, share: Share, level: float, tolerance: float) -> Promise:
    return Promise(
        what,
        f"at most {_points(level)} %",
        _shown(share),
        share.value,
        share.low,
        share.high,
        most=level,
        tolerance=tolerance,
    )


def at_least(what: str, share: Share, least: float) -> Promise:
    """A share of at least `least`, with a tolerance of 10 points."""
    return at_least_of(what, (share.value, share.low, share.high), least)


def at_least_of(what: str, measured: tuple[float, float, float], least: float) -> Promise:
    """The same of a share that comes from a curve: its value and the ends of its interval."""
    value, low, high = measured
    return Promise(
        what,
        f"at least {_points(least)} %",
        _between(value, low, high),
        value,
        low,
        high,
        least=least,
        tolerance=_SHORT,
    )


def within(what: str, share: Share, band: tuple[float, float]) -> Promise:
    """A share between two bounds, with a tolerance of 1 point."""
    return Promise(
        what,
        f"{_points(band[0])} to {_points(band[1])} %",
        _shown(share),
        share.value,
        share.low,
        share.high,
        least=band[0],
        most=band[1],
        tolerance=_BESIDE,
    )


def not_above_zero(what: str, mean: Mean) -> Promise:
    """A mean in bps that is zero or less."""
    measured = "–" if math.isnan(mean.value) else f"{mean} bps"
    return Promise(what, "not above zero", measured, mean.value, mean.low, mean.high, most=0.0)


def failures(promises: Iterable[Promise]) -> tuple[str, ...]:
    """The broken promises in words."""
    return tuple(str(promise) for promise in promises if promise.state == "broken")


def overall(promises: Sequence[Promise]) -> State:
    """Broken if one is, kept if all are, else not yet shown."""
    states = {promise.state for promise in promises}
    if "broken" in states:
        return "broken"
    return "kept" if states == {"kept"} else "not yet shown"


def headline(promises: Sequence[Promise], *, who: str) -> str:
    """One line: `The verdict keeps its promises`, what is broken, or what is not yet shown.

    Args:
        promises: all of a calibration.
        who: what was calibrated, e.g. "The verdict".
    """
    state = overall(promises)
    if state == "kept":
        return f"{who} keeps its promises"
    if state == "broken":
        return f"Not calibrated: {'; '.join(failures(promises))}"
    missing = [str(promise) for promise in promises if promise.state == "not yet shown"]
    kept = len(promises) - len(missing)
    return (
        f"Not yet shown: {kept} of {len(promises)} promises are kept, too few markets say of "
        f"{'; '.join(missing)}"
    )


def _shown(share: Share) -> str:
    return _between(share.value, share.low, share.high)


def _between(value: float, low: float, high: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{100 * value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _points(share: float) -> str:
    return f"{100.0 * share:.3g}"
