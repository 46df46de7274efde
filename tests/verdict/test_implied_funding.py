"""Implied funding, a strategy's or a data set's choice: who is charged it, and who says so."""

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.strategy import Strategy, Trade
from fadefollow.market import Market
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import load_spec
from fadefollow.verdict.run.measure import Settings, measure
from fadefollow.verdict.run.prepare import prepare_bet, seen_by
from fadefollow.workspace import find_workspace
from fadefollow.workspace.trial_records import configuration, market_of

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-03-01", tz="UTC")
COUNT = 24 * 60
SETTINGS = Settings(placebo_draws=20, bootstrap_draws=50)


def bars(close):
    time = START + HOUR * np.arange(COUNT)
    prices = dict.fromkeys(("open", "high", "low", "close"), close)
    return pd.DataFrame({"time": time, **prices, "volume": 1.0, "available": time + HOUR})


@pytest.fixture
def dataset():
    """A day in thirty the perp is 30 bps above spot, so that longs are due 25 bps per 8 h."""
    perp = np.where(np.arange(COUNT) // 24 % 30 == 29, 100.3, 100.0)
    tables = {"perp": bars(perp), "spot": bars(np.full(COUNT, 100.0))}
    market = Market("COIN", bar=HOUR, tables=tables)
    return Dataset(
        "bare", "", HOUR, simulated=False, fingerprint="0" * 16, markets={"COIN": market}
    )


def bet(name="crowd", **params):
    strategy = Strategy(
        name=name,
        title="",
        claim="fade",
        account="",
        signal="funding",
        phases=("crowded_long",),
        trade=Trade(hold_hours=24),
        **params,
    )
    return strategy, find_workspace().signal("funding")(lookback_days=14)


def test_a_strategy_that_asks_for_implied_funding_is_charged_it_and_says_so(dataset):
    asks, plain = bet(implied_funding=True), bet("plain")
    found = measure(dataset, [asks, plain], settings=SETTINGS, step=lambda text, done: None)
    trades = found.trades[found.trades["stance"] == "follow"]
    assert set(found.trades["strategy"]) == {"crowd"}
    assert trades["funding_implied"].all()
    # 08:00 is known at its bar's close; 16:00, 00:00 and 08:00 are charged
    first = trades.iloc[0]
    assert first["funding"] / first["notional"] == pytest.approx(-(25 + 25 + 1) / 1e4, rel=0.01)
    assert found.phases["funding_implied"].all()
    about = {note.code: note.about["strategy"] for note in found.notes if "strategy" in note.about}
    assert about["charged-implied-funding"] == "crowd"
    assert about["not-measured"] == "plain"


def test_where_nothing_is_implied_no_column_speaks_of_it(dataset):
    filled = dataset.implied.markets["COIN"]
    real = filled.table("funding").drop(columns="implied")
    tables = {name: filled.table(name) for name in ("perp", "spot")} | {"funding": real}
    settled = dataclasses.replace(
        dataset, markets={"COIN": Market("COIN", bar=HOUR, tables=tables)}
    )
    found = measure(settled, [bet()], settings=SETTINGS, step=lambda text, done: None)
    assert len(found.trades)
    assert "funding_implied" not in found.trades
    assert "funding_implied" not in found.phases


@pytest.mark.parametrize("way", ["strategy", "param", "search"])
def test_a_strategy_asks_by_its_key_by_its_signal_or_by_its_search(dataset, way):
    campaign = find_workspace().signal("campaign")
    given: dict[str, Any] = {  # type: ignore[assignment]
        "strategy": {"implied_funding": True},
        "param": {},
        "search": {"search": {"params.implied_funding": {"choices": [0, 1]}}},
    }[way]
    strategy = Strategy(
        name="x",
        title="",
        claim="fade",
        account="",
        signal="campaign",
        phases=("ignition",),
        trade=Trade(hold_hours=24),
        **given,
    )
    signal = campaign(implied_funding=int(way == "param"))
    assert strategy.implies(signal)
    seen = seen_by(dataset, (strategy, signal))
    assert seen.markets["COIN"].funding_implied is not None
    plan = prepare_bet(dataset, strategy, signal, {}).plan
    assert plan.coin_arrays[0].settle_implied.all()


def test_a_choice_that_is_not_made_changes_no_record(dataset):
    strategy, signal = bet()
    assert "implied_funding" not in strategy.model_dump(mode="json")
    assert "implied_funding" not in market_of(dataset)
    asks, _ = bet(implied_funding=True)
    names = {configuration(s, signal, market=market_of(dataset)) for s in (strategy, asks)}
    assert len(names) == 2


def test_a_data_set_asks_by_its_toml(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(
        'title = ""\nsource = "lab"\nbar = "1h"\nimplied_funding = true\n'
        "[lab]\nyears = 0.05\ncoins = 1\nquiet_days = 0\nfamilies = []\n"
    )
    spec = load_spec(path)
    assert open_dataset(spec, "small", tmp_path).markets["C01"].funding_implied is None
    assert open_dataset(spec, "small", tmp_path).implied_funding
