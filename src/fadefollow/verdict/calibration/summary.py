"""Summary of a calibration: false tables, coverage of intervals, power."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fadefollow.errors import FadeFollowError
from fadefollow.phases import Stance
from fadefollow.verdict.calibration.design import Arm, Design
from fadefollow.verdict.calibration.promises import (
    Promise,
    at_least_of,
    at_most,
    failures,
    within,
)
from fadefollow.verdict.calibration.proportions import Curve, Share, logistic, plain
from fadefollow.verdict.calibration.simulated_run import Row, Stand, Table

#: where the coverage of a 95 % interval must lie
COVERAGE_BAND = (0.92, 0.97)
#: the ratios of edge to detectable effect that count as "at" it
AT = (0.8, 1.25)
POWER = 0.8


class CalibrationError(FadeFollowError, ValueError):
    """The verdict is wrong more often than promised."""

    joint = ": "


@dataclass(frozen=True)
class RowCoverage:
    """How often the intervals of one row's mean hold the truth, with nothing planted."""

    strategy: str
    phase: str
    stance: Stance
    trades: float  #: mean number in the rows counted
    covered: Share  #: of rows with enough independent blocks
    t_covered: Share  #: by plain t-intervals, the same rows
    false: Share  #: `verdict` names this stance, of all markets
    t_false: Share  #: a plain t-test claims it


@dataclass(frozen=True)
class Power:
    """How often a planted edge is found in one phase of one arm."""

    arm: Arm
    strategy: str
    phase: str
    stance: Stance
    markets: int
    trades: float  #: mean number
    edge_bps: float  #: what the trades really gain by the plant: late entries gain less of it
    detectable_bps: float  #: median of what the verdicts said
    found: Share
    wrong_way: Share  #: the other stance was named
    t_found: Share  #: a plain t-test claims the stance


@dataclass(frozen=True)
class AtDetectable:
    """Power at the effect that `detectable_bps` says, in one phase over all arms."""

    strategy: str
    phase: str
    found: Share  #: of the rows whose edge is within `AT` times the detectable effect
    curve: Curve | None  #: power by edge / detectable, all rows

    @property
    def power(self) -> tuple[float, float, float]:
        """Of the curve at a ratio of 1, with its interval; without a curve the share `found`."""
        if self.curve is None:  # hits and misses do not mix, or there are too few rows
            return self.found.value, self.found.low, self.found.high
        return self.curve.at(1.0)


