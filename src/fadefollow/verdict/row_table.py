"""The table of questions: rows, families, and what each row says with all others in view."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from fadefollow.engine.model import HOUR_NS, BarArrays, BookName, FloatArray
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.phases import STANCES, Stance
from fadefollow.verdict.correction.band import replicate_t, simultaneous_t
from fadefollow.verdict.correction.maxt import MaxT, p_error, step_down
from fadefollow.verdict.correction.overfit import TrackRecord
from fadefollow.verdict.estimates.bootstrap import Bootstrapped
from fadefollow.verdict.estimates.days import day_of_bar
from fadefollow.verdict.estimates.detectable import detectable_edge
from fadefollow.verdict.estimates.estimates import BookEvidence, PhaseEvidence
from fadefollow.verdict.estimates.metrics import (
    breakeven_cost,
    max_drawdown,
    parts_split,
    pnl_split,
    sharpe,
)
from fadefollow.verdict.model import (
    NOWHERE,
    Interval,
    NotTraded,
    PlaceboInfo,
    StanceResult,
    Verdict,
)
from fadefollow.verdict.placebos.run import Confronted, RowKey
from fadefollow.verdict.settings import JudgeSettings
from fadefollow.verdict.settle import History, Needs, settle
from fadefollow.verdict.words import (
    BookFacts,
    Claim,
    Fates,
    Reason,
    fate_in_book,
    fate_of,
    word_of,
)

DAYS_A_YEAR = 365.25


@dataclass(frozen=True)
class Row:
    """One question: a stance of a phase in a book."""

    key: RowKey
    evidence: BookEvidence

    @property
    def mean(self) -> tuple[float, float]:
        """The mean net return and its standard error, fractions."""
        return self.evidence.mean.value, self.evidence.mean.se


@dataclass(frozen=True)
class Family:
    """Questions that are corrected together."""

    numbers: Mapping[RowKey, int]  #: the place of each row in the placebo's test
    placebo: MaxT
    critical_t: float  #: of the interval that holds for all rows; NaN if no row can be tested
    questions: int

    @classmethod
    def of(
        cls,
        rows: Mapping[RowKey, Row],
        keys: Sequence[RowKey],
        confronted: Confronted,
        settings: JudgeSettings,
    ) -> Family:
        """A family: one critical t for what its rows earned, one test of its placebos."""
        tested = [k for k in keys if rows[k].evidence.blocks >= settings.min_blocks]
        observed = np.array([confronted.observed(k, *rows[k].mean) for k in keys])
        placebo = step_down(
            observed,
            confronted.matrix(keys, observed),
            family=np.isin(np.arange(len(keys)), [n for n, k in enumerate(keys) if k in tested]),
            alpha=settings.alpha,
        )
        critical = simultaneous_t([rows[k].evidence.mean for k in tested], alpha=settings.alpha)
        return cls({k: n for n, k in enumerate(keys)}, placebo, critical, len(tested))

    def band(self, mean: Bootstrapped) -> Interval:
        """The row's part of the interval that holds for all."""
        if math.isnan(self.critical_t) or replicate_t(mean) is None:
            return NOWHERE
        return mean.value - self.critical_t * mean.se, mean.value + self.critical_t * mean.se


