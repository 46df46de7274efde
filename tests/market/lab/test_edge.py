"""No edge is exactly no edge; a planted edge is exactly what its label says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from fadefollow.market.lab import Lab, simulate, simulation
from fadefollow.market.lab.calendar import Calendar, Want
from fadefollow.market.lab.clock import Clock
from fadefollow.market.lab.episodes import FAMILIES, Family
from fadefollow.market.lab.phases import LEANS, PHASES, Phase
from fadefollow.market.lab.script import Script
from fadefollow.market.lab.settings import LabSettings, Plant
from fadefollow.market.lab.shocks import coin_shocks, market_factor

HOUR = pd.Timedelta(hours=1)
FloatArray = npt.NDArray[np.float64]
#: two-sided 0.05 %: of the some 80 t values below none should be beyond
LIMIT = 3.5


def settlement_cash(tables: Mapping[str, pd.DataFrame]) -> FloatArray:
    """What a long of one coin pays at each bar's close (the engine's rule 6), shape (n,)."""
    closes = tables["perp"]["time"] + HOUR
    rate = tables["funding"].set_index("time")["rate"].reindex(closes).fillna(0.0).to_numpy()
    return np.asarray(rate * tables["mark"]["close"].to_numpy())


def growth(tables: Mapping[str, pd.DataFrame]) -> FloatArray:
    """By bar: (close − funding paid) / open of a long, shape (n,)."""
    perp = tables["perp"]
    return np.asarray((perp["close"] - settlement_cash(tables)) / perp["open"])


def net_returns(tables: Mapping[str, pd.DataFrame], hours: int) -> FloatArray:
    """Of longs entered at each open and held `hours`, funding paid, shape (n − hours + 1,)."""
    perp = tables["perp"]
    cash = np.concatenate([[0.0], np.cumsum(settlement_cash(tables))])
    opens, closes = perp["open"].to_numpy(), perp["close"].to_numpy()
    paid = cash[hours:] - cash[:-hours]
    return np.asarray((closes[hours - 1 :] - paid) / opens[: len(paid)] - 1.0)


def t_value(sample: FloatArray) -> float:
    return float(sample.mean() / sample.std(ddof=1) * np.sqrt(len(sample)))


def test_episodes_move_nobody_s_money(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same storms with and without all other forces: the same net return in every bar."""
    common: dict[str, Any] = {"seed": 3, "years": 1, "coins": 2}
    busy = simulate(common, bar=HOUR)
    for family in FAMILIES.values():
        monkeypatch.setattr(family, "play", lambda self, log_return: None)
    empty = simulate(common, bar=HOUR)
    assert busy.truth["phase"].nunique() > 20
    assert empty.truth.empty
    for coin, tables in busy.tables.items():
        assert tables["funding"]["rate"].abs().max() > 2 * (
            empty.tables[coin]["funding"]["rate"].abs().quantile(0.99)
        )
        np.testing.assert_allclose(growth(tables), growth(empty.tables[coin]), rtol=1e-12)


def test_volatility_that_follows_the_price_is_fair() -> None:
    """A storm that ends at +3 or −1 usual moves gains as much as it loses."""
    settings = LabSettings(years=20, coins=1, step_minutes=60)
    clock = Clock.of(settings, HOUR)
    calm = coin_shocks(clock, settings, "C01", market_factor(clock, settings))
    calendar = Calendar(clock, np.random.default_rng(1), quiet_days=0.0)
    script = Script(clock, settings, calendar, calm)
    starts = range(0, len(clock) - 48, 48)
    ends = [script.storm(at, 24.0, 3.0, low=-0.02, high=0.06)[0] for at in starts]
    path = np.concatenate([[0.0], np.cumsum(calm.under(script.forces.volatility).log_return)])
    gained = np.expm1(np.array([path[b] - path[a] for a, b in zip(starts, ends, strict=True)]))
    assert (gained > 0.055).sum() > 300
    assert (gained < -0.015).sum() > 1500
    assert abs(t_value(gained)) < LIMIT


