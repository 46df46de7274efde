"""Fetching from the replay exchange, through the real ccxt clients."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError, StoreError
from fadefollow.market.archives import ArchiveSettings, archive_job
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.fetch import FetchReport, fetch_job
from fadefollow.market.store.store import Manifest, Store, Update
from tests.support.archives.packing import Packed
from tests.support.exchange.fixtures import replayed
from tests.support.exchange.replay import Replay

SINCE = "2022-12-30"
DAYS = 70


running, exchange = replayed(days=DAYS)


def spec_of(exchange: Replay, venue: str = "binance", **more: Any) -> DatasetSpec:
    return DatasetSpec(
        title=venue, source="fetch", bar="1h", venue=venue, ccxt=exchange.settings(venue), **more
    )


def fetch(
    exchange: Replay,
    root: Path,
    *coins: str,
    venue: str = "binance",
    since: str = SINCE,
    until: str | None = None,
    streams: tuple[str, ...] | None = None,
    skip_damaged: bool = False,
    **more: Any,
) -> FetchReport:
    return fetch_job(
        spec_of(exchange, venue, **more),
        "data",
        FetchRequest(
            coins or ("BTC",),
            pd.Timestamp(since),
            None if until is None else pd.Timestamp(until),
            streams or (),
        ),
        root,
        first_wait=0.01,
        skip_damaged=skip_damaged,
    )


def tables(root: Path, coin: str) -> dict[str, pd.DataFrame]:
    store = Store(root)
    return store.load("data", coin, manifest=store.read("data"))


def manifest(root: Path) -> Manifest:
    return Store(root).read("data")


def raw(exchange: Replay, path: str) -> Any:
    with urllib.request.urlopen(f"{exchange.root}/{path}", timeout=10) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def whole(running: Replay, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """BTC and PEPE, undisturbed, from both venues."""
    root = tmp_path_factory.mktemp("whole")
    running.calm()
    for venue in ("binance", "bybit"):
        fetch(running, root / venue, "BTC", "1000PEPE", venue=venue)
    return root


@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_every_stream_arrives_whole_up_to_the_last_closed_bar(venue: str, whole: Path) -> None:
    found = tables(whole / venue, "BTC")
    rows = {name: len(table) for name, table in found.items()}
    bars = DAYS * 24
    assert rows["perp"] == rows["mark"] == rows["index"] == rows["premium_index"] == bars
    assert rows["spot"] == bars - 6  # two outages
    assert rows["funding"] == DAYS * 3
    assert rows["future"] == 2 * bars
    assert found["perp"]["time"].iloc[0] == pd.Timestamp("2023-01-01", tz="UTC")
    # the clock stands 25 minutes into the next bar, which is not there
    end = pd.Timestamp("2023-01-01", tz="UTC") + pd.Timedelta(days=DAYS)
    assert found["perp"]["available"].iloc[-1] == end
    assert set(found["future"]["expiry"]) == {
        pd.Timestamp("2023-03-31 08:00", tz="UTC"),
        pd.Timestamp("2023-06-30 08:00", tz="UTC"),
    }


def test_the_venues_own_interval_is_kept(whole: Path) -> None:
    """Bybit lists it with its contracts, Binance does not."""
    found = {v: manifest(whole / v).fetched["BTC"] for v in ("binance", "bybit")}
    assert found["bybit"]["funding"].interval_hours == 8.0
    assert found["bybit"]["perp"].interval_hours is None
    assert found["binance"]["funding"].interval_hours is None


def test_what_is_stored_is_what_the_venue_says(exchange: Replay, whole: Path) -> None:
    found = tables(whole / "binance", "BTC")
    time = pd.Timestamp("2023-01-20 07:00", tz="UTC")
    ms = time.value // 10**6
    query = f"symbol=BTCUSDT&interval=1h&limit=1&startTime={ms}"
    for stream, path in (("perp", "fapi/v1/klines"), ("mark", "fapi/v1/markPriceKlines")):
        said = [float(x) for x in raw(exchange, f"binance/{path}?{query}")[0][1:5]]
        table = found[stream].set_index("time")
        assert table.loc[time, ["open", "high", "low", "close"]].tolist() == said
        assert table.loc[time, "available"] == time + pd.Timedelta(hours=1)
    path = f"binance/fapi/v1/fundingRate?symbol=BTCUSDT&startTime={ms}&limit=1"
    settled = raw(exchange, path)[0]
    assert settled["fundingTime"] % 60_000 != 0  # milliseconds off, as on the real one
    row = found["funding"].set_index("time").loc[pd.Timestamp("2023-01-20 08:00", tz="UTC")]
    assert (row["rate"], row["interval_hours"]) == (float(settled["fundingRate"]), 8.0)


def test_a_multiplier_coin_is_stored_in_coins(exchange: Replay, whole: Path) -> None:
    ms = pd.Timestamp("2023-01-20 07:00", tz="UTC").value // 10**6
    query = f"symbol=1000PEPEUSDT&interval=1h&limit=1&startTime={ms}"
    said = raw(exchange, f"binance/fapi/v1/klines?{query}")[0]
    found = tables(whole / "binance", "PEPE")
    row = found["perp"].set_index("time").loc[pd.Timestamp("2023-01-20 07:00", tz="UTC")]
    assert row["close"] == float(said[4]) / 1000
    assert row["volume"] == float(said[5]) * 1000
    spot = found["spot"].set_index("time").loc[row.name]
    assert spot["close"] == pytest.approx(row["close"], rel=0.1)
    interest = found["open_interest"].iloc[-1]
    ms = interest["time"].value // 10**6
    query = f"symbol=1000PEPEUSDT&period=1h&limit=1&startTime={ms}&endTime={ms}"
    said = raw(exchange, f"binance/futures/data/openInterestHist?{query}")[0]
    assert interest["open_interest"] == float(said["sumOpenInterest"]) * 1000


def test_the_two_venues_agree_where_they_say_the_same(whole: Path) -> None:
    first, second = tables(whole / "binance", "PEPE"), tables(whole / "bybit", "PEPE")
    for name in ("spot", "perp", "mark", "index", "premium_index", "funding"):
        # only one of them says what takers bought
        told = first[name].drop(columns="taker_buy_volume", errors="ignore")
        pd.testing.assert_frame_equal(told, second[name])


def test_what_takers_bought_is_stored_in_coins(exchange: Replay, whole: Path) -> None:
    time = pd.Timestamp("2023-01-20 07:00", tz="UTC")
    query = f"interval=1h&limit=1&startTime={time.value // 10**6}"
    for coin, many, stream, path in (
        ("BTC", 1, "spot", f"api/v3/klines?symbol=BTCUSDT&{query}"),
        ("BTC", 1, "perp", f"fapi/v1/klines?symbol=BTCUSDT&{query}"),
        ("PEPE", 1000, "perp", f"fapi/v1/klines?symbol=1000PEPEUSDT&{query}"),
    ):
        said = raw(exchange, f"binance/{path}")[0]
        row = tables(whole / "binance", coin)[stream].set_index("time").loc[time]
        assert row["taker_buy_volume"] == float(said[9]) * many
        # hour 465,055 since 1970, which is 3 modulo 7: 30 % + 3 / 20
        assert row["taker_buy_volume"] / row["volume"] == pytest.approx(0.45, abs=0.01)
    assert "taker_buy_volume" not in tables(whole / "binance", "BTC")["mark"]
    assert "taker_buy_volume" not in tables(whole / "bybit", "BTC")["perp"]


def test_bars_from_before_taker_volume_was_kept_stay_and_are_no_revisions(
    exchange: Replay, tmp_path: Path
) -> None:
    fetch(exchange, tmp_path, streams=("perp",), until="2023-02-01")
    store, old = Store(tmp_path), manifest(tmp_path)

    def without(_: Manifest | None) -> Update:
        table = tables(tmp_path, "BTC")["perp"].drop(columns="taker_buy_volume")
        return Update({"BTC": {"perp": table}})

    store.update("data", without, bar=pd.Timedelta("1h"))
    report = fetch(exchange, tmp_path, streams=("perp",), until="2023-02-03")
    assert not [f for f in report.findings if f.rule == "revised values"]
    made = tables(tmp_path, "BTC")["perp"].set_index("time")["taker_buy_volume"]
    # the last 24 bars are asked for again with those of the two new days
    first = pd.Timestamp("2023-01-31", tz="UTC")
    assert made.first_valid_index() == first
    assert made.notna().sum() == 3 * 24
    assert len(made) == old.tables["BTC"]["perp"].rows + 2 * 24


def test_inverse_contracts_have_their_volume_in_coins(
    exchange: Replay, tmp_path: Path, whole: Path
) -> None:
    for venue in ("binance", "bybit"):
        streams = ("spot", "perp", "mark", "funding", "premium_index")
        fetch(exchange, tmp_path / venue, venue=venue, streams=streams, contracts="inverse")
        made, linear = tables(tmp_path / venue, "BTC"), tables(whole / venue, "BTC")
        assert manifest(tmp_path / venue).fetched["BTC"]["perp"].market == "BTC/USD:BTC"
        # the replay trades the same coins on both: volume must be in coins, not in contracts
        pd.testing.assert_frame_equal(made["perp"], linear["perp"])
        pd.testing.assert_frame_equal(made["funding"], linear["funding"])


def test_a_second_fetch_asks_only_for_holes(exchange: Replay, tmp_path: Path) -> None:
    fetch(exchange, tmp_path, streams=("spot", "perp", "funding"))
    before = manifest(tmp_path).fingerprint
    exchange.calm()
    report = fetch(exchange, tmp_path, streams=("spot", "perp", "funding"))
    asked = exchange.control()["asked"]
    assert {k: n for k, n in asked.items() if "exchangeInfo" not in k} == {
        "binance/api/v3/time": 1,
        "binance/api/v3/klines": 1,  # both outages in one request
    }
    assert report.fingerprint == before


def test_a_fetch_goes_on_from_what_is_there_from_elsewhere(
    exchange: Replay, whole: Path, tmp_path: Path
) -> None:
    """As after an import of the venue's archive, which left a hole of an hour."""
    perp = tables(whole / "binance", "BTC")["perp"].iloc[:1200].drop(700)
    Store(tmp_path).write(
        "data", {"BTC": {"perp": perp.reset_index(drop=True)}}, bar=pd.Timedelta("1h")
    )
    fetch(exchange, tmp_path, streams=("perp",))
    asked = [q for q in exchange.control()["log"] if "klines" in q]
    assert len(asked) == 2  # what follows, and the hole
    pd.testing.assert_frame_equal(
        tables(tmp_path, "BTC")["perp"], tables(whole / "binance", "BTC")["perp"]
    )


