"""Binance's archive, by mirror folder and over HTTP: what is read is what was packed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.errors import DataError, ParameterError, UnknownNameError
from fadefollow.market.archives import ArchiveReport, ArchiveSettings, archive_job
from fadefollow.market.archives.layout import KINDS, interval_for, plan
from fadefollow.market.bars import bar_size
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.lab import simulate
from fadefollow.market.store.store import Store
from tests.support.archives.packing import (
    BAR_HEADER,
    Packed,
    bar_csv,
    bar_path,
    metric_lines,
    metrics_path,
)
from tests.support.archives.server import serving

HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
START, END = pd.Timestamp("2024-11-20", tz="UTC"), pd.Timestamp("2025-02-05", tz="UTC")
NOW = pd.Timestamp("2025-02-05 13:00", tz="UTC")
MONTHS, LAST_DAYS = ("2024-11", "2024-12", "2025-01"), tuple(f"2025-02-0{d}" for d in range(1, 5))
FAST = ArchiveSettings(attempts=3, wait_seconds=0.0, timeout_seconds=5.0, workers=4)


@pytest.fixture(scope="module")
def lab() -> dict[str, pd.DataFrame]:
    """One coin's tables from 2024-11-20 to 2025-02-05, over the change to microseconds."""
    made = simulate(
        {"seed": 5, "start": "2024-11-20", "years": 0.25, "coins": ["IBEX"], "quiet_days": 10},
        bar=HOUR,
    )
    tables = {name: table[table["time"] < END] for name, table in made.tables["IBEX"].items()}
    return {name: table.reset_index(drop=True) for name, table in tables.items()}


@pytest.fixture
def packed(lab) -> Packed:
    """The usual archive: monthly files, and daily ones of the present month."""
    files = Packed()
    for stream in ("perp", "spot", "mark", "premium_index"):
        for label in (*MONTHS, *LAST_DAYS):
            files.bars(stream, lab[stream], label)
    for label in MONTHS:
        files.funding(lab["funding"], label)
    return files


def read(folder: Path, mirror: Path | None, **options) -> tuple[ArchiveReport, dict]:
    """Run the job for BTC, and what the store then holds of it."""
    coins = options.pop("coins", ["BTC"])
    request = FetchRequest(
        coins, *(options.pop(n, d) for n, d in (("since", START), ("until", None), ("streams", ())))
    )
    settings = replace(options.pop("settings", FAST), mirror=mirror)
    options = {"store_root": folder, "dataset": "bn", "now": NOW, "settings": settings, **options}
    report = archive_job("binance-archive", request, **options)
    store = Store(folder)
    return report, store.load("bn", coins[0], manifest=store.read("bn"))


def found(report: ArchiveReport, stream: str) -> dict[str, tuple[int, str]]:
    seen = report.imported.findings
    return {f.rule: (f.count, f.where) for f in seen if f.stream == stream}


def same(got: pd.DataFrame, expected: pd.DataFrame) -> None:
    columns = list(expected.columns)
    pd.testing.assert_frame_equal(got[columns], expected.reset_index(drop=True), check_exact=True)
    assert list(got.columns) == columns


# --- which files -----------------------------------------------------------------------------


def paths(stream: str, since: str, until: str, now: str) -> list[str]:
    times = (pd.Timestamp(t, tz="UTC") for t in (since, until, now))
    return [p.path for p in plan(KINDS[stream], "BTCUSDT", "1h", *times)]


def test_months_that_are_over_are_monthly_and_the_present_one_is_daily():
    assert paths("spot", "2024-01-20", "2024-03-03", "2024-03-10") == [
        "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip",
        "data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-02.zip",
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-03-01.zip",
        "data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2024-03-02.zip",
    ]
    # today's file does not exist yet
    assert paths("mark", "2024-02-29", "2024-03-31", "2024-03-02 12:00") == [
        "data/futures/um/monthly/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-02.zip",
        "data/futures/um/daily/markPriceKlines/BTCUSDT/1h/BTCUSDT-1h-2024-03-01.zip",
    ]


