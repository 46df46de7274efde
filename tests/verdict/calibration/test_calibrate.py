"""Calibration: the truth it compares with, what it counts, and that interruptions cost nothing."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.model import Costs
from fadefollow.errors import ParameterError, StoreError
from fadefollow.verdict.calibration import Arm, CalibrationError, Design, Notebook, summarise
from fadefollow.verdict.calibration import calibrate as run_all
from fadefollow.verdict.calibration.promises import (
    at_least,
    at_most,
    headline,
    not_above_zero,
    within,
)
from fadefollow.verdict.calibration.proportions import Mean, Share, logistic
from fadefollow.verdict.calibration.simulated_run import Row, Stand, Table
from fadefollow.verdict.calibration.truth import expected, expected_at_other_times, log_growth
from fadefollow.workspace import find_workspace
from tests.support.paths import ROOT

NO_PLANTS = pd.DataFrame(
    {
        "symbol": [],
        "phase": [],
        "start": pd.DatetimeIndex([], tz="UTC"),
        "planted_bps": [],
        "horizon_hours": [],
    }
)
DESIGN = Design(markets=3, planted_markets=2, effects_bps=(500.0,), lengths=(1.0,), draws=99)


# ---- the truth of a trade ----


def one_trade(side: int, entry: int, last: int) -> pd.DataFrame:
    return pd.DataFrame({"coin": [0], "side": [side], "entry_bar": [entry], "exit_bar": [last]})


@pytest.mark.parametrize(
    ("side", "costs", "bps"),
    [
        (1, Costs(fee=0.0, slippage=0.0, maintenance=0.0), 48.40),  # 1.8 ** (72 / 8766)
        (-1, Costs(fee=0.0, slippage=0.0, maintenance=0.0), -48.40),
        (1, Costs(fee=5e-4, slippage=5e-4, maintenance=0.0), 28.33),
        (-1, Costs(fee=5e-4, slippage=5e-4, maintenance=0.0), -68.48),
    ],
)
def test_a_trade_earns_the_drift_less_its_costs(make_plan, make_tape, side, costs, bps):
    plan = make_plan([make_tape(np.full(200, 100.0))], [[]], costs=costs)
    growth = log_growth(plan, NO_PLANTS, annual_drift=0.8)
    trade = one_trade(side, 10, 82)
    assert 1e4 * expected(plan, trade, growth)[0] == pytest.approx(bps, abs=0.02)
    assert expected_at_other_times(plan, trade, growth) == pytest.approx(
        expected(plan, trade, growth)
    )


def test_a_trade_earns_the_part_of_a_plant_that_it_is_there_for(make_plan, make_tape):
    plan = make_plan([make_tape(np.full(288, 100.0))], [[]])
    start = pd.to_datetime(plan.tapes[0].time[24], utc=True)
    plants = pd.DataFrame(
        {
            "symbol": ["X"],
            "phase": ["crowded_short"],
            "start": [start],
            "planted_bps": [-144.0],
            "horizon_hours": [72.0],
        }
    )
    growth = log_growth(plan, plants, annual_drift=0.0)
    whole, half, after = (
        1e4 * expected(plan, one_trade(1, *held), growth)[0]
        for held in ((24, 96), (60, 132), (96, 168))
    )
    assert whole == pytest.approx(144.0)  # the lean is short: fading it, long, pays
    assert half == pytest.approx(71.74, abs=0.01)
    assert after == pytest.approx(0.0, abs=1e-9)
    any_time = 1e4 * expected_at_other_times(plan, one_trade(1, 24, 96), growth)[0]
    assert any_time == pytest.approx(144.0 / 4, abs=0.5)


# ---- shares and curves ----


def test_shares_have_exact_intervals():
    five = Share.exact([True] * 5 + [False] * 95)
    assert (five.value, five.low, five.high) == pytest.approx((0.05, 0.0164, 0.1128), abs=1e-4)
    none = Share.exact([False] * 10)
    assert (none.low, none.high) == pytest.approx((0.0, 0.3085), abs=1e-4)
    assert math.isnan(Share.exact([]).value)


def test_cases_that_move_together_count_as_one():
    alone = Share.exact([True] * 50 + [False] * 50)
    together = Share.clustered([[True] * 10] * 5 + [[False] * 10] * 5)
    assert together.value == alone.value == 0.5
    assert together.high - together.low > 2.5 * (alone.high - alone.low)


def test_a_curve_is_recovered_from_hits_and_misses():
    rng = np.random.default_rng(5)
    x = np.exp(rng.normal(0.0, 0.6, 4000))
    hit = rng.random(4000) < 1.0 / (1.0 + np.exp(-(1.4 + 3.0 * np.log(x))))
    curve = logistic(x, hit)
    assert curve is not None
    power, low, high = curve.at(1.0)
    assert power == pytest.approx(0.802, abs=0.03)
    assert low < 0.802 < high
    assert high - low < 0.06


def test_no_curve_where_everything_is_found():
    assert logistic(np.linspace(1.0, 2.0, 20), np.ones(20, bool)) is None


# ---- counting ----

STAND = Stand(100, 10.0, -20.0, 40.0, 0.5, 28.0, 0.0, 0.04, 1.0, 19.0)


def table(seed: int, verdict: str = "undecided", *, arm: Arm | None = None, **changes) -> Table:
    stand = dataclasses.replace(STAND, **changes)
    other = dataclasses.replace(stand, mean=-stand.mean)
    row = Row("s", "crowded_long", verdict, 80.0, {"fade": stand, "follow": other})
    return Table(arm or Arm(), seed, (row,), 1.0)


def test_false_tables_and_coverage_are_counted():
    tables = [
        table(0),
        table(1, "fade"),
        table(2, low=30.0),
        table(3, p_adjusted=math.nan, low=30.0),
    ]
    found = summarise(Design(markets=4), tables, strategies=("s",), key="k")
    assert (found.false_tables.count, found.false_tables.of) == (1, 4)
    assert (found.t_false_tables.count, found.t_false_tables.of) == (4, 4)
    # the fourth has too few independent blocks; the third misses its truth in both stances
    assert (found.covered.count, found.covered.of) == (4, 6)
    assert found.words == {"undecided": 3, "fade": 1}
    assert (found.tested.count, found.tested.of) == (3, 4)


def test_what_is_planted_counts_as_found_only_the_right_way_round():
    arm = Arm(effect_bps=150.0)
    design = Design(markets=0, planted_markets=3, effects_bps=(150.0,), lengths=(1.0,))
    words = ("fade", "follow", "undecided")
    tables = [table(k, word, arm=arm, edge=120.0) for k, word in enumerate(words)]
    (cell,) = summarise(design, tables, strategies=("s",), key="k").power
    assert (cell.found.count, cell.wrong_way.count, cell.found.of) == (1, 1, 3)
    assert (cell.edge_bps, cell.detectable_bps, cell.trades) == (120.0, 80.0, 100.0)


def test_a_broken_promise_is_named():
    wrong = [table(k, "fade", low=30.0) for k in range(40)]
    found = summarise(Design(markets=40), wrong, strategies=("s",), key="k")
    with pytest.raises(
        CalibrationError, match=r"false verdict: 100.0 % .* 5 %; intervals .*: 0.0 % .* 92 to 97 %"
    ):
        found.raise_failures()


def test_nothing_is_claimed_on_no_evidence():
    two = summarise(Design(markets=2), [table(0), table(1)], strategies=("s",), key="k")
    assert two.failures == ()
    assert [promise.state for promise in two.promises] == ["not yet shown", "not yet shown"]
    assert two.promises[0].measured == "0.0 % [0.0, 84.2]"
    # nothing planted was found: there is no curve, and no share near the detectable effect either
    arm = Arm(effect_bps=150.0)
    design = Design(markets=0, planted_markets=2, effects_bps=(150.0,), lengths=(1.0,))
    tables = [table(k, "fade", arm=arm, edge=900.0) for k in range(2)]
    found = summarise(design, tables, strategies=("s",), key="k").promises
    assert [(promise.measured, promise.state) for promise in found] == [("–", "not yet shown")] * 3


@pytest.mark.parametrize(
    ("promise", "state"),
    [
        (at_most("x", Share(0, 2, 0.0, 0.842), 0.05), "not yet shown"),
        (at_most("x", Share(8, 300, 0.012, 0.052), 0.05), "kept"),
        (at_most("x", Share(3, 60, 0.01, 0.0751), 0.05), "not yet shown"),
        (at_most("x", Share(9, 60, 0.0501, 0.26), 0.05), "broken"),
        (at_least("x", Share(8, 8, 0.63, 1.0), 0.8), "not yet shown"),
        (at_least("x", Share(84, 100, 0.71, 0.92), 0.8), "kept"),
        (at_least("x", Share(60, 100, 0.5, 0.799), 0.8), "broken"),
        (within("x", Share(95, 100, 0.911, 0.979), (0.92, 0.97)), "kept"),
        (within("x", Share(95, 100, 0.905, 0.979), (0.92, 0.97)), "not yet shown"),
        (within("x", Share(99, 100, 0.971, 1.0), (0.92, 0.97)), "broken"),
        (within("x", Share.exact([]), (0.92, 0.97)), "not yet shown"),
        (not_above_zero("x", Mean(-20.0, -32.0, -8.0, 60)), "kept"),
        (not_above_zero("x", Mean(-2.0, -12.0, 8.0, 60)), "not yet shown"),
        (not_above_zero("x", Mean(9.0, 1.0, 17.0, 60)), "broken"),
        (not_above_zero("x", Mean.over([-5.0])), "not yet shown"),
    ],
)
def test_a_promise_is_kept_or_broken_by_its_whole_interval(promise, state):
    assert promise.state == state
    assert json.loads(json.dumps(promise.to_dict(), allow_nan=False))["state"] == state


def test_one_open_promise_keeps_the_headline_open():
    kept = at_most("lies", Share(0, 300, 0.0, 0.012), 0.05)
    shown = at_least("power", Share(8, 8, 0.63, 1.0), 0.8)
    broken = at_most("lies", Share(300, 300, 0.98, 1.0), 0.05)
    assert headline([kept], who="It") == "It keeps its promises"
    assert headline([kept, shown], who="It").startswith("Not yet shown: 1 of 2 promises")
    assert headline([kept, shown, broken], who="It").startswith("Not calibrated: lies: 100.0 %")
    assert headline([], who="It").startswith("Not yet shown: 0 of 0")


# ---- designs and notebooks ----


@pytest.mark.parametrize(
    "change", [{"markets": 0, "planted_markets": 0}, {"markets": -1}, {"effects_bps": (0.0,)}]
)
def test_impossible_designs_are_refused(change):
    with pytest.raises(ParameterError, match=r"no market|positive"):
        Design(**change)


def test_more_markets_keep_those_there_are():
    few, many = Design(markets=5), Design(markets=9, effects_bps=(100.0, 150.0))
    assert list(many.seeds(Arm()))[:5] == list(few.seeds(Arm()))
    arm = Arm(150.0, 2.0)
    assert few.seeds(arm) == many.seeds(arm)
    assert not set(few.seeds(arm)) & set(few.seeds(Arm(75.0, 2.0)))


def test_a_half_written_line_never_counted(tmp_path):
    notebook = Notebook(tmp_path / "n.jsonl")
    notebook.add("k", table(1, p_adjusted=math.nan))
    with notebook.path.open("a") as file:
        file.write('{"key": "k", "arm"')
    notebook.add("k", table(2))
    known, others = notebook.read("k")
    assert [seed for _, seed in known] == [1, 2]
    assert others == 0
    assert math.isnan(known[Arm(), 1].rows[0].stances["fade"].p_adjusted)
    assert known[Arm(), 2] == table(2)


def test_markets_of_other_settings_are_noticed_and_not_used(tmp_path):
    notebook = Notebook(tmp_path / "n.jsonl")
    notebook.add("old", table(1))
    assert notebook.read("new") == ({}, 1)


def test_a_damaged_notebook_is_refused(tmp_path):
    (tmp_path / "n.jsonl").write_text("nonsense\n")
    with pytest.raises(StoreError, match=r"line 1: cannot read"):
        Notebook(tmp_path / "n.jsonl").read("k")


# ---- the whole pipeline ----


@pytest.fixture(scope="module")
def bets():
    workspace = find_workspace(ROOT)
    strategy = workspace.strategy("fade_crowded_funding")
    return ((strategy, workspace.detector(strategy)),)


@pytest.fixture(scope="module")
def first(bets, tmp_path_factory):
    notebook = Notebook(tmp_path_factory.mktemp("calibration") / "n.jsonl")
    design = dataclasses.replace(DESIGN, families=("crowd",))
    said: list[tuple[str, float | None]] = []
    found = run_all(
        design, bets, notebook=notebook, jobs=1, step=lambda text, done: said.append((text, done))
    )
    return design, notebook, found, said


def test_nothing_planted_is_not_found_and_a_large_edge_is(first):
    _, _, found, said = first
    assert found.false_tables.of == 3
    assert found.false_tables.count <= 1
    assert found.covered.of >= 10
    assert found.covered.value > 0.6
    assert {cell.phase for cell in found.power} == {"crowded_long", "crowded_short"}
    # one of the four has 18 independent blocks, and is rightly left undecided
    assert sum(cell.found.count for cell in found.power) == 3
    for cell in found.power:
        assert cell.wrong_way.count == 0
        assert 300.0 < cell.edge_bps < 500.0  # what is entered late gains less
    assert [done for _, done in said] == pytest.approx([k / 5 for k in range(6)])


def test_an_interrupted_calibration_goes_on_and_ends_the_same(first, bets, tmp_path, monkeypatch):
    design, notebook, found, _ = first
    lines = notebook.path.read_bytes().splitlines(keepends=True)
    killed = Notebook(tmp_path / "n.jsonl")
    killed.path.write_bytes(b"".join(lines[:3]) + lines[3][:40])
    judged = []
    module = run_all.__globals__
    real = module["judge_market"]

    def counted(*args):
        judged.append(args[-1])
        return real(*args)

    monkeypatch.setitem(module, "judge_market", counted)
    again = run_all(design, bets, notebook=killed, jobs=1, step=lambda text, done: None)
    assert len(judged) == 2
    assert [c.found for c in again.power] == [c.found for c in found.power]
    assert (again.false_tables, again.covered, again.rows) == (
        found.false_tables,
        found.covered,
        found.rows,
    )
    assert again.detectable == found.detectable


def test_other_settings_have_another_key(bets):
    same = dataclasses.replace(DESIGN, markets=7, planted_markets=1)
    other = dataclasses.replace(DESIGN, draws=100)
    assert same.key(bets) == DESIGN.key(bets)
    assert other.key(bets) != DESIGN.key(bets)
