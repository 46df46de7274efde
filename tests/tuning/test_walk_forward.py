"""The walk-forward: winners trade what follows, untouched, in one book."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fadefollow.core.parallel import make_pool
from fadefollow.errors import DataError, FundingHoleError, SignalError
from fadefollow.tuning.evaluator import TrialRequest, TrialResult
from fadefollow.tuning.settings import tune_settings
from fadefollow.tuning.walk_forward import Observer, Walked, walk
from fadefollow.verdict.correction.overfit import TrackRecord, cscv, deflated_sharpe
from fadefollow.verdict.run.measure import Settings
from fadefollow.verdict.run.prepare import prepare_bet

JUDGING = Settings(placebo_draws=100, bootstrap_draws=100)


class Memory:
    def __init__(self) -> None:
        self.kept: list = []

    def trials(self):
        return list(self.kept)

    def append(self, trials) -> None:
        self.kept.extend(trials)


def walked(workspace, dataset, name="fade_crowded_funding", *, jobs=1, logs=None, **choices):
    strategy = workspace.strategy(name)
    choices = {"trials": 20, "folds": 3, "min_trades": 5, **choices}
    kept: dict[int, Memory] = {} if logs is None else logs
    return walk(
        dataset,
        strategy,
        workspace.detector(strategy),
        settings=tune_settings(strategy, **choices),
        judging=JUDGING,
        logs=lambda cut: kept.setdefault(cut.number, Memory()),
        make_pool=lambda seconds: make_pool(jobs=jobs),
        observer=Observer(),
    )


@pytest.fixture(scope="module")
def found(workspace, dataset) -> Walked:
    return walked(workspace, dataset)


def same(one: Walked, other: Walked) -> None:
    assert repr(one.trials) == repr(other.trials)
    assert repr(one.folds) == repr(other.folds)
    assert repr(one.measured.verdicts) == repr(other.measured.verdicts)
    pd.testing.assert_frame_equal(one.measured.trades, other.measured.trades, check_exact=True)
    pd.testing.assert_frame_equal(one.measured.equity, other.measured.equity, check_exact=True)


def test_each_winner_trades_its_own_stretch_by_its_own_rules(workspace, dataset, found) -> None:
    trades = found.measured.trades
    assert len(trades) > 40
    spans = [fold.test for fold in found.folds if fold.test]
    known = trades["signal_time"] + pd.Timedelta(hours=1)
    assert known.min() >= spans[0][0]
    assert trades["entry_time"].min() >= spans[0][0]
    checked = 0
    for fold in found.folds[:-1]:
        mine = trades[(known >= fold.test[0]) & (known < fold.test[1])]
        held = (mine["exit_time"] - mine["entry_time"]) / pd.Timedelta(hours=1)
        ended = mine["exit_reason"] == "time"
        assert set(held[ended]) <= {fold.params["trade.hold_hours"]}
        checked += int(ended.sum())
        # alone on its stretch, the winner enters where it does here while no position is left over
        strategy = found.space.with_params(fold.params)
        signal, _ = found.space.candidate(fold.params)
        events = prepare_bet(dataset, strategy, signal, {}).plan
        bars = {
            (arrays.symbol, int(arrays.time[b]))
            for arrays, some in zip(events.coin_arrays, events.bars, strict=True)
            for b in some
        }
        stamps = mine["signal_time"].dt.tz_convert(None).to_numpy("datetime64[ns]").astype(int)
        assert set(zip(mine["symbol"], stamps.tolist(), strict=True)) <= bars
    assert checked > 20


def test_one_position_at_a_time_over_all_stretches(found) -> None:
    for _, book in found.measured.trades.groupby(["symbol", "stance"]):
        book = book.sort_values("entry_time")
        assert (book["entry_time"].iloc[1:].array >= book["exit_time"].iloc[:-1].array).all()


def test_the_embargo_is_at_least_the_longest_holding_time(found) -> None:
    assert found.embargo_hours == 169  # of holding 168 h, and the bar of the entry
    for fold in found.folds[:-1]:
        assert fold.test[0] - fold.train[1] >= pd.Timedelta(hours=169)
    assert found.folds[-1].test is None
    assert found.folds[-1].train[1] == found.folds[-2].test[1]


def test_no_fold_knows_what_comes_after_its_past(workspace, dataset, found) -> None:
    """Cut off all data behind the third fold's past: its search does not change."""
    fold = found.folds[2]
    end = fold.train[1]
    markets = {symbol: market.until(end) for symbol, market in dataset.markets.items()}
    logs: dict[int, Memory] = {}
    short = replace(dataset, markets=markets)
    # the search for what to trade next then has the same past, and the same number
    again = walked(workspace, short, folds=2, logs=logs)
    refit = again.folds[-1]
    assert (refit.number, refit.train) == (3, fold.train)
    ours = [t for t in found.trials if t.fold == 3]
    theirs = [t for t in again.trials if t.fold == 3]
    assert [(t.params, t.state, t.scores, t.inner) for t in ours] == [
        (t.params, t.state, t.scores, t.inner) for t in theirs
    ]
    assert refit.params == fold.params