def test_funding_is_monthly_only_and_metrics_are_daily_only():
    assert paths("funding", "2024-02-10", "2024-03-05", "2024-03-10") == [
        "data/futures/um/monthly/fundingRate/BTCUSDT/BTCUSDT-fundingRate-2024-02.zip"
    ]
    assert paths("open_interest", "2024-02-28", "2024-03-01", "2024-03-10") == [
        "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-02-28.zip",
        "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2024-02-29.zip",
    ]
    # nothing is older than the archive itself
    assert paths("open_interest", "2020-08-01", "2020-09-02", "2024-03-10") == [
        "data/futures/um/daily/metrics/BTCUSDT/BTCUSDT-metrics-2020-09-01.zip"
    ]


@pytest.mark.parametrize(
    ("bar", "interval"), [("1h", "1h"), ("10min", "5m"), ("8h", "8h"), ("1d", "1d"), ("3h", "1h")]
)
def test_bars_come_from_the_largest_interval_that_divides_them(bar, interval):
    assert interval_for(bar_size(bar)) == interval


# --- the tables ------------------------------------------------------------------------------


def test_a_mirror_gives_the_tables_that_were_packed(lab, packed, tmp_path):
    report, tables = read(tmp_path / "store", packed.write(tmp_path / "mirror"))
    for stream in ("perp", "spot", "mark", "premium_index"):
        same(tables[stream], lab[stream])
    settled = lab["funding"]
    same(tables["funding"], settled[settled["time"] < pd.Timestamp("2025-02-01", tz="UTC")])
    assert set(tables) == {"perp", "spot", "mark", "premium_index", "funding"}
    # 3 months and 4 days of four kinds, 3 months of funding
    assert (len(report.files), report.verified, report.fetched) == (31, 31, 0)
    assert found(report, "perp")["archive files"] == (7, "2024-11-01 00:00")
    assert found(report, "funding")["jitter"] == (len(tables["funding"]), "2024-11-20 08:00")
    assert found(report, "open_interest")["no data"] == (1, "")
    assert report.imported.rows == sum(map(len, tables.values()))
    entry = Store(tmp_path / "store").read("bn").tables["BTC"]["perp"]
    assert entry.source.startswith("a local mirror: perp BTCUSDT, 2024-11-20 00:00 to ")


def test_the_network_gives_the_same_and_is_asked_once(packed, tmp_path):
    _, expected = read(tmp_path / "a", packed.write(tmp_path / "mirror"))
    with serving(packed.files) as server:
        web = ArchiveSettings(binance_url=server.url, wait_seconds=0.0)
        report, tables = read(tmp_path / "b", None, settings=web)
        first = len(server.log)
        again, tables_again = read(tmp_path / "b", None, settings=web)
        second = [p for p in server.log[first:] if p in packed.files]
    for stream, table in expected.items():
        same(tables[stream], table)
        same(tables_again[stream], table)
    assert (report.fetched, report.verified) == (31, 31)
    assert (again.fetched, again.verified) == (0, 31)
    assert second == []
    assert again.imported.fingerprint == report.imported.fingerprint


def test_a_cut_or_altered_file_in_the_cache_is_fetched_again(packed, tmp_path):
    one = bar_path("perp", "2024-12")
    with serving(packed.files) as server:
        web = ArchiveSettings(binance_url=server.url, wait_seconds=0.0)
        read(tmp_path, None, settings=web, streams=["perp"])
        kept = tmp_path / ".archives" / "binance-archive" / one
        kept.write_bytes(packed.files[one][:100])
        server.log.clear()
        report, _ = read(tmp_path, None, settings=web, streams=["perp"])
    assert [p for p in server.log if p in packed.files] == [one, f"{one}.CHECKSUM"]
    assert report.fetched == 1
    assert kept.read_bytes() == packed.files[one]


def test_a_later_fetch_extends_the_data_set_and_keeps_the_rest(lab, packed, tmp_path):
    mirror = packed.write(tmp_path / "mirror")
    middle = pd.Timestamp("2024-12-15", tz="UTC")
    read(tmp_path / "store", mirror, until=middle, streams=["perp", "spot"])
    report, tables = read(tmp_path / "store", mirror, since=middle, streams=["perp"])
    same(tables["perp"], lab["perp"])
    same(tables["spot"], lab["spot"][lab["spot"]["time"] < middle])
    assert "revised values" not in found(report, "perp")


