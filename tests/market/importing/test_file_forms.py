"""Forms in which people keep market data: containers, times, numbers, coins and contract names."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fadefollow.errors import DataError, FadeFollowError, ParameterError
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.containers import json_table
from fadefollow.market.importing.files import ReadFiles, read_files
from fadefollow.market.infer.preview import preview

HEAD = "time,open,high,low,close,volume\n"
PRICES = "100,102,97,101,10"
PLACES = 'columns = { open = "2", high = "3", low = "4", close = "5", volume = "6" }\n'


def read(folder: Path, *entries: str, bar: str = "1h") -> ReadFiles:
    """What `[[files]]` entries read from a folder; each begins with a stream and a path."""
    text = f'title = "t"\nsource = "files"\nbar = "{bar}"\n'
    for entry in entries:
        kind, path, more = entry.split(" ", 2)
        text += f'[[files]]\nstream = "{kind}"\npath = "{path}"\n{more}\n'
    toml = folder / "spec.toml"
    toml.write_text(text, encoding="utf-8")
    return read_files(load_spec(toml), folder)


def perp(read: ReadFiles, coin: str = "BTC") -> pd.DataFrame:
    return read.tables[coin]["perp"]


def csv(folder: Path, *stamps: object, name: str = "BTC.csv", head: str = HEAD) -> None:
    (folder / name).write_text(head + "".join(f"{stamp},{PRICES}\n" for stamp in stamps))


def opens(read: ReadFiles) -> list[str]:
    return perp(read)["time"].dt.strftime("%m-%d %H:%M").tolist()


# containers


def test_gzip_feather_and_json_are_read_by_their_extensions(tmp_path, raw_bars):
    bars = raw_bars(5)
    (tmp_path / "A.csv.gz").write_bytes(gzip.compress(bars.to_csv(index=False).encode()))
    bars.rename(columns={"time": "date"}).to_feather(tmp_path / "B_USDT_USDT-1h-futures.feather")
    stamps = bars["time"].dt.as_unit("ms").astype("int64")
    rows = np.column_stack([stamps, bars.drop(columns="time")]).tolist()
    (tmp_path / "C_USDT_USDT-1h-futures.json").write_text(json.dumps(rows))
    made = read(
        tmp_path,
        "perp {coin}.csv.gz ",
        'perp {coin}_USDT_USDT-1h-futures.feather time = "date"',
        'perp {coin}_USDT_USDT-1h-futures.json time = "1"\ntime_unit = "ms"\n' + PLACES,
    )
    assert [perp(made, coin)["close"].tolist() for coin in "ABC"] == [[100, 101, 102, 103, 104]] * 3
    assert perp(made, "C")["time"][4] == pd.Timestamp("2024-01-01 04:00Z")


def test_json_objects_hold_numbers_as_text(tmp_path, raw_bars):
    raw_bars(9).to_csv(tmp_path / "BTC.csv", index=False)
    rows = [{"fundingTime": "1704067200007", "fundingRate": "0.00010000", "symbol": "BTCUSDT"}]
    rows += [{**rows[0], "fundingTime": "1704096000000"}]
    (tmp_path / "BTC.json").write_text(json.dumps(rows))
    columns = 'time = "fundingTime"\ntime_unit = "ms"\ncolumns = { rate = "fundingRate" }'
    funding = read(tmp_path, "perp {coin}.csv ", f"funding {{coin}}.json {columns}")
    table = funding.tables["BTC"]["funding"]
    assert table["rate"].tolist() == [1e-4, 1e-4]
    assert table["time"].dt.hour.tolist() == [0, 8]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"code": 0, "data": []}', "; got an object with the keys code, data"),
        (b"[]", "a.json: the file has no rows"),
        (b"[1, 2]", "; got a list of other things"),
        (b"[[1, 2], [1]]", "; got 1 to 2"),
        (b'[{"a": 1, "a": 2}]', "; got a more than once"),
        (b" ", "a.json: the file is empty"),
    ],
)
def test_json_of_another_shape_is_refused(text, message):
    with pytest.raises(DataError) as caught:
        json_table(text, "a.json")
    assert str(caught.value).endswith(message)


@pytest.mark.parametrize(
    ("name", "data", "rule"),
    [
        ("BTC.csv.gz", gzip.compress(HEAD.encode())[:-6], "cannot unpack the .gz"),
        ("BTC.csv.gz", b"plain text", "cannot unpack the .gz"),
        ("BTC.csv.gz", gzip.compress(bytes(40 << 20)), "a .gz must unpack to at most"),
        ("BTC.feather", b"ARROW1 and no more", "cannot read the file as Feather"),
        ("BTC.json", b"[[1, 2", "cannot read the file as JSON"),
        ("BTC.json", b"[" * 100_000, "cannot read the file as JSON"),
        ("BTC.json", b"[[" + b"9" * 5000 + b"]]", "cannot read the file as JSON"),
        ("BTC.xls", b"?", "the file's extension must be one of"),
    ],
    ids=["cut gz", "no gz", "huge gz", "feather", "cut json", "deep json", "long json", "xls"],
)
def test_a_damaged_or_unknown_container_is_refused(tmp_path, name, data, rule):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(DataError) as caught:
        read(tmp_path, f"perp {name.replace('BTC', '{coin}')} ")
    assert caught.value.rule.startswith(rule)
    assert caught.value.where == name


def test_an_index_that_parquet_keeps_in_its_metadata_only_is_read(tmp_path, raw_bars):
    bars = raw_bars(5).drop(columns="time").assign(symbol=pd.Categorical(["BTCUSDT"] * 5))
    start = 1_704_067_200_000
    bars.index = pd.RangeIndex(start, start + 5 * 3_600_000, 3_600_000, name="open_time")
    bars.to_parquet(tmp_path / "BTC.parquet")
    assert "open_time" not in pq.read_schema(tmp_path / "BTC.parquet").names
    made = read(tmp_path, 'perp {coin}.parquet time = "open_time"\ntime_unit = "ms"')
    assert perp(made)["time"].tolist() == raw_bars(5)["time"].tolist()


@pytest.mark.parametrize(
    ("name", "kind", "column"),
    [("A.csv.gz", "csv", "time"), ("A.feather", "feather", "time"), ("A.json", "json", "1")],
)
def test_a_look_at_a_file_sees_what_an_import_reads(tmp_path, raw_bars, name, kind, column):
    bars = raw_bars(3)
    (tmp_path / "A.csv.gz").write_bytes(gzip.compress(bars.to_csv(index=False).encode()))
    bars.to_feather(tmp_path / "A.feather")
    (tmp_path / "A.json").write_text(json.dumps([[1704067200000 + n, 1.5] for n in range(3)]))
    seen = preview(tmp_path / name, name)
    assert (seen.kind, seen.columns[0], len(seen.head), len(seen.tail)) == (kind, column, 3, 3)
    assert seen.header is (kind != "json")


def test_a_look_sees_the_index_that_is_in_the_metadata_only(tmp_path):
    frame = pd.DataFrame({"close": np.arange(6000.0)})
    frame.index = pd.RangeIndex(10, 60_010, 10, name="stamp")
    frame.to_parquet(tmp_path / "A.parquet")
    seen = preview(tmp_path / "A.parquet", "A.parquet")
    assert seen.columns == ("close", "stamp")
    assert (seen.head["stamp"].iloc[0], seen.tail["stamp"].iloc[-1]) == (10, 60_000)


# lines, headers, numbers


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
def test_lines_end_as_they_did_on_any_machine(tmp_path, end):
    csv(tmp_path, "2024-01-01T00:00Z", "2024-01-01T01:00Z")
    path = tmp_path / "BTC.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", end.encode()))
    assert opens(read(tmp_path, "perp {coin}.csv ")) == ["01-01 00:00", "01-01 01:00"]


def test_a_whole_last_row_without_a_line_break_is_read_and_noted(tmp_path):
    csv(tmp_path, "2024-01-01T00:00Z", "2024-01-01T01:00Z")
    path = tmp_path / "BTC.csv"
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    made = read(tmp_path, "perp {coin}.csv ")
    assert perp(made)["volume"].tolist() == [10, 10]
    assert [(f.symbol, f.stream, f.rule, f.count) for f in made.findings] == [
        ("BTC", "perp", "no final line break", 1)
    ]


def test_places_map_files_with_and_without_a_header(tmp_path):
    csv(tmp_path, 1704067200000, name="BTC-1.csv", head="")
    csv(tmp_path, 1704070800000, name="BTC-2.csv", head=HEAD.replace("time", "open_time"))
    entry = 'perp {coin}-*.csv time = "1"\ntime_unit = "ms"\n' + PLACES
    assert opens(read(tmp_path, entry)) == ["01-01 00:00", "01-01 01:00"]
    csv(tmp_path, 1704070800000, name="BTC-2.csv", head="time,high,open,low,close,volume\n")
    with pytest.raises(DataError, match=r"BTC-2.csv: open must be in the column 2; got .* high"):
        read(tmp_path, entry)


def test_decimal_commas_are_read_where_they_are_declared(tmp_path):
    rows = "01.01.2024 00:00;100,5;102,25;97;101;1\n01.01.2024 01:00;101;102;97;101;,5\n"
    (tmp_path / "BTC.csv").write_text(HEAD.replace(",", ";") + rows)
    entry = 'perp {coin}.csv time_format = "%d.%m.%Y %H:%M"\ntimezone = "UTC"\n'
    made = perp(read(tmp_path, entry + 'decimal = ","'))
    assert made.loc[0, ["open", "high"]].tolist() == [100.5, 102.25]
    assert made["volume"].tolist() == [1, 0.5]
    with pytest.raises(DataError, match=r"row 1, column open: .*'100,5'.*\n.*decimal = \",\""):
        read(tmp_path, entry)


def test_a_declared_delimiter_wins_over_the_first_line(tmp_path):
    csv(tmp_path, "2024-01-01T00:00Z")
    path = tmp_path / "BTC.csv"
    path.write_text(path.read_text().replace(",", ":").replace("T00:00Z", ""))
    made = read(tmp_path, 'perp {coin}.csv delimiter = ":"\ntimezone = "UTC"')
    assert perp(made)["close"].tolist() == [101]


def test_numbers_as_text_and_as_decimals_are_read_exactly(tmp_path):
    stamps = pa.array([1704067200, 1704070800], pa.timestamp("s", "UTC"))
    texts = pa.array(["100.10000000", "100.2"])
    decimals = texts.cast(pa.decimal128(20, 8))
    names = ["time", "open", "high", "low", "close", "volume"]
    pq.write_table(
        pa.table([stamps, texts, decimals, texts, decimals, pa.array(["1e2", ""])], names=names),
        tmp_path / "BTC.parquet",
    )
    table = perp(read(tmp_path, "perp {coin}.parquet "))
    assert table["open"].tolist() == table["high"].tolist() == [100.1, 100.2]
    np.testing.assert_array_equal(table["volume"], [100, np.nan])


# times


@pytest.mark.parametrize("form", ["", 'time_format = "%Y-%m-%dT%H:%M:%S%z"'])
def test_offsets_are_read_as_such_even_if_they_change(tmp_path, form):
    csv(tmp_path, "2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00")
    assert opens(read(tmp_path, f"perp {{coin}}.csv {form}")) == ["03-31 00:00", "03-31 01:00"]


def test_offsets_in_some_rows_only_are_refused(tmp_path):
    csv(tmp_path, "2024-03-31T01:00:00+01:00", "2024-03-31 03:00:00")
    with pytest.raises(DataError, match="row 2, column time: either all times carry an offset"):
        read(tmp_path, 'perp {coin}.csv timezone = "UTC"')


def test_local_times_are_told_apart_where_the_clock_is_put_back(tmp_path):
    stamps = [f"2023-10-29 0{hour}:00" for hour in "12234"]
    csv(tmp_path, *stamps)
    entry = 'perp {coin}.csv timezone = "Europe/Berlin"'
    assert opens(read(tmp_path, entry)) == ["10-28 23:00"] + [f"10-29 0{h}:00" for h in range(4)]
    with pytest.raises(DataError, match=r"row 3, column time: times must not repeat.*\n.*local ti"):
        read(tmp_path, entry.replace("Europe/Berlin", "UTC"))
    del stamps[2]
    csv(tmp_path, *stamps)
    with pytest.raises(DataError, match=r"row 2, column time: .*once.* 02:00:00, .* passes twice"):
        read(tmp_path, entry)
    csv(tmp_path, "2023-03-26 01:00", "2023-03-26 02:00", "2023-03-26 03:00")
    with pytest.raises(DataError, match=r"row 2, column time: .*once.* 02:00:00, .* skips"):
        read(tmp_path, entry)


@pytest.mark.parametrize(
    ("stamp", "declared", "fits"),
    [
        (1704067200, "ms", 'time_unit = "s"'),
        (1704067200000, "s", 'time_unit = "ms"'),
        (1704067200000000, "ns", 'time_unit = "us"'),
        (1704067200000000000, "ms", 'time_unit = "ns"'),
        (45292.0, "s", "spreadsheet"),
        (1704067200000, "", 'time_unit = "ms"'),
    ],
)
def test_numbers_of_another_unit_are_refused_with_the_unit_that_fits(
    tmp_path, stamp, declared, fits
):
    csv(tmp_path, stamp)
    unit = f'time_unit = "{declared}"' if declared else ""
    with pytest.raises(DataError, match="row 1, column time: times must ") as caught:
        read(tmp_path, f"perp {{coin}}.csv {unit}")
    assert fits in caught.value.hint


def test_stamps_that_a_spreadsheet_rounded_get_no_advice_to_drop_rows(tmp_path):
    csv(tmp_path, "1.70407E+12", "1.70407E+12", "1.70408E+12")
    with pytest.raises(DataError, match=r"row 2, column time: stamps .*all their digits") as caught:
        read(tmp_path, 'perp {coin}.csv time_unit = "ms"')
    assert "spreadsheet" in caught.value.hint
    assert "drop" not in caught.value.hint


def test_an_entry_ends_before_until_and_begins_with_since(tmp_path, raw_bars):
    raw_bars(72).to_csv(tmp_path / "BTC.csv", index=False)
    made = read(tmp_path, "perp {coin}.csv since = 2024-01-02\nuntil = 2024-01-02T06:00:00+02:00")
    assert opens(made) == [f"01-02 0{hour}:00" for hour in range(4)]
    assert {f.rule: f.count for f in made.findings} == {"older rows": 24, "later rows": 44}
    parts = ["perp {coin}.csv until = 2024-01-02", "perp {coin}.csv since = 2024-01-02"]
    assert len(perp(read(tmp_path, *parts))) == 72
    with pytest.raises(DataError, match=r"no rows of perp between since and until"):
        read(tmp_path, "perp {coin}.csv since = 2025-01-01")


def test_a_files_first_settlement_has_its_interval_from_the_file_before(tmp_path, raw_bars):
    raw_bars(48).to_csv(tmp_path / "BTC_perp.csv", index=False)
    for number, hours in ((1, (0, 8, 16)), (2, (24, 28, 32))):
        times = [pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(hours=h) for h in hours]
        pd.DataFrame({"time": times, "rate": 1e-4}).to_csv(
            tmp_path / f"BTC-{number}.csv", index=False
        )
    made = read(tmp_path, "perp {coin}_perp.csv ", "funding {coin}-*.csv ")
    assert made.tables["BTC"]["funding"]["interval_hours"].tolist() == [8, 8, 8, 8, 4, 4]


# coins and contracts

LONG = """time,symbol,open,high,low,close
2024-01-01T00:00Z,BTCUSDT,100,101,99,100
2024-01-01T00:00Z,ETHUSDT,10,11,9,10
2024-01-01T01:00Z,BTCUSDT,100,101,99,100
2024-01-01T02:00Z,ETHUSDT,10,11,9,10
"""
BY_SYMBOL = 'perp all.csv coin_column = "symbol"\ncoin_format = "{coin}USDT"\n'


def test_one_long_file_holds_many_coins(tmp_path):
    (tmp_path / "all.csv").write_text(LONG)
    made = read(tmp_path, BY_SYMBOL)
    assert {c: (len(perp(made, c)), perp(made, c)["close"][1]) for c in made.tables} == {
        "BTC": (2, 100),
        "ETH": (2, 10),
    }
    assert list(read(tmp_path, BY_SYMBOL + 'coins = ["ETH"]').tables) == ["ETH"]
    with pytest.raises(DataError, match=r"all.csv: no rows of perp of XRP"):
        read(tmp_path, BY_SYMBOL + 'coins = ["BTC", "XRP"]')
    with pytest.raises(
        DataError, match=r"symbol must contain coins as \{coin\}-SWAP; got 'BTCUSDT'"
    ):
        read(tmp_path, BY_SYMBOL.replace("{coin}USDT", "{coin}-SWAP"))
    (tmp_path / "all.csv").write_text(LONG.replace(",10,11,9,10", ",10,11,9,x"))
    with pytest.raises(DataError, match=r"row 2, column close: close must be a number"):
        read(tmp_path, BY_SYMBOL)


def test_two_coins_are_never_stored_as_one(tmp_path):
    apart = "\n".join(line for line in LONG.splitlines() if "T00:00Z,ETH" not in line)
    (tmp_path / "all.csv").write_text(apart + "\n")  # no time comes twice
    with pytest.raises(DataError) as caught:
        read(tmp_path, 'perp all.csv coin = "BTC"')
    assert (caught.value.where, caught.value.got) == (
        "all.csv",
        "BTCUSDT, ETHUSDT in the column symbol",
    )
    assert 'coin_column = "symbol" with coin_format = "{coin}USDT"' in caught.value.hint


def test_two_coins_in_two_files_are_never_stored_as_one(tmp_path):
    head, *rows = LONG.splitlines()
    (tmp_path / "a.csv").write_text(f"{head}\n{rows[0]}\n")
    (tmp_path / "b.csv").write_text(f"{head}\n{rows[3]}\n")
    with pytest.raises(DataError, match=r"a.csv and b.csv: .* got BTCUSDT and ETHUSDT in the col"):
        read(tmp_path, 'perp *.csv coin = "BTC"')


def test_contracts_of_one_coin_may_share_a_file(tmp_path):
    csv(tmp_path, "2025-01-01T00:00Z")
    rows = "".join(
        f"2025-01-01T0{hour}:00Z,BTC-{name},{when},100,101,99,100\n"
        for hour in (0, 1)
        for name, when in (("7FEB25", "2025-02-07T08:00Z"), ("28MAR25", "2025-03-28T08:00Z"))
    )
    (tmp_path / "futures.csv").write_text("time,instrument,expiry,open,high,low,close\n" + rows)
    columns = ", ".join(f"{n} = '{n}'" for n in ("expiry", "open", "high", "low", "close"))
    columns = f"columns = {{ {columns} }}"
    made = read(
        tmp_path, 'perp BTC.csv coin = "BTC"', f'future futures.csv coin = "BTC"\n{columns}'
    )
    assert len(made.tables["BTC"]["future"]) == 4


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("%d%b%y", ["BTC-7FEB25", "BTC-28MAR25"]),
        ("%y%m%d", ["BTC-250207", "BTC-250328"]),
        ("%Y-%m-%d", ["BTC-2025-02-07", "BTC-2025-03-28"]),
    ],
)
def test_contracts_are_named_by_their_expiry_in_many_ways(tmp_path, written, names):
    for name in [*names, "BTC-PERPETUAL"]:
        csv(tmp_path, "2025-01-01T00:00Z", name=f"{name}.csv")
    made = read(
        tmp_path,
        'perp BTC-PERPETUAL.csv coin = "BTC"',
        f'future {{coin}}-{{expiry}}.csv expiry_format = "{written}"',
    )
    assert made.tables["BTC"]["future"]["expiry"].tolist() == [
        pd.Timestamp("2025-02-07 08:00Z"),
        pd.Timestamp("2025-03-28 08:00Z"),
    ]


def test_a_coin_and_an_expiry_may_come_twice_in_a_path(tmp_path):
    (tmp_path / "BTC").mkdir()
    csv(tmp_path, "2024-01-01T00:00Z", name="BTC/BTCUSDT.csv")
    csv(tmp_path, "2024-01-01T00:00Z", name="BTC/ETHUSDT.csv")
    csv(tmp_path, "2024-01-01T00:00Z", name="BTC/240329_240329.csv")
    made = read(tmp_path, "perp {coin}/{coin}USDT.csv ", "future {coin}/{expiry}_{expiry}.csv ")
    assert {c: list(streams) for c, streams in made.tables.items()} == {"BTC": ["perp", "future"]}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('timezone = "Mars/Phobos"', r"timezone: .*no such time zone; got 'Mars/Phobos'"),
        ('timezone = "Europe/Berlim"', r"did you mean 'Europe/Berlin'"),
        ("scale = { close = 0 }", r"scale of close must be a number other than 0"),
        ("scale = { close = nan }", r"scale of close must be a number other than 0; got nan"),
        ('time_unit = "min"', r"'time_unit': .*'s', 'ms', 'us' or 'ns'; got 'min'"),
        ('expiry_format = "%d%m"', r"expiry_format must contain %y or %Y"),
        ('coin_format = "USDT"', r"coin_format must contain \{coin\}"),
        ('coin_column = "symbol"', r"with coin_column, path must not"),
        ('delimiter = "ab"', r"delimiter must be a single character"),
        ('decimal = ";"', r"'decimal'"),
        ("since = 2024-01-02\nuntil = 2024-01-02", r"since must be before until"),
        ('overlap = "both"', r"'overlap': .*'first' or 'last'"),
    ],
)
def test_a_key_with_a_value_that_does_not_exist_is_refused(tmp_path, more, message):
    with pytest.raises(FadeFollowError, match=message) as caught:
        read(tmp_path, f"perp {{coin}}.csv {more}")
    assert "number 1" in str(caught.value)
    assert isinstance(caught.value, ParameterError) or "key" in caught.value.where
