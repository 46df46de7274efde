"""Trials are evaluated as a run would trade them, on the past alone."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.plans.bar_arrays import cut_arrays
from fadefollow.engine.plans.plan import prepare
from fadefollow.engine.plans.trading import books
from fadefollow.engine.strategy import Range
from fadefollow.errors import ParameterError
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import Stance
from fadefollow.tuning.evaluator import TrialData, TrialRequest, evaluate, past
from fadefollow.tuning.objective import FLOOR
from fadefollow.tuning.settings import tune_settings
from fadefollow.tuning.space import Space
from fadefollow.verdict.estimates.daily import daily_pnl
from fadefollow.verdict.run.parallel_steps import books_of
from fadefollow.verdict.run.prepare import detect, prepare_bet

STRATEGIES = ("fade_crowded_funding", "fade_rich_carry", "fade_rich_carry_future", "fade_doors")


def data_of(workspace, dataset: Dataset, name: str, **choices) -> TrialData:
    strategy = workspace.strategy(name)
    signal = workspace.detector(strategy)
    space = Space.of(strategy, signal, bar_hours=1.0)
    settings = tune_settings(strategy, **{"min_trades": 5, **choices})
    return TrialData.of(
        space, settings, prepare_bet(dataset, strategy, signal, {}), dataset.markets
    )


def some_params(data: TrialData, seed: int) -> dict:
    """A value for each searched parameter, anywhere in its range."""
    rng, found = np.random.default_rng(seed), {}
    d: Any
    for key, d in data.space.distributions.items():
        u = float(rng.random())
        if getattr(d, "step", None):
            found[key] = type(d.low)(d.low + d.step * int(u * ((d.high - d.low) / d.step + 1)))
        elif d.log:
            found[key] = d.low * (d.high / d.low) ** u
        else:
            found[key] = d.low + u * (d.high - d.low)
    return found


@pytest.mark.parametrize("stance", ["fade", "follow"])
@pytest.mark.parametrize("name", STRATEGIES)
def test_a_trial_trades_what_a_run_trades(workspace, dataset, name: str, stance: Stance) -> None:
    data = data_of(workspace, dataset, name, stance=stance)
    whole = (0, len(data.time))
    for seed in range(3):
        params = some_params(data, seed)
        strategy = data.space.with_params(params)
        signal, _ = data.space.candidate(params)
        plan = prepare_bet(dataset, strategy, signal, {}).plan
        if stance in plan.refused:
            continue
        run = books(plan, stance)
        table = pd.concat([book.trades for book in run], ignore_index=True)
        regular = table[(table["reason"] != "end") & (table["hole"] < 0)]
        found = past(data, TrialRequest(0, params, whole))
        assert np.array_equal(found.value, regular["return"].to_numpy())
        assert np.array_equal(found.day, data.day[regular["entry_bar"].to_numpy(int)])
        np.testing.assert_allclose(found.daily(), daily_pnl(plan, run).to_numpy(), atol=1e-15)


@pytest.mark.parametrize("name", STRATEGIES)
def test_nothing_behind_the_past_counts(workspace, dataset, name: str) -> None:
    """The same scores with the future there and with the data cut off where the past ends."""
    data = data_of(workspace, dataset, name, objective="t,psr", sampler="random")
    last = len(data.time) * 2 // 3 // 24 * 24
    end = pd.to_datetime(data.time[last], utc=True)
    markets = {symbol: market.until(end) for symbol, market in dataset.markets.items()}
    short = data_of(workspace, replace(dataset, markets=markets), name, objective="t,psr")
    assert len(short.time) == last
    for seed in range(4):
        request = TrialRequest(
            0, some_params(data, seed), (0, last), (100, 200), (-math.inf, -math.inf)
        )
        whole, cut = evaluate(data, request), evaluate(short, request)
        assert whole == cut
        assert whole.state == "complete" or whole.n_trades < 5


def test_a_rolling_past_forgets_what_was_before(workspace, dataset) -> None:
    data = data_of(workspace, dataset, "fade_crowded_funding")
    first, last = 6000, 18000
    params = data.space.start()
    found = past(data, TrialRequest(0, params, (first, last)))
    strategy, signal = data.space.strategy, data.space.signal
    start, end = pd.to_datetime(data.time[[first, last]], utc=True)
    plan = prepare(
        strategy,
        dataset.markets,
        detect(dataset.markets, signal),
        costs=strategy.costs,
        within=(start, end),
    ).plan
    run = pd.concat([b.trades for b in books(plan, "fade")], ignore_index=True)
    regular = run[run["reason"] != "end"]
    assert len(found) == len(regular) > 20
    assert np.array_equal(found.value, regular["return"].to_numpy())


def test_inner_parts_count_what_was_over_by_then(workspace, dataset) -> None:
    data = data_of(workspace, dataset, "fade_crowded_funding", objective="bps")
    request = TrialRequest(
        0, data.space.start(), (0, len(data.time)), (300, 600), (-math.inf, -math.inf)
    )
    book, result = past(data, request), evaluate(data, request)
    for part, days in enumerate((300, 600)):
        over = book.exit_day < days
        assert 0 < over.sum() < len(book)
        assert result.inner[part] == 1e4 * book.value[over].mean()
    assert result.inner[2] == result.scores[0] == 1e4 * book.value.mean()
    assert result.mean_net_bps == result.scores[0]


def test_a_trial_below_the_threshold_is_pruned_there(workspace, dataset) -> None:
    data = data_of(workspace, dataset, "fade_crowded_funding")
    request = TrialRequest(
        0, data.space.start(), (0, len(data.time)), (300, 600), (-math.inf, 99.0)
    )
    result = evaluate(data, request)
    assert (result.state, result.scores, len(result.inner)) == ("pruned", (), 2)


def test_too_few_trades_score_below_all_others(workspace, dataset) -> None:
    data = data_of(workspace, dataset, "fade_crowded_funding", min_trades=10_000)
    result = evaluate(data, TrialRequest(0, data.space.start(), (0, len(data.time))))
    assert result.state == "few"
    assert result.scores == (FLOOR + result.n_trades,)


def test_what_goes_wrong_in_a_trial_is_its_result(workspace, dataset) -> None:
    data = data_of(workspace, dataset, "fade_crowded_funding")
    result = evaluate(data, TrialRequest(0, {"params.quantile": 7.0}, (0, len(data.time))))
    assert result.state == "failed"
    assert "quantile must be between 0.8 and 0.995" in result.error


@pytest.mark.parametrize("name", STRATEGIES)
def test_a_cut_arrays_is_the_arrays_of_cut_data(workspace, dataset, name: str) -> None:
    data = data_of(workspace, dataset, name)
    arrays: Any = data.coins[0].arrays
    cut: Any = cut_arrays(arrays, 100, 5000)
    assert len(cut.time) == 4900
    assert cut.time[0] == arrays.time[100]
    for field in ("open", "high", "low", "close", "liq_low", "dated_close", "spot_open", "nearest"):
        if hasattr(arrays, field) and getattr(arrays, field).size:
            whole = getattr(arrays, field)
            assert np.array_equal(getattr(cut, field), whole[..., 100:5000], equal_nan=True)
    if hasattr(arrays, "leave"):
        assert np.array_equal(cut.leave, arrays.leave - 100)


def test_choices_of_exits_reach_the_book(workspace, dataset) -> None:
    strategy = workspace.strategy("fade_crowded_funding")
    strategy = strategy.model_copy(
        update={
            "search": {
                "trade.opposite": Range(choices=(True, False)),
                "trade.stop": Range(choices=("off", 0.02)),
            }
        }
    )
    signal = workspace.detector(strategy)
    space = Space.of(strategy, signal, bar_hours=1.0)
    settings = tune_settings(strategy, min_trades=5)
    prepared = prepare_bet(dataset, strategy, signal, {})
    data = TrialData.of(space, settings, prepared, dataset.markets)
    counts = {
        (opposite, stop): evaluate(
            data,
            TrialRequest(0, {"trade.opposite": opposite, "trade.stop": stop}, (0, len(data.time))),
        )
        for opposite in (True, False)
        for stop in ("off", 0.02)
    }
    assert len({result.scores for result in counts.values()}) == 4


# ---------------------------------------------------------------------------------- the hedged book


@pytest.mark.parametrize("stance", ["fade", "follow"])
@pytest.mark.parametrize("name", ["fade_crowded_funding", "fade_doors"])
def test_a_hedged_trial_earns_what_the_hedged_book_of_a_run_earns(
    workspace, with_btc, name: str, stance: Stance
) -> None:
    """Trades of BTC itself have no hedge, and are none of the hedged book."""
    data = data_of(workspace, with_btc, name, stance=stance, book="hedged")
    whole = (0, len(data.time))
    for seed in range(2):
        params = some_params(data, seed)
        signal, _ = data.space.candidate(params)
        plan = prepare_bet(with_btc, data.space.with_params(params), signal, {}).plan
        run = books_of(plan, stance, "error", [])
        table = pd.concat([book.trades for book in run], ignore_index=True)
        mine = table[(table["reason"] != "end") & table["beta"].notna()]
        net = mine["pnl"] + mine["hedge_gross"] + mine["hedge_cost"]
        found = past(data, TrialRequest(0, params, whole))
        assert 0 < len(found) < (table["reason"] != "end").sum()
        np.testing.assert_allclose(found.value, net / mine["notional"], rtol=0, atol=1e-12)
        daily = daily_pnl(plan, run, book="hedged").to_numpy()
        np.testing.assert_allclose(found.daily(), daily, rtol=0, atol=1e-12)


def test_a_hedge_knows_nothing_of_what_comes_after_the_past(workspace, with_btc) -> None:
    data = data_of(workspace, with_btc, "fade_doors", objective="t,psr", book="hedged")
    last = len(data.time) * 2 // 3 // 24 * 24
    end = pd.to_datetime(data.time[last], utc=True)
    markets = {symbol: market.until(end) for symbol, market in with_btc.markets.items()}
    short_set = replace(with_btc, fingerprint="short", markets=markets)
    short = data_of(workspace, short_set, "fade_doors", objective="t,psr", book="hedged")
    request = TrialRequest(0, data.space.start(), (0, last))
    whole, cut = evaluate(data, request), evaluate(short, request)
    assert whole.n_trades == cut.n_trades > 5
    np.testing.assert_allclose(whole.scores, cut.scores, rtol=1e-12)


def test_the_hedged_book_is_refused_where_nothing_can_be_hedged(workspace, dataset) -> None:
    with pytest.raises(ParameterError, match="--book hedged") as caught:
        data_of(workspace, dataset, "fade_doors", book="hedged")
    assert "no BTC perp" in str(caught.value)
    with pytest.raises(ParameterError, match="--book hedged"):
        data_of(workspace, dataset, "fade_rich_carry", book="hedged")