def test_what_the_archive_has_changed_is_reported_and_the_old_values_are_kept(
    lab, packed, tmp_path
):
    mirror = packed.write(tmp_path / "mirror")
    read(tmp_path / "store", mirror, streams=["perp"])
    changed = lab["perp"].copy()
    changed.loc[changed["time"] == START + 5 * HOUR, "volume"] = 7.0
    packed.bars("perp", changed, "2024-11")
    packed.write(mirror)
    report, tables = read(tmp_path / "store", mirror, streams=["perp"])
    same(tables["perp"], changed)
    assert found(report, "perp")["revised values"] == (1, "2024-11-20 05:00")
    store = Store(tmp_path / "store")
    (entry,) = store.read("bn").revised["BTC"]["perp"]
    assert store.table("bn", entry)["volume"].tolist() == [lab["perp"]["volume"][5]]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    shapes=st.lists(
        st.sampled_from(["monthly", "daily", "both", "holed", "twice", "shuffled", "header"]),
        min_size=3,
        max_size=3,
    ),
    seed=st.integers(0, 2**16),
)
def test_any_mixture_of_files_gives_the_same_tables(lab, tmp_path_factory, shapes, seed):
    table, packed, rng = lab["spot"], Packed(), np.random.default_rng(seed)
    for label, shape in zip(MONTHS, shapes, strict=True):
        mine = table[table["time"].dt.strftime("%Y-%m") == label]
        days = mine["time"].dt.strftime("%Y-%m-%d").unique()
        lines = bar_csv(mine, "spot", header=False).splitlines(keepends=True)
        if shape == "twice":
            lines += [lines[int(n)] for n in rng.integers(0, len(lines), 5)]
        if shape in ("twice", "shuffled"):
            lines = [lines[int(n)] for n in rng.permutation(len(lines))]
        if shape == "header":
            lines = [BAR_HEADER + "\n", *lines]
        if shape == "holed":  # some hours and two whole days are in daily files only
            gone = set(rng.choice(days[1:-1], 2, replace=False))
            gone_hours = set(rng.choice(np.arange(30, len(lines) - 30), 4, replace=False))
            day = mine["time"].dt.strftime("%Y-%m-%d").to_list()
            lines = [x for n, x in enumerate(lines) if day[n] not in gone and n not in gone_hours]
        if shape != "daily":
            packed.add(bar_path("spot", label), "".join(lines))
        if shape in ("daily", "both", "holed"):
            for day_label in days:
                packed.bars("spot", table, day_label)
    for label in LAST_DAYS:
        packed.bars("spot", table, label)
    folder = tmp_path_factory.mktemp("mix")
    report, tables = read(folder / "store", packed.write(folder / "m"), streams=["spot"])
    same(tables["spot"], table)
    assert "missing bars" not in found(report, "spot")
    assert report.verified == len(report.files)


# --- defects that the archive is known for ---------------------------------------------------


def test_gaps_missing_days_and_duplicates_are_counted(lab, packed, tmp_path):
    table = lab["perp"]
    hole = table["time"].between(START + 10 * DAY, START + 11 * DAY, inclusive="left")
    kept = table[~hole]
    doubled = bar_csv(kept.iloc[[3]], "perp", header=False)
    packed.bars("perp", kept, "2024-11", rows=doubled)
    packed.remove(bar_path("perp", "2025-02-02"))
    report, tables = read(tmp_path / "s", packed.write(tmp_path / "m"), streams=["perp"])
    lost = kept["time"].dt.strftime("%Y-%m-%d") == "2025-02-02"
    same(tables["perp"], kept[~lost])
    seen = found(report, "perp")
    assert seen["duplicates"] == (1, "2024-11-20 03:00")
    assert seen["missing files"] == (1, "2025-02-02 00:00")
    assert seen["missing bars"] == (48, "2024-11-30 00:00")
    assert seen["unsorted rows"] == (1, "2024-11-20 03:00")