@dataclass(frozen=True)
class RowTable:
    """All questions of a run with what they are corrected by."""

    plans: Sequence[Plan]
    rows: Mapping[RowKey, Row]
    confronted: Confronted
    settings: JudgeSettings
    claims: Mapping[str, Claim]
    smallest: Mapping[str, float]
    families: tuple[Family, Family]  #: the claimed stances; all

    def verdict(self, plan: Plan, code: int, phase: PhaseEvidence) -> Verdict:
        """The row of one phase."""
        claim = self.claims[plan.strategy]
        found = {
            (stance, book): self._result(plan, (plan.strategy, code, stance, book))
            for stance, by_book in phase.stances.items()
            for book in by_book
        }
        n_phases = sum(int((codes == code).sum()) for codes in plan.codes)
        by_book = {
            book: fate_in_book(
                claim, {s: found[s, book].word for s in STANCES if (s, book) in found}
            )
            for book in phase.difference
        }
        fate, speaks = fate_of(claim, by_book)
        outright = {s: found.get((s, "outright")) or NotTraded(plan.refused[s]) for s in STANCES}
        verdict = Verdict(
            strategy=plan.strategy,
            signal=plan.signal,
            phase=plan.phases[code],
            split=None,
            symbols=plan.symbols,
            n_phases=n_phases,
            fade=outright["fade"],
            follow=outright["follow"],
            difference_ci_bps=self._difference(phase, "outright"),
            claim=claim,
            fates=Fates(claim, fate, speaks, by_book),
            hedged=self._hedged(plan, found),
            hedged_difference_ci_bps=self._difference(phase, "hedged"),
        )
        settled = settle(
            verdict,
            needs={key: self._needs(self._key(plan, code, *key)) for key in found},
            smallest_bps=self.smallest[plan.strategy],
            history=History(_years(plan), len(plan.coin_arrays)),
            min_blocks=self.settings.min_blocks,
        )
        return replace(settled, reason=_row_reason(settled, self.settings.min_blocks))

    def _needs(self, key: RowKey) -> Needs:
        evidence, criticals = self.rows[key].evidence, self._criticals(key)
        return Needs(
            se=1e4 * evidence.mean.se,
            mean_t=criticals.mean,
            placebo_t=criticals.placebo,
            momentum_se=1e4 * evidence.momentum.se,
            momentum_t=evidence.momentum.limits(2.0 * self.settings.alpha)[1],
        )

    def _criticals(self, key: RowKey) -> _Criticals:
        """What a row's t must exceed; of one that its family does not test, as if alone with it."""
        row, family, alpha = self.rows[key], self._family(key), self.settings.alpha
        mean_t = family.critical_t
        placebo_t = float(family.placebo.critical[family.numbers[key]])
        draws = self.confronted.rows.get(key)
        if row.evidence.blocks < self.settings.min_blocks or math.isnan(mean_t):
            mean_t = np.fmax(mean_t, simultaneous_t([row.evidence.mean], alpha=alpha))
        if math.isnan(placebo_t) and draws is not None:
            alone = step_down(
                np.array([self.confronted.observed(key, *row.mean)]),
                draws.t(draws.means, draws.ses)[:, None],
                family=np.array([True]),
                alpha=alpha,
            )
            placebo_t = float(alone.critical[0])
        return _Criticals(float(mean_t), placebo_t)

    @staticmethod
    def _key(plan: Plan, code: int, stance: Stance, book: BookName) -> RowKey:
        return plan.strategy, code, stance, book

    def _difference(self, phase: PhaseEvidence, book: BookName) -> Interval:
        known = phase.difference.get(book)
        return NOWHERE if known is None else _bps(known.interval(self.settings.alpha))

    def _hedged(
        self, plan: Plan, found: Mapping[tuple[Stance, BookName], StanceResult]
    ) -> dict[Stance, StanceResult | NotTraded]:
        none = NotTraded(plan.unhedged or "no hedge", "no_hedge")
        hedged: dict[Stance, StanceResult | NotTraded] = {}
        for stance in STANCES:
            refused = plan.refused.get(stance)
            other = none if refused is None else NotTraded(refused)
            hedged[stance] = found.get((stance, "hedged"), other)
        return hedged

    def _family(self, key: RowKey) -> Family:
        return self.families[0] if key in self.families[0].numbers else self.families[1]

    def _result(self, plan: Plan, key: RowKey) -> StanceResult:
        row, family, alpha = self.rows[key], self._family(key), self.settings.alpha
        found, number = row.evidence, family.numbers[key]
        band = _bps(family.band(found.mean))
        adjusted, p = float(family.placebo.adjusted[number]), float(family.placebo.p[number])
        momentum_low = 1e4 * found.momentum.lower(alpha)
        word, reason = word_of(
            BookFacts(
                mean=1e4 * found.mean.value,
                low=band[0],
                high=band[1],
                p_placebo=adjusted,
                momentum_low=momentum_low,
                blocks=found.blocks,
            ),
            alpha=alpha,
            smallest_bps=self.smallest[plan.strategy],
            min_blocks=self.settings.min_blocks,
        )
        if not len(found.trades):
            word, reason = "untestable", Reason("no_trades")
        trades, time = found.trades, plan.time
        held = time[trades["exit_bar"].to_numpy()] - time[trades["entry_bar"].to_numpy()]
        record = TrackRecord.of(found.daily)
        draws = self.confronted.rows.get(key)
        count = 0 if draws is None else len(draws.means)
        years = _years(plan)
        return StanceResult(
            n_trades=len(trades),
            mean_net_bps=1e4 * found.mean.value,
            ci_bps=_bps(found.mean.interval(alpha)),
            anyhour_mean_bps=1e4 * found.anyhour_mean,
            placebo_mean_bps=1e4 * (math.nan if draws is None else draws.mean),
            momentum_mean_bps=1e4 * found.momentum.value,
            momentum_ci_bps=_bps(found.momentum.interval(alpha)),
            p_placebo=p,
            p_adjusted=adjusted,
            sharpe=sharpe(found.daily),
            max_drawdown=max_drawdown(found.daily),
            breakeven_cost_bps=1e4 * breakeven_cost(found.parts, found.sample.weight),
            pnl=pnl_split(trades, key[3]),
            n_liquidated=int((trades["reason"] == "liquidation").sum()),
            win_rate=float((trades["return"] > 0.0).mean()) if len(trades) else math.nan,
            mean_hold_hours=float(held.mean() / HOUR_NS) if len(held) else math.nan,
            n_days=record.n,
            daily_skew=record.skew,
            daily_kurtosis=record.kurtosis,
            p_placebo_error=p_error(p, count),
            p_adjusted_error=p_error(adjusted, count),
            word=word,
            reason=reason,
            band_bps=band,
            parts_bps=parts_split(found.parts, found.sample.weight),
            price_ci_bps=_bps(found.price.interval(alpha)),
            funding_ci_bps=_bps(found.funding.interval(alpha)),
            shrunken_bps=1e4 * found.pooled.mean,
            shrunken_ci_bps=_bps((found.pooled.low, found.pooled.high)),
            spread_bps=1e4 * found.pooled.spread,
            placebo=None
            if draws is None
            else PlaceboInfo(draws.kind, family.questions, draws.reach_days, draws.kept),
            detectable_bps=self._detectable(row),
            blocks=found.blocks,
            block_days=found.length,
            trades_a_year=len(trades) / years if years > 0.0 else math.nan,
            time_in_market=_time_in_market(plan, held),
        )

    def _detectable(self, row: Row) -> float:
        draws, criticals = self.confronted.rows.get(row.key), self._criticals(row.key)
        return 1e4 * detectable_edge(
            row.evidence.mean,
            row.evidence.momentum,
            placebo_mean=math.nan if draws is None else draws.mean,
            mean_t=criticals.mean,
            placebo_t=criticals.placebo,
            alpha=self.settings.alpha,
        )