def test_what_an_archive_gave_is_not_asked_for_again(
    exchange: Replay, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive has all but a day of January, and nothing of February."""
    packed, there = Packed(), tables(whole / "binance", "BTC")
    day = pd.Timestamp("2023-01-11", tz="UTC")
    outage = there["perp"]["time"].between(day, day + pd.Timedelta(hours=23))
    packed.bars("perp", there["perp"][~outage], "2023-01")
    packed.bars("mark", there["mark"], "2023-01")
    packed.funding(there["funding"], "2023-01")
    streams = ("perp", "mark", "funding")
    mirror = packed.write(tmp_path / "mirror")
    archive_job(
        "binance-archive",
        FetchRequest(["BTC"], pd.Timestamp("2023-01-01"), pd.Timestamp("2023-02-01"), streams),
        store_root=tmp_path,
        dataset="data",
        settings=ArchiveSettings(mirror=mirror),
    )
    known = manifest(tmp_path).fetched["BTC"]
    month = (ms("2023-01-01"), ms("2023-02-01"))
    assert known["mark"].covered == (month,)
    assert known["perp"].covered == ((month[0], ms("2023-01-11")), (ms("2023-01-12"), month[1]))
    exchange.calm()
    fetch(exchange, tmp_path, streams=streams)
    asked = [q for q in exchange.control()["log"] if "Info" not in q and "/time" not in q]
    starts = {
        path: sorted(int(q.split("startTime=")[1].split("&")[0]) for q in asked if f"/{path}?" in q)
        for path in ("klines", "markPriceKlines", "fundingRate")
    }
    hour, overlap = 3_600_000, 24
    back = month[1] - overlap * hour
    # the hole with what was before it, and what follows; some records of before for revisions
    assert starts["klines"] == [ms("2023-01-10"), back]
    assert starts["markPriceKlines"] == [back]
    # from a settlement on, some seconds earlier, as stamps may be a little off
    assert sorted(set(starts["fundingRate"])) == [month[0] - 5000, ms("2023-01-24") - 5000]
    for name in streams:
        now = tables(tmp_path, "BTC")[name]
        pd.testing.assert_frame_equal(now, there[name])
    sources = manifest(tmp_path).tables["BTC"]["perp"].source.splitlines()
    assert len(sources) == 2
    assert sources[0].startswith("a local mirror: perp BTCUSDT")
    assert "mark" not in sources[0]
    assert sources[1] == "binance"


def ms(day: str) -> int:
    return int(pd.Timestamp(day, tz="UTC").value // 10**6)


def test_a_fetch_inside_a_running_loop(exchange: Replay, tmp_path: Path) -> None:
    """As in a notebook."""

    async def notebook() -> FetchReport:
        return fetch(exchange, tmp_path, streams=("perp",), since="2023-02-01")

    report = asyncio.run(notebook())
    (part,) = report.parts
    assert (part.coin, part.stream) == ("BTC", "perp")
    assert part.rows == part.records == report.records == len(tables(tmp_path, "BTC")["perp"])
    assert (part.first, part.requests, part.retried) == ("2023-02-01T00:00:00+00:00", 1, 0)
    assert 0 < part.seconds <= report.seconds


def test_later_and_earlier_bars_are_added(running: Replay, tmp_path: Path) -> None:
    exchange = Replay(days=30)
    try:
        fetch(exchange, tmp_path / "a", since="2023-01-10", until="2023-01-20")
        assert len(tables(tmp_path / "a", "BTC")["perp"]) == 240
        exchange.control(hours=48)
        exchange.calm()
        report = fetch(exchange, tmp_path / "a", since="2023-01-03")
        perp = [
            q
            for q in exchange.control()["log"]
            if q.startswith("binance/fapi/v1/klines?") and "symbol=BTCUSDT&" in f"{q}&"
        ]
        assert len(perp) == 2  # one request at either end
        fetch(exchange, tmp_path / "b", since="2023-01-03")
        assert report.fingerprint == manifest(tmp_path / "b").fingerprint
        assert len(tables(tmp_path / "a", "BTC")["perp"]) == 30 * 24
    finally:
        exchange.close()


def test_a_revision_is_stored_reported_and_the_old_value_kept(tmp_path: Path) -> None:
    exchange = Replay(days=20)
    try:
        fetch(exchange, tmp_path, streams=("spot", "perp"))
        was = tables(tmp_path, "BTC")["perp"].set_index("time")
        hour, time = 20 * 24 - 3, pd.Timestamp("2023-01-20 21:00", tz="UTC")
        change = {"coin": "BTC", "kind": "linear", "series": "bars", "hour": hour, "factor": 2.0}
        exchange.control(revise=[change], hours=5)
        report = fetch(exchange, tmp_path, streams=("spot", "perp"))
        assert [(f.rule, f.stream, f.count, f.where) for f in report.findings] == [
            ("revised values", "perp", 1, "2023-01-20 21:00")
        ]
        now = tables(tmp_path, "BTC")["perp"].set_index("time")
        assert now.loc[time, "close"] == 2 * was.loc[time, "close"]
        found = manifest(tmp_path)
        assert [f.rule for f in found.findings] == ["revised values"]
        (entry,) = found.revised["BTC"]["perp"]
        old = Store(tmp_path).table("data", entry)
        assert old["close"].tolist() == [was.loc[time, "close"]]
        # and it stays kept and told of when nothing is revised any more
        exchange.control(hours=5)
        assert fetch(exchange, tmp_path, streams=("spot", "perp")).findings == ()
        assert manifest(tmp_path).revised["BTC"]["perp"] == (entry,)
        assert [f.rule for f in manifest(tmp_path).findings] == ["revised values"]
    finally:
        exchange.close()


SPOILT = ("short", "shuffled", "overlap", "skip", "empty", "twice", "broken")


@pytest.mark.parametrize(
    ("fault", "venue"),
    [
        *((fault, "binance") for fault in SPOILT),
        ("short", "bybit"),
        *(pytest.param(fault, "bybit", marks=pytest.mark.slow) for fault in SPOILT[1:]),
    ],
)
def test_a_spoilt_page_is_noticed_and_mended(
    fault: str, venue: str, exchange: Replay, whole: Path, tmp_path: Path
) -> None:
    # any of the first pages, whose stream hangs on the timing
    exchange.calm(fixed=[["line", fault, 3], ["unding", fault, 1], ["nterest", fault, 1]])
    report = fetch(exchange, tmp_path, "BTC", "PEPE", venue=venue)
    assert exchange.control()["faults"][fault] >= 3
    assert report.fingerprint == manifest(whole / venue).fingerprint
    if fault in ("short", "skip", "empty"):
        assert report.mended > 0


@pytest.mark.parametrize(
    ("fault", "venue"),
    [
        *(
            (fault, "binance")
            for fault in ("429", "500", "timeout", "cut", "half_json", "odd_json")
        ),
        ("odd_json", "bybit"),
        *(
            pytest.param(fault, "binance", marks=pytest.mark.slow)
            for fault in ("418", "503", "bad_json", "maintenance")
        ),
    ],
)
def test_a_failed_request_is_repeated(
    fault: str, venue: str, exchange: Replay, whole: Path, tmp_path: Path
) -> None:
    exchange.calm(fixed=[["", fault, 3]])
    report = fetch(exchange, tmp_path, "BTC", "PEPE", venue=venue)
    assert report.retried >= 1
    assert exchange.control()["faults"] == {fault: 3}
    assert report.fingerprint == manifest(whole / venue).fingerprint


@pytest.mark.parametrize(
    ("fault", "rule", "hint"),
    [
        ("region", "from this region", "another venue"),
        ("banned", "; got a pause of 86400 s", "rerun the same command later"),
        ("maintenance", "under maintenance", "rerun the same command later"),
        ("500", "no valid answer from Binance", "whether the venue is up"),
    ],
)
def test_what_does_not_pass_is_said_plainly_and_loses_nothing(
    fault: str, rule: str, hint: str, exchange: Replay, whole: Path, tmp_path: Path
) -> None:
    fetch(exchange, tmp_path, "BTC", "PEPE", streams=("spot",))
    exchange.calm(fixed=[["markPrice", fault, 1000]])
    with pytest.raises(DataError) as caught:
        fetch(exchange, tmp_path, "BTC", "PEPE")
    assert rule in str(caught.value)
    assert hint in caught.value.hint
    assert len(tables(tmp_path, "BTC")["spot"]) == DAYS * 24 - 6
    exchange.calm()
    report = fetch(exchange, tmp_path, "BTC", "PEPE")
    assert exchange.control()["asked"]["binance/api/v3/klines"] == 2  # the outages of each coin
    assert report.fingerprint == manifest(whole / "binance").fingerprint


def test_a_venue_that_insists_on_impossible_bars_is_refused(
    exchange: Replay, tmp_path: Path
) -> None:
    exchange.calm(fixed=[["fapi/v1/klines", "broken", 1000]])
    with pytest.raises(
        DataError, match=r"binance BTC perp: Binance sends impossible records of .*; got 1, "
    ):
        fetch(exchange, tmp_path, streams=("spot", "perp"))
    assert set(tables(tmp_path, "BTC")) == {"spot"}
    # or they are left out, and it says so
    report = fetch(exchange, tmp_path, streams=("spot", "perp"), skip_damaged=True)
    found = {(f.grade, f.stream, f.rule) for f in report.findings}
    assert found == {("warning", "perp", "impossible records")}
    assert 0 < len(tables(tmp_path, "BTC")["perp"]) < DAYS * 24


@pytest.mark.parametrize("kind", ["nulls", "words", "broken"])
def test_a_page_of_impossible_bars_is_asked_for_more_than_twice(
    exchange: Replay, tmp_path: Path, kind: str
) -> None:
    streams, since = ("perp",), "2023-01-20"  # one page
    good = fetch(exchange, tmp_path / "good", streams=streams, since=since)
    exchange.calm(fixed=[["fapi/v1/klines", kind, 3]])
    report = fetch(exchange, tmp_path / "bad", streams=streams, since=since)
    assert exchange.control()["faults"] == {kind: 3}
    assert report.fingerprint == good.fingerprint


def test_names_that_cannot_be_fetched(exchange: Replay, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"does not list BTD\n.*did you mean 'BTC'"):
        fetch(exchange, tmp_path, "BTD")
    with pytest.raises(ParameterError, match="does not provide netflow"):
        fetch(exchange, tmp_path, streams=("netflow",))
    with pytest.raises(ParameterError, match="since must be before until"):
        fetch(exchange, tmp_path, since="2023-02-01", until="2023-01-01")
    with pytest.raises(ParameterError, match="since must be in the past; got 2030"):
        fetch(exchange, tmp_path, since="2030-01-01")
    with pytest.raises(DataError, match="no data of BTC in this range"):
        fetch(exchange, tmp_path, since="2020-01-01", until="2020-02-01")
    assert Store(tmp_path).datasets() == ()
    with pytest.raises(DataError, match="a coin needs perp or spot bars"):
        fetch(exchange, tmp_path, streams=("funding",))
    assert Store(tmp_path).datasets() == ()
    fetch(exchange, tmp_path, streams=("spot",))
    exchange.calm()
    other = spec_of(exchange).model_copy(update={"bar": pd.Timedelta("4h")})
    with pytest.raises(DataError, match="the data set has 1h bars; got 4h"):
        fetch_job(
            other, "data", FetchRequest(["PEPE"], pd.Timestamp(SINCE), streams=["spot"]), tmp_path
        )
    assert exchange.control()["asked"] == {}


def test_listings_go_with_the_data(exchange: Replay, tmp_path: Path) -> None:
    """OLD is no longer traded: Binance still has its spot bars, and no perp."""
    report = fetch(exchange, tmp_path, "BTC", "OLD", streams=("spot", "perp"))
    assert [f.text for f in report.findings] == ["Binance has no perp of this coin"]
    opened = open_dataset(spec_of(exchange), "data", tmp_path)
    assert opened.markets["BTC"].listed == pd.Timestamp("2023-01-01", tz="UTC")
    assert opened.markets["BTC"].delisted is None
    old = opened.markets["OLD"]
    assert old.listed == pd.Timestamp("2023-01-01", tz="UTC")
    assert old.delisted == pd.Timestamp("2023-01-01", tz="UTC") + pd.Timedelta(days=DAYS / 2)
    assert old.index[-1] + old.bar == old.delisted


def test_a_range_that_stops_early_does_not_tell_when_a_coin_ended(
    exchange: Replay, tmp_path: Path
) -> None:
    fetch_job(
        spec_of(exchange),
        "data",
        FetchRequest(
            ["OLD"],
            pd.Timestamp(SINCE),
            pd.Timestamp(SINCE) + pd.Timedelta(days=10),
            streams=["spot"],
        ),
        tmp_path,
    )
    listing = Store(tmp_path).read("data").listings["OLD"]
    assert listing.delisted is None
    fetch(exchange, tmp_path, "OLD", streams=("spot",))
    ended = pd.Timestamp("2023-01-01", tz="UTC") + pd.Timedelta(days=DAYS / 2)
    assert Store(tmp_path).read("data").listings["OLD"].delisted_at == ended


def test_another_market_does_not_go_on_with_a_stream(exchange: Replay, tmp_path: Path) -> None:
    fetch(exchange, tmp_path, "BTC", streams=("perp",))
    before = Store(tmp_path).read("data").fingerprint
    inverse = spec_of(exchange, contracts="inverse")
    with pytest.raises(DataError, match="BTC/USDT:USDT so far, now BTC/USD:BTC"):
        fetch_job(
            inverse, "data", FetchRequest(["BTC"], pd.Timestamp(SINCE), streams=["perp"]), tmp_path
        )
    assert Store(tmp_path).read("data").fingerprint == before


@pytest.mark.parametrize("streams", [(), ("perp", "spot")], ids=["after-five", "of-bars"])
def test_a_full_disk_says_so_and_loses_nothing(
    streams: tuple[str, ...],
    exchange: Replay,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: Path,
) -> None:
    from fadefollow.market.fetch import pages as staging

    calls = 0

    def full(path: Path, data: bytes) -> None:
        nonlocal calls
        calls += 1
        # without bars what came is no data set, and says so
        if any(part in streams for part in path.parts) or (not streams and calls > 5):
            raise OSError(28, "No space left on device")
        write(path, data)

    write = staging.write_whole  # type: ignore[attr-defined]
    monkeypatch.setattr(staging, "write_whole", full)
    with pytest.raises(StoreError, match="No space left on device"):
        fetch(exchange, tmp_path, "BTC", "PEPE")
    monkeypatch.undo()
    report = fetch(exchange, tmp_path, "BTC", "PEPE")
    assert report.fingerprint == manifest(whole / "binance").fingerprint