def test_a_row_given_twice_with_other_values_counts_as_last_written(lab, packed, tmp_path):
    table = lab["perp"]
    other = table.iloc[[3]].assign(volume=1.0)
    packed.bars("perp", table, "2024-11", rows=bar_csv(other, "perp", header=False))
    report, tables = read(tmp_path / "s", packed.write(tmp_path / "m"), streams=["perp"])
    assert tables["perp"]["volume"][3] == 1.0
    assert len(tables["perp"]) == len(table)
    assert found(report, "perp")["conflicting rows"] == (1, "2024-11-20 03:00")


def test_a_month_that_is_not_there_yet_or_gone_is_made_of_days(lab, packed, tmp_path):
    packed.remove(bar_path("perp", "2025-01"))
    packed.remove(bar_path("perp", "2024-12"))
    for day in pd.date_range("2024-12-01", "2025-01-31", freq="D").strftime("%Y-%m-%d"):
        packed.bars("perp", lab["perp"], day)
    report, tables = read(tmp_path / "s", packed.write(tmp_path / "m"), streams=["perp"])
    same(tables["perp"], lab["perp"])
    # 1 month; 31 + 31 + 4 days
    assert found(report, "perp")["archive files"] == (67, "2024-11-01 00:00")
    assert "missing files" not in found(report, "perp")


def test_listing_and_delisting_are_noticed_and_not_asked_after_for_long(lab, tmp_path):
    table = lab["perp"]
    life = table[table["time"].between(*pd.to_datetime(["2024-12-10", "2024-12-20"], utc=True))]
    packed = Packed()
    packed.bars("perp", life, "2024-12")
    with serving(packed.files) as server:
        web = ArchiveSettings(binance_url=server.url, wait_seconds=0.0)
        _, tables = read(
            tmp_path,
            None,
            settings=web,
            streams=["perp", "spot"],
            since=pd.Timestamp("2022-01-01"),
            now=pd.Timestamp("2025-10-01 12:00", tz="UTC"),
        )
        daily = [p for p in server.log if "/um/daily/" in p]
    same(tables["perp"], life)
    listing = Store(tmp_path).read("bn").listings["BTC"]
    assert listing.listed_at == pd.Timestamp("2024-12-10", tz="UTC")
    assert listing.delisted_at == pd.Timestamp("2024-12-20 01:00", tz="UTC")
    # January 2025, and the last day of the file's life, of which the month lacks hours at its end
    assert len(daily) == 31


def test_rows_of_zero_and_bars_off_the_grid_are_left_out_and_counted(lab, packed, tmp_path):
    table = lab["spot"]
    lines = bar_csv(table[table["time"] < START + 11 * DAY], "spot", header=False).splitlines()
    stamp = int(lines[4].partition(",")[0])
    lines[4] = lines[4].replace(str(stamp), str(stamp + 14_000))
    lines[7] = ",".join([lines[7].split(",")[0], "0", "0", "0", "0", *lines[7].split(",")[5:]])
    packed.add(bar_path("spot", "2024-11"), "\n".join(lines) + "\n")
    report, tables = read(tmp_path / "s", packed.write(tmp_path / "m"), streams=["spot"])
    same(tables["spot"], table.drop(index=[4, 7]))
    assert found(report, "spot")["bars off the grid"] == (1, "2024-11-20 04:00:14.000000")
    assert found(report, "spot")["empty rows"] == (1, "2024-11-20 07:00")


def metrics_archive(packed: Packed, days: dict[str, tuple[str, float]]) -> None:
    for day, (first, level) in days.items():
        packed.metrics(day, metric_lines(day, first, level))


