"""Import by manifest: defects are coped with and counted, or refused with nothing stored."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import DatasetSpec, load_spec
from fadefollow.market.importing import clean
from fadefollow.market.importing.files import import_files, read_files
from fadefollow.market.store.store import Store
from fadefollow.market.streams import stream

HOUR = pd.Timedelta(hours=1)
PERP = """
[[files]]
stream = "perp"
path = "{coin}_perp.csv"
"""


@pytest.fixture
def source(tmp_path, raw_bars) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    raw_bars(24).to_csv(folder / "BTC_perp.csv", index=False)
    return folder


@pytest.fixture
def store(tmp_path) -> Path:
    return tmp_path / "store"


def spec(tmp_path: Path, files: str = PERP, bar: str = "1h") -> DatasetSpec:
    path = tmp_path / "demo.toml"
    path.write_text(f'title = "Demo"\nsource = "files"\nbar = "{bar}"\n{files}')
    return load_spec(path)


def rules(report) -> dict[str, int]:
    return {f.rule: f.count for f in report.findings}


def test_files_become_a_data_set(tmp_path, source, store):
    steps = []
    report = import_files(
        spec(tmp_path),
        "demo",
        source,
        store,
        progress=lambda text, done: steps.append((text, done)),
    )
    assert report.tables == {"BTC": {"perp": 24}}
    assert (report.files, report.rows, report.findings) == (1, 24, ())
    assert steps == [("reading BTC_perp.csv", 0.0), ("storing", 1.0)]
    market = open_dataset(spec(tmp_path), "demo", store).markets["BTC"]
    assert market.column("perp", "close")[[0, -1]].tolist() == [100, 123]


def test_the_same_files_give_the_same_fingerprint(tmp_path, source):
    one = import_files(spec(tmp_path), "demo", source, tmp_path / "a")
    two = import_files(spec(tmp_path), "other", source, tmp_path / "b")
    assert one.fingerprint == two.fingerprint


def test_parquet_with_a_named_index_and_other_column_names(tmp_path, source, store, raw_bars):
    frame = raw_bars(5).rename(columns={"close": "c"}).set_index("time")
    frame.index.name = "stamp"
    frame.to_parquet(source / "ETH.parquet")
    text = """
[[files]]
stream = "perp"
path = "{coin}.parquet"
time = "stamp"
columns = { open = "open", high = "high", low = "low", close = "c" }
"""
    report = import_files(spec(tmp_path, text), "demo", source, store)
    assert report.tables == {"ETH": {"perp": 5}}


def test_stamps_in_epoch_milliseconds(tmp_path, source, store, raw_bars):
    frame = raw_bars(5)
    frame["time"] = frame["time"].dt.as_unit("ms").astype("int64")
    frame.to_csv(source / "BTC_perp.csv", index=False)
    with pytest.raises(DataError, match=r"times must be time stamps.*\n.*time_unit"):
        import_files(spec(tmp_path), "demo", source, store)
    report = import_files(spec(tmp_path, PERP + 'time_unit = "ms"'), "demo", source, store)
    assert report.rows == 5


def test_a_scale_brings_percent_into_fractions(tmp_path, source, store, raw_funding):
    raw_funding(9, rate=0.01).drop(columns="interval_hours").to_csv(
        source / "BTC_funding.csv", index=False
    )
    files = PERP + '[[files]]\nstream = "funding"\npath = "{coin}_funding.csv"\n'
    with pytest.raises(DataError, match="looks like percent"):
        import_files(spec(tmp_path, files), "demo", source, store)
    assert not (store / "demo").exists()
    import_files(spec(tmp_path, files + "scale = { rate = 0.01 }"), "demo", source, store)
    market = open_dataset(spec(tmp_path), "demo", store).markets["BTC"]
    assert market.table("funding")["rate"].tolist() == pytest.approx(
        [1e-4] * 4
    )  # by the last close


def test_missing_and_incomplete_rows_are_left_out_and_counted(tmp_path, source, store, raw_bars):
    frame = raw_bars(10)
    frame.loc[[3, 4], ["open", "high", "low", "close"]] = np.nan
    frame.loc[7, "low"] = np.nan
    frame.to_csv(source / "BTC_perp.csv", index=False)
    report = import_files(spec(tmp_path), "demo", source, store)
    assert rules(report) == {"rows without values": 2, "incomplete rows": 1}
    close = open_dataset(spec(tmp_path), "demo", store).markets["BTC"].column("perp", "close")
    np.testing.assert_array_equal(np.flatnonzero(np.isnan(close)), [3, 4, 7])


def test_reserves_become_netflow_with_a_lag(tmp_path, source, store):
    (source / "reserves.csv").write_bytes(
        b"\xef\xbb\xbfDate,Data\n2024.1.1,100\n2024.1.2,130\n2024.1.4,90\n2024.1.5,95\n"
    )
    files = (
        PERP
        + """
