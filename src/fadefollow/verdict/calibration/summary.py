"""Summary of a calibration: false words and fates, coverage of intervals, power."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fadefollow.engine.model import BOOKS, BookName
from fadefollow.errors import FadeFollowError
from fadefollow.phases import Stance
from fadefollow.verdict.calibration.design import Arm, Design
from fadefollow.verdict.calibration.false_words import KINDS, FalseKind, Row, Stand
from fadefollow.verdict.calibration.judged import Table
from fadefollow.verdict.calibration.promises import (
    Promise,
    at_least,
    at_least_of,
    at_most,
    failures,
    within,
)
from fadefollow.verdict.calibration.proportions import Curve, Mean, Share, logistic, plain

#: where the coverage of a 95 % interval must lie
COVERAGE_BAND = (0.92, 0.97)
#: the ratios of edge to detectable effect that count as "at" it
AT = (0.8, 1.25)
POWER = 0.8
#: kinds of arms with nothing to find
NOTHING_TO_FIND = ("null", "costs", "times", "coins")


class CalibrationError(FadeFollowError, ValueError):
    """The verdict is wrong more often than promised."""

    joint = ": "


@dataclass(frozen=True)
class RowCoverage:
    """How often the intervals of one stance's mean hold the truth, in one book."""

    strategy: str
    phase: str
    stance: Stance
    book: BookName
    trades: float  #: mean number in the rows counted
    blocks: float  #: median number of independent ones, of all rows
    covered: Share  #: of rows with enough independent blocks
    t_covered: Share  #: by plain t-intervals, the same rows
    false: Share  #: false words, of all markets
    t_false: Share  #: false claims of a plain t-test
    miss: Mean  #: by which the estimate lies above the truth, bps


@dataclass(frozen=True)
class ArmCounts:
    """False answers and coverage in the markets of one arm."""

    arm: Arm
    markets: int
    questions: float  #: asked beforehand and tested, mean number in a table
    false_tables: Share  #: with a false word or fate of what was asked beforehand
    by_kind: dict[FalseKind, Share]
    unasked: Share  #: with a false word of an opposite stance
    t_false_tables: Share  #: by plain t-tests of what was asked beforehand
    old_false_tables: Share  #: by the conditions of version 1
    words: dict[str, dict[str, int]]  #: by book, of what was asked beforehand
    fates: dict[str, int]
    tested: Share  #: stances with enough independent blocks
    covered: dict[BookName, Share]  #: intervals that hold the truth, of the tested
    t_covered: dict[BookName, Share]
    rows: tuple[RowCoverage, ...]


@dataclass(frozen=True)
class Power:
    """How often a planted edge is found in one phase of one arm and book."""

    arm: Arm
    strategy: str
    phase: str
    stance: Stance
    book: BookName
    markets: int
    trades: float  #: mean number
    edge_bps: float  #: what the trades really gain by the plant: late entries gain less of it
    net_bps: float  #: what is left of it after costs
    detectable_bps: float  #: median of what the verdicts said
    error_bps: float  #: standard deviation of the estimates about the truth
    found: Share
    wrong_way: Share  #: the other stance was said to pay
    t_found: Share  #: a plain t-test claims the stance


@dataclass(frozen=True)
class AtDetectable:
    """Power at the effect that `detectable_bps` says, in one phase and book over all arms."""

    strategy: str
    phase: str
    book: BookName
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
    about: str  #: what kind of markets
    key: str
    strategies: tuple[str, ...]
    arms: tuple[ArmCounts, ...]  #: with nothing to find
    power: tuple[Power, ...]
    detectable: tuple[AtDetectable, ...]
    seconds: float  #: of computing, all processes together

    @property
    def promises(self) -> tuple[Promise, ...]:
        """What was promised, and whether it is kept, broken, or not yet shown."""
        found: list[Promise] = []
        for arm in self.arms:
            found.append(
                at_most(f"false tables; {arm.arm.name}", arm.false_tables, self.design.alpha)
            )
            found += [
                within(
                    f"intervals that hold the truth, {book}; {arm.arm.name}", share, COVERAGE_BAND
                )
                for book, share in arm.covered.items()
                if share.of and arm.arm.kind != "coins"
            ]
        found += [
            at_least_of(f"power at the detectable effect of {at.phase}, {at.book}", at.power, POWER)
            for at in self.detectable
        ]
        found += [
            at_least(f"{cell.arm.effect_bps:g} bps of {cell.phase} found", cell.found, POWER)
            for cell in self.power
            if cell.arm.kind == "goal" and cell.arm.whole and cell.book == "hedged"
        ]
        return tuple(found)

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
        for place, arm in zip(said["arms"], self.arms, strict=True):
            place["name"] = arm.arm.name
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
    by_arm = {arm: [t for t in tables if t.arm == arm] for arm in design.arms}
    planted = [t for t in tables if t.arm.kind in ("planted", "goal")]
    still = [arm for arm in design.arms if arm.kind in NOTHING_TO_FIND and by_arm[arm]]
    return Calibration(
        design=design,
        about=design.about,
        key=key,
        strategies=strategies,
        arms=tuple(_counts(arm, by_arm[arm], design.smallest_bps) for arm in still),
        power=_power(design, planted, strategies),
        detectable=_at_detectable(planted, strategies),
        seconds=sum(table.seconds for table in tables),
    )