def test_open_interest_is_the_last_snapshot_of_each_bar(lab, packed, tmp_path):
    metrics_archive(packed, {d: ("00:05", 1000.0 * (n + 1)) for n, d in enumerate(LAST_DAYS)})
    zero = metric_lines(LAST_DAYS[1], "00:05", 2000.0)
    zero[11] = zero[11].replace("2011.0", "0")  # the snapshot of 01:00: 00:55 takes its place
    packed.metrics(LAST_DAYS[1], zero)
    report, tables = read(
        tmp_path / "s", packed.write(tmp_path / "m"), since=pd.Timestamp("2025-02-01")
    )
    table = tables["open_interest"]
    # 12 snapshots to the hour: at 01:00 the twelfth, 11 above the day's first
    first, second = table.iloc[0], table.iloc[24]
    assert (first["time"], first["open_interest"]) == (
        pd.Timestamp("2025-02-01 01:00", tz="UTC"),
        1011.0,
    )
    assert first["available"] == first["time"]
    assert (second["time"], second["open_interest"]) == (
        pd.Timestamp("2025-02-02 00:55", tz="UTC"),
        2010.0,
    )
    assert len(table) == 96
    assert table["time"].iloc[-1] == pd.Timestamp("2025-02-05 00:00", tz="UTC")
    assert found(report, "open_interest")["zeros"] == (1, "2025-02-02 01:00")
    assert tables["long_short"]["ratio"].unique().tolist() == [1.5]


def test_metrics_labelled_by_their_start_are_not_known_before_they_were_taken(raw_bars, tmp_path):
    """Since 2026-06-25 a snapshot's stamp is five minutes older than the snapshot."""
    packed, bars = Packed(), raw_bars(72, "2026-06-24")
    for day in ("2026-06-24", "2026-06-25", "2026-06-26"):
        packed.bars("perp", bars, day)
    packed.metrics("2026-06-24", metric_lines("2026-06-24", "00:05", 1000.0))
    packed.metrics("2026-06-25", metric_lines("2026-06-25", "00:00", 2000.0))
    packed.metrics("2026-06-26", metric_lines("2026-06-26", "00:00", 3000.0))
    report, tables = read(
        tmp_path / "s",
        packed.write(tmp_path / "m"),
        since=pd.Timestamp("2026-06-24"),
        now=pd.Timestamp("2026-06-27 10:00", tz="UTC"),
        streams=["perp", "open_interest"],
    )
    known = tables["open_interest"].set_index("available")["open_interest"]
    assert known[pd.Timestamp("2026-06-25 00:00", tz="UTC")] == 1287.0
    # labels 00:00 … 00:55 were taken at 00:05 … 01:00
    assert known[pd.Timestamp("2026-06-25 01:00", tz="UTC")] == 2011.0
    assert known[pd.Timestamp("2026-06-26 00:00", tz="UTC")] == 2287.0
    assert known[pd.Timestamp("2026-06-26 01:00", tz="UTC")] == 3011.0
    assert found(report, "open_interest")["stamps moved"] == (576, "2026-06-25 00:00")


#: what the archive once held as a whole day (binance-public-data, issue 211)
BARE = "2023-01-21,BTCUSDT,98666.163,2236289208.197267,0.7666,1.1363,0.8333,0.9253"


def test_a_metric_stamped_with_a_bare_date_is_that_of_the_day_s_start(raw_bars, tmp_path):
    packed = Packed()
    for day in ("2023-01-20", "2023-01-21"):
        packed.bars("perp", raw_bars(48, "2023-01-20"), day)
    packed.metrics("2023-01-20", metric_lines("2023-01-20", "00:05", 1000.0))
    packed.metrics("2023-01-21", [BARE])
    _, tables = read(
        tmp_path / "s",
        packed.write(tmp_path / "m"),
        since=pd.Timestamp("2023-01-20"),
        now=pd.Timestamp("2023-01-22 10:00", tz="UTC"),
        streams=["perp", "open_interest"],
    )
    last = tables["open_interest"].iloc[-1]
    assert last["open_interest"] == 98666.163
    assert last["time"] == last["available"] == pd.Timestamp("2023-01-21", tz="UTC")


@pytest.mark.shared
def test_the_price_within_a_bare_date_is_the_mark_at_the_day_s_start(shared_data):
    """Value over coins is the mark price of one moment: 00:00 of the day, no later one."""
    coins, value = (float(field) for field in BARE.split(",")[2:4])
    marks = pd.read_parquet(
        shared_data / "binance_1h" / "binance_BTC_2020-01-01_2026-03-06.parquet",
        columns=["timestamp", "mark_price_binance"],
    ).set_index("timestamp")["mark_price_binance"]
    near: Any = marks.loc["2023-01-19":"2023-01-23"]
    found = near[np.isclose(near, value / coins, rtol=1e-9)]
    # of the bar that closes at 00:00
    assert found.index.tolist() == [pd.Timestamp("2023-01-20 23:00", tz=near.index.tz)]