[[files]]
stream = "netflow"
path = "reserves.csv"
coin = "BTC"
time = "Date"
time_format = "%Y.%m.%d"
timezone = "UTC"
columns = { reserve_coins = "Data" }
difference = { netflow_coins = "reserve_coins" }
"""
    )
    report = import_files(spec(tmp_path, files), "demo", source, store)
    # the change after the missing 3 January is not that of one day
    assert rules(report) == {"first row": 1, "incomplete rows": 1}
    table = Store(store).load("demo", "BTC", manifest=Store(store).read("demo"))["netflow"]
    assert table["netflow_coins"].tolist() == [30, 5]
    assert table["available"][0] == pd.Timestamp("2024-01-04 00:00Z")


def funding_frame(hours: list[float]) -> pd.DataFrame:
    times = pd.Timestamp("2022-11-09", tz="UTC") + pd.to_timedelta(hours, unit="h")
    return pd.DataFrame({"time": times, "rate": 1e-4})


def test_intervals_are_inferred_from_the_gap_before():
    frame, _ = clean.infer_intervals(
        funding_frame([0, 8, 16, 20, 24, 26, 27, 35, 59]), stream("funding")
    )
    assert frame["interval_hours"].tolist() == [8, 8, 8, 4, 4, 2, 1, 8, 8]


def contract(hours: int, start: str) -> pd.DataFrame:
    close = 100.0 + np.arange(hours) % 7
    times = pd.date_range(start, periods=hours, freq="h")
    return pd.DataFrame(
        {"time": times, "open": close, "high": close + 1, "low": close - 1, "close": close}
    )


def test_a_contract_ends_at_expiry_without_its_stale_tail_and_wild_first_bar():
    frame = contract(60, "2023-09-27")
    frame.loc[0, ["high", "low"]] = [130.0, 90.0]
    frame.loc[50:, ["open", "high", "low", "close"]] = 104.0
    expiry = pd.Timestamp("2023-09-29 08:00Z")  # hour 56
    kept, findings = clean.trim_contract(frame, stream("future"), expiry)
    assert kept.index.tolist() == list(range(1, 50))
    assert {f.rule: f.count for f in findings} == {
        "rows after expiry": 4,
        "stale tail": 6,
        "wild first bar": 1,
    }


def test_a_quiet_contract_keeps_every_bar_before_expiry():
    frame = contract(60, "2023-09-27")
    kept, findings = clean.trim_contract(frame, stream("future"), pd.Timestamp("2023-12-29 08:00Z"))
    assert len(kept) == 60
    assert findings == ()


def test_the_expiry_comes_from_the_files_name(tmp_path, source, store):
    (source / "BTCUSDT").mkdir()
    contract(40, "2024-01-01").to_csv(source / "BTCUSDT" / "240329.csv", index=False)
    (source / "BTCUSDT" / "premium_index.csv").write_text("not a contract")
    files = (
        PERP
        + """