@dataclass(frozen=True)
class Calibration:
    """All counts. Intervals are of 95 %."""

    design: Design
    key: str
    strategies: tuple[str, ...]
    false_tables: Share  #: with nothing planted: tables with any `fade` or `follow`
    t_false_tables: Share  #: with any stance that a plain t-test claims
    words: dict[str, int]  #: verdicts with nothing planted, all rows
    tested: Share  #: rows with enough independent blocks
    covered: Share  #: intervals that hold the truth, of the tested rows
    t_covered: Share
    rows: tuple[RowCoverage, ...]
    power: tuple[Power, ...]
    detectable: tuple[AtDetectable, ...]
    seconds: float  #: of computing, all processes together

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What was promised, and whether it is kept, broken, or not yet shown."""
        claims = at_most("tables with a false verdict", self.false_tables, self.design.alpha)
        covers = within("intervals that hold the truth", self.covered, COVERAGE_BAND)
        found = (
            at_least_of(f"power at the detectable effect of {at.phase}", at.power, POWER)
            for at in self.detectable
        )
        return (claims, covers, *found)

    @property
    def failures(self) -> tuple[str, ...]:
        """The promises that are broken, in words; empty if none is."""
        return failures(self.promises)

    def raise_failures(self) -> None:
        """Check that every promise is kept.

        Raises:
            CalibrationError: a promise is broken.
        """
        if self.failures:
            raise CalibrationError(
                "verdict calibration failed",
                got="; ".join(self.failures),
            )

    def to_dict(self) -> dict[str, Any]:
        """For JSON: shares with their `value`, NaN as None."""
        said = asdict(self) | {"failures": list(self.failures)}
        said["promises"] = [promise.to_dict() for promise in self.promises]
        for place, at in zip(said["detectable"], self.detectable, strict=True):
            place["power"] = list(at.power)
        return plain(said)  # type: ignore[no-any-return]


def summarise(
    design: Design, tables: Sequence[Table], *, strategies: tuple[str, ...], key: str
) -> Calibration:
    """Count.

    Args:
        design: of the calibration.
        tables: of all markets.
        strategies: that were judged.
        key: names settings and code.
    """
    still = [table for table in tables if not table.arm.effect_bps]
    planted = [table for table in tables if table.arm.effect_bps]
    tested = [[row for row in table.rows if row.tested] for table in still]
    return Calibration(
        design=design,
        key=key,
        strategies=strategies,
        false_tables=Share.exact([any(_claims(row) for row in t.rows) for t in still]),
        t_false_tables=Share.exact(
            [any(s.t_claims for row in t.rows for s in row.stances.values()) for t in still]
        ),
        words=dict(Counter(row.verdict for table in still for row in table.rows)),
        tested=Share.clustered([[row.tested for row in table.rows] for table in still]),
        covered=Share.clustered([[_covers(s) for s in _stands(rows)] for rows in tested]),
        t_covered=Share.clustered([[_t_covers(s) for s in _stands(rows)] for rows in tested]),
        rows=_rows(still),
        power=_power(design, planted, strategies),
        detectable=_at_detectable(planted, strategies),
        seconds=sum(table.seconds for table in tables),
    )


def _claims(row: Row) -> bool:
    return row.verdict in ("fade", "follow")


def _stands(rows: Iterable[Row]) -> list[Stand]:
    return [stand for row in rows for stand in row.stances.values()]


def _covers(stand: Stand) -> bool:
    return stand.low <= stand.truth <= stand.high


def _t_covers(stand: Stand) -> bool:
    return stand.t_low <= stand.truth <= stand.t_high


def _rows(still: Sequence[Table]) -> tuple[RowCoverage, ...]:
    found = []
    for strategy, phase in _names(still):
        rows = [r for t in still for r in t.rows if (r.strategy, r.phase) == (strategy, phase)]
        stances = dict.fromkeys(name for row in rows for name in row.stances)
        for stance in stances:
            stands = [row.stances[stance] for row in rows if row.tested]
            found.append(
                RowCoverage(
                    strategy,
                    phase,
                    stance,
                    trades=_mean(stand.n_trades for stand in stands),
                    covered=Share.exact([_covers(stand) for stand in stands]),
                    t_covered=Share.exact([_t_covers(stand) for stand in stands]),
                    false=Share.exact([row.verdict == stance for row in rows]),
                    t_false=Share.exact([row.stances[stance].t_claims for row in rows]),
                )
            )
    return tuple(found)


def _names(tables: Sequence[Table]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((row.strategy, row.phase) for t in tables for row in t.rows))


def _power(
    design: Design, planted: Sequence[Table], strategies: tuple[str, ...]
) -> tuple[Power, ...]:
    found = []
    for arm in design.arms:
        tables = [table for table in planted if table.arm == arm]
        for strategy, phase in _names(tables):
            if strategy != strategies[0]:
                continue
            rows = [r for t in tables for r in t.rows if (r.strategy, r.phase) == (strategy, phase)]
            stands = [row.stances["fade"] for row in rows]
            found.append(
                Power(
                    arm,
                    strategy,
                    phase,
                    "fade",
                    len(rows),
                    trades=_mean(stand.n_trades for stand in stands),
                    edge_bps=_mean(stand.edge for stand in stands),
                    detectable_bps=_median(row.detectable for row in rows),
                    found=Share.exact([row.verdict == "fade" for row in rows]),
                    wrong_way=Share.exact([row.verdict == "follow" for row in rows]),
                    t_found=Share.exact([stand.t_claims for stand in stands]),
                )
            )
    return tuple(found)


def _at_detectable(
    planted: Sequence[Table], strategies: tuple[str, ...]
) -> tuple[AtDetectable, ...]:
    found = []
    for strategy, phase in _names(planted):
        if strategy != strategies[0]:
            continue
        rows = [r for t in planted for r in t.rows if (r.strategy, r.phase) == (strategy, phase)]
        ratio = np.array([row.stances["fade"].edge / row.detectable for row in rows], np.float64)
        hit = np.array([row.verdict == "fade" for row in rows])
        known = np.isfinite(ratio) & (ratio > 0.0)
        near = known & (ratio >= AT[0]) & (ratio <= AT[1])
        found.append(
            AtDetectable(
                strategy, phase, Share.exact(hit[near]), logistic(ratio[known], hit[known])
            )
        )
    return tuple(found)


def _mean(values: Iterable[float]) -> float:
    return _over(np.mean, values)


def _median(values: Iterable[float]) -> float:
    return _over(np.median, values)


def _over(measure: Callable[..., Any], values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(measure(known)) if known else math.nan
