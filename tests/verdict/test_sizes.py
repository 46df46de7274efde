"""Books sized by risk: every mean is on the mean notional, each trade counting by its share."""

from __future__ import annotations

from dataclasses import astuple, dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

from fadefollow.engine.draws import MovedEvents
from fadefollow.engine.model import Costs
from fadefollow.engine.plans.strategy_plan import Plan
from fadefollow.verdict import JudgeSettings, judge
from fadefollow.verdict.estimates.anyhour import all_outcomes, anyhour_mean
from fadefollow.verdict.estimates.days import day_sums, regular_trades, sample
from fadefollow.verdict.estimates.momentum import all_cells, momentum_days
from fadefollow.verdict.placebos import TimePlacebo
from fadefollow.verdict.placebos.base import Kind
from fadefollow.verdict.placebos.times import draw_shifts
from tests.support.placebo_cases import draws_of

FEW = JudgeSettings(placebo_draws=99, bootstrap_draws=200)
FEES = Costs(fee=0.0005, slippage=0.0002, maintenance=0.005)


def _rng(seed=0):
    return np.random.default_rng(seed)


@pytest.fixture
def sized(make_stormy):
    """Three coins whose positions have a share that changes from day to day."""
    plan = make_stormy(_rng(1), days=500, costs=FEES)
    day = np.arange(len(plan.coin_arrays[0].time)) // 6
    shares = [np.clip(0.5 + 0.5 * np.sin(day / (5 + k)), 0.05, 1.0) for k in range(3)]
    return replace(
        plan,
        coin_arrays=tuple(
            replace(t, share=s) for t, s in zip(plan.coin_arrays, shares, strict=True)
        ),
    )


def test_weighted_sums_by_hand():
    sums = day_sums(
        np.array([0, 0, 2]), np.array([0.1, -0.2, np.nan]), 3, weight=np.array([1.0, 0.25, 0.5])
    )
    assert sums.total == pytest.approx([0.05, 0.0, 0.0])
    assert sums.count == pytest.approx([1.25, 0.0, 0.0])
    assert sums.mean == pytest.approx(0.04)


def test_the_mean_is_the_money_over_the_notional(sized, make_books):
    books = make_books(sized)
    (verdict,) = judge([sized], books, settings=FEW)
    for stance in ("fade", "follow"):
        trades = regular_trades(books["s", stance], 0)
        found = verdict.result(stance, "outright")
        assert trades["notional"].nunique() > 20
        expected = 1e4 * trades["pnl"].sum() / trades["notional"].sum()
        assert found.n_trades == len(trades)
        assert found.mean_net_bps == pytest.approx(expected)
        assert found.mean_net_bps != pytest.approx(1e4 * trades["return"].mean(), rel=1e-3)
        assert sum(astuple(found.parts_bps)) == pytest.approx(expected)
        fees = -1e4 * trades["fees"].sum() / trades["notional"].sum()
        alive = trades[trades["reason"] != "liquidation"]
        assert len(alive) == len(trades)
        assert found.parts_bps.fees == pytest.approx(fees)
        paid = (trades["fees"] + trades["slippage"]).sum() / trades["notional"].sum()
        assert found.breakeven_cost_bps == pytest.approx(expected + 1e4 * paid)
        assert found.ci_bps[0] < expected < found.ci_bps[1]


def test_equal_shares_change_no_mean(sized, make_books):
    plain = replace(sized, coin_arrays=tuple(replace(t, share=None) for t in sized.coin_arrays))
    halves = replace(
        sized,
        coin_arrays=tuple(replace(t, share=np.full(len(t.time), 0.5)) for t in sized.coin_arrays),
    )
    one, half = (judge([p], make_books(p), settings=FEW)[0].follow for p in (plain, halves))
    for name in (
        "mean_net_bps",
        "ci_bps",
        "band_bps",
        "anyhour_mean_bps",
        "placebo_mean_bps",
        "momentum_mean_bps",
        "momentum_ci_bps",
        "p_adjusted",
        "shrunken_bps",
        "blocks",
    ):
        assert getattr(half, name) == pytest.approx(getattr(one, name), nan_ok=True), name
    # the account is half as much at stake
    assert half.pnl.price == pytest.approx(0.5 * one.pnl.price)
    assert half.max_drawdown == pytest.approx(0.5 * one.max_drawdown)
    assert half.sharpe == pytest.approx(one.sharpe)


def test_any_hour_and_momentum_weigh_each_trade_by_its_share(sized, make_books):
    trades = sample(sized, regular_trades(make_books(sized)["s", "follow"], 0))
    by_bar = all_outcomes(sized)["outright"]
    total = 0.0
    for (coin, side, _), outcome in by_bar.items():
        mine = (trades.coin == coin) & (trades.side == side)
        total += float(trades.weight[mine].sum() * np.nanmean(outcome))
    assert anyhour_mean(trades, by_bar) == pytest.approx(total / trades.weight.sum())
    cells = all_cells(sized, by_bar)
    excess, weight = 0.0, 0.0
    for coin, side, bar, value, share in zip(
        trades.coin, trades.side, trades.entry_bar, trades.value, trades.weight, strict=True
    ):
        cell = cells[int(coin), int(side), 0]
        if cell.decile[bar] >= 0:
            excess += share * (value - cell.mean[cell.decile[bar]])
            weight += share
    days = momentum_days(sized, trades, cells)
    assert days.mean == pytest.approx(excess / weight)
    assert days.count.sum() == pytest.approx(weight)


def test_draws_without_a_shift_earn_what_the_book_does(sized, make_books):
    placebo = TimePlacebo(sized, *draw_shifts([sized], draws=1, rng=_rng()))
    life = placebo.moved(0, 0, 1)
    assert len(life.bar) == len(sized.bars[0])
    # the book itself as a draw: its events as they are
    still = _Still(sized)
    found = draws_of(sized, "follow", still, np.ones(1))
    trades = regular_trades(make_books(sized)["s", "follow"], 0)
    expected = trades["pnl"].sum() / trades["notional"].sum()
    assert found.mean[0, 0] == pytest.approx(expected)


@dataclass(frozen=True)
class _Still:
    """A placebo that moves nothing."""

    plan: Plan
    kind: ClassVar[Kind] = "time"
    draws: int = 1
    kept: float = 1.0

    def moved(self, coin: int, first: int, last: int) -> MovedEvents:
        assert (first, last) == (0, 1)
        events = self.plan.events(coin, "follow")
        return MovedEvents(
            starts=np.array([0, len(events.bar)]),
            bar=events.bar,
            side=events.side,
            code=events.code,
            rule=np.zeros(len(events.bar), np.int64),
            exit_starts=np.array([0, len(events.exit_bar)]),
            exit_bar=events.exit_bar,
            exit_side=events.exit_side,
        )