[[files]]
stream = "future"
path = "{coin}USDT/{expiry}.csv"
timezone = "UTC"
"""
    )
    report = import_files(spec(tmp_path, files), "demo", source, store)
    assert (report.tables["BTC"]["future"], report.files) == (40, 2)
    table = Store(store).load("demo", "BTC", manifest=Store(store).read("demo"))["future"]
    assert table["expiry"].unique().tolist() == [pd.Timestamp("2024-03-29 08:00Z")]


def test_eight_hour_bars_need_their_first_and_last_hour(tmp_path, source, store, raw_bars):
    frame = raw_bars(32).drop(index=[2, 8, 23]).reset_index(drop=True)
    frame.to_csv(source / "BTC_perp.csv", index=False)
    report = import_files(spec(tmp_path, PERP + 'bar = "1h"', "8h"), "demo", source, store)
    assert rules(report) == {"bars with holes": 1, "incomplete bars": 2}
    table = open_dataset(spec(tmp_path, bar="8h"), "demo", store).markets["BTC"].table("perp")
    assert table["time"].dt.day.tolist() == [1, 2]
    first = table.iloc[0]
    assert (first["open"], first["high"], first["low"], first["close"]) == (99, 109, 97, 107)
    assert first["volume"] == 70  # of seven hours
    assert table["available"].tolist() == [
        pd.Timestamp("2024-01-01 08:00Z"),
        pd.Timestamp("2024-01-02 08:00Z"),
    ]


def test_mark_closes_are_resampled_to_the_last_hours(tmp_path, source, store, raw_bars):
    raw_bars(16)[["time", "close"]].to_csv(source / "BTC_mark.csv", index=False)
    files = PERP + 'bar = "1h"\n[[files]]\nstream = "mark"\npath = "{coin}_mark.csv"\nbar = "1h"'
    import_files(spec(tmp_path, files, "8h"), "demo", source, store)
    market = open_dataset(spec(tmp_path, bar="8h"), "demo", store).markets["BTC"]
    np.testing.assert_array_equal(market.column("mark", "close"), [107, 115, np.nan])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"BTC_perp.csv: the file is empty"),
        (b"time,open,high,low,close\n", r"BTC_perp.csv: the file has no rows"),
        (b"a,b\n1,2\n", r"column time is missing; got columns a, b"),
        (b"time,open\n2024-01-01T00:00Z,1\n", r"perp needs the columns high, low, close"),
        (b"time,open,high,low,close\n2024-01-01,1,1,1,1\n", r"times must carry a time zone"),
        (b"time,open,high,low,close\nsoon,1,1,1,1\n", r"row 1, column time: .* got 'soon'"),
        (
            b"time,open,high,low,close\n2024-01-01T00:00Z,1,1,1,1\n2024-01-01T01:00Z,1,1,1,x\n",
            r"BTC_perp.csv, row 2, column close: close must be a number \(USDT\); got 'x'",
        ),
        (b'time,open,high,low,close\n2024-01-01T00:00Z,1,1,1,1\n2,3\n"', r"BTC_perp.csv"),
        (b"\xff\xfe\x00rubbish", r"cannot read the file as CSV"),
    ],
)
def test_an_ugly_file_is_refused_and_nothing_is_stored(tmp_path, source, store, content, message):
    import_files(spec(tmp_path), "demo", source, store)
    before = {p: p.read_bytes() for p in store.rglob("*") if p.is_file()}
    (source / "BTC_perp.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        import_files(spec(tmp_path), "demo", source, store)
    assert {p: p.read_bytes() for p in store.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("keep", [0, 10, -50])
def test_a_truncated_parquet_file_is_refused(tmp_path, source, store, raw_bars, keep):
    path = source / "BTC_perp.parquet"
    raw_bars(5).to_parquet(path)
    path.write_bytes(path.read_bytes()[:keep])
    files = PERP.replace(".csv", ".parquet")
    with pytest.raises(DataError, match=r"BTC_perp.parquet: cannot read the file as Parquet"):
        import_files(spec(tmp_path, files), "demo", source, store)
    assert not store.exists()


def test_a_second_bad_file_stops_a_strict_import(tmp_path, source, store, raw_bars):
    raw_bars(5).assign(close=-1.0).to_csv(source / "ETH_perp.csv", index=False)
    with pytest.raises(DataError, match=r"ETH_perp.csv, row 1, column close"):
        import_files(spec(tmp_path), "demo", source, store, strict=True)
    assert not store.exists()
    report = import_files(spec(tmp_path), "demo", source, store)
    assert list(report.tables) == ["BTC"]
    assert list(report.left_out) == ["ETH"]


def test_files_that_are_absent_are_named(tmp_path, source, store):
    files = PERP + '[[files]]\nstream = "spot"\npath = "{coin}_spot.csv"'
    with pytest.raises(DataError, match=r"no files for spot match \{coin\}_spot.csv"):
        import_files(spec(tmp_path, files), "demo", source, store)
    with pytest.raises(DataError, match="for ETH"):
        import_files(spec(tmp_path, PERP + 'coins = ["BTC", "ETH"]'), "demo", source, store)
    with pytest.raises(DataError, match="--from must be an existing folder"):
        import_files(spec(tmp_path), "demo", source / "nowhere", store)


@pytest.mark.parametrize("name", ["<script>", "btc", "a b", "B.T.C"])
def test_a_hostile_file_name_is_refused(tmp_path, source, store, raw_bars, name):
    raw_bars(5).to_csv(source / f"{name}_perp.csv", index=False)
    with pytest.raises(ParameterError, match=re.escape(f"{name}_perp.csv: a coin's name must be")):
        import_files(spec(tmp_path), "demo", source, store)
    assert not store.exists()


def test_files_may_follow_each_other_and_overlap_where_they_agree(
    tmp_path, source, store, raw_bars
):
    files = PERP.replace("_perp", "_*")
    raw_bars(48)[20:].to_csv(source / "BTC_late.csv", index=False)
    report = import_files(spec(tmp_path, files), "demo", source, store)
    assert (report.rows, report.findings) == (48, ())


@pytest.mark.parametrize(("side", "close"), [("first", 999.0), ("last", 120.0)])
def test_files_that_contradict_each_other_are_named_unless_one_is_said_to_count(
    tmp_path, source, store, raw_bars, side, close
):
    files = PERP.replace("_perp", "_*")
    raw_bars(26)[20:].assign(close=999.0, high=999.0).to_csv(source / "BTC_late.csv", index=False)
    with pytest.raises(DataError) as caught:
        import_files(spec(tmp_path, files), "demo", source, store)
    assert caught.value.where == "BTC_late.csv and BTC_perp.csv"
    assert caught.value.got == (
        "high 999.0 and 122.0 at 2024-01-01 20:00 (and 3 more records that differ)"
    )
    read = read_files(spec(tmp_path, files + f'overlap = "{side}"'), source)
    assert read.tables["BTC"]["perp"]["close"][[20, 25]].tolist() == [close, 999]
    assert [(f.rule, f.count) for f in read.findings] == [("files overlap", 4)]


HEAD = "time,open,high,low,close,volume\n"
ROW = "2024-01-01T00:00Z,100,102,97,100,10\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD + ROW + "2024-01-01T01:00Z,100,1", r"the last line must have 6 fields; got 3"),
        (HEAD + ROW + "2024-01-01T01:00Z,100,1\n", r"the last line must have 6 fields; got 3"),
        (HEAD + ROW + "2024-01-01T01:00Z,100,102,97,101,", r"got '' below '10'"),
        (HEAD + ROW[:-3] + "1.00\n" + "2024-01-01T01:00Z,100,102,97,101,1.0", r"got '1.0' below"),
        (HEAD + ROW + '2024-01-01T01:00Z,"100",102\n', r"the last line must have 6 fields"),
        (HEAD.replace("volume", "close") + ROW, r"unique; got close more than once"),
        (HEAD + ROW.replace("2024", "9999"), r"row 1, column time: times must lie between 2009"),
        (HEAD + ROW.replace("2024", "1700"), r"row 1, column time: times must lie between 2009"),
        (HEAD + ROW.replace("2024", "0001"), r"row 1, column time: times must"),
        (
            HEAD + ROW.replace(",102,", ",1e300,"),
            r"row 1, column high: high must be at most 1e\+12",
        ),
    ],
)
def test_a_cut_or_crooked_csv_is_refused(tmp_path, source, store, text, message):
    (source / "BTC_perp.csv").write_text(text)
    with pytest.raises(DataError, match=r"BTC_perp\.csv.*" + message):
        import_files(spec(tmp_path), "demo", source, store)
    assert not store.exists()


def test_quoted_line_breaks_and_other_line_ends_are_whole(tmp_path, source, store):
    (source / "BTC_perp.csv").write_bytes((HEAD + ROW).replace("\n", "\r\n").encode())
    (source / "news.csv").write_text('time,kind,text\n2024-01-01T00:00Z,hack,"two\nlines"\n')
    news = PERP + '[[files]]\nstream = "news"\npath = "news.csv"\ncoin = "BTC"\n'
    report = import_files(spec(tmp_path, news), "demo", source, store)
    assert report.tables == {"BTC": {"perp": 1, "news": 1}}


@pytest.mark.parametrize("stamp", [1e30, 253_402_300_800_000, -9e12])
def test_impossible_epochs_are_refused(tmp_path, source, store, stamp):
    (source / "BTC_perp.csv").write_text(HEAD + ROW.replace("2024-01-01T00:00Z", str(stamp)))
    with pytest.raises(DataError, match="row 1, column time: times must"):
        import_files(spec(tmp_path, PERP + 'time_unit = "ms"'), "demo", source, store)


def test_parquet_with_a_column_twice_or_impossible_years_is_refused(tmp_path, source, store):
    files, path = PERP.replace(".csv", ".parquet"), source / "BTC_perp.parquet"
    stamps = pa.array([253_402_300_000], pa.timestamp("s", "UTC"))
    prices = [pa.array([1.0])] * 4
    pq.write_table(pa.table([stamps, *prices], ["time", "open", "high", "low", "close"]), path)
    with pytest.raises(DataError, match=r"column time: times must lie between 2009"):
        import_files(spec(tmp_path, files), "demo", source, store)
    pq.write_table(pa.table([stamps, *prices], ["time", "open", "high", "close", "close"]), path)
    with pytest.raises(DataError, match=r"unique; got close more than once"):
        import_files(spec(tmp_path, files), "demo", source, store)


NETFLOW = (
    PERP
    + """