def test_contracts_on_a_thousand_coins_are_given_per_coin(raw_bars, tmp_path):
    packed, bars = Packed(), raw_bars(48, "2025-02-01")
    for day in LAST_DAYS[:2]:
        packed.bars("perp", bars, day, symbol="1000PEPEUSDT")
        packed.bars("spot", bars, day, symbol="PEPEUSDT")
    report, tables = read(
        tmp_path / "s",
        packed.write(tmp_path / "m"),
        coins=["PEPE"],
        since=pd.Timestamp("2025-02-01"),
        streams=["perp", "spot"],
    )
    assert tables["perp"]["close"].iloc[0] == 0.1  # 100 for a thousand
    assert tables["perp"]["volume"].iloc[0] == 10_000.0
    assert tables["spot"]["close"].iloc[0] == 100.0
    assert found(report, "perp")["multiple"] == (48, "")


def test_smaller_bars_are_joined_to_the_size_asked_for(raw_bars, tmp_path):
    packed = Packed()
    packed.bars("perp", raw_bars(24, "2025-02-01"), "2025-02-01")
    _, tables = read(
        tmp_path / "s",
        packed.write(tmp_path / "m"),
        bar="3h",
        since=pd.Timestamp("2025-02-01"),
        streams=["perp"],
    )
    first = tables["perp"].iloc[0]
    # closes 100, 101, 102; open 99; highs to 104, lows from 97
    assert first[["open", "high", "low", "close", "volume"]].tolist() == [99, 104, 97, 102, 30]
    assert len(tables["perp"]) == 8


def test_what_takers_bought_is_kept_and_summed_where_it_is_possible(raw_bars, tmp_path):
    packed = Packed()
    # 10 coins an hour, of which takers buy 4; at 04:00 the file claims 11, at 07:00 nothing
    bought = [4.0, 4.0, 4.0, 4.0, 11.0, 4.0, 4.0, "", *[4.0] * 16]
    packed.bars("perp", raw_bars(24, "2025-02-01").assign(taker_buy_volume=bought), "2025-02-01")
    packed.bars("spot", raw_bars(24, "2025-02-01"), "2025-02-01")
    mirror, since = packed.write(tmp_path / "m"), pd.Timestamp("2025-02-01")
    report, tables = read(tmp_path / "1h", mirror, since=since, streams=["perp", "spot"])
    column = tables["perp"]["taker_buy_volume"]
    assert column.isna().to_numpy().nonzero()[0].tolist() == [4, 7]
    assert column.dropna().unique().tolist() == [4.0]
    assert found(report, "perp")["taker volume"] == (1, "2025-02-01 04:00")
    # a file that never says it has no such column
    assert "taker_buy_volume" not in tables["spot"]
    _, joined = read(tmp_path / "3h", mirror, since=since, streams=["perp"], bar="3h")
    # a bar of three hours knows it only where all three do
    column = joined["perp"]["taker_buy_volume"]
    assert column.isna().to_numpy().nonzero()[0].tolist() == [1, 2]
    assert column.dropna().unique().tolist() == [12.0]
    assert joined["perp"]["volume"].unique().tolist() == [30.0]


def test_ratios_of_top_traders_and_takers_are_kept(lab, packed, tmp_path):
    lines = metric_lines(LAST_DAYS[0], "00:05", 1000.0)
    lines[11] = lines[11].replace(",1.1,1.2,1.5,0.9", ",0,1.2,1.5,")  # the snapshot of 01:00
    packed.metrics(LAST_DAYS[0], lines)
    report, tables = read(
        tmp_path / "s", packed.write(tmp_path / "m"), since=pd.Timestamp("2025-02-01")
    )
    names = ["ratio", "top_accounts_ratio", "top_positions_ratio", "taker_ratio"]
    table = tables["long_short"].set_index("time")
    one, two = (table.loc[pd.Timestamp(f"2025-02-01 0{h}:00", tz="UTC"), names] for h in (1, 2))
    assert one.isna().tolist() == [False, True, False, True]
    assert two.tolist() == [1.5, 1.1, 1.2, 0.9]
    assert found(report, "long_short")["top_accounts_ratio of 0"] == (1, "2025-02-01 01:00")