class _Criticals(NamedTuple):
    """What the t of a row's mean must exceed; NaN where unknown."""

    mean: float  #: to be above zero with all rows of its family
    placebo: float  #: over its placebo's mean, for a corrected placebo p below alpha


def _row_reason(verdict: Verdict, min_blocks: float) -> Reason:
    """Why the row is as it is: what the stance says that is nearest to an answer."""
    if verdict.n_phases == 0:
        return Reason("never_seen")
    asked = STANCES if verdict.claim == "disputed" else (verdict.claim,)
    found = {key: one for key, one in verdict.results.items() if key[0] in asked}
    if not found and verdict.fate == "untestable":
        return Reason("not_tradable")
    if verdict.fate == "untestable" and not any(one.n_trades for one in found.values()):
        return Reason("no_trades")
    if verdict.fate == "untestable":
        blocks = max(one.blocks for one in found.values())
        return Reason("few_blocks", ("blocks",), (), blocks, min_blocks)
    near = verdict.settle
    if near is None or near.stance is None or near.book is None:
        return Reason("decided")
    return found[near.stance, near.book].reason


def _years(plan: Plan) -> float:
    return (int(day_of_bar(plan)[-1]) + 1) / DAYS_A_YEAR


def _time_in_market(plan: Plan, held: FloatArray) -> float:
    """Mean share of a listed coin's time that these trades were open."""
    coins = plan.coin_arrays
    bars = sum(coins.derived("bars", k, _known_bars) for k in range(len(coins)))
    return float(held.sum()) / (bars * plan.bar_ns) if bars else math.nan


def _known_bars(arrays: BarArrays) -> int:
    return int((~np.isnan(arrays.close)).sum())


def _bps(interval: Interval) -> Interval:
    return 1e4 * interval[0], 1e4 * interval[1]
