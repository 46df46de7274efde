"""Coin Metrics' community CSV: flows, reserve and hash rate, and when they were known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.errors import DataError, UnknownNameError
from fadefollow.market.archives import ArchiveReport, ArchiveSettings, archive_job
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.store.store import Store
from tests.support.archives.packing import Packed
from tests.support.archives.server import serving

HEADER = (
    "time,AdrActCnt,AssetEODCompletionTime,FlowInExNtv,FlowOutExNtv,HashRate,PriceUSD,SplyExNtv"
)
DAY = pd.Timedelta(days=1)
NOW = pd.Timestamp("2024-01-06 12:00", tz="UTC")


def stamp(text: str) -> int:
    return int(pd.Timestamp(text, tz="UTC").timestamp())


ROWS = [
    # complete soon, very late, never said, and long after: reckoned anew
    f"2024-01-01,900000.0,{stamp('2024-01-02 01:00')},100.0,40.5,500000000.0,42000.0,2000000.0",
    f"2024-01-02,900000.0,{stamp('2024-01-04 08:30')},50.0,80.0,510000000.0,43000.0,1999970.0",
    "2024-01-03,900000.0,,10.0,10.0,520000000.0,43000.0,1999970.0",
    f"2024-01-04,900000.0,{stamp('2024-06-01')},,10.0,530000000.0,43000.0,1999970.0",
    f"2024-01-05,900000.0,{stamp('2024-01-06 02:00')},7.0,2.0,540000000.0,43000.0,1999975.0",
    "2024-01-06,,,,,,43000.0,",
]


def mirror(folder: Path, rows: list[str] = ROWS, header: str = HEADER) -> Path:
    (folder / "csv").mkdir(parents=True, exist_ok=True)
    (folder / "csv" / "btc.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


@pytest.fixture
def store(raw_bars, tmp_path) -> Path:
    """A store that has BTC's bars."""
    packed, bars = Packed(), raw_bars(144, "2024-01-01")
    for day in range(1, 7):
        packed.bars("perp", bars, f"2024-01-0{day}")
    archive_job(
        "binance-archive",
        FetchRequest(["BTC"], pd.Timestamp("2024-01-01"), streams=["perp"]),
        store_root=tmp_path / "store",
        dataset="bn",
        now=pd.Timestamp("2024-01-08", tz="UTC"),
        settings=ArchiveSettings(mirror=packed.write(tmp_path / "bn")),
    )
    return tmp_path / "store"


def read(store: Path, source: Path | None, **options) -> tuple[ArchiveReport, dict]:
    since, streams = pd.Timestamp("2024-01-01"), options.pop("streams", ())
    request = FetchRequest(["BTC"], since, options.pop("until", None), streams)
    settings = replace(options.pop("settings", ArchiveSettings()), mirror=source)
    options = {"store_root": store, "dataset": "bn", "now": NOW, "settings": settings, **options}
    report = archive_job("coinmetrics", request, **options)
    kept = Store(store)
    return report, kept.load("bn", "BTC", manifest=kept.read("bn"))


def test_flows_become_netflow_and_join_the_bars(store, tmp_path):
    before = Store(store).read("bn").tables["BTC"]["perp"].content
    report, tables = read(store, mirror(tmp_path / "cm"))
    netflow = tables["netflow"]
    assert netflow["netflow_coins"].tolist() == [59.5, -30.0, 0.0, 5.0]
    assert netflow["reserve_coins"].tolist() == [2e6, 1999970.0, 1999970.0, 1999975.0]
    assert netflow["time"].dt.strftime("%m-%d").tolist() == ["01-01", "01-02", "01-03", "01-05"]
    assert tables["hash_rate"]["hash_rate"].tolist() == [500.0, 510.0, 520.0, 530.0, 540.0]
    assert Store(store).read("bn").tables["BTC"]["perp"].content == before
    seen = {f.rule: f.count for f in report.imported.findings if f.stream == "netflow"}
    assert seen == {"caveat": 1, "incomplete rows": 1, "missing days": 1}


