"""Claims from registration to their answers, on data that grow."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.engine.plans.trading import books, trade_table
from fadefollow.errors import DataError, ParameterError, StoreError, UnknownNameError
from fadefollow.jobs.datasets import open_named
from fadefollow.jobs.watching.add import ClaimRequest, add_claim
from fadefollow.jobs.watching.read import close_claim, list_claims, show_claim
from fadefollow.jobs.watching.update import new_lines, update_claims
from fadefollow.market.datasets.request import DataRequest
from fadefollow.results.claims import (
    AlarmLine,
    BlockLine,
    ClaimsFile,
    Line,
    Watched,
    WordLine,
    watched_claims,
)
from fadefollow.verdict.estimates.days import DaySums
from fadefollow.verdict.run.prepare import prepare_bet
from fadefollow.verdict.sequential.answer import Past
from fadefollow.workspace import Workspace, find_workspace
from tests.support.scan_cases import put_run, verdict
from tests.support.watch_cases import REGISTERED, START, claim_of, grown, step, watching

DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that watches two claims, whose data have grown to the 25th of June."""
    workspace = watching(tmp_path_factory.mktemp("watch") / "mine")
    grown(workspace, "2024-06-25")
    return workspace.root


@pytest.fixture
def workspace(original: Path, tmp_path: Path) -> Workspace:
    """A copy of it."""
    shutil.copytree(original, tmp_path / "mine")
    return find_workspace(tmp_path / "mine")


def text_of(workspace: Workspace) -> str:
    return (workspace.runs / "claims.jsonl").read_text("utf-8")


def request(**changes: object) -> ClaimRequest:
    given = {"strategy": "fade_doors", "data": DataRequest(dataset="grow"), "phase": "short_door"}
    return ClaimRequest(**(given | changes))  # type: ignore[arg-type]


def test_a_claim_holds_all_that_decides_its_trades(workspace: Workspace) -> None:
    claims, _ = list_claims(workspace)
    claim = claims[0].claim
    assert claim.claim == "fade_doors-short_door-fade-outright"
    assert (claim.start, claim.seen_until) == ("2024-04-01T00:00:00Z", "2024-04-01T00:00:00Z")
    assert (claim.registered, claim.late) == ("2024-03-31T12:00:00Z", False)
    # parameters that the file leaves to the signal are filled in
    assert claim.strategy["params"]["lookback_days"] == 30.0
    assert claim.costs["coins"]["BTC"] == {
        "taker_fee_bps": 5.0,
        "slippage_bps": 2.0,
        "maintenance_rate": 0.005,
    }
    assert (claim.smallest_bps, claim.alpha, claim.blocks.days) == (20.0, 0.05, 2)
    assert claim.past.trades > 20


def test_its_trades_are_those_of_a_run(workspace: Workspace) -> None:
    found = update_claims(workspace, step=step)[0]
    strategy = workspace.strategy("fade_doors")
    bet = strategy, workspace.detector(strategy)
    plan = prepare_bet(open_named(workspace, "grow"), *bet, {}).plan
    run = trade_table(plan, {"fade": books(plan, "fade")})
    of_run = run[(run["phase"] == "short_door") & (run["signal_time"] >= START)]
    of_run = of_run.sort_values(["entry_time", "symbol"])
    assert len(found.trades) == len(of_run) > 10
    assert found.trades["return"].tolist() == of_run["return"].tolist()
    # and the recorded blocks hold each closed trade once
    closed = found.trades[found.trades["state"] == "closed"]
    last = found.watched.claim.blocks.begins(len(found.watched.blocks))
    counted = closed[closed["entry_time"] < last]
    assert found.watched.sums.count.sum() == len(counted)
    assert found.watched.sums.total.sum() == pytest.approx(counted["return"].sum())


def test_daily_looks_and_one_look_at_the_end_leave_the_same_file(
    workspace: Workspace, tmp_path: Path
) -> None:
    shutil.copytree(workspace.root, tmp_path / "daily")
    daily = find_workspace(tmp_path / "daily")
    for until in ("2024-04-20 05:00", "2024-05-11", "2024-05-12 07:00", "2024-06-25"):
        grown(daily, until)
        update_claims(daily, step=step)
    update_claims(workspace, step=step)
    # claims take turns in the file, so that their lines stand in another order, each once
    for claim in ("short", "long"):
        mine, theirs = (
            [line for line in ClaimsFile(one.runs / "claims.jsonl").lines() if claim in line.claim]
            for one in (workspace, daily)
        )
        assert mine == theirs
        assert len(mine) > 35


