"""One fold's search: the same trials whatever the workers, the interruptions and what is kept."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import optuna
import pandas as pd
import pytest

from fadefollow.errors import StoreError
from fadefollow.tuning.evaluator import TrialRequest, TrialResult
from fadefollow.tuning.folds import Cut, FoldBars
from fadefollow.tuning.model import Sampler, TuneSettings
from fadefollow.tuning.objective import FLOOR
from fadefollow.tuning.review import winner
from fadefollow.tuning.search import Searched, search
from fadefollow.tuning.space import Space
from fadefollow.workspace import find_workspace

CUT = Cut(2, (pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-12-31", tz="UTC")), None)
SETTINGS = TuneSettings(stance="fade", trials=60, batch=10, inner=3)
SAMPLERS = ("tpe", "cmaes", "qmc", "random", "nsga2")


class Memory:
    """A log that forgets nothing, or all after some trials."""

    def __init__(self, kept=()) -> None:
        self.kept, self.appended = list(kept), list[Any]()

    def trials(self):
        return list(self.kept)

    def append(self, trials) -> None:
        assert [t.number for t in trials] == [len(self.kept) + i for i in range(len(trials))]
        self.kept.extend(trials)
        self.appended.append(len(trials))


def hill(request: TrialRequest) -> TrialResult:
    """A smooth hill at quantile 0.9 and hold 72 h; some trials fail or have few trades."""
    q, hold = request.params["params.quantile"], request.params["trade.hold_hours"]
    score = 3 - 40 * abs(q - 0.9) - abs(hold - 72) / 48
    if hold > 160:
        return TrialResult("failed", error="ValueError: too long")
    if q > 0.985:
        return TrialResult("few", (FLOOR + 7,), (), 7)
    inner = (score / 2, score)
    for part, (value, limit) in enumerate(zip(inner, request.thresholds, strict=True)):
        if value < limit:
            return TrialResult("pruned", (), inner[: part + 1], 50)
    return TrialResult("complete", (score,), (*inner, score), 50, 12.5)


@pytest.fixture(scope="module")
def space() -> Space:
    workspace = find_workspace()
    strategy = workspace.strategy("fade_crowded_funding")
    return Space.of(strategy, workspace.detector(strategy), bar_hours=1.0)


def climb(requests):
    return [hill(request) for request in requests]


def run(space, settings=SETTINGS, log=None, evaluate=climb):
    return search(
        FoldBars(CUT, train=(0, 8760), parts=(120, 240)),
        space=space,
        settings=settings,
        log=Memory() if log is None else log,
        evaluate=evaluate,
    )


def same(one: Searched, other: Searched) -> bool:
    return repr(one.trials) == repr(other.trials)  # NaN is equal to itself as text


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("kept", [0, 7, 30, 45, 60])
def test_a_search_that_goes_on_finds_the_same(space, sampler: Sampler, kept: int) -> None:
    settings = replace(SETTINGS, sampler=sampler)
    whole = Memory()
    straight = run(space, settings, whole)
    resumed = Memory(whole.kept[:kept])
    evaluated: list[int] = []

    def counting(requests):
        evaluated.extend(a.number for a in requests)
        return [hill(a) for a in requests]

    again = run(space, settings, resumed, counting)
    assert same(straight, again)
    assert evaluated == list(range(kept, 60))
    assert [t.params for t in resumed.kept] == [t.params for t in whole.kept]
    assert again.kept == kept


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_same_seed_same_trials_other_seed_other_trials(space, sampler: Sampler) -> None:
    one, two = (run(space, replace(SETTINGS, sampler=sampler, seed=s)) for s in (1, 2))
    assert same(one, run(space, replace(SETTINGS, sampler=sampler, seed=1)))
    assert not same(one, two)
    drawn = {tuple(t.params.values()) for t in one.trials}
    # a sampler made anew for each batch repeats nothing; offspring may be like a parent
    assert len(drawn) == 60 if sampler != "nsga2" else len(drawn) > 40


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_more_trials_begin_with_the_same(space, sampler: Sampler) -> None:
    short, long = (run(space, replace(SETTINGS, sampler=sampler, trials=n)) for n in (35, 60))
    assert repr(long.trials[:35]) == repr(short.trials)


def test_order_of_evaluation_does_not_matter(space) -> None:
    def backwards(requests):
        return [hill(a) for a in reversed(requests)][::-1]

    assert same(run(space), run(space, evaluate=backwards))


@pytest.mark.parametrize("kept", [0, 7])
def test_a_trial_is_asked_for_when_it_is_wanted(space, kept: int, monkeypatch) -> None:
    whole = Memory()
    straight = run(space, replace(SETTINGS, trials=25), whole)
    asked: list[int] = []
    ask = optuna.Study.ask

    def counting(study, *args, **kwargs):
        asked.append(len(study.trials))
        return ask(study, *args, **kwargs)

    def one_by_one(requests):
        before = len(asked)
        found = [(len(asked), hill(request)) for request in requests]
        assert [count - before for count, _ in found] == list(range(1, len(requests) + 1))
        assert [r.number for r in requests[1:3]] == [requests[1].number, requests[2].number]
        return [result for _, result in found]

    monkeypatch.setattr(optuna.Study, "ask", counting)
    again = run(space, replace(SETTINGS, trials=25), Memory(whole.kept[:kept]), one_by_one)
    assert same(straight, again)
    assert asked == list(range(30))  # the last batch in full


def test_requests_that_nobody_wanted_are_asked_for_in_the_end(space) -> None:
    def few(requests):
        return [TrialResult("failed", error="KeyError: x")] * len(requests)

    found = run(space, replace(SETTINGS, trials=10), evaluate=few)
    assert [t.params for t in found.trials] == [t.params for t in run(space).trials[:10]]


def test_tpe_finds_the_hill_better_than_chance(space) -> None:
    settings = replace(SETTINGS, trials=100, pruning=False)
    best = [winner(run(space, replace(settings, sampler=s)).trials) for s in ("tpe", "random")]
    assert best[0].scores[0] > best[1].scores[0]
    assert best[0].params["trade.hold_hours"] == 72.0
    assert best[0].params["params.quantile"] == pytest.approx(0.9, abs=0.005)


def test_pruning_knows_earlier_batches_only(space) -> None:
    limits: dict[int, tuple[float, ...]] = {}

    def noting(requests):
        limits.update({a.number: a.thresholds for a in requests})
        return [hill(a) for a in requests]

    found = run(space, replace(SETTINGS, sampler="random"), evaluate=noting)
    assert {t.state for t in found.trials} >= {"complete", "pruned", "failed"}
    assert all(limits[n] == (-math.inf, -math.inf) for n in range(20))
    for first in range(0, 60, 10):
        assert len({limits[n] for n in range(first, first + 10)}) == 1
    before = sorted(t.inner[0] for t in found.trials[:40] if t.inner)
    low, high = before[len(before) // 4 - 1], before[len(before) // 4 + 1]
    assert low <= limits[40][0] <= high  # the 25th percentile


def test_without_pruning_no_trial_is_given_up(space) -> None:
    found = run(space, replace(SETTINGS, pruning=False))
    assert not [t for t in found.trials if t.state == "pruned"]


def test_a_failed_trial_is_kept_with_its_error_and_the_search_goes_on(space) -> None:
    log = Memory()
    found = run(space, log=log)
    failed = [t for t in found.trials if t.state == "failed"]
    assert failed
    assert {t.error for t in failed} == {"ValueError: too long"}
    assert len(found.trials) == 60
    assert [t.user_attrs.get("error") for t in log.kept if t.user_attrs["state"] == "failed"] == [
        t.error for t in failed
    ]


def test_a_search_in_which_all_fails_stops(space) -> None:
    found = run(
        space,
        evaluate=lambda requests: [TrialResult("failed", error="KeyError: x")] * len(requests),
    )
    assert len(found.trials) == 20
    assert winner(found.trials) is None


def test_trials_of_another_search_are_refused(space) -> None:
    log = Memory()
    run(space, log=log)
    with pytest.raises(StoreError, match="diverged from its stored trials"):
        run(space, replace(SETTINGS, seed=9), Memory(log.kept))


def test_two_objectives_are_told_both(space) -> None:
    def two(requests):
        out = []
        for a in requests:
            q = a.params["params.quantile"]
            out.append(TrialResult("complete", (q, 1 - q), (), 40, 1.0))
        return out

    settings = replace(SETTINGS, sampler="nsga2", objectives=("t", "bps"))
    found = run(space, settings, evaluate=two)
    assert len(found.study.best_trials) == 60  # each is better in one of the two
    assert all(t.state == "complete" for t in found.trials)
    best = winner(found.trials)
    ranks = sorted(t.params["params.quantile"] for t in found.trials)
    assert best.params["params.quantile"] in ranks


def test_the_winner_is_the_first_of_equals_and_has_enough_trades(space) -> None:
    def flat(requests):
        return [
            TrialResult("few", (FLOOR + 20,), (), 20)
            if a.number < 5
            else TrialResult("complete", (1.0,), (), 40)
            for a in requests
        ]

    assert winner(run(space, evaluate=flat).trials).number == 5
