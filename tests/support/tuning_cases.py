"""Synthetic tuning jobs: consistent with the run that they come with, hostile where asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from fadefollow.tuning.model import Fold, OutOfSample, Past, State, Trial, TuneSettings, Tuning
from fadefollow.verdict.model import RunResult
from tests.support.reporting_cases import IMG, NAN, SCRIPT, build, settled, stance, study

STRATEGY = "fade_crowded_funding"
SPACE: dict[str, str] = {
    "params.quantile": "0.85 to 0.99",
    "params.window_days": "14 to 180",
    "trade.hold_hours": "12 to 168, steps of 12",
    "trade.stop": "one of none, 0.05, 0.1",
    "trade.target": "0.002 to 0.4, logarithmic",
    "params.weighted": "one of yes, no",
}
START: dict[str, Any] = {
    "params.quantile": 0.95,
    "params.window_days": 90,
    "trade.hold_hours": 72,
    "trade.stop": 0.1,
    "trade.target": 0.05,
    "params.weighted": False,
}
ERRORS = (
    "SignalError: the window must be shorter than the history, got 180 days",
    "DataError: BTC has no open interest before 2022-03-01",
)


def drawn(rng: np.random.Generator, centre: float) -> dict[str, Any]:
    """One configuration, around `centre` more often as the search goes on."""
    return {
        "params.quantile": round(float(np.clip(rng.normal(centre, 0.025), 0.85, 0.99)), 4),
        "params.window_days": int(rng.integers(14, 181)),
        "trade.hold_hours": int(rng.integers(1, 15)) * 12,
        "trade.stop": [None, 0.05, 0.1][int(rng.integers(3))],
        "trade.target": float(np.exp(rng.uniform(np.log(0.002), np.log(0.4)))),
        "params.weighted": bool(rng.integers(2)),
    }


def quality(params: Mapping[str, Any], fold: int) -> float:
    """What the search climbs: a ridge in the quantile that wanders from fold to fold."""
    ridge = -(((params["params.quantile"] - 0.93 - 0.006 * (fold - 3)) / 0.03) ** 2)
    held = -(((params["trade.hold_hours"] - 60) / 90) ** 2)
    return 1.4 + ridge + held + (0.3 if params["trade.stop"] is None else 0.0)


def trial(rng: np.random.Generator, fold: int, number: int, settings: TuneSettings) -> Trial:
    """One trial; number 0 is what the file says."""
    spread = 0.93 if number > settings.trials // 3 else float(rng.uniform(0.85, 0.99))
    params = START if number == 0 else drawn(rng, spread)
    score = quality(params, fold) + rng.normal(0, 0.45)
    after = 0.15 * quality(params, fold) + rng.normal(0, 0.9)
    inner = tuple(float(score + rng.normal(0, 0.5)) for _ in range(settings.inner))
    scores = (float(score), float(-0.4 * score + rng.normal(0, 1)))[: len(settings.objectives)]
    luck = rng.random()
    base = Trial(
        fold,
        number,
        "complete",
        dict(params),
        scores,
        inner,
        int(rng.integers(30, 160)),
        mean_net_bps=float(20 * score),
        after=float(after),
    )
    if number == 0 or luck > 0.3:
        return base
    if luck < 0.02:
        error = ERRORS[int(rng.integers(2))]
        return Trial(fold, number, "failed", dict(params), (), (), error=error)
    if luck < 0.08:
        return replace(base, state="few", n_trades=11, after=NAN)
    return replace(base, state="pruned", scores=(), inner=inner[:2], after=NAN)


def fold_of(
    number: int, trials: list[Trial], span: Mapping[str, Any], settings: TuneSettings
) -> Fold:
    """What became of a fold; the winner is the best complete trial."""
    done = [t for t in trials if t.state == "complete"]
    best = max(done, key=lambda t: t.scores[0], default=None)
    states: tuple[State, ...] = ("complete", "few", "pruned", "failed")
    counts = {s: sum(t.state == s for t in trials) for s in states}
    later = best is not None and span["test"] is not None
    past = Past(
        sharpe=0.105 if best else NAN,
        n_trials=len(trials) - counts["failed"],
        variance=0.0014 if best else NAN,
        deflated_sharpe=0.62 - 0.05 * number if best else NAN,
        pbo=0.41 + 0.03 * number if len(done) > 1 else NAN,
        n_cscv=len(done),
        p_loss=0.22 + 0.02 * number if len(done) > 1 else NAN,
        slope=-0.31 - 0.04 * number if len(done) > 1 else NAN,
    )
    weights = {name: 1 / (2 + (place + number) % 4 + place) for place, name in enumerate(SPACE)}
    total = sum(weights.values())
    return Fold(
        number=number,
        train=span["train"],
        test=span["test"],
        winner=best.number if best else None,
        params=dict(best.params) if best else {},
        scores=best.scores if best else (),
        after=(best.after, *[0.1] * (len(settings.objectives) - 1)) if best and later else (),
        n_trades=best.n_trades if best else 0,
        n_trades_after=20 + 3 * number if later else 0,
        mean_net_bps=46.0 - 3 * number if best else NAN,
        mean_net_bps_after=9.0 * (-1) ** number + 8 if later else NAN,
        past=past,
        counts=counts,
        importance={k: w / total for k, w in weights.items()} if len(done) > 9 else {},
    )


def spans(folds: int, *, embargo: int = 8) -> list[dict[str, Any]]:
    """Pasts and stretches of an expanding window over two years, and the search at its end."""
    start, days = pd.Timestamp("2022-01-01", tz="UTC"), 730
    each = days // (folds + 1)
    cuts = [start + pd.Timedelta(days=each * (k + 1)) for k in range(folds)]
    gap = pd.Timedelta(days=embargo)
    found: list[dict[str, Any]] = [
        {"train": (start, cut), "test": (cut + gap, cut + pd.Timedelta(days=each))} for cut in cuts
    ]
    return [*found, {"train": (start, start + pd.Timedelta(days=days)), "test": None}]


def tune(settings: TuneSettings | None = None, *, seed: int = 5) -> Tuning:
    """A job whose winners are mostly luck."""
    settings = settings or TuneSettings("fade", trials=120, folds=5)
    rng = np.random.default_rng(seed)
    trials: list[Trial] = []
    folds = []
    for number, span in enumerate(spans(settings.folds), start=1):
        mine = [trial(rng, number, k, settings) for k in range(settings.trials)]
        if span["test"] is None:
            mine = [replace(t, after=NAN) for t in mine]
        trials += mine
        folds.append(fold_of(number, mine, span, settings))
    return Tuning(
        settings=settings,
        strategy=STRATEGY,
        space=SPACE,
        trials=tuple(trials),
        folds=tuple(folds),
        start_params=START,
        psr={"fade": 0.81, "follow": 0.07},
        tuned=f"strategies/{STRATEGY}.tuned.toml",
        storage="store/studies/fade_crowded_funding.log",
        study=f"{STRATEGY}-lab-9f2c1e7a",
        embargo_hours=192.0,
        joined={
            "fade": OutOfSample(145, 6.2, 0.7, 0.81),
            "follow": OutOfSample(145, -33.0, -2.2, 0.02),
        },
        untuned={
            "fade": OutOfSample(160, 8.3, 0.9, 0.84),
            "follow": OutOfSample(160, -31.0, -2.2, 0.02),
        },
        seconds={"search": 412.5, "verdict": 6.1},
    )


def tuned_run(*, name: str = STRATEGY) -> RunResult:
    """The joined out-of-sample trades: one phase, whose claim is open."""
    run = build(("BTC", "ETH", "SOL"), 730, strategy=STRATEGY)
    first = run.verdicts[0]
    open_ = settled(
        replace(
            first,
            fade=stance(6.2, (-14.0, 27.0), n_trades=145),  # what the folds of `tune()` add up to
            hedged={},
            planted_bps=None,
        )
    )
    return replace(
        run,
        name=f"tune-{name}",
        command=f"fadefollow tune {name} --dataset lab --seed 7",
        verdicts=(open_,),
        event_studies=(study(STRATEGY, "crowded_short", -0.2),),
        trades=run.trades[run.trades["strategy"] == STRATEGY],
        equity=run.equity[[STRATEGY]],
        hedged_trades=run.hedged_trades.iloc[:0],
        hedged_equity=pd.DataFrame(),
    )


def hostile_tuning() -> Tuning:
    """Parameters, values and errors that would be markup."""
    base = tune(TuneSettings("fade", trials=30, folds=2))
    name = f"params.{IMG}"
    trials = tuple(
        replace(
            t,
            params={**t.params, name: SCRIPT if t.number % 2 else IMG},
            error=t.error and f"{SCRIPT}{IMG}\n\ud800 {t.error}",
        )
        for t in base.trials
    )
    broken = replace(
        trials[3], state="failed", scores=(), inner=(), after=NAN, error=f"{SCRIPT}{IMG} \ud800"
    )
    folds = tuple(replace(f, params={**f.params, name: IMG}) for f in base.folds)
    return replace(
        base,
        space={**base.space, name: SCRIPT},
        trials=(*trials[:3], broken, *trials[4:]),
        folds=folds,
        start_params={**START, name: IMG},
        tuned=f"strategies/{IMG}.toml",
        study=SCRIPT,
        storage=IMG,
    )


def large() -> Tuning:
    """6 searches of 1000 trials of 10 parameters."""
    base = tune(TuneSettings("fade", trials=1000, folds=5))
    more = [f"params.more_{k}" for k in range(4)]
    rng = np.random.default_rng(1)
    trials = tuple(
        replace(t, params={**t.params, **dict(zip(more, rng.random(4).tolist(), strict=True))})
        for t in base.trials
    )
    by_place = {(t.fold, t.number): t.params for t in trials}
    folds = tuple(replace(f, params=by_place[f.number, f.winner or 0]) for f in base.folds)
    return replace(
        base, trials=trials, folds=folds, space={**SPACE, **dict.fromkeys(more, "0 to 1")}
    )


def all_failed() -> Tuning:
    """Nothing worked."""
    settings = TuneSettings("fade", trials=12, folds=2)
    base = tune(settings)
    trials = tuple(
        replace(t, state="failed", scores=(), inner=(), n_trades=0, error=ERRORS[0], after=NAN)
        for t in base.trials
    )
    folds = tuple(
        fold_of(k, [t for t in trials if t.fold == k], span, settings)
        for k, span in enumerate(spans(2), start=1)
    )
    psr: dict[Any, float] = {"fade": math.nan, "follow": math.nan}
    return replace(base, trials=trials, folds=folds, tuned=None, psr=psr, untuned={})
