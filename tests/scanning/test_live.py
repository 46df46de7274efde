"""`fadefollow scan --live` against the replay exchange, and which coins are the largest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tomli_w

from fadefollow.core.notes import Note
from fadefollow.errors import DataError, ParameterError
from fadefollow.jobs.scan import ScanOptions, scan_job
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch.venues import venue_named
from fadefollow.market.store.store import Store
from fadefollow.scanning.live import LiveRequest, _Job, fetch_live
from fadefollow.scanning.model import Scan
from fadefollow.workspace import Workspace, find_workspace, init_workspace
from tests.support.exchange.fixtures import replayed
from tests.support.exchange.replay import Replay

DAYS = 50
COINS = ("BTC", "ETH", "SOL", "PEPE")
HOUR = pd.Timedelta(hours=1)
#: as far as the doors look back, and not further
BETS = ("follow_spot_led", "fade_doors")
QUIET: Any = {"step": lambda text, done: None, "first_wait": 0.01}


running, exchange = replayed(days=DAYS, coins=COINS, holes=False)


def made(exchange: Replay, root: Path, **changes: Any) -> Workspace:
    """A workspace whose Binance is the replay exchange."""
    init_workspace(root)
    path = root / "datasets" / "binance.toml"
    settings = tomli_w.dumps({**changes, "ccxt": exchange.settings("binance")})
    path.write_text(settings.replace("[ccxt", path.read_text("utf-8") + "\n[ccxt", 1))
    return find_workspace(root)


def live(workspace: Workspace, *bets: str, **options: Any) -> Scan:
    data, others = DataRequest.split(options, command="fadefollow scan")
    asked = ScanOptions(data=data, strategies=bets or BETS, live=True, **others)
    return scan_job(workspace, asked, **QUIET)


@pytest.fixture(scope="module")
def scanned(
    running: Replay, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Workspace, dict[str, Any], str]:
    """What a process of its own told as JSON and on standard error, one coin being refused."""
    workspace = made(running, tmp_path_factory.mktemp("live") / "mine")
    running.calm(
        fixed=[
            ["klines ETHUSDT", "refused", 99],
            ["klines", "429", 1],
            ["ticker/24hr", "bad_json", 1],
        ]
    )
    words = ("scan", *BETS, "--live", "--top", "4", "--page", "--json")
    process = subprocess.run(
        [sys.executable, "-c", "from fadefollow.cli.app import main; main()", *words],
        cwd=workspace.root,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert process.returncode == 0, process.stderr
    told: dict[str, Any] = json.loads(process.stdout)
    return workspace, told, process.stderr


def test_a_live_scan_in_a_process_of_its_own(
    scanned: tuple[Workspace, dict[str, Any], str], running: Replay
) -> None:
    workspace, told, said = scanned
    assert said.strip() == ""
    assert (told["live"], told["simulated"], told["dataset"]) == (True, False, "binance_scan")
    now = running.now
    assert told["time"] == now.isoformat()
    seen = {row["symbol"] for row in told["rows"]}
    assert seen | set(told["quiet"]) == {"BTC", "SOL", "PEPE"}
    assert len(told["rows"]) >= 2
    for row in told["rows"]:
        # 25 minutes into a bar, which is not looked at
        assert row["price_time"] == now.floor("h").isoformat()
        assert row["age_hours"] == pytest.approx((now - pd.Timestamp(row["known"])) / HOUR)
        assert row["history"][0]["measure"].endswith("--dataset binance")
    assert (workspace.runs / "scan-binance_scan.html").is_file()


def test_a_coin_on_which_the_venue_fails_is_a_row_that_says_so(
    scanned: tuple[Workspace, dict[str, Any], str],
) -> None:
    (coin,) = scanned[1]["untrusted"]
    assert (coin["symbol"], coin["kind"]) == ("ETH", "not fetched")
    assert "Invalid symbol" in coin["why"]


def test_the_next_scan_asks_only_for_what_is_new(
    scanned: tuple[Workspace, dict[str, Any], str], exchange: Replay
) -> None:
    workspace, _, _ = scanned
    before = exchange.now
    exchange.control(hours=1)
    try:
        again = live(workspace, top=4)
    finally:
        exchange.control(hours=-1)
    asked = [line for line in exchange.control()["log"] if "klines" in line]
    # two streams of four coins; ETH, which failed, from the beginning
    assert len(asked) == len([a for a in asked if "ETHUSDT" in a]) + 3 * 2
    assert again.time == before + HOUR
    assert {row.symbol for row in again.rows} | set(again.quiet) == set(COINS)
    assert again.untrusted == ()


def test_what_it_fetches_lies_beside_the_research_data(
    scanned: tuple[Workspace, dict[str, Any], str],
) -> None:
    store = Store(scanned[0].store)
    assert store.datasets() == ("binance_scan",)
    # only what the doors need, from a midnight on
    tables = store.read("binance_scan").tables["SOL"]
    assert set(tables) == {"perp", "spot"}
    source = next(n for n in scanned[1]["notes"] if n["code"] == "live-source")
    assert source["figures"] == {"venue": "Binance", "days": 43}
    first = pd.Timestamp(scanned[1]["time"]).floor("D") - pd.Timedelta(days=43)
    assert pd.Timestamp(tables["perp"].first) == first


def test_the_rows_are_those_of_the_same_data_when_stored(
    scanned: tuple[Workspace, dict[str, Any], str],
) -> None:
    """As of the last closed bar, from what the live scan stored."""
    workspace, told, _ = scanned
    text = (workspace.root / "datasets" / "binance.toml").read_text("utf-8")
    path = workspace.root / "datasets" / "binance_scan.toml"
    path.write_text(text)
    time = pd.Timestamp(told["time"]).floor("h")
    data = DataRequest(dataset="binance_scan", until=str(time), symbols=("BTC", "SOL"))
    options = ScanOptions(data=data, strategies=BETS)
    stored = scan_job(workspace, options, **QUIET)
    path.unlink()
    ours = {(r.symbol, r.phase, r.known.isoformat(), r.strength) for r in stored.rows}
    theirs = {(r["symbol"], r["phase"], r["known"], r["strength"]) for r in told["rows"]}
    assert ours >= {row for row in theirs if row[0] != "PEPE"} != set()


def test_coins_can_be_named_and_the_holdout_does_not_hide_today(
    exchange: Replay, tmp_path: Path
) -> None:
    workspace = made(exchange, tmp_path / "mine", holdout_from="2023-01-20")
    bets = ("follow_spot_led", "fade_fuel")
    found = live(workspace, *bets, symbols=("SOL", "DOGE"), days=40)
    assert [(c.symbol, c.kind) for c in found.untrusted] == [("DOGE", "not fetched")]
    assert "does not list" in found.untrusted[0].why
    assert {row.symbol for row in found.rows} | set(found.quiet) == {"SOL"}
    assert found.unseen == ()  # its bars go on until now
    notes = {note.code: note for note in found.notes}
    assert notes["live-days-short"].figures == {"days": 40, "needed": 85}
    assert notes["live-unbound"].figures == {"dataset": "binance"}
    short = notes["stream-short"]
    assert (short.about, round(short.figures["days"])) == ({"stream": "open_interest"}, 29)
    assert short.figures["phases"][0] == "fuel_above"
    assert not any("ticker" in line for line in exchange.control()["log"])


def test_only_coins_with_dated_futures_have_the_past_that_those_need(
    exchange: Replay, tmp_path: Path
) -> None:
    workspace = made(exchange, tmp_path / "mine")
    found = live(workspace, "follow_spot_led", "fade_backwardation", symbols=("BTC", "SOL"))
    tables, today = Store(workspace.store).read("binance_scan").tables, exchange.now.floor("D")
    # the basis looks back 253 days, of which there are 50; the doors look back 43
    assert pd.Timestamp(tables["BTC"]["perp"].first) == today - 50 * 24 * HOUR
    assert pd.Timestamp(tables["SOL"]["perp"].first) == today - 43 * 24 * HOUR
    assert ("future" in tables["BTC"], "future" in tables["SOL"]) == (True, False)
    assert Note("live-source", {}, {"venue": "Binance", "days": 253}) in found.notes


def test_nothing_at_all_is_a_scan_that_says_so(exchange: Replay, tmp_path: Path) -> None:
    workspace = made(exchange, tmp_path / "mine")
    exchange.calm(fixed=[["klines", "refused", 99]])
    found = live(workspace, "follow_spot_led", top=2, days=3)
    assert (found.rows, found.quiet, len(found.untrusted)) == ((), (), 2)


def test_a_venue_that_fails_on_everything_is_given_up(exchange: Replay, tmp_path: Path) -> None:
    workspace = made(exchange, tmp_path / "mine")
    exchange.calm(fixed=[["klines", "banned", 9999]])
    with pytest.raises(DataError, match="rate-limited"):
        live(workspace, "follow_spot_led", top=4, days=3)
    exchange.calm(fixed=[["ticker", "region", 9]])
    with pytest.raises(DataError, match="from this region"):
        live(workspace, "follow_spot_led", top=4, days=3)


def test_one_coin_that_is_down_does_not_end_the_scan(exchange: Replay, tmp_path: Path) -> None:
    workspace = made(exchange, tmp_path / "mine")
    exchange.calm(fixed=[["klines PEPEUSDT", "500", 9999]])
    found = live(workspace, "follow_spot_led", top=4, days=3)
    assert [c.symbol for c in found.untrusted] == ["PEPE"]
    assert len(found.quiet) + len({row.symbol for row in found.rows}) == 3


def test_the_venue_must_have_bars_of_that_size(exchange: Replay, tmp_path: Path) -> None:
    workspace = made(exchange, tmp_path / "mine")
    path = workspace.root / "datasets" / "slow.toml"
    text = (workspace.root / "datasets" / "binance.toml").read_text("utf-8")
    path.write_text(text.replace('bar = "1h"', 'bar = "3h"'))
    found = live(workspace, "follow_spot_led", venue="slow", symbols=("BTC",), days=3)
    assert "a size that Binance provides" in found.untrusted[0].why


# ------------------------------------------------------------------------------------- the largest


def market(symbol: str, base: str, **changes: Any) -> dict[str, Any]:
    plain = {
        "symbol": symbol,
        "base": base,
        "quote": "USDT",
        "swap": True,
        "linear": True,
        "active": True,
        "contractSize": 1.0,
        "info": {},
    }
    return plain | changes


MARKETS = {
    item["symbol"]: item
    for item in (
        market("A", "AAA"),
        market("A-usdc", "AAA", quote="USDC"),
        market("B", "1000BBB"),
        market("C", "CCC", active=False),
        market("D", "DDD", linear=False),
        market("E", "EEE", swap=False),
        market("F", "FFF", quote="EUR"),
        market("G", "KGGG", info={"name": "kGGG"}),
        market("H", "币-安"),
        market("I", "III", contractSize=10.0),
        market("J", "JJJ"),
    )
}


def largest(volumes: dict[str, Any], top: int = 9, notes: list[Note] | None = None) -> Any:
    spec = DatasetSpec(title="x", source="fetch", venue="binance", bar=HOUR)
    job = _Job(spec, "x", venue_named("binance"), Store(Path("x")), lambda text, done: None)
    tickers = {
        symbol: told if isinstance(told, dict) else {"quoteVolume": told}
        for symbol, told in volumes.items()
    }
    return job.largest(MARKETS, tickers, top, [] if notes is None else notes)


def test_the_largest_are_active_linear_dollar_perps_by_volume() -> None:
    volumes = {"A": 5.0, "B": 7.0, "C": 99.0, "D": 98.0, "E": 97.0, "F": 96.0, "Z": 95.0}
    assert largest(volumes) == ("BBB", "AAA")
    assert largest(volumes, 1) == ("BBB",)
    assert largest({"A": 1.0, "A-usdc": 9.0, "B": 5.0}) == ("AAA", "BBB")  # a coin once
    assert largest({"G": 2.0, "A": 1.0}) == ("GGG", "AAA")
    assert largest({"B": 5.0, "A": 5.0}) == ("AAA", "BBB")  # as their symbols are sorted


def test_volume_is_told_or_reckoned_from_contracts() -> None:
    told = {"baseVolume": 3.0, "last": 2.0}
    # 3 contracts of 10 at 2 are 60 dollars
    assert largest({"I": told, "A": 59.0, "J": 61.0}) == ("JJJ", "III", "AAA")
    assert largest({"A": 1.0, "B": 0.0, "J": {"quoteVolume": None}, "I": float("nan")}) == ("AAA",)
    with pytest.raises(DataError, match="must have linear perps that are traded"):
        largest({"A": 0.0})


def test_a_name_that_no_coin_can_have_is_left_out_and_said() -> None:
    notes: list[Note] = []
    assert largest({"H": 9.0, "A": 1.0}, 1, notes) == ("AAA",)
    assert notes == [Note("name-not-stored", {}, {"symbol": "H"})]


def test_a_venue_that_does_not_tell_all_volumes_says_what_to_do(tmp_path: Path) -> None:
    class Silent:
        async def call(self, *_: Any) -> Any:
            import ccxt

            raise DataError("x", got="needs a code") from ccxt.ArgumentsRequired("code")

    import asyncio

    spec = DatasetSpec(title="x", source="fetch", venue="deribit", bar=HOUR)
    job = _Job(spec, "x", venue_named("deribit"), Store(tmp_path), lambda text, done: None)
    with pytest.raises(ParameterError, match="name the coins: --symbols BTC,ETH"):
        asyncio.run(job._tickers(Silent()))  # type: ignore[arg-type]


def test_bars_of_another_size_are_not_mixed(exchange: Replay, tmp_path: Path) -> None:
    workspace = made(exchange, tmp_path / "mine")
    spec = DatasetSpec(
        title="x", source="fetch", venue="binance", bar=HOUR, ccxt=exchange.settings("binance")
    )
    request = LiveRequest(streams=("perp",), days=lambda there: 2, coins=("BTC",))
    quiet: Any = {"first_wait": 0.01, "progress": lambda text, done: None}
    assert fetch_live(spec, "mine", workspace.store, request, **quiet).good == ("BTC",)
    other = spec.model_copy(update={"bar": 2 * HOUR})
    with pytest.raises((DataError, ParameterError), match="bar"):
        fetch_live(other, "mine", workspace.store, request, **quiet)