def test_planted_edges_are_added_over_their_horizons_and_nowhere_else() -> None:
    """Beside the same market without them, price after funding gains exactly what is planted."""
    plants = {
        phase: {"drift_bps": 40.0 + 5.0 * i, "horizon_hours": 30.0}
        for i, phase in enumerate(PHASES)
    }
    common: dict[str, Any] = {"seed": 4, "years": 3, "coins": 3, "step_minutes": 60}
    planted = simulate(common | {"plants": plants}, bar=HOUR)
    nothing = {phase: plant | {"drift_bps": 0.0} for phase, plant in plants.items()}
    still = simulate(common | {"plants": nothing}, bar=HOUR)
    assert set(planted.truth["phase"]) == set(PHASES)
    for coin, tables in planted.tables.items():
        opens = tables["perp"]["time"]
        expected = np.zeros(len(opens))
        for row in planted.truth[planted.truth["symbol"] == coin].itertuples():
            assert row.planted_bps == plants[row.phase]["drift_bps"]
            at = int(opens.searchsorted(pd.Timestamp(row.start)))  # type: ignore[arg-type]
            gain = LEANS[str(row.phase)] * float(row.planted_bps) / 1e4  # type: ignore[arg-type]
            expected[at : at + 30] += (1.0 + gain) ** (1.0 / 30.0) - 1.0
        ratio = growth(tables) / growth(still.tables[coin])
        np.testing.assert_allclose(ratio - 1.0, expected, atol=1e-10)


@pytest.mark.slow  # 17 s; below, one kind of label at a time
def test_no_label_tells_what_comes_next() -> None:
    """Nothing planted: a long from any phase's start earns nothing within a day."""
    labs = [
        simulate(
            {"seed": s, "years": 3, "coins": 1, "annual_drift": 0.0, "step_minutes": 60}, bar=HOUR
        )
        for s in range(700, 714)
    ]
    earned = {phase: forward(labs, phase, 24) for phase in PHASES}
    assert {phase for phase, sample in earned.items() if len(sample) < 15} == set()
    assert {p: t_value(e) for p, e in earned.items() if abs(t_value(e)) > LIMIT} == {}


def test_the_market_s_drift_is_what_was_asked_for() -> None:
    with_drift, without = (
        simulate({"years": 1, "coins": 1, "annual_drift": d}, bar=HOUR) for d in (0.5, 0.0)
    )
    ratio = growth(with_drift.tables["C01"]) / growth(without.tables["C01"])
    np.testing.assert_allclose(ratio, 1.5 ** (1 / 8766), rtol=1e-10)


def test_shocks_have_mean_one_in_calm_and_in_storm() -> None:
    settings = LabSettings(years=20, coins=1, step_minutes=60)
    clock = Clock.of(settings, HOUR)
    shocks = coin_shocks(
        clock,
        settings,
        "C01",
        market_factor(clock, settings),
    )
    excess = np.expm1(shocks.log_return)
    order = np.argsort(shocks.variance)
    for part in np.array_split(order, 10):
        assert abs(t_value(excess[part])) < LIMIT


@pytest.fixture(scope="module")
def nulls() -> list[Lab]:
    """Forty coin-years with nothing planted and no drift, one coin a seed: independent."""
    return [
        simulate({"seed": 100 + s, "years": 2, "coins": 1, "annual_drift": 0.0}, bar=HOUR)
        for s in range(20)
    ]


