"""Calibration of the tuner: what it counts, and that it is the same however often interrupted."""

from __future__ import annotations

import dataclasses
import json
import math
from types import SimpleNamespace
from typing import Any

import pytest

from fadefollow.tuning.calibration import (
    TUNED_STRATEGY,
    TUNER_NOTEBOOK,
    Answer,
    Search,
    TunedMarket,
    TunerDesign,
    TunerNotebook,
    calibrate_tuner,
    summarise_tuner,
    words,
)
from fadefollow.tuning.calibration.market import _rank
from fadefollow.verdict.calibration import Arm, CalibrationError
from fadefollow.verdict.calibration.proportions import Mean
from fadefollow.workspace import find_workspace
from tests.support.paths import ROOT

STILL, FADE, FOLLOW = Arm(0.0, 3.0), Arm(300.0, 3.0), Arm(-300.0, 3.0)
NAN = math.nan

# ---- designs ----


def test_each_effect_is_planted_both_ways():
    design = TunerDesign(markets=2, planted_markets=2, effects_bps=(300.0,))
    assert design.arms == (STILL, FADE, FOLLOW)
    assert len({seed for arm in design.arms for seed in design.seeds(arm)}) == 6
    assert [design.tuning(arm, 7).stance for arm in design.arms] == ["fade", "fade", "follow"]
    drifts = [
        design.lab(arm, 1, ("crowded_long",))["plants"]["crowded_long"] for arm in design.arms
    ]
    assert [drift["drift_bps"] for drift in drifts] == [0.0, -300.0, 300.0]
    assert {drift["per_year"] for drift in drifts} == {24.0}  # equally many, whatever is planted


def test_other_searches_have_another_key(bet):
    design = TunerDesign()
    more = dataclasses.replace(design, markets=7, planted_markets=3)
    assert more.key((bet,)) == design.key((bet,))
    changes: list[Any] = [{name: 5} for name in ("trials", "folds", "coins")]
    others = [dataclasses.replace(design, **change) for change in changes]
    assert len({design.key((bet,)), *(other.key((bet,)) for other in others)}) == 4


# ---- counting ----


def search(**changes: float) -> Search:
    usual = Search(
        t=1.0, psr=0.8, deflated=0.3, pbo=0.5, p_loss=0.4, bps=60.0, after_bps=-20.0, rank=0.5
    )
    return dataclasses.replace(usual, **changes)


def market(seed: int, arm: Arm = STILL, verdict: str = "open", **changes) -> TunedMarket:
    usual = TunedMarket(
        arm=arm,
        seed=seed,
        searches=(search(), search(bps=100.0), search(t=2.5, psr=0.99)),
        answers=(
            Answer(
                "crowded_long",
                verdict,
                tested=True,
                mean=-20.0,
                low=-60.0,
                high=20.0,
                anyhour=-25.0,
            ),
            Answer(
                "crowded_short",
                "open",
                tested=False,
                mean=-20.0,
                low=-60.0,
                high=20.0,
                anyhour=NAN,
            ),
        ),
        n_trades=100,
        mean=-20.0,
        psr=0.2,
        costs=24.0,
        own_mean=-30.0,
        seconds=2.0,
    )
    return dataclasses.replace(usual, **changes)


def counted(*markets: TunedMarket):
    return summarise_tuner(TunerDesign(effects_bps=(300.0,)), markets, strategy="s", key="k")


def test_the_past_is_counted_beside_what_came_of_it():
    found = counted(*(market(k, mean=-20.0 + k) for k in range(4)))
    (arm,) = found.arms
    assert (arm.last.t.count, arm.last.t.of) == (4, 4)
    assert (arm.searches.psr.count, arm.searches.psr.of) == (4, 12)
    # never in four markets, however many searches each had
    assert arm.searches.deflated.of == 12
    assert arm.searches.deflated.high == pytest.approx(0.6024, abs=1e-4)
    assert (arm.last.deflated.count, arm.last.deflated.high) == (0, pytest.approx(0.6024, abs=1e-4))
    assert arm.in_sample.value == 80.0  # the last search has no stretch to be compared with
    assert arm.out_of_sample.value == pytest.approx(-18.5)
    assert arm.gain.value == pytest.approx(11.5)
    assert (arm.anyhour.value, arm.costs.value) == (-25.0, 24.0)
    assert (arm.tested.count, arm.tested.of) == (4, 8)
    assert (arm.earned.count, arm.any_named.count) == (0, 0)
    assert found.seconds == 8.0
    assert found.failures == ()
    # four markets: [0, 60] % of false claims show nothing; the mean is below zero, shown
    states = [promise["state"] for promise in found.to_dict()["promises"]]
    assert states == ["not yet shown", "not yet shown", "not yet shown", "kept"]