@pytest.mark.slow  # test_walk_cluster and test_tune_job hold jobs with workers to the same
def test_workers_find_the_same(workspace, dataset, found) -> None:
    same(found, walked(workspace, dataset, jobs=2))


def test_what_was_kept_is_not_evaluated_again(workspace, dataset, found) -> None:
    logs: dict[int, Memory] = {}
    walked(workspace, dataset, logs=logs)
    del logs[3].kept[13:], logs[4].kept[:]
    again = walked(workspace, dataset, logs=logs)
    assert again.kept == 20 + 20 + 13
    same(found, again)


def test_a_winner_is_deflated_by_all_that_was_tried_in_its_fold(workspace, dataset, found) -> None:
    from fadefollow.tuning.evaluator import TrialData, past

    fold = found.folds[0]
    trials = [t for t in found.trials if t.fold == 1 and t.state != "failed"]
    strategy = workspace.strategy("fade_crowded_funding")
    signal = workspace.detector(strategy)
    data = TrialData.of(
        found.space,
        tune_settings(strategy),
        prepare_bet(dataset, strategy, signal, {}),
        dataset.markets,
    )
    bars = tuple(np.searchsorted(data.time, [t.value for t in fold.train]).tolist())
    daily = {t.number: past(data, TrialRequest(0, t.params, bars)).daily() for t in trials}
    sharpes = {n: float(d.mean() / d.std(ddof=1)) for n, d in daily.items()}
    assert found.sharpes[1] == pytest.approx(sharpes)
    variance = float(np.var(list(sharpes.values()), ddof=1))
    expected = deflated_sharpe(
        TrackRecord.of(daily[fold.winner]), n_trials=len(trials), variance=variance
    )
    assert fold.past.n_trials == len(trials)
    assert fold.past.deflated_sharpe == pytest.approx(expected)
    complete = [daily[t.number] for t in trials if t.state == "complete"]
    assert fold.past.pbo == cscv(np.column_stack(complete), blocks=16).pbo
    assert fold.past.n_cscv == len(complete)


def test_the_winner_is_compared_with_the_files_own_parameters(workspace, dataset, found) -> None:
    strategy = workspace.strategy("fade_crowded_funding")
    spans = [fold.test for fold in found.folds if fold.test]
    plan = prepare_bet(dataset, strategy, workspace.detector(strategy), {}).plan
    from fadefollow.engine.plans.trading import books

    trades = pd.concat([b.trades for b in books(plan, "fade")])
    entered = plan.coin_arrays[0].time[trades["entry_bar"].to_numpy(int)]
    tuned, own = found.books["fade"]
    late = trades[entered >= spans[0][0].value]
    # a position from before the first stretch may have taken a place
    assert abs(own.n_trades - len(late[late["reason"] != "end"])) <= 4
    mine = found.measured.trades
    mine = mine[(mine["stance"] == "fade") & (mine["exit_reason"] != "end")]
    assert tuned.n_trades == len(mine)
    assert tuned.mean_net_bps == pytest.approx(1e4 * mine["return"].mean())


def test_a_fold_without_a_winner_trades_nothing(workspace, dataset) -> None:
    none = walked(workspace, dataset, min_trades=10_000, trials=10)
    assert {fold.winner for fold in none.folds} == {None}
    assert none.measured.trades.empty
    assert {v.fate for v in none.measured.verdicts} == {"untestable"}
    assert none.measured.verdicts[0].reason.code == "no_data"
    assert "no trial of any fold had 10000 trades" in none.measured.verdicts[0].reason.detail
    assert none.books == {}


def test_dated_strategies_are_tuned_too(workspace, dataset) -> None:
    found = walked(workspace, dataset, "fade_rich_carry_future", trials=10)
    assert {t.state for t in found.trials} <= {"complete", "few", "pruned"}
    assert {leg[:7] for leg in found.measured.trades["leg"]} == {"future:"}


def test_a_trial_that_kills_its_workers_is_a_failed_one(workspace, dataset, monkeypatch) -> None:
    from fadefollow.tuning import walk_forward as module

    monkeypatch.setattr(module, "evaluate", _deadly)
    found = walked(workspace, dataset, jobs=2, trials=10, folds=2, sampler="random")
    failed = [t for t in found.trials if t.state == "failed"]
    assert [(t.fold, t.number) for t in failed] == [(1, 3)]
    assert "every worker that tried it died" in failed[0].error
    assert {t.state for t in found.trials} == {"complete", "failed"}


def _deadly(data, request: TrialRequest) -> TrialResult:
    import os

    if request.number == 3 and request.bars[1] < 10_000:
        os._exit(9)
    return TrialResult("complete", (1.0 + request.number,), (), 40, 1.0)


