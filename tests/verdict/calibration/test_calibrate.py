"""Calibration: the truth it compares with, what it counts, and that interruptions cost nothing."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from fadefollow.errors import ParameterError, StoreError
from fadefollow.verdict.calibration import (
    Arm,
    CalibrationError,
    Design,
    Notebook,
    RealDesign,
    UniverseDesign,
    summarise,
)
from fadefollow.verdict.calibration import calibrate as run_all
from fadefollow.verdict.calibration.promises import (
    at_least,
    at_most,
    headline,
    not_above_zero,
    within,
)
from fadefollow.verdict.calibration.proportions import Mean, Share, logistic
from fadefollow.workspace import find_workspace
from tests.support.calibration_cases import table_of
from tests.support.paths import ROOT

WORDS = ("pays", "loses", "open")
DESIGN = Design(markets=3, planted_markets=2, effects_bps=(500.0,), lengths=(1.0,), draws=99)


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


def test_hits_that_a_threshold_parts_from_misses_say_little_of_the_share_between():
    x = np.array([0.2, 0.3, 0.4, 0.5, 0.6, 3.0, 4.0, 5.0, 6.0, 7.0])
    curve = logistic(x, x > 1.0)
    assert curve is not None
    power, low, high = curve.at(1.0)
    assert low <= power <= high
    assert low == pytest.approx(0.0, abs=1e-6)
    assert high == pytest.approx(1.0, abs=1e-6)


def test_no_curve_where_everything_is_found():
    assert logistic(np.linspace(1.0, 2.0, 20), np.ones(20, bool)) is None


# ---- counting ----


def test_false_tables_and_coverage_are_counted():
    tables = [
        table_of(0),
        table_of(1, "pays"),  # nothing is planted: false, whatever the truth
        table_of(2, "loses"),  # the truth is −25
        table_of(3, "untestable", low=30.0),
        table_of(4, "small", truth=25.0, low=30.0),
    ]
    found = summarise(Design(markets=5, planted_markets=0), tables, strategies=("s",), key="k")
    (arm,) = found.arms
    assert (arm.false_tables.count, arm.false_tables.of) == (2, 5)
    counts = {kind: share.count for kind, share in arm.by_kind.items()}
    assert counts == {"pays": 1, "loses": 0, "small": 1, "supported": 1, "refuted": 1}
    # of the fifth's intervals, fading's from 30 to 70 misses 25; the fourth's are not tested
    assert {book: (s.count, s.of) for book, s in arm.covered.items()} == {
        "outright": (8, 9),
        "hedged": (8, 9),
    }
    assert arm.words["hedged"] == {"open": 1, "pays": 1, "loses": 1, "untestable": 1, "small": 1}
    assert arm.fates == {"open": 1, "supported": 1, "refuted": 2, "untestable": 1}
    assert arm.questions == pytest.approx(8 / 5)  # two books of one claim, but for the fourth
    assert (arm.tested.count, arm.tested.of) == (18, 20)
    assert (arm.unasked.count, arm.t_false_tables.count, arm.old_false_tables.count) == (0, 0, 0)
    # 30 − (−25), and 30 − 25 once of five
    assert arm.rows[0].miss.value == pytest.approx((4 * 55 + 5) / 5)


def test_what_is_planted_counts_as_found_only_the_right_way_round():
    design = Design(markets=0, planted_markets=3, effects_bps=(150.0,), lengths=(1.0,))
    (arm,) = design.arms
    made = [table_of(k, word, arm, edge=120.0, truth=100.0) for k, word in enumerate(WORDS)]
    cells = summarise(design, made, strategies=("fade_it",), key="k").power
    assert [cell.book for cell in cells] == ["outright", "hedged"]
    for cell in cells:
        assert (cell.found.count, cell.wrong_way.count, cell.found.of) == (1, 0, 3)
        assert (cell.edge_bps, cell.net_bps, cell.detectable_bps) == (120.0, 100.0, 90.0)
        assert cell.error_bps == pytest.approx(0.0)  # each estimate is 70 below its truth


def test_a_broken_promise_is_named():
    wrong = [table_of(k, "pays", low=30.0) for k in range(40)]
    found = summarise(Design(markets=40, planted_markets=0), wrong, strategies=("s",), key="k")
    with pytest.raises(
        CalibrationError, match=r"false tables; nothing .*: 100.0 % .* 5 %; intervals .*: 50.0 %"
    ):
        found.raise_failures()


def test_nothing_is_claimed_on_no_evidence():
    design = Design(markets=2, planted_markets=0)
    two = summarise(design, [table_of(0), table_of(1)], strategies=("s",), key="k")
    assert two.failures == ()
    assert [promise.state for promise in two.promises] == ["not yet shown"] * 3
    assert two.promises[0].measured == "0.0 % [0.0, 84.2]"
    # nothing planted was found: there is no curve, and no share near the detectable effect either
    design = Design(markets=0, planted_markets=2, effects_bps=(150.0,), lengths=(1.0,))
    tables = [table_of(k, "pays", design.arms[0], edge=900.0) for k in range(2)]
    found = summarise(design, tables, strategies=("fade_it",), key="k").promises
    assert [(promise.measured, promise.state) for promise in found] == [("–", "not yet shown")] * 2


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
    arm = Arm(150.0, 2.0, 3, "planted")
    assert few.seeds(arm) == many.seeds(arm)
    assert not set(few.seeds(arm)) & set(few.seeds(Arm(75.0, 2.0, 3, "planted")))


@pytest.mark.parametrize(
    "design", [Design(), UniverseDesign(), RealDesign(kinds=("times", "coins"), coins=40)]
)
def test_no_two_arms_share_a_market(design):
    seeds = [seed for arm in design.arms for seed in design.seeds(arm)]
    assert len(set(seeds)) == len(seeds)
    assert len({arm.name for arm in design.arms if not arm.whole}) >= len(design.arms) - 1


def test_universes_of_the_goal_live_throughout_and_those_of_costs_have_no_drift():
    design = UniverseDesign()
    goal = next(arm for arm in design.arms if arm.whole)
    made = design.lab(goal, 1, ("crowded_long",))
    # 20 a coin and year on each side
    assert made["universe"] == {
        "events_a_year": 40.0,
        "hold_hours": 72.0,
        "listings": "start",
        "deaths": 0.0,
    }
    assert made["plants"] == {"crowded_long": {"drift_bps": -88.0}}
    costs = [arm for arm in design.arms if arm.kind == "costs"]
    assert {design.lab(arm, 1, ())["annual_drift"] for arm in costs} == {0.0}
    assert sum(len(design.seeds(arm)) for arm in costs) == 200
    assert design.lab(design.arms[0], 1, ())["annual_drift"] == 0.15


def test_a_half_written_line_never_counted(tmp_path):
    notebook = Notebook(tmp_path / "n.jsonl")
    notebook.add("k", table_of(1, p_adjusted=math.nan))
    with notebook.path.open("a") as file:
        file.write('{"key": "k", "arm"')
    notebook.add("k", table_of(2))
    known, others = notebook.read("k")
    assert [seed for _, seed in known] == [1, 2]
    assert others == 0
    stand = known[Arm(), 1].rows[0].stand("fade", "hedged")
    assert stand is not None
    assert math.isnan(stand.p_adjusted)
    assert known[Arm(), 2] == table_of(2)


def test_markets_of_other_settings_are_noticed_and_not_used(tmp_path):
    notebook = Notebook(tmp_path / "n.jsonl")
    notebook.add("old", table_of(1))
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
    (arm,) = found.arms
    assert arm.false_tables.of == 3
    assert arm.false_tables.count <= 1
    assert arm.covered["outright"].of >= 10
    assert arm.covered["outright"].value > 0.6
    assert arm.covered["hedged"].of >= 8  # BTC hedges the other two coins
    assert {cell.phase for cell in found.power} == {"crowded_long", "crowded_short"}
    assert sum(cell.found.count for cell in found.power) >= 3
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
    assert again.arms == found.arms
    assert again.detectable == found.detectable


def test_other_settings_have_another_key(bets):
    same = dataclasses.replace(DESIGN, markets=7, planted_markets=1)
    other = dataclasses.replace(DESIGN, draws=100)
    assert same.key(bets) == DESIGN.key(bets)
    assert other.key(bets) != DESIGN.key(bets)