def test_means_have_the_intervals_of_student():
    mean = Mean.over([1.0, 2.0, 3.0, 4.0, NAN])  # 3.1824 is Student's quantile of 3 degrees
    far = 3.1824 * math.sqrt(5.0 / 3.0) / 2.0
    assert (mean.value, mean.low, mean.high) == pytest.approx((2.5, 2.5 - far, 2.5 + far), abs=1e-4)
    assert mean.of == 4
    assert Mean.over([NAN]).of == 0


def test_the_verdict_counts_as_finding_only_the_tuned_stance():
    both = [market(k, FOLLOW, word) for k, word in enumerate(("fade", "follow", "neither"))]
    (arm,) = counted(*both).arms
    assert arm.stance == "follow"
    assert (arm.named.count, arm.wrong.count, arm.any_named.count) == (1, 1, 2)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"verdict": "follow"}, "a false verdict out of sample: 100.0 %"),
        ({"psr": 0.96}, "PSR above 0.95 out of sample: 100.0 %"),
        ({"searches": (search(deflated=0.97),)}, "DSR above 0.95 in the past: 100.0 %"),
        ({"mean": 5.0}, r"mean out of sample: 5 \[5, 5\] bps, promised not above zero"),
        ({"arm": FADE}, "300 bps, fading pays: .* above zero out of sample: 0.0 %"),
    ],
)
def test_a_broken_promise_is_named(changes, said):
    found = counted(*(market(k, **changes) for k in range(20)))
    with pytest.raises(CalibrationError, match=f"tuner calibration failed: .*{said}"):
        found.raise_failures()


def test_a_fold_without_a_winner_claims_nothing():
    none = search(
        t=NAN, psr=NAN, deflated=NAN, pbo=NAN, p_loss=NAN, bps=NAN, after_bps=NAN, rank=NAN
    )
    (arm,) = counted(
        market(1, searches=(none,), mean=NAN, psr=NAN, own_mean=NAN, costs=NAN), market(2)
    ).arms
    assert (arm.last.t.count, arm.last.t.of) == (1, 2)
    assert (arm.pbo.of, arm.out_of_sample.of, arm.gain.of) == (1, 1, 1)
    assert arm.earned.count == 0


def test_a_winner_is_ranked_among_the_other_trials_of_its_search():
    after = {0: 1.0, 1: 3.0, 2: 1.0, 3: NAN, 4: -2.0, 5: 0.5}  # the fourth did not get so far
    trials = [SimpleNamespace(fold=2, number=n, after=t) for n, t in after.items()]
    other = SimpleNamespace(fold=1, number=0, after=9.0)
    walked: Any = SimpleNamespace(trials=(other, *trials))
    folds: list[Any] = [SimpleNamespace(number=2, winner=n) for n in (0, 1, 4, 3, None)]
    ranks = [_rank(fold, walked) for fold in folds]
    # beats two of four and equals one; beats all; beats none; was not traded there; no winner
    assert ranks == pytest.approx([2.5 / 4, 1.0, 0.0, NAN, NAN], nan_ok=True)


# ---- what is kept ----


def test_a_market_is_kept_as_it_is(tmp_path):
    notebook = TunerNotebook(tmp_path / "n.jsonl")
    notebook.add("k", market(1))
    notebook.add("other", market(2))
    known, others = notebook.read("k")
    assert others == 1
    kept = known[STILL, 1]
    assert math.isnan(kept.answers[1].anyhour)
    assert repr(kept) == repr(market(1))


# ---- the table ----


def test_the_table_says_what_was_counted():
    said = counted(market(1), market(2), market(3, FOLLOW, "follow", mean=150.0)).to_dict()
    assert words.header(said)[2:] == ("nothing planted", "300 bps, following pays")
    table = {row[0]: row[2:] for row in words.rows(said)}
    assert table["it names either"] == ("0 % [0, 84]", "100 % [3, 100]")
    assert table["**Out of sample**: mean net return, bps a trade"] == ("-20 [-20, -20]", "150")
    text = words.as_markdown(said)
    assert "2 with nothing planted, 1 with 300 bps, following pays; seeds from 2000000" in text
    assert text.count("\n| ") == len(words.rows(said)) + 2


# ---- the whole pipeline ----


@pytest.fixture(scope="module")
def bet():
    workspace = find_workspace(ROOT)
    strategy = workspace.strategy(TUNED_STRATEGY)
    return strategy, workspace.detector(strategy)


SMALL = TunerDesign(
    markets=1,
    planted_markets=1,
    effects_bps=(600.0,),
    coins=2,
    years=2.0,
    trials=10,
    folds=2,
    draws=60,
)