def test_an_update_that_is_repeated_changes_nothing(workspace: Workspace) -> None:
    update_claims(workspace, step=step)
    before = text_of(workspace)
    assert [one.new for one in update_claims(workspace, step=step)] == [(), ()]
    assert text_of(workspace) == before


def test_a_claim_starts_after_all_data_that_it_could_be_chosen_by(workspace: Workspace) -> None:
    before = text_of(workspace)
    close_claim(workspace, "short", "to register it anew", now=REGISTERED)
    closed = text_of(workspace)
    with pytest.raises(ParameterError, match="after the data") as told:
        add_claim(workspace, request(start="2024-06-24"), step=step)
    assert told.value.hint == "--start 2024-06-25, or none"
    assert text_of(workspace) == closed != before
    claim = add_claim(workspace, request(start="2024-06-25", book="outright"), step=step)
    assert claim.claim == "fade_doors-short_door-fade-outright-2"
    assert claim.late  # this machine's clock is past it
    later = add_claim(workspace, request(book="hedged"), step=step)
    assert not later.late
    assert later.starts > pd.Timestamp.now(tz="UTC")


def test_claims_that_cannot_be_are_refused(workspace: Workspace) -> None:
    before = text_of(workspace)
    cases = [
        (request(book="outright"), ParameterError, "watched already"),
        (request(phase=None), ParameterError, "one phase"),
        (request(phase="nonsense"), UnknownNameError, "no phase named"),
        (request(stance="both"), ParameterError, "--stance must be"),
        (request(book="inside"), ParameterError, "--book must be"),
        (request(start="2025-01-01 12:00", stance="follow"), ParameterError, "must be a day"),
        (request(data=DataRequest(dataset="lab_market")), ParameterError, "simulated"),
        (request(data=DataRequest(dataset="nonsense")), UnknownNameError, "data set"),
    ]
    for asked, kind, rule in cases:
        with pytest.raises(kind, match=rule):
            add_claim(workspace, asked, step=step)
    assert text_of(workspace) == before


def test_a_changed_signal_stops_the_update(workspace: Workspace) -> None:
    path = workspace.root / "signals" / "doors.py"
    text = path.read_text("utf-8")
    path.write_text(f"{text}\n# a comment changes nothing\n", "utf-8")
    assert len(update_claims(workspace, ["short"], step=step)) == 1
    path.write_text(f"{text}\nTHRESHOLD = 2\n", "utf-8")
    with pytest.raises(ParameterError, match="the code of signal doors was changed"):
        update_claims(workspace, ["short"], step=step)


def test_a_changed_strategy_file_changes_no_claim(workspace: Workspace) -> None:
    path = workspace.root / "strategies" / "fade_doors.toml"
    path.write_text(re.sub("hold_hours = 24", "hold_hours = 8", path.read_text("utf-8")), "utf-8")
    found = update_claims(workspace, ["short"], step=step)[0]
    assert found.watched.claim.bet.trade.hold_hours == 24
    assert (found.trades["exit_time"] - found.trades["entry_time"]).max() == DAY


def test_restated_data_change_no_recorded_block(workspace: Workspace) -> None:
    found = update_claims(workspace, ["short"], step=step)[0]
    assert found.notes == ()
    lines = ClaimsFile(workspace.runs / "claims.jsonl")
    # as if the first block had been recorded from other data
    path = lines.path
    old = lines.lines()
    path.unlink()
    changed = [
        BlockLine(o.claim, o.block, o.total + 0.01, o.count, o.cut)
        if isinstance(o, BlockLine) and o.block == 0
        else o
        for o in old
    ]
    lines.append(lambda _: changed)
    again = update_claims(workspace, ["short"], step=step)[0]
    assert again.watched.sums.total[0] == pytest.approx(found.watched.sums.total[0] + 0.01)
    assert [note.code for note in again.notes] == ["claim-restated"]