def known_at_opens(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """What could be known at each bar's open, from the bars and settlements before it."""
    perp, opens = tables["perp"], tables["perp"]["time"]
    funding = tables["funding"].set_index("time")["rate"]
    interest = tables["open_interest"]["open_interest"]
    return pd.DataFrame(
        {
            "funding": funding.reindex(opens, method="ffill").to_numpy(),
            "premium": tables["premium_index"]["close"].shift(),
            "momentum_24h": perp["close"].shift() / perp["open"].shift(24),
            "momentum_3h": perp["close"].shift() / perp["open"].shift(3),
            "interest_24h": interest.shift() / interest.shift(25),
        }
    )


@pytest.mark.parametrize(
    "condition", ["funding", "premium", "momentum_24h", "momentum_3h", "interest_24h"]
)
def test_no_condition_pays_where_nothing_is_planted(nulls: list[Lab], condition: str) -> None:
    """Net returns over 8 h, disjoint, by decile of what was known at entry."""
    known, earned = [], []
    for lab in nulls:
        tables = lab.tables["C01"]
        starts = np.arange(48, len(tables["perp"]) - 8, 8)
        known.append(known_at_opens(tables)[condition].to_numpy()[starts])
        earned.append(net_returns(tables, 8)[starts])
    returns, values = np.concatenate(earned), np.concatenate(known)
    assert len(returns) > 40_000
    order = np.argsort(values, kind="stable")
    tens = [t_value(returns[part]) for part in np.array_split(order, 10)]
    assert np.abs(tens).max() < LIMIT


def test_crowds_pay_nobody_over_their_horizon(nulls: list[Lab]) -> None:
    for phase in ("crowded_long", "crowded_short"):
        earned = forward(nulls, phase, 72)
        assert len(earned) > 350
        assert abs(t_value(earned)) < LIMIT


@pytest.mark.parametrize(("stop", "target"), [(0.01, None), (0.03, None), (None, 0.02)])
@pytest.mark.parametrize("side", [1, -1])
def test_stops_and_targets_are_fair(
    nulls: list[Lab], side: int, stop: float | None, target: float | None
) -> None:
    """A level inside a bar, filled there, neither gains nor loses on average."""
    earned = np.concatenate([levels(lab.tables["C01"], side, stop, target) for lab in nulls])
    assert len(earned) > 12_000
    assert abs(t_value(earned)) < LIMIT


class Pumps(Family):
    """What a family may do: storms without warning, labelled by where luck took them."""

    phases: ClassVar[tuple[str, ...]] = ("pump",)

    def wants(self) -> list[Want]:
        return [Want("pump", self.rate("pump"), 60.0)]

    def shake(self) -> None:
        for slot in self.slots:
            self.script.storm(slot.start, 6.0, 6.0)

    def play(self, log_return: FloatArray) -> None:
        for slot in self.slots:
            start = slot.start + self.clock.steps(6.0)
            end = start + self.clock.steps(24.0)
            if log_return[slot.start : start].sum() > 0.05:
                self.forces.short_inflow[start:end] += 0.1
                self.script.label("pump", start, end)


@pytest.fixture
def pumped(monkeypatch: pytest.MonkeyPatch) -> list[Lab]:
    monkeypatch.setattr(simulation, "FAMILIES", {"pumps": Pumps})
    monkeypatch.setitem(PHASES, "pump", Phase(-1, Plant()))
    return [
        simulate({"seed": 500 + s, "years": 2, "coins": 1, "annual_drift": 0.0}, bar=HOUR)
        for s in range(20)
    ]


def test_a_pump_that_luck_made_pays_nobody_afterwards(pumped: list[Lab]) -> None:
    before, after = forward(pumped, "pump", -6), forward(pumped, "pump", 24)
    assert len(after) > 80
    assert before.min() > 0.04  # it is a pump …
    assert abs(t_value(after)) < LIMIT  # … and nothing follows from it
    everywhere = np.concatenate([growth(lab.tables["C01"]) - 1.0 for lab in pumped])
    assert abs(t_value(everywhere)) < LIMIT


def levels(
    tables: Mapping[str, pd.DataFrame], side: int, stop: float | None, target: float | None
) -> FloatArray:
    """Returns of trades of 24 h that end at a level, entered daily at 00:00; funding paid."""
    perp = tables["perp"]
    days = len(perp) // 24
    opens, high, low = (perp[c].to_numpy().reshape(days, 24) for c in ("open", "high", "low"))
    paid = np.cumsum(settlement_cash(tables).reshape(days, 24), axis=1)
    entry = opens[:, 0]
    if stop is not None:
        level = entry * (1.0 - side * stop)
        hit = (low <= level[:, None]) if side > 0 else (high >= level[:, None])
    else:
        level = entry * (1.0 + side * (target or 0.0))
        hit = (high >= level[:, None]) if side > 0 else (low <= level[:, None])
    first = np.where(hit.any(axis=1), hit.argmax(axis=1), 24)
    due = np.concatenate([np.zeros((days, 1)), paid], axis=1)[np.arange(days), first]
    exit_price = np.where(first < 24, level, perp["close"].to_numpy()[23::24])
    return np.asarray(side * (exit_price - due - entry) / entry)


def forward(labs: list[Lab], phase: str, hours: int) -> FloatArray:
    """Net returns of a long over `hours` from each episode's start; negative: up to it."""
    found = []
    for lab in labs:
        for row in lab.truth[lab.truth["phase"] == phase].itertuples():
            tables = lab.tables[row.symbol]
            at = tables["perp"]["time"].searchsorted(row.start) + min(hours, 0)  # type: ignore[arg-type]
            found.append(net_returns(tables, abs(hours))[at])
    return np.array(found)


def test_a_planted_edge_is_recovered_from_trades() -> None:
    """Shorts that are wrong by 150 bps: longs from the start earn it, beyond the same luck."""
    gained = []
    for drift in (-150.0, 0.0):
        plants = {"crowded_short": {"drift_bps": drift, "horizon_hours": 72.0, "per_year": 24}}
        common = {"years": 2, "coins": 1, "annual_drift": 0.0, "families": ["crowd"]}
        labs = [simulate(common | {"seed": s, "plants": plants}, bar=HOUR) for s in range(300, 320)]
        gained.append(forward(labs, "crowded_short", 72))
    planted, still = gained
    assert t_value(planted) > LIMIT  # the tests above could have seen it
    assert (planted - still).mean() == pytest.approx(0.015, abs=0.0005)
