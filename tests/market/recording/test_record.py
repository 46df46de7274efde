"""Rounds of a recorder against the replay exchange: what is stored, when, and what survives."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError, StoreError
from fadefollow.market.brackets.table import BracketTable
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.recording import RecordRequest, Round, record_job
from fadefollow.market.store.store import Store
from tests.support.exchange.history import BRACKETS
from tests.support.exchange.replay import Replay
from tests.support.paths import ROOT

HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def replay() -> Iterator[Replay]:
    running = Replay(days=20)
    yield running
    running.close()


@pytest.fixture
def exchange(replay: Replay) -> Replay:
    replay.calm()
    replay.control(brackets=BRACKETS)
    return replay


def spec_of(exchange: Replay, venue: str = "bybit") -> DatasetSpec:
    ccxt = exchange.settings(venue)
    return DatasetSpec(title=venue, source="fetch", bar="1h", venue=venue, ccxt=ccxt)


def once(exchange: Replay, root: Path, venue: str, *coins: str, streams: tuple[str, ...]) -> Round:
    request = RecordRequest(coins, streams)
    (made,) = record_job(spec_of(exchange, venue), venue, request, root, first_wait=0.01)
    return made


def tables(root: Path, venue: str, coin: str) -> dict[str, pd.DataFrame]:
    store = Store(root)
    return store.load(venue, coin, manifest=store.read(venue))


SLOW = ("contract", "funding_terms", "brackets")


def test_bybit_terms_become_records_of_the_time_they_were_taken(exchange, tmp_path):
    made = once(exchange, tmp_path, "bybit", "BTC", "PEPE", streams=SLOW)
    assert made.records == {
        "BTC": {"contract": 1, "funding_terms": 1, "brackets": 2},
        "PEPE": {"contract": 1, "funding_terms": 1, "brackets": 2},
    }
    # the exchange's clock gives whole seconds
    assert made.taken == exchange.now.floor("s")
    found = tables(tmp_path, "bybit", "PEPE")
    for table in found.values():
        assert set(table["time"]) == set(table["available"]) == {made.taken}
    # the perp trades 1,000 coins: a step of 0.01 for them is one of 0.00001 a coin
    assert found["contract"].iloc[0][["size", "inverse", "tick", "smallest"]].tolist() == [
        1000.0,
        0.0,
        pytest.approx(1e-5),
        1000.0,
    ]
    terms = found["funding_terms"].iloc[0][["interval_hours", "cap", "floor"]].tolist()
    assert terms == [8.0, 0.005, -0.005]
    rows = found["brackets"][["floor", "rate", "deduction", "in_coins"]].to_numpy().tolist()
    assert rows == [[0.0, 0.004, 0.0, 0.0], [50_000.0, 0.005, 50.0, 0.0]]


def test_binance_gives_brackets_to_holders_of_a_key_only(exchange, tmp_path, monkeypatch):
    with pytest.raises(ParameterError, match="account holders only; got no key") as error:
        once(exchange, tmp_path, "binance", "BTC", streams=("brackets",))
    assert "FADEFOLLOW_BINANCE_KEY" in str(error.value)
    made = once(exchange, tmp_path, "binance", "BTC", streams=())
    assert made.records == {"BTC": {"contract": 1, "funding_terms": 1}}
    monkeypatch.setenv("FADEFOLLOW_BINANCE_KEY", "k")
    monkeypatch.setenv("FADEFOLLOW_BINANCE_SECRET", "s")
    exchange.control(seconds=1, changed_hours={"1000PEPEUSDT": 4})
    made = once(exchange, tmp_path, "binance", "BTC", "PEPE", streams=SLOW)
    assert made.unchanged == {"BTC": ("contract", "funding_terms")}
    assert made.records["BTC"] == {"brackets": 2}
    terms = {coin: tables(tmp_path, "binance", coin)["funding_terms"] for coin in ("BTC", "PEPE")}
    assert terms["BTC"]["interval_hours"].tolist() == [8.0]
    assert terms["PEPE"].iloc[0][["interval_hours", "cap", "floor"]].tolist() == [4.0, 0.02, -0.02]
    table = BracketTable.recorded("binance", tables(tmp_path, "binance", "BTC")["brackets"])
    assert table is not None
    assert table.rows == ((0.0, 0.004, 0.0), (50_000.0, 0.005, 50.0))


def test_a_version_is_stored_again_only_when_it_has_changed(exchange, tmp_path):
    first = once(exchange, tmp_path, "bybit", "BTC", streams=("brackets",))
    exchange.control(seconds=60)
    made = once(exchange, tmp_path, "bybit", "BTC", streams=("brackets",))
    assert (made.records, made.unchanged) == ({}, {"BTC": ("brackets",)})
    exchange.control(seconds=60, brackets=[[0, 20_000, 0.01, 0, 50], [20_000, 9e9, 0.02, 200, 25]])
    last = once(exchange, tmp_path, "bybit", "BTC", streams=("brackets",))
    found = tables(tmp_path, "bybit", "BTC")["brackets"]
    assert first.taken is not None
    assert last.taken == first.taken + pd.Timedelta(minutes=2)
    assert found["time"].tolist() == [first.taken] * 2 + [last.taken] * 2
    assert found["rate"].tolist() == [0.004, 0.005, 0.01, 0.02]
    # a second record of one stamp is refused, and the store stays as it is
    with pytest.raises(DataError, match="must lie after that of the last one"):
        once(exchange, tmp_path, "bybit", "BTC", streams=("contract", "brackets"))
    assert set(tables(tmp_path, "bybit", "BTC")) == {"brackets"}


def test_rounds_keep_to_the_rhythm_and_go_on_after_a_stop(exchange, tmp_path):
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        exchange.control(seconds=seconds)

    def rounds(count: int) -> list[Round]:
        request = RecordRequest(("BTC",), ("contract", "brackets"), HOUR)
        job = record_job(
            spec_of(exchange), "bybit", request, tmp_path, first_wait=0.01, sleep=sleep
        )
        return list(islice(job, count))

    start = exchange.now.floor("s")
    made = rounds(3)
    assert [r.taken for r in made] == [start, *(start.ceil("h") + k * HOUR for k in range(2))]
    assert [r.next for r in made] == [start.ceil("h") + k * HOUR for k in range(3)]
    assert waits == [(start.ceil("h") - start).total_seconds(), 3600.0]
    # started again at once: the present hour is recorded only if nothing has been stored in it
    exchange.control(seconds=3600, brackets=[[0, 50_000, 0.005, 0.0, 100]])
    (fourth,) = rounds(1)
    assert fourth.records == {"BTC": {"brackets": 1}}
    exchange.control(seconds=600)
    (fifth,) = rounds(1)
    assert fifth.taken == start.ceil("h") + 3 * HOUR
    assert waits[2:] == [3000.0]


def test_a_round_that_fails_is_said_and_the_next_one_tries_again(exchange, tmp_path):
    request = RecordRequest(("BTC",), ("brackets", "contract"), HOUR)
    plan = [{"rate": 1.0, "kinds": ["503"]}, {}]

    def sleep(seconds: float) -> None:
        exchange.control(seconds=seconds, faults=plan.pop(0))

    job = record_job(spec_of(exchange), "bybit", request, tmp_path, first_wait=0.001, sleep=sleep)
    first, second, third = islice(job, 3)
    assert first.taken is not None
    assert second.taken is None
    assert "no valid answer from Bybit" in second.missed[0]
    # the machine's own clock says when, as the venue's was not heard
    assert third.taken is not None
    assert first.taken + HOUR < third.taken < first.taken + 3 * HOUR
    exchange.control(faults={"rate": 1.0, "kinds": ["503"]})
    with pytest.raises(DataError, match="no valid answer"):
        next(record_job(spec_of(exchange), "other", request, tmp_path, first_wait=0.001))
    assert Store(tmp_path).datasets() == ("bybit",)


def test_a_coin_that_fails_does_not_lose_the_others(exchange, tmp_path, monkeypatch):
    from fadefollow.market.recording import readers

    read = readers.READERS["brackets"]["bybit"]

    async def failing(client: Any, perp: Any, market: Any) -> pd.DataFrame:
        if perp.coin == "PEPE":
            raise KeyError("initialMargin")
        return await read(client, perp, market)

    monkeypatch.setitem(readers.READERS["brackets"], "bybit", failing)
    exchange.control(seconds=5)
    made = once(exchange, tmp_path, "bybit", "BTC", "PEPE", streams=("brackets",))
    assert made.records == {"BTC": {"brackets": 2}}
    (missed,) = made.missed
    assert "no valid answer from Bybit" in missed
    assert Store(tmp_path).read("bybit").tables.keys() == {"BTC"}


@pytest.mark.parametrize("step", [1, 4, 9])
def test_a_kill_at_any_step_leaves_whole_rounds(step, exchange, tmp_path):
    once(exchange, tmp_path, "bybit", "BTC", streams=SLOW)
    before = tables(tmp_path, "bybit", "BTC")
    exchange.control(seconds=10)
    code = (
        "import sys, json; from pathlib import Path\n"
        "from tests.support.exchange.fetcher import die_at\n"
        "from fadefollow.market.datasets.spec import DatasetSpec\n"
        "from fadefollow.market.recording import RecordRequest, record_job\n"
        f"die_at({step})\n"
        "ccxt = json.loads(sys.argv[1])\n"
        "spec = DatasetSpec(title='b', source='fetch', bar='1h', venue='bybit', ccxt=ccxt)\n"
        f"request = RecordRequest(('BTC', 'PEPE'), {SLOW!r})\n"
        "list(record_job(spec, 'bybit', request, Path(sys.argv[2]), first_wait=0.01))\n"
    )
    settings = json.dumps(exchange.settings("bybit"))
    done = subprocess.run(
        [sys.executable, "-c", code, settings, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in (0, 137), done.stderr
    store = Store(tmp_path)
    coins = store.read("bybit").tables
    # the round is there whole, or not at all
    assert set(coins) in ({"BTC"}, {"BTC", "PEPE"})
    assert (done.returncode == 0) <= (set(coins) == {"BTC", "PEPE"})
    for coin in coins:
        assert set(tables(tmp_path, "bybit", coin)) == set(SLOW)
    for name, table in before.items():
        pd.testing.assert_frame_equal(tables(tmp_path, "bybit", "BTC")[name], table)
    exchange.control(seconds=10)
    once(exchange, tmp_path, "bybit", "BTC", "PEPE", streams=SLOW)
    assert set(store.read("bybit").tables) == {"BTC", "PEPE"}


def test_a_full_disk_leaves_the_rounds_before(exchange, tmp_path, monkeypatch):
    once(exchange, tmp_path, "bybit", "BTC", streams=("contract",))
    manifest = Store(tmp_path).read("bybit")
    exchange.control(seconds=10)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fadefollow.market.store.store._put", full)
    with pytest.raises(StoreError, match="No space left on device"):
        once(exchange, tmp_path, "bybit", "BTC", streams=("brackets",))
    assert Store(tmp_path).read("bybit") == manifest


@pytest.mark.parametrize(
    ("coins", "streams", "match"),
    [
        ((), (), "at least one coin"),
        (("BTC",), ("perp",), "perp of Bybit cannot be recorded"),
        (("BTC",), ("bracket",), "did you mean 'brackets'"),
        (("NONE",), ("contract",), "does not list NONE"),
    ],
)
def test_what_cannot_be_recorded_is_refused(coins, streams, match, exchange, tmp_path):
    with pytest.raises((ParameterError, DataError, LookupError), match=match):
        once(exchange, tmp_path, "bybit", *coins, streams=streams)
    assert not any(tmp_path.iterdir())