def test_data_that_end_too_early_are_refused(workspace: Workspace) -> None:
    update_claims(workspace, step=step)
    file = ClaimsFile(workspace.runs / "claims.jsonl")
    name = "fade_doors-short_door-fade-outright"
    known = len(watched_claims(file.lines())[name].blocks)
    file.append(lambda _: [BlockLine(name, known, 0.01, 1.0, 0)])
    with pytest.raises(DataError, match="the data end before"):
        update_claims(workspace, step=step)


def test_a_changed_line_stops_every_command(workspace: Workspace) -> None:
    path = workspace.runs / "claims.jsonl"
    path.write_text(text_of(workspace).replace('"alpha": 0.05', '"alpha": 0.5', 1), "utf-8")
    for work in (
        lambda: update_claims(workspace, step=step),
        lambda: list_claims(workspace),
        lambda: close_claim(workspace, "short", "no"),
        lambda: show_claim(workspace, "short"),
    ):
        with pytest.raises(StoreError, match="changed") as told:
            work()
        assert told.value.where.endswith("claims.jsonl, line 1")


def test_a_closed_claim_is_left_alone(workspace: Workspace) -> None:
    closed = close_claim(workspace, "short", "  too few trades ", now=REGISTERED)
    assert closed.closing is not None
    assert closed.closing.why == "too few trades"
    assert [one.watched.claim.phase for one in update_claims(workspace, step=step)] == ["long_door"]
    with pytest.raises(ParameterError, match="this claim is closed"):
        update_claims(workspace, ["short"], step=step)
    with pytest.raises(ParameterError, match="--why"):
        close_claim(workspace, "long", " ")
    with pytest.raises(UnknownNameError, match="no claim named"):
        close_claim(workspace, "nonsense", "x")


def test_history_stands_beside_the_claim(workspace: Workspace) -> None:
    assert show_claim(workspace, "short").history.measured is False
    row = verdict("fade_doors", "short_door", "open", claim="fade")
    put_run(workspace, "20240401T000000Z-grow", row, dataset="grow", last="2024-03-30 23:00")
    shown = show_claim(workspace, "short")
    assert (shown.history.fate, shown.history.run) == ("open", "20240401T000000Z-grow")
    assert shown.then is None  # that run did not trade the fade
    late = verdict("fade_doors", "short_door", "supported", claim="fade")
    put_run(workspace, "20240701T000000Z-grow", late, dataset="grow", last="2024-06-30 23:00")
    assert any("hindsight" in c for c in show_claim(workspace, "short").history.caveats)


def test_words_and_alarms_are_recorded_with_the_block_that_gives_them() -> None:
    rng = np.random.default_rng(2)
    past = Past.of(
        DaySums(rng.normal(0.02, 0.03, 120), np.ones(120)),
        blocks_a_year=180.0,
        hold_hours=24.0,
        false_alarms=0.1,
    )
    lived, gone = rng.normal(0.02, 0.03, 120), rng.normal(-0.01, 0.03, 80)
    sums = DaySums(np.concatenate([lived, gone]), np.ones(200))
    whole = new_lines(Watched(claim_of(past=past)), sums, [0] * 200)
    words = [(n, line) for n, line in enumerate(whole) if isinstance(line, WordLine)]
    assert len(words) == 1
    place, word = words[0]
    assert word.word == "confirmed"
    assert word.e_value >= 20.0
    assert isinstance(whole[place - 1], BlockLine)
    assert whole[place - 1].block == word.block
    alarms = [line for line in whole if isinstance(line, AlarmLine)]
    assert len(alarms) == 1
    assert alarms[0].block >= 120
    # block by block it is the same
    state = Watched(claim_of(past=past))
    stepwise = []
    for k in range(1, 201, 9):
        known = DaySums(sums.total[:k], sums.count[:k])
        stepwise += (lines := new_lines(state, known, [0] * k))
        state = _with(state, lines)
    stepwise += new_lines(state, sums, [0] * 200)
    assert stepwise == whole


def _with(state: Watched, lines: list[Line]) -> Watched:
    before: list[Line] = [state.claim, *state.blocks]
    before += [one for one in (state.decision, state.alarm) if one is not None]
    return watched_claims([*before, *lines])[state.claim.claim]