def _counts(arm: Arm, tables: Sequence[Table], smallest_bps: float) -> ArmCounts:
    kinds = [set().union(*(row.false(smallest_bps) for row in t.rows)) for t in tables]
    asked = [[s for s in _stands(t.rows) if s.asked] for t in tables]
    every = [_stands(t.rows) for t in tables]
    tested = [[s for s in stands if s.tested] for stands in every]
    return ArmCounts(
        arm=arm,
        markets=len(tables),
        questions=_mean(float(sum(s.tested for s in stands)) for stands in asked),
        false_tables=Share.exact([bool(found) for found in kinds]),
        by_kind={kind: Share.exact([kind in found for found in kinds]) for kind in KINDS},
        unasked=Share.exact(
            [any(row.false(smallest_bps, asked=False) for row in t.rows) for t in tables]
        ),
        t_false_tables=Share.exact([any(row.t_false for row in t.rows) for t in tables]),
        old_false_tables=Share.exact([any(row.old_false for row in t.rows) for t in tables]),
        words={
            book: dict(Counter(s.word for stands in asked for s in stands if s.book == book))
            for book in BOOKS
        },
        fates=dict(Counter(row.fate for t in tables for row in t.rows)),
        tested=Share.clustered([[s.tested for s in stands] for stands in every]),
        covered={book: _covered(tested, book, lambda s: s.covered) for book in BOOKS},
        t_covered={book: _covered(tested, book, lambda s: s.t_covered) for book in BOOKS},
        rows=_rows(tables, smallest_bps),
    )


def _covered(
    tested: Sequence[Sequence[Stand]], book: BookName, holds: Callable[[Stand], bool]
) -> Share:
    return Share.clustered([[holds(s) for s in stands if s.book == book] for stands in tested])


def _stands(rows: Iterable[Row]) -> list[Stand]:
    return [stand for row in rows for stand in row.stands]


def _rows(tables: Sequence[Table], smallest_bps: float) -> tuple[RowCoverage, ...]:
    by_key: dict[tuple[str, str, Stance, BookName], list[Stand]] = {}
    for table in tables:
        for row in table.rows:
            for stand in row.stands:
                key = (row.strategy, row.phase, stand.stance, stand.book)
                by_key.setdefault(key, []).append(stand)
    found = []
    for (strategy, phase, stance, book), every in by_key.items():
        stands = [stand for stand in every if stand.tested]
        found.append(
            RowCoverage(
                strategy,
                phase,
                stance,
                book,
                trades=_mean(float(stand.n_trades) for stand in stands),
                blocks=_over(np.median, (stand.blocks for stand in every)),
                covered=Share.exact([stand.covered for stand in stands]),
                t_covered=Share.exact([stand.t_covered for stand in stands]),
                false=Share.exact([s.contradicts(s.word, smallest_bps) for s in every]),
                t_false=Share.exact([s.contradicts(s.t_word, smallest_bps) for s in every]),
                miss=Mean.over([stand.mean - stand.truth for stand in every]),
            )
        )
    return tuple(found)


def _found_in(
    tables: Sequence[Table], strategies: tuple[str, ...]
) -> dict[tuple[str, BookName], list[tuple[Stand, Row]]]:
    """By phase of the first strategy and book, the stance of fade in each table."""
    found: dict[tuple[str, BookName], list[tuple[Stand, Row]]] = {}
    for table in tables:
        for row in table.rows:
            for book in BOOKS if row.strategy == strategies[0] else ():
                stand = row.stand("fade", book)
                if stand is not None:
                    found.setdefault((row.phase, book), []).append((stand, row))
    return found


def _power(
    design: Design, planted: Sequence[Table], strategies: tuple[str, ...]
) -> tuple[Power, ...]:
    found = []
    for arm in design.arms:
        tables = [table for table in planted if table.arm == arm]
        for (phase, book), pairs in _found_in(tables, strategies).items():
            stands = [stand for stand, _ in pairs]
            others = [row.stand("follow", book) for _, row in pairs]
            errors = [stand.mean - stand.truth for stand in stands]
            found.append(
                Power(
                    arm,
                    strategies[0],
                    phase,
                    "fade",
                    book,
                    len(pairs),
                    trades=_mean(float(stand.n_trades) for stand in stands),
                    edge_bps=_mean(stand.edge for stand in stands),
                    net_bps=_mean(stand.truth for stand in stands),
                    detectable_bps=_over(np.median, (stand.detectable for stand in stands)),
                    error_bps=_over(np.std, errors),
                    found=Share.exact([stand.word == "pays" for stand in stands]),
                    wrong_way=Share.exact([s is not None and s.word == "pays" for s in others]),
                    t_found=Share.exact([stand.t_word == "pays" for stand in stands]),
                )
            )
    return tuple(found)


def _at_detectable(
    planted: Sequence[Table], strategies: tuple[str, ...]
) -> tuple[AtDetectable, ...]:
    found = []
    for (phase, book), pairs in _found_in(planted, strategies).items():
        stands = [stand for stand, _ in pairs]
        ratio = np.array([stand.edge / stand.detectable for stand in stands], np.float64)
        hit = np.array([stand.word == "pays" for stand in stands])
        known = np.isfinite(ratio) & (ratio > 0.0)
        near = known & (ratio >= AT[0]) & (ratio <= AT[1])
        curve = logistic(ratio[known], hit[known])
        found.append(AtDetectable(strategies[0], phase, book, Share.exact(hit[near]), curve))
    return tuple(found)


def _mean(values: Iterable[float]) -> float:
    return _over(np.mean, values)


def _over(measure: Callable[..., Any], values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(measure(known)) if known else math.nan
