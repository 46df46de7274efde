"""What rounds look at, end to end: claims on growing data, and a venue's coins."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from fadefollow.jobs.notifying.rounds import Look, LoopRequest, Round, rounds
from fadefollow.jobs.notifying.sources import look_at_claims, look_live
from fadefollow.jobs.scan import ScanOptions
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.panel import Market
from fadefollow.phases import Phases, Signal, detect
from fadefollow.scanning.news import PhaseEvent
from fadefollow.workspace import Workspace, find_workspace, init_workspace
from tests.support.exchange.replay import Replay
from tests.support.notice_cases import HOUR, Hands
from tests.support.scan_cases import put_run, verdict
from tests.support.watch_cases import grown, step, watching
from tests.support.webhook import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.mark.slow
def test_claims_with_their_phases_and_answers(receiver: Receiver, tmp_path: Path) -> None:
    """What begins is told with the claim's answer and history's verdict; the page shows both."""
    workspace = watching(tmp_path / "mine")
    put_run(
        workspace,
        "20240331T000000Z-past",
        verdict("fade_doors", "short_door", "refuted"),
        dataset="grow",
    )
    days = iter(["2024-06-24 12:00", "2024-06-24 21:00"])

    def look() -> Look:
        grown(workspace, next(days))
        return look_at_claims(workspace, step=step)[0]

    request = LoopRequest(every=HOUR, notify=(receiver.url,))
    made = rounds(look, request, workspace.runs / "out.jsonl", environ={}, clock=Hands().clock)
    first, second = itertools.islice(made, 2)
    made.close()
    assert (first.sent, first.look is not None) == (0, True)
    assert second.look is not None
    # held for a day: of short doors ETH had one at 23:00 the day before and has one at 20:00, the
    # same phase; BTC has one at 16:00
    phases = [one for one in second.look.events if isinstance(one, PhaseEvent)]
    assert {one.where for one in phases} == {("ETH", "short_door"), ("BTC", "short_door")}
    (body,) = [body for _, _, body in receiver.taken if body["kind"] == "phase"]
    assert (body["symbol"], body["known"]) == ("BTC", "2024-06-24T16:00:00+00:00")
    (claim,) = body["watch"]
    assert claim["claim"] == "fade_doors-short_door-fade-outright"
    assert claim["trades"] > 20
    assert body["history"][0]["fate"] == "refuted"
    page = (workspace.runs / "watch.html").read_text("utf-8")
    assert page.count('<article class="claim">') == 2
    assert page.count('class="sequence"') == 2
    assert ">BTC</th>" in page


def test_a_look_at_claims_detects_each_coin_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two claims on one signal and the page's phases ask for the same."""
    workspace = watching(tmp_path / "mine")
    seen: list[str] = []
    real = detect.detect_checked

    def counted(signal: Signal, market: Market) -> Phases:
        seen.append(market.symbol)
        return real(signal, market)

    monkeypatch.setattr(detect, "detect_checked", counted)
    _, updated = look_at_claims(workspace, step=step)
    assert len(updated) == 2
    assert sorted(seen) == ["BTC", "ETH"]


# ---- a venue ----


@pytest.fixture
def exchange() -> Iterator[Replay]:
    running = Replay(days=50, coins=["BTC", "ETH"], holes=False)
    yield running
    running.close()


def live(root: Path, exchange: Replay) -> Workspace:
    init_workspace(root)
    path = root / "datasets" / "binance.toml"
    settings = tomli_w.dumps({"ccxt": exchange.settings("binance")})
    path.write_text(f"{path.read_text('utf-8')}\n{settings}", "utf-8")
    return find_workspace(root)


def test_a_live_scan_goes_on_through_an_outage_and_a_restart(
    exchange: Replay, receiver: Receiver, tmp_path: Path
) -> None:
    workspace = live(tmp_path / "mine", exchange)
    options = ScanOptions(
        data=DataRequest(symbols=("BTC", "ETH")),
        strategies=("follow_spot_led", "fade_doors"),
        live=True,
    )
    hands, begun = Hands(), exchange.now

    def look() -> Look:
        return look_live(workspace, options, step=step, first_wait=0.001)[0]

    def some(number: int) -> list[Round]:
        request = LoopRequest(every=HOUR, notify=(receiver.url,))
        path = workspace.runs / "out.jsonl"
        made = rounds(look, request, path, environ={}, clock=hands.clock)
        found = list(itertools.islice(made, number))
        made.close()
        return found

    (first,) = some(1)
    assert first.look is not None
    old = {one.id for one in first.look.events}
    exchange.control(hours=48)
    exchange.calm(fixed=[["", "503", 10_000]])
    (lost,) = some(1)
    assert (lost.look, lost.sent, len(lost.missed)) == (None, 0, 1)
    exchange.calm()
    (back,) = some(1)
    assert back.look is not None
    new = [one for one in back.look.events if one.id not in old]
    assert new
    assert all(isinstance(one, PhaseEvent) and one.known > begun - HOUR for one in new)
    assert receiver.keys == [one.id for one in new]
    (again,) = some(1)
    assert (again.sent, again.news) == (0, ())
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in (workspace.runs / "out.jsonl").read_text().splitlines()
    ]
    assert [line["kind"] for line in lines].count("sent") == len(new)