def run_small(bet, notebook: TunerNotebook):
    said: list[float | None] = []
    found = calibrate_tuner(
        SMALL, bet, notebook=notebook, jobs=1, step=lambda text, done: said.append(done)
    )
    return found, said


@pytest.fixture(scope="module")
def small(bet, tmp_path_factory):
    notebook = TunerNotebook(tmp_path_factory.mktemp("tuner") / "n.jsonl")
    return *run_small(bet, notebook), notebook


def test_a_large_edge_is_found_both_ways_and_nothing_where_nothing_is(small):
    found, said, notebook = small
    assert said == pytest.approx([0.0, 1 / 3, 2 / 3, 1.0])
    still, fade, follow = found.arms
    assert still.any_named.count == 0
    assert still.out_of_sample.value < 60.0  # one market's luck, a tenth of what is planted
    for arm in (fade, follow):
        assert arm.out_of_sample.value > 150.0
        assert arm.wrong.count == 0
        # both phases have the 20 independent blocks that may decide
        assert (arm.tested.count, arm.tested.of) == (2, 2)
    known, _ = notebook.read(found.key)
    for one in known.values():
        assert len(one.searches) == 3
        assert [math.isnan(s.after_bps) for s in one.searches] == [False, False, True]
        assert [math.isnan(s.rank) for s in one.searches] == [False, False, True]
        assert [answer.phase for answer in one.answers] == ["crowded_long", "crowded_short"]
        # in and out, 5 bps of fee and 5 of slippage each
        assert one.costs == pytest.approx(20.0, abs=0.5)
        assert all(0.0 <= s.deflated <= s.psr <= 1.0 for s in one.searches)


def test_what_is_known_is_not_tuned_again_and_the_rest_ends_the_same(small, bet, tmp_path):
    found, _, notebook = small
    lines = notebook.path.read_bytes().splitlines(keepends=True)
    killed = TunerNotebook(tmp_path / "n.jsonl")
    killed.path.write_bytes(lines[0] + lines[1] + lines[2][:40])  # killed in the last line
    again, said = run_small(bet, killed)
    assert said == pytest.approx([2 / 3, 1.0])
    assert repr(again.arms) == repr(found.arms)


# ---- the command ----


def test_the_command_prints_what_it_counted_and_fails_if_a_promise_is_broken(
    tmp_path, monkeypatch, capsys
):
    from fadefollow.cli.app import main
    from fadefollow.workspace import init_workspace

    init_workspace(tmp_path)
    monkeypatch.chdir(tmp_path)

    def canned(design, bet, arm, seed):
        return market(seed, arm, psr=0.99)  # sure of itself out of sample, with nothing planted

    monkeypatch.setitem(calibrate_tuner.__globals__, "tune_market", canned)
    asked = ["calibrate", "--tuning", "--markets", "3", "--planted", "0", "--jobs", "1"]
    ends = {}
    for more in ((), ("--markdown",), ("--json",)):
        monkeypatch.setattr("sys.argv", ["fadefollow", *asked, *more])
        with pytest.raises(SystemExit) as ended:
            main()
        ends[more] = ended.value.code, *capsys.readouterr()
    for code, _, error in ends.values():
        assert code == 2
        assert "tuner calibration failed" in error
    assert "Out of sample" in ends[()][1]
    assert "| trades, mean number |  | 100 |" in ends["--markdown",][1]
    said = json.loads(ends["--json",][1])
    assert said["arms"][0]["psr"]["count"] == 3
    assert said["design"]["years"] == 3.0
    assert len((tmp_path / "reports" / "runs" / TUNER_NOTEBOOK).read_text().splitlines()) == 3


def test_one_strategy_is_tuned_at_a_time(tmp_path, monkeypatch, capsys):
    from fadefollow.cli.app import main

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("sys.argv", ["fadefollow", "calibrate", "--tuning", "--strategies", "a,b"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert "--tuning takes one strategy; got a, b" in capsys.readouterr().err


@pytest.mark.slow
def test_the_tuner_fools_nobody_and_finds_what_is_there(bet, tmp_path):
    design = TunerDesign(markets=40, planted_markets=12)
    found = calibrate_tuner(
        design, bet, notebook=TunerNotebook(tmp_path / "n.jsonl"), step=lambda text, done: None
    )
    found.raise_failures()
    still, *planted = found.arms
    # the past alone would have fooled many
    assert still.searches.psr.value > 4.0 * 0.05
    assert still.in_sample.low > 0.0 > still.out_of_sample.value
    for arm in planted:
        assert arm.earned.value >= 0.9
        assert arm.named.value > arm.wrong.high
        assert arm.out_of_sample.low > 0.0