[[files]]
stream = "netflow"
path = "reserves.csv"
coin = "BTC"
timezone = "UTC"
columns = { reserve_coins = "coins" }
difference = { netflow_coins = "reserve_coins" }
"""
)


@pytest.mark.parametrize(
    ("days", "coins", "message"),
    [
        ("123", "1 abc 3", r"row 2, column reserve_coins: .*a number \(coins\); got 'abc'"),
        ("132", "1 2 3", r"row 3, column time: times must ascend"),
        ("122", "1 2 3", r"row 3, column time: times must not repeat"),
    ],
)
def test_crooked_reserves_are_refused_before_they_are_differenced(
    tmp_path, source, store, days, coins, message
):
    rows = [f"2024-01-0{d},{c}\n" for d, c in zip(days, coins.split(), strict=True)]
    (source / "reserves.csv").write_text("time,coins\n" + "".join(rows))
    with pytest.raises(DataError, match=r"reserves\.csv, " + message):
        import_files(spec(tmp_path, NETFLOW), "demo", source, store)
    assert not store.exists()


def test_a_contract_with_text_or_without_a_price_is_refused(tmp_path, source, store):
    files = PERP + '[[files]]\nstream = "future"\npath = "{coin}/{expiry}.csv"\n'
    (source / "BTC").mkdir()
    path = source / "BTC" / "240329.csv"
    path.write_text(HEAD + ROW + ROW.replace("102", "abc").replace("T00", "T01"))
    with pytest.raises(DataError, match=r"240329\.csv, row 2, column high: .* got 'abc'"):
        import_files(spec(tmp_path, files), "demo", source, store)
    path.write_text((HEAD + ROW).replace("high", "hi"))
    with pytest.raises(DataError, match=r"240329\.csv: future needs the column high"):
        import_files(spec(tmp_path, files), "demo", source, store)
    path.rename(path.with_name("991231.csv"))
    odd = files + 'expiry_format = "%d%m%y"\n'
    with pytest.raises(DataError, match=r"991231\.csv: the file's name must contain an expiry"):
        import_files(spec(tmp_path, odd), "demo", source, store)
