"""Trials of a run: each stance in each book that was looked at, and all of them deflate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.panel import Market
from fadefollow.market.schema import canonical
from fadefollow.verdict.correction.overfit import TrackRecord, deflated_sharpe
from fadefollow.verdict.model import StanceResult, Verdict
from fadefollow.workspace.trial_ledger import Ledger
from fadefollow.workspace.trial_records import daily_sharpe, deflate, known_by, trials_of
from tests.support.reporting_cases import stance, verdict

HOUR = pd.Timedelta(hours=1)
TIME = pd.Timestamp("2026-01-02", tz="UTC")


@pytest.fixture
def dataset() -> Dataset:
    close = 100.0 + np.arange(48)
    table = pd.DataFrame(
        {
            "time": pd.date_range("2024-01-01", periods=48, freq="1h", tz="UTC"),
            "open": close,
            "high": close,
            "low": close,
            "close": close,
            "volume": 1.0,
        }
    )
    perp = canonical(table, "perp", bar=HOUR, where="test")
    return Dataset(
        name="two_days",
        title="Two days",
        bar=HOUR,
        simulated=False,
        fingerprint="f",
        markets={"BTC": Market("BTC", bar=HOUR, tables={"perp": perp})},
    )


def measured() -> Verdict:
    """Both stances outright, and fading against the market."""

    def one(sharpe: float) -> StanceResult:
        days = {"n_days": 400, "daily_skew": 0.1, "daily_kurtosis": 4.0}
        return stance(4.0, (-9.0, 17.0), sharpe=sharpe, **days)

    row = verdict("fade_x", "up", "disputed", one(0.9), one(-1.1))
    return replace(row, hedged={"fade": one(1.9)})


def test_each_stance_in_each_book_is_a_trial(dataset: Dataset) -> None:
    row = measured()
    split = replace(row, split="coin=BTC")
    told = trials_of([row, split], {"fade_x": "c"}, dataset=dataset, command="x", time=TIME)
    assert [(t.stance, t.book, t.configuration) for t in told] == [
        ("fade", "outright", "c"),
        ("fade", "hedged", "c"),
        ("follow", "outright", "c"),
    ]
    # annualised 1.9 is 1.9 / √365 a day
    assert told[1].daily_sharpe == pytest.approx(1.9 / 365**0.5)


def test_all_books_looked_at_deflate_each_of_them(dataset: Dataset, tmp_path) -> None:
    row, ledger = measured(), Ledger(tmp_path / "trials.jsonl")
    ledger.record(trials_of([row], {"fade_x": "c"}, dataset=dataset, command="x", time=TIME))
    known = ledger.trials(*known_by(dataset))
    assert known.count == 3
    # of 0.9, 1.9 and −1.1 a year the variance is (0.3333² + 1.3333² + 1.6667²) / 2 = 2.3333
    assert known.variance == pytest.approx(2.33333333 / 365)
    (deflated,) = deflate([row], known)
    hedged = deflated.hedged["fade"]
    assert isinstance(hedged, StanceResult)
    assert isinstance(deflated.fade, StanceResult)
    assert hedged.n_trials_known == deflated.fade.n_trials_known == 3
    record = TrackRecord(400, daily_sharpe(hedged), 0.1, 4.0)
    expected = deflated_sharpe(record, n_trials=3, variance=known.variance)
    assert hedged.deflated_sharpe == pytest.approx(expected)
    assert hedged.deflated_sharpe > deflated.fade.deflated_sharpe