def test_where_all_trials_fail_the_job_stops_and_says_why(workspace, dataset, monkeypatch) -> None:
    from fadefollow.tuning import walk_forward as module

    monkeypatch.setattr(
        module, "evaluate", lambda data, request: TrialResult("failed", error="KeyError: x")
    )
    with pytest.raises(SignalError, match=r"20 trials that all failed, 20 .* KeyError: x"):
        walked(workspace, dataset, trials=40)


def test_progress_tells_trials_and_the_best(workspace, dataset) -> None:
    strategy, said = workspace.strategy("fade_crowded_funding"), []
    walk(
        dataset,
        strategy,
        workspace.detector(strategy),
        settings=tune_settings(strategy, trials=30, folds=2, min_trades=5),
        judging=JUDGING,
        logs=lambda cut: Memory(),
        make_pool=lambda seconds: make_pool(jobs=1),
        observer=Observer(lambda text, done: said.append((text, done))),
    )
    told = [(text, done) for text, done in said if "trial " in text]
    assert len(told) == 90
    assert told[0][0].startswith("fold 1 of 3, trial 1 of 30")
    assert re.fullmatch(r"fold 3 of 3, trial 30 of 30, best t \d\.\d\d", told[-1][0])
    shares = [done for _, done in told if done is not None]
    assert len(shares) == 90
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_hole_in_the_funding_stops_the_search(workspace, dataset) -> None:
    from fadefollow.market.panel import Market

    market = dataset.markets["IBEX"]
    tables = {name: market.table(name) for name in market.streams}
    tables["funding"] = tables["funding"].drop(tables["funding"].index[1000:1010])
    holed = Market("IBEX", bar=market.bar, tables=tables)
    with pytest.raises(FundingHoleError, match="IBEX, stream funding"):
        walked(workspace, replace(dataset, markets={"IBEX": holed}))


def test_too_many_folds_are_refused(workspace, dataset) -> None:
    with pytest.raises(DataError, match="fewer --folds"):
        walked(workspace, dataset, folds=200)


def test_scores_after_the_past_are_looked_at_only_when_it_is_over(found) -> None:
    for trial in found.trials:
        known = math.isfinite(trial.after)
        assert known <= (trial.state == "complete" and trial.fold < 4)
    assert sum(math.isfinite(t.after) for t in found.trials) > 20
    winners = {(fold.number, fold.winner): fold.after[0] for fold in found.folds[:-1]}
    chosen = {(t.fold, t.number): t.after for t in found.trials if (t.fold, t.number) in winners}
    assert chosen == winners


def test_the_folds_add_up_to_the_one_book_that_is_judged(found) -> None:
    book, _ = found.books["fade"]
    trades = found.measured.trades
    mine = trades[(trades["stance"] == "fade") & (trades["exit_reason"] != "end")]
    rows = [verdict.fade for verdict in found.measured.verdicts]
    folds = found.folds[:-1]
    for parts in (
        [(row.n_trades, row.mean_net_bps) for row in rows],
        [(fold.n_trades_after, fold.mean_net_bps_after) for fold in folds],
        [(len(mine), 1e4 * mine["return"].mean())],
    ):
        count = sum(n for n, _ in parts)
        assert count == book.n_trades > 20
        assert sum(n * mean for n, mean in parts) / count == pytest.approx(book.mean_net_bps)
    assert book.psr == pytest.approx(0.5, abs=0.5)
    known = mine["signal_time"] + pd.Timedelta(hours=1)
    second = mine[(known >= folds[1].test[0]) & (known < folds[1].test[1])]
    assert folds[1].n_trades_after == len(second)


def test_what_is_scored_hedged_is_judged_in_both_books(workspace, with_btc) -> None:
    """The out-of-sample figures are of the hedged book, and fit the trades that are judged."""
    choices = {"trials": 10, "folds": 2, "min_trades": 5}
    found = walked(workspace, with_btc, "fade_doors", book="hedged", **choices)
    outright = walked(workspace, with_btc, "fade_doors", **choices)
    assert found.trials[0].params == outright.trials[0].params  # what the file says
    assert found.trials[0].scores != outright.trials[0].scores
    for one in (found, outright):
        for verdict in one.measured.verdicts:
            assert {book for _, book in verdict.results} == {"outright", "hedged"}
            assert verdict.fate in ("supported", "refuted", "open", "untestable")
            assert set(verdict.fates.by_book) == {"outright", "hedged"}
    tuned, _ = found.books["fade"]
    trades = found.measured.hedged_trades
    mine = trades[(trades["stance"] == "fade") & (trades["exit_reason"] != "end")]
    assert set(mine["symbol"]) == {"WREN"}  # BTC is its own hedge
    assert tuned.n_trades == len(mine) > 0
    assert tuned.mean_net_bps == pytest.approx(1e4 * mine["return"].mean())
    assert sum(fold.n_trades_after for fold in found.folds) == tuned.n_trades
    own = outright.measured.trades
    own = own[(own["stance"] == "fade") & (own["exit_reason"] != "end")]
    assert outright.books["fade"][0].mean_net_bps == pytest.approx(1e4 * own["return"].mean())