def test_a_day_is_known_when_it_was_complete_but_not_before_the_lag(store, tmp_path):
    _, tables = read(store, mirror(tmp_path / "cm"))
    known = tables["netflow"]["available"].dt.strftime("%m-%d %H:%M").tolist()
    # 24 h after the day's end; 01-02 was complete only on the 4th
    assert known == ["01-03 00:00", "01-04 08:30", "01-05 00:00", "01-07 00:00"]
    soon = ArchiveSettings(lag_hours=0)
    _, tables = read(store, mirror(tmp_path / "cm"), settings=soon)
    known = tables["netflow"]["available"].dt.strftime("%m-%d %H:%M").tolist()
    assert known == ["01-02 01:00", "01-04 08:30", "01-04 00:00", "01-06 02:00"]


def test_a_completion_long_after_the_day_says_nothing(store, tmp_path):
    _, tables = read(store, mirror(tmp_path / "cm"), streams=["hash_rate"])
    assert tables["hash_rate"]["available"][3] == pd.Timestamp("2024-01-06", tz="UTC")
    assert "netflow" not in tables


def test_the_network_gives_the_same(store, tmp_path):
    data = mirror(tmp_path / "cm").joinpath("csv", "btc.csv").read_bytes()
    with serving({"csv/btc.csv": data}) as server:
        server.faults["csv/btc.csv"] = ["503", "page", "cut"]
        web = ArchiveSettings(coinmetrics_url=server.url, wait_seconds=0.0)
        report, tables = read(store, None, settings=web)
    assert tables["netflow"]["netflow_coins"].tolist() == [59.5, -30.0, 0.0, 5.0]
    assert (report.origin, report.fetched) == (server.url, 1)


def test_a_later_file_revises_the_days_before(store, tmp_path):
    read(store, mirror(tmp_path / "cm"))
    later = [ROWS[0].replace(",40.5,", ",40.0,"), *ROWS[1:]]
    report, tables = read(store, mirror(tmp_path / "cm", later))
    assert tables["netflow"]["netflow_coins"][0] == 60.0
    seen = {f.rule: f.count for f in report.imported.findings if f.stream == "netflow"}
    assert seen["revised values"] == 1


@pytest.mark.parametrize(
    ("header", "rows", "rule"),
    [
        (
            HEADER.replace("SplyExNtv", "SplyCur"),
            ROWS,
            "column SplyExNtv is missing; got 8 other columns",
        ),
        (HEADER.replace("time,", "date,"), ROWS, "column time is missing"),
        (HEADER, [*ROWS[:2], "2024-01-03,1,"], "last line is cut off"),
        (HEADER, [ROWS[0].replace("100.0", "many")], "FlowInExNtv must be a number"),
        (HEADER, [ROWS[0].replace("2024-01-01", "yesterday")], "times must be ISO 8601"),
        (HEADER, [ROWS[0], ROWS[0]], "times must not repeat"),
    ],
)
def test_a_file_of_another_shape_is_refused(header, rows, rule, store, tmp_path):
    with pytest.raises(DataError, match=rule) as error:
        read(store, mirror(tmp_path / "cm", rows, header))
    assert "btc.csv" in error.value.where


def test_flows_need_bars_in_the_data_set(tmp_path):
    with pytest.raises(DataError, match="needs perp or spot bars") as error:
        read(tmp_path / "store", mirror(tmp_path / "cm"))
    assert "fetch its bars into this data set first" in error.value.hint


def test_unknown_coins_and_streams_are_refused(store, tmp_path):
    (tmp_path / "cm" / "csv").mkdir(parents=True)
    with pytest.raises(DataError, match=r"csv/btc\.csv: Coin Metrics has no file"):
        read(store, tmp_path / "cm")
    with pytest.raises(UnknownNameError, match="netflow"):
        read(store, mirror(tmp_path / "cm"), streams=["netflows"])
    with pytest.raises(DataError, match="no folder csv/"):
        read(store, tmp_path / "store")