# --- refusals --------------------------------------------------------------------------------


def test_a_file_under_another_files_name_is_refused(lab, packed, tmp_path):
    wrong = packed.files[bar_path("perp", "2024-12")]
    packed.put(bar_path("perp", "2024-11"), wrong)
    with pytest.raises(DataError, match=r"BTCUSDT-1h-2024-11\.zip, row 1.*2024-12-01") as error:
        read(tmp_path / "s", packed.write(tmp_path / "m"), streams=["perp"])
    assert "under another's name" in error.value.hint
    assert not (tmp_path / "s" / "bn").exists()


@pytest.mark.parametrize(
    ("csv", "rule"),
    [
        ("1,2,3\n", "must have 12 columns"),
        ("open_time,open,high,low\n1733011200000,1,1,1\n", "column close is missing"),
        ("1733011200000,1,2,x,1,1,0,0,0,0,0,0\n", "low must be a number"),
        ("17,1,2,1,1,1,0,0,0,0,0,0\n", "milliseconds or microseconds"),
        ("1733011200000,1,2,1,3,1,0,0,0,0,0,0\n", "close must lie between low and high"),
    ],
)
def test_a_csv_of_another_shape_is_refused(csv, rule, packed, tmp_path):
    packed.add(bar_path("spot", "2024-12"), csv)
    with pytest.raises(DataError, match=rule):
        read(tmp_path / "s", packed.write(tmp_path / "m"), streams=["spot"])


def test_metrics_of_another_symbol_are_refused(packed, tmp_path):
    lines = metric_lines("2025-02-01", "00:05", 1.0)
    packed.metrics("2025-02-01", [line.replace("BTCUSDT", "ETHUSDT") for line in lines])
    with pytest.raises(DataError, match="BTCUSDT; got ETHUSDT"):
        read(tmp_path / "s", packed.write(tmp_path / "m"), streams=["perp", "open_interest"])


def test_a_coin_that_the_archive_does_not_have_is_an_error(packed, tmp_path):
    with pytest.raises(DataError, match="NONEUSDT"):
        read(tmp_path / "s", packed.write(tmp_path / "m"), coins=["NONE"])


def test_arguments_are_checked_before_anything_is_read(tmp_path):
    with pytest.raises(DataError, match="no folder data/"):
        read(tmp_path, tmp_path)
    (tmp_path / "data").mkdir()
    with pytest.raises(ParameterError, match="coin's name"):
        read(tmp_path, tmp_path, coins=["../BTC"])
    with pytest.raises(UnknownNameError, match="perp"):
        read(tmp_path, tmp_path, streams=["prep"])
    with pytest.raises(DataError, match="since must be before until"):
        read(tmp_path, tmp_path, since=NOW)
    with pytest.raises(ParameterError, match="at least one coin"):
        read(tmp_path, tmp_path, coins=[])
    with pytest.raises(ParameterError, match="attempts"):
        ArchiveSettings(attempts=0)


def test_a_data_set_of_other_bars_is_not_mixed_with_these(packed, tmp_path):
    mirror = packed.write(tmp_path / "m")
    before, _ = read(tmp_path / "s", mirror, streams=["perp"])
    with pytest.raises(DataError, match="1h bars; got 2h"):
        read(tmp_path / "s", mirror, streams=["perp"], bar="2h")
    assert Store(tmp_path / "s").read("bn").fingerprint == before.imported.fingerprint


def test_metrics_are_looked_for_only_while_the_coin_has_bars(raw_bars, tmp_path):
    packed = Packed()
    packed.bars("perp", raw_bars(24, "2025-02-03"), "2025-02-03")
    with serving(packed.files) as server:
        web = ArchiveSettings(binance_url=server.url, wait_seconds=0.0)
        read(tmp_path, None, settings=web, streams=["perp", "open_interest"])
        asked = [p for p in server.log if "/metrics/" in p and "/BTCUSDT/" in p]
    assert asked == [metrics_path("2025-02-03")]
