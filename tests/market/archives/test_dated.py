"""Dated futures of the archive: both margins, contracts into coins, one row an expiry and bar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError
from fadefollow.market.archives import ArchiveReport, ArchiveSettings, archive_job
from fadefollow.market.archives.dated import contracts
from fadefollow.market.archives.source import Mirror
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.store.store import Store
from tests.support.archives.packing import Packed, bar_csv, bar_path, metric_lines
from tests.support.archives.server import serving

HOUR = pd.Timedelta(hours=1)
SINCE, NOW = pd.Timestamp("2021-01-01", tz="UTC"), pd.Timestamp("2021-04-03 09:00", tz="UTC")
EXPIRY = pd.Timestamp("2021-03-26 08:00", tz="UTC")
COIN, DOLLAR, NEXT = "BTCUSD_210326", "BTCUSDT_210326", "BTCUSDT_210625"


def dated(bars: pd.DataFrame, count: float, usd: float = 100.0) -> pd.DataFrame:
    """Bars of a coin-margined contract: `count` contracts a bar, traded at the close."""
    return bars.assign(contracts=count, volume=count * usd / bars["close"])


@pytest.fixture
def packed(raw_bars) -> Packed:
    """The perp of three months; a contract in coins since January, two in dollars since February.

    Closes are 100, 101, … from 2021-01-05 on, in every market.
    """
    bars = raw_bars(24 * 90, "2021-01-05")
    files = Packed()
    for label in ("2021-01", "2021-02", "2021-03", "2021-04-01", "2021-04-02"):
        files.bars("perp", bars, label)
    for label in ("2021-01", "2021-02", "2021-03"):
        files.bars("coin_future", dated(bars, 58.0), label, symbol=COIN, header=False)
    late = bars[bars["time"] >= pd.Timestamp("2021-02-10", tz="UTC")]
    for symbol in (DOLLAR, NEXT):
        for label in ("2021-02", "2021-03"):
            files.bars("future", late, label, symbol=symbol)
    for label in ("2021-04-01", "2021-04-02"):
        files.bars("future", late, label, symbol=NEXT)
    files.bars("coin_future", bars, "2021-01", symbol="BTCUSD_PERP")
    return files


def read(folder: Path, mirror: Path | None, **settings) -> tuple[ArchiveReport, pd.DataFrame]:
    report = archive_job(
        "binance-archive",
        FetchRequest(settings.pop("coins", ["BTC"]), SINCE, streams=["perp", "future"]),
        store_root=folder,
        dataset="bn",
        bar=settings.pop("bar", "1h"),
        now=NOW,
        settings=ArchiveSettings(mirror=mirror, wait_seconds=0.0, attempts=3, **settings),
    )
    store = Store(folder)
    return report, store.load("bn", "BTC", manifest=store.read("bn")).get("future", pd.DataFrame())


def of(table: pd.DataFrame, expiry: str) -> pd.DataFrame:
    mine = table[table["expiry"] == pd.Timestamp(expiry, tz="UTC")]
    return mine.set_index("time")


def seen(report: ArchiveReport) -> dict[str, tuple[str, int, tuple[str, ...]]]:
    found = report.imported.findings
    return {f.rule: (f.text, f.count, f.contracts) for f in found if f.stream == "future"}


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def test_an_expiry_has_the_prices_of_the_contract_that_came_first(packed, tmp_path):
    report, table = read(tmp_path / "s", packed.write(tmp_path / "m"))
    march, june = of(table, "2021-03-26 08:00"), of(table, "2021-06-25 08:00")
    # from the 5th of January to the hour before its settlement
    assert (march.index[0], march.index[-1]) == (at("2021-01-05"), EXPIRY - HOUR)
    # 80 days from the 5th of January to the 26th of March, and 8 hours
    assert len(march) == 80 * 24 + 8
    assert (june.index[0], june.index[-1]) == (at("2021-02-10"), at("2021-04-02 23:00"))
    assert table["time"].is_monotonic_increasing
    assert (table["available"] == table["time"] + HOUR).all()
    rules = seen(report)
    assert rules["two contracts"][1:] == (1, ("210326",))
    assert rules["contracts"][1:] == (80 * 24 + 8, ("210326",))
    # bars of the 26th from 08:00 to the month's end, of both: 5 days and 16 hours
    assert rules["rows after expiry"][1:] == (2 * 136, ("210326",))
    # 3 months; 2 months; 2 months and 2 days
    assert rules["archive files"][1] == 9
    assert rules["archive files"][0].startswith("3 contracts, 7 monthly and 2 daily files, 9 check")


def test_contracts_of_a_hundred_dollars_become_the_coins_that_the_file_says(packed, tmp_path):
    _, table = read(tmp_path / "s", packed.write(tmp_path / "m"))
    march = of(table, "2021-03-26 08:00")
    # 58 contracts at a close of 100, then of 101
    assert march["volume"].iloc[0] == 58.0
    assert march["volume"].iloc[1] == pytest.approx(5800 / 101, rel=1e-12)
    # from the 10th of February on the 10 coins of the contract in dollars are added: 36 days after
    # the start the close is 100 + 36 × 24
    assert march["volume"][at("2021-02-10")] == pytest.approx(10 + 5800 / 964, rel=1e-12)
    assert of(table, "2021-06-25 08:00")["volume"].unique().tolist() == [10.0]


def test_where_the_file_does_not_say_coins_the_bar_s_mean_price_does(packed, raw_bars, tmp_path):
    odd = dated(raw_bars(24 * 27, "2021-01-05"), 58.0)  # to the month's end
    odd.loc[odd.index[3], "volume"] = 5800.0  # dollars, as the header says
    odd.loc[odd.index[4], ["contracts", "volume"]] = 0.0
    packed.bars("coin_future", odd, "2021-01", symbol=COIN, header=True)
    report, table = read(tmp_path / "s", packed.write(tmp_path / "m"))
    volume = of(table, "2021-03-26 08:00")["volume"]
    # open 102, high 105, low 100, close 103
    assert volume.iloc[3] == pytest.approx(5800 / 102.5, rel=1e-12)
    assert volume.iloc[4] == 0.0
    assert seen(report)["coins by price"][1:] == (1, ("210326",))


def test_contracts_of_other_coins_are_of_ten_dollars(raw_bars, tmp_path):
    bars, packed = raw_bars(24 * 10, "2021-03-01"), Packed()
    packed.bars("perp", bars, "2021-03", symbol="ETHUSDT")
    packed.bars("coin_future", dated(bars, 580.0, usd=10.0), "2021-03", symbol="ETHUSD_210625")
    archive_job(
        "binance-archive",
        FetchRequest(["ETH"], SINCE, streams=["perp", "future"]),
        store_root=tmp_path / "s",
        dataset="bn",
        now=NOW,
        settings=ArchiveSettings(mirror=packed.write(tmp_path / "m")),
    )
    store = Store(tmp_path / "s")
    table = store.load("bn", "ETH", manifest=store.read("bn"))["future"]
    assert table["volume"].iloc[0] == 58.0


def test_open_interest_is_in_coins_and_of_the_bar_s_last_snapshot(packed, tmp_path):
    # 00:05 to 00:00 of the next day, each contract more than the one before
    lines = metric_lines("2021-02-01", "00:05", 5000.0, symbol=COIN)
    packed.metrics("2021-02-01", lines, COIN)
    packed.metrics("2021-02-20", metric_lines("2021-02-20", "00:05", 70.0, symbol=NEXT), NEXT)
    report, table = read(tmp_path / "s", packed.write(tmp_path / "m"))
    march, june = of(table, "2021-03-26 08:00"), of(table, "2021-06-25 08:00")
    held = march["open_interest"].dropna()
    assert (len(held), held.index[0], held.index[-1]) == (
        24,
        at("2021-02-01"),
        at("2021-02-01 23:00"),
    )
    # the twelfth snapshot, of 01:00, at that bar's close: 27 days after the start, 100 + 27 × 24
    assert held.iloc[0] == pytest.approx(5011 * 100 / 748, rel=1e-12)
    assert held.iloc[-1] == pytest.approx(5287 * 100 / 771, rel=1e-12)
    # contracts in dollars are told in coins
    assert june["open_interest"].dropna().iloc[0] == 81.0
    assert "archive files" in seen(report)
    assert not [f for f in report.imported.findings if f.stream == "open_interest"]


def test_the_network_gives_what_the_mirror_gives(packed, tmp_path):
    packed.metrics("2021-02-01", metric_lines("2021-02-01", "00:05", 9.0, symbol=COIN), COIN)
    with serving(packed.files) as server:
        server.page_size = 3
        web, table = read(tmp_path / "w", None, binance_url=server.url)
        lost = [p for p in server.log if p.endswith(".zip") and p not in packed.files]
    mirror, expected = read(tmp_path / "s", packed.write(tmp_path / "m"))
    pd.testing.assert_frame_equal(table, expected, check_exact=True)
    assert web.imported.fingerprint == mirror.imported.fingerprint
    # of dated contracts nothing is asked for that is not there
    assert [p for p in lost if "_" in p] == []


def test_larger_bars_are_joined_contract_by_contract(packed, tmp_path):
    _, table = read(tmp_path / "s", packed.write(tmp_path / "m"), bar="3h")
    first = of(table, "2021-03-26 08:00").iloc[0]
    # closes 100, 101, 102; open 99; highs to 104, lows from 97
    assert first[["open", "high", "low", "close"]].tolist() == [99, 104, 97, 102]
    assert first["volume"] == pytest.approx(58 + 5800 / 101 + 5800 / 102, rel=1e-12)
    assert of(table, "2021-06-25 08:00")["volume"].unique().tolist() == [30.0]
    assert (table["available"] == table["time"] + 3 * HOUR).all()


def test_a_damaged_contract_is_named(packed, tmp_path):
    path = bar_path("coin_future", "2021-02", COIN)
    packed.files[path] = packed.files[path][:-30]
    with pytest.raises(DataError, match=r"BTCUSD_210326-1h-2021-02\.zip: the file's SHA-256"):
        read(tmp_path / "s", packed.write(tmp_path / "m"))


def test_microseconds_and_a_missing_month_are_coped_with(packed, raw_bars, tmp_path):
    bars = dated(raw_bars(24 * 90, "2021-01-05"), 58.0)
    january = bars[bars["time"] < at("2021-02-01")]
    lines = bar_csv(january, "coin_future", header=True).splitlines()
    micro = [lines[0], *(f"{line[:13]}000{line[13:]}" for line in lines[1:])]
    packed.add(bar_path("coin_future", "2021-01", COIN), "\n".join(micro) + "\n")
    packed.remove(bar_path("coin_future", "2021-02", COIN))
    report, table = read(tmp_path / "s", packed.write(tmp_path / "m"))
    march = of(table, "2021-03-26 08:00")
    assert march.index[0] == at("2021-01-05")
    # February is not there, of this contract
    assert len(march) == (80 - 28) * 24 + 8
    text, count, about = seen(report)["missing files"]
    assert (count, about) == (28, ("210326",))
    assert text.endswith("the last one 2021-02-28 00:00")


def test_a_coin_without_dated_contracts_says_so(raw_bars, tmp_path):
    packed = Packed()
    packed.bars("perp", raw_bars(48, "2021-03-01"), "2021-03", symbol="BTCUSDT")
    report, table = read(tmp_path / "s", packed.write(tmp_path / "m"))
    assert table.empty
    assert seen(report)["no data"][1] == 1


def test_the_listing_finds_contracts_by_expiry_and_first_month(packed, tmp_path):
    found = contracts(Mirror(packed.write(tmp_path)), "BTC", "USDT", "1h")
    assert [one.symbol for one in found] == [COIN, DOLLAR, NEXT]
    assert [one.there.files for one in found] == [3, 2, 4]
    assert np.all([one.there.first.day == 1 for one in found])
    assert contracts(Mirror(tmp_path), "ETH", "USDT", "1h") == []
