"""The guess: real formats map as the stock data sets do; ugly files are told of, never imported."""

from __future__ import annotations

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.jobs.infer_mapping import guess_job
from fadefollow.market.datasets.spec import DatasetSpec, load_spec
from fadefollow.market.importing.csvs import form_of
from fadefollow.market.importing.files import read_files
from fadefollow.market.infer.choice import interest_of, rate_of, words
from fadefollow.market.infer.mapping import InferredMapping, infer_mapping
from fadefollow.market.infer.names import infer_name, infer_names
from fadefollow.market.infer.preview import preview
from fadefollow.market.infer.reasons import doubt
from fadefollow.market.infer.times import infer_time
from fadefollow.market.store.store import content_hash
from fadefollow.workspace import find_workspace
from tests.support.paths import ROOT

N = 300


def bars(freq: str = "h") -> pd.DataFrame:
    close = 100.0 * np.exp(0.01 * np.sin(np.arange(N) * 1.3))
    open_ = np.append(close[0], close[:-1])
    times = pd.date_range("2024-01-01", periods=N, freq=freq, tz="UTC")
    frame = pd.DataFrame({"time": times, "open": open_, "high": np.maximum(open_, close) * 1.001})
    frame["low"] = np.minimum(open_, close) * 0.999
    return frame.assign(close=close, volume=5.5)


def epochs(frame: pd.DataFrame, unit: str) -> pd.DataFrame:
    return frame.assign(time=frame["time"].dt.tz_convert(None).dt.as_unit(unit).astype("int64"))


def mapped(made: InferredMapping, tmp_path: Path) -> DatasetSpec:
    path = tmp_path / "guessed.toml"
    path.write_text(made.text, encoding="utf-8")
    return load_spec(path)


def hashes(spec: DatasetSpec, source: Path) -> dict[tuple[str, str], str]:
    tables = read_files(spec, source).tables
    return {(c, n): content_hash(t) for c, streams in tables.items() for n, t in streams.items()}


@pytest.fixture
def source(tmp_path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_epochs_headers_and_separators(source, tmp_path, unit, header, separator):
    epochs(bars(), unit).to_csv(
        source / "BTCUSDT_perp.csv", index=False, header=header, sep=separator
    )
    made = infer_mapping(source, title="x")
    table = read_files(mapped(made, tmp_path), source).tables["BTC"]["perp"]
    expected = bars()
    assert table["time"].tolist() == expected["time"].tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert table[name].tolist() == expected[name].tolist()
    assert any("no header" in doubt for doubt in made.doubts) == (not header)


@pytest.mark.parametrize(
    ("written", "format"),
    [
        ("%Y.%m.%d %H:%M", "%Y.%m.%d %H:%M"),
        ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M"),
        ("%Y-%m-%dT%H:%M:%SZ", None),
        ("%Y-%m-%d %H:%M", None),
    ],
)
def test_times_as_text(written, format):
    found = infer_time(pd.DataFrame({"day": bars()["time"].dt.strftime(written)}))
    assert found is not None
    assert (found.format, found.naive, found.bar) == (format, not written.endswith("Z"), "1h")


def test_of_two_columns_called_t_the_small_one_is_the_open():
    opens = epochs(bars(), "ms")["time"]
    found = infer_time(pd.DataFrame({"t": opens, "T": opens + 3_599_999}))
    assert found is not None
    assert (found.column, found.unit, found.bar) == ("t", "ms", "1h")


def test_a_date_that_can_be_read_twice_is_doubtful():
    days = pd.date_range("2024-01-01", periods=10, freq="D").strftime("%m/%d/%Y")
    found = infer_time(pd.DataFrame({"Date": days}))
    assert found is not None
    assert found.format == "%m/%d/%Y"
    assert found.doubts == (doubt("the times could also be %d/%m/%Y"),)


@pytest.mark.parametrize(
    ("where", "pattern", "coin"),
    [
        ("a/BTCUSDT.parquet", "a/{coin}USDT.parquet", "BTC"),
        ("BTC-USDT_1h.csv", "{coin}-USDT_1h.csv", "BTC"),
        ("x/binance_SOL_2020-08-11_2026-03-06.csv", "x/binance_{coin}_*.csv", "SOL"),
        ("ETHUSDT/230929.csv", "{coin}USDT/{expiry}.csv", "ETH"),
        ("1000PEPEUSDT-1h-2024-01.zip", "{coin}USDT-1h-*.zip", "1000PEPE"),
        ("bitcoin_flows.csv", "bitcoin_flows.csv", "BTC"),
        ("flows.csv", "flows.csv", None),
        ("AUSDT_4h.parquet", "{coin}USDT_4h.parquet", "A"),
        ("BUSDT_4h.parquet", "{coin}USDT_4h.parquet", "B"),
        ("4USDT_4h.parquet", "{coin}USDT_4h.parquet", "4"),
        ("W-USDT-SWAP.csv", "{coin}-USDT-SWAP.csv", "W"),
        ("1000SHIB_perp.csv", "{coin}_perp.csv", "1000SHIB"),
        ("BTC_USDT_USDT-1h-futures.csv", "{coin}_USDT_USDT-1h-futures.csv", "BTC"),
        ("BTC-7FEB25.csv", "{coin}-{expiry}.csv", "BTC"),
        ("BTC_1h_2024.csv", "{coin}_1h_*.csv", "BTC"),
        ("BTC/BTCUSDT_1h.csv", "{coin}/{coin}USDT_1h.csv", "BTC"),
        ("ETH/BTCUSDT_1h.csv", "ETH/{coin}USDT_1h.csv", "BTC"),
        ("OKX_ETH.csv", "OKX_{coin}.csv", "ETH"),
        ("btcusdt_1h.csv", "btcusdt_1h.csv", "BTC"),
        ("hourly_perp.csv", "hourly_perp.csv", None),
        ("BUSD.csv", "BUSD.csv", None),
    ],
)
def test_path_yields_pattern_and_coin(where, pattern, coin):
    found = infer_name(where)
    assert (found.pattern, found.coin) == (pattern, coin)


def test_short_names_are_read_as_their_neighbours_are():
    names = infer_names(["p/BTC_1h.csv", "p/W_1h.csv", "p/4_1h.csv", "p/DATA_1h.csv", "q/4_1h.csv"])
    assert {w: (n.pattern, n.coin) for w, n in names.items()} == {
        "p/BTC_1h.csv": ("p/{coin}_1h.csv", "BTC"),
        "p/W_1h.csv": ("p/{coin}_1h.csv", "W"),
        "p/4_1h.csv": ("p/{coin}_1h.csv", "4"),
        "p/DATA_1h.csv": ("p/DATA_1h.csv", None),
        "q/4_1h.csv": ("q/4_1h.csv", None),
    }
    assert names["p/W_1h.csv"].doubt is None
    assert names["p/4_1h.csv"].doubt == doubt(
        "4 is assumed to be a coin, as in the files beside it"
    )


def test_the_folder_speaks_for_files_that_name_no_coin():
    found = infer_names(["perp.csv", "ETH_perp.csv"], folder="SOL")
    assert [n.coin for n in found.values()] == ["SOL", "ETH"]
    text = "SOL is the name of the folder; no file name says which coin this is"
    assert found["perp.csv"].doubt == doubt(text)
    assert infer_names(["perp.csv"], folder="OKX")["perp.csv"].coin is None


def test_a_file_that_names_no_coin_gets_none(source, tmp_path):
    bars().to_csv(source / "perp.csv", index=False)
    made = infer_mapping(source, title="x")
    assert made.streams == {"perp": ("?",)}
    assert 'coin = "?"' in made.text
    assert any("set coin" in doubt for doubt in made.doubts)
    with pytest.raises(ParameterError, match=r"coin's name .* got '\?'"):
        mapped(made, tmp_path)


def test_names_that_no_rule_fits_are_listed_once(source, tmp_path):
    for name in ("BTC", "币安人生", "x", "y"):
        bars().to_csv(source / f"{name}.csv", index=False)
    made = infer_mapping(source, title="x")
    assert list(read_files(mapped(made, tmp_path), source).tables) == ["BTC", "币安人生"]
    (reason,) = made.left_out
    assert reason.startswith("x.csv, y.csv: no coin in the name")


def test_one_coin_in_two_units_is_doubtful(source):
    for name in ("1000SHIB_perp", "SHIB_spot", "BTC_perp"):
        bars().to_csv(source / f"{name}.csv", index=False)
    doubts = [d for d in infer_mapping(source, title="x").doubts if "two units" in d]
    assert len(doubts) == 1
    assert doubts[0].startswith("1000SHIB and SHIB")


@pytest.mark.parametrize(
    ("columns", "hours", "column"),
    [
        (("fundingRate", "relativeFundingRate"), 1, "relativeFundingRate"),
        (("funding_rate_absolute", "funding_rate"), 8, "funding_rate"),
        (("funding_rate_8h", "funding_rate_1h"), 1, "funding_rate_1h"),
        (("fundingRate1h", "fundingRate8h"), 8, "fundingRate8h"),
        (("interest_8h", "interest_1h"), 1, "interest_1h"),
        (("fundingRate", "realizedRate"), 8, "realizedRate"),
        (("predicted_rate", "rate"), 8, "rate"),
        (("fundingrate",), 8, "fundingrate"),
    ],
)
def test_of_several_rates_the_one_that_is_charged(columns, hours, column):
    found, reasons = rate_of({c: words(c) for c in columns}, hours, about=True)
    assert found == column
    assert any(r.doubtful and column in r.text for r in reasons) == (len(columns) > 1)


@pytest.mark.parametrize(
    ("column", "hours", "why"),
    [
        ("funding_rate_8h", 1, "a rolling rate"),
        ("absoluteFundingRate", 8, "money per coin"),
        ("nextFundingRate", 8, "is not the rate charged"),
    ],
)
def test_a_rate_that_nobody_is_charged_is_left_out(column, hours, why):
    found, (reason,) = rate_of({column: words(column)}, hours, about=True)
    assert found is None
    assert why in reason.text


@pytest.mark.parametrize(
    ("columns", "column", "check"),
    [
        (("oi", "oiCcy", "oiUsd"), "oiCcy", "oi in contracts"),
        (("open_interest_contracts", "open_interest"), "open_interest", "in contracts"),
        (("openInterest", "openInterestValue"), "openInterest", "in coins, not in contracts"),
        (("oi_contracts",), "oi_contracts", "set scale"),
        (("open_interest_usd",), None, ""),
    ],
)
def test_open_interest_in_coins_rather_than_in_contracts(columns, column, check):
    found, reasons = interest_of({c: words(c) for c in columns}, about=False)
    assert found == column
    assert not check or any(r.doubtful and check in r.text for r in reasons)


@pytest.mark.parametrize(
    ("factors", "column"),
    [
        ({"vol": 100.0, "volCcy": 1.0, "volCcyQuote": 0.0}, "volCcy"),  # a swap: contracts, coins
        ({"vol": 1.0, "volCcy": 0.0}, "vol"),  # spot: coins, dollars
        ({"Volume BTC": 1.0, "Volume USDT": 0.0}, "Volume BTC"),
    ],
)
def test_volume_in_coins_rather_than_in_contracts_or_dollars(source, tmp_path, factors, column):
    frame = bars().drop(columns="volume")
    coins = 5.0 + np.arange(N) % 3
    for name, factor in factors.items():
        frame[name] = coins * (factor or frame["close"])
    frame.to_csv(source / "BTC_perp.csv", index=False)
    (entry,) = mapped(infer_mapping(source, title="x"), tmp_path).files
    assert entry.columns["volume"] == column


@pytest.mark.parametrize(("rate", "scale"), [(1e-4, None), (1e-2, 0.01), (1.0, 1e-4)])
def test_funding_in_fractions_percent_and_basis_points(source, tmp_path, rate, scale):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    times = bars()["time"][::8]
    rates = rate * (1 + 0.1 * np.sin(np.arange(len(times))))
    pd.DataFrame({"fundingTime": times, "fundingRate": rates}).to_csv(
        source / "BTC_funding.csv", index=False
    )
    spec = mapped(infer_mapping(source, title="x"), tmp_path)
    (entry,) = [f for f in spec.files if f.stream == "funding"]
    assert entry.scale.get("rate") == scale
    table = read_files(spec, source).tables["BTC"]["funding"]
    assert table["rate"].abs().median() == pytest.approx(1e-4, rel=0.05)
    assert set(table["interval_hours"]) == {8.0}


def test_funding_that_is_filled_in_is_left_out(source):
    filled = bars().assign(funding_rate=np.repeat(np.linspace(1e-4, 2e-4, 38), 8)[:N])
    filled.to_csv(source / "BTC_perp.csv", index=False)
    made = infer_mapping(source, title="x")
    assert made.streams == {"perp": ("BTC",)}
    assert "filled in, not settlements" in made.left_out[0]
    assert "filled in, not settlements" in made.text


def test_quote_volume_and_open_interest_in_dollars_are_left_out(source, tmp_path):
    frame = bars().assign(quote_volume=550.0, open_interest_usd=1e9)
    frame.to_csv(source / "BTC_spot.csv", index=False)
    made = infer_mapping(source, title="x")
    (entry,) = mapped(made, tmp_path).files
    assert (entry.stream, entry.columns["volume"]) == ("spot", "volume")
    assert [reason.partition(": ")[2] for reason in made.left_out] == [
        "quote_volume is in quote currency; volume must be in coins",
        "open_interest_usd is in quote currency; open interest must be in coins",
    ]


def test_months_in_zip_files_are_one_entry(source, tmp_path):
    whole = epochs(bars(), "ms")
    for month, rows in (("2024-01", slice(0, 150)), ("2024-02", slice(150, N))):
        with zipfile.ZipFile(source / f"BTCUSDT-1h-{month}.zip", "w") as file:
            text = whole[rows].to_csv(index=False, header=False)
            file.writestr(f"BTCUSDT-1h-{month}.csv", text)
    spec = mapped(infer_mapping(source, title="x"), tmp_path)
    assert [(f.path, f.kind) for f in spec.files] == [("{coin}USDT-1h-*.zip", "csv")]
    assert len(read_files(spec, source).tables["BTC"]["perp"]) == N


def test_files_of_one_coin_in_two_forms_are_two_entries(source, tmp_path):
    months = {"2024-11": "ms", "2024-12": "ms", "2025-01": "us", "2025-02": "us"}
    for at, (month, unit) in enumerate(months.items()):
        for coin in ("BTC", "ETH"):
            rows = epochs(bars(), unit)[at * 75 : at * 75 + 75]
            rows.to_csv(source / f"{coin}USDT-1h-{month}.csv", index=False, header=unit == "us")
    spec = mapped(infer_mapping(source, title="x"), tmp_path)
    assert [(f.path, f.time_unit, f.time) for f in spec.files] == [
        ("{coin}USDT-1h-2024*.csv", "ms", "1"),
        ("{coin}USDT-1h-2025*.csv", "us", "time"),
    ]
    tables = read_files(spec, source).tables
    assert {c: len(t["perp"]) for c, t in tables.items()} == {"BTC": N, "ETH": N}
    assert tables["BTC"]["perp"]["time"].tolist() == bars()["time"].tolist()


def test_one_long_file_holds_many_coins(source, tmp_path):
    parts = [bars().assign(symbol=f"{coin}USDT") for coin in ("A", "BTC", "1000SHIB")]
    pd.concat(parts).sort_values("time", kind="stable").to_csv(source / "all.csv", index=False)
    made = infer_mapping(source, title="x")
    (entry,) = mapped(made, tmp_path).files
    assert (entry.path, entry.coin_column, entry.coin_format) == ("all.csv", "symbol", "{coin}USDT")
    assert made.streams == {"perp": ("A", "BTC", "1000SHIB")}
    tables = read_files(mapped(made, tmp_path), source).tables
    assert {c: len(t["perp"]) for c, t in tables.items()} == {"A": N, "BTC": N, "1000SHIB": N}


def test_symbols_that_no_format_fits_are_left_out(source):
    mixed = bars().assign(symbol=["BTCUSDT", "ETH-PERP"] * (N // 2))
    mixed.to_csv(source / "all.csv", index=False)
    with pytest.raises(DataError, match="symbol writes coins in several ways: BTCUSDT, ETH-PERP"):
        infer_mapping(source, title="x")


def test_decimal_commas_are_read(source, tmp_path):
    bars().to_csv(source / "BTC_perp.csv", index=False, sep=";", decimal=",")
    spec = mapped(infer_mapping(source, title="x"), tmp_path)
    assert spec.files[0].decimal == ","
    table = read_files(spec, source).tables["BTC"]["perp"]
    assert table["close"].tolist() == bars()["close"].tolist()


def test_contracts_named_by_month_are_futures(source, tmp_path):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    bars().to_csv(source / "BTC-28MAR25.csv", index=False)
    spec = mapped(infer_mapping(source, title="x"), tmp_path)
    (entry,) = [f for f in spec.files if f.stream == "future"]
    assert (entry.path, entry.expiry_format) == ("{coin}-{expiry}.csv", "%d%b%y")
    table = read_files(spec, source).tables["BTC"]["future"]
    assert table["expiry"].unique().tolist() == [pd.Timestamp("2025-03-28 08:00", tz="UTC")]


def test_local_times_get_a_zone_whose_clock_changes_fit(source, tmp_path):
    local = bars().assign(time=pd.date_range("2024-10-20", periods=N, freq="h", tz="Europe/Berlin"))
    local["time"] = local["time"].dt.tz_localize(None)
    local.to_csv(source / "BTC_perp.csv", index=False)
    made = infer_mapping(source, title="x")
    table = read_files(mapped(made, tmp_path), source).tables["BTC"]["perp"]
    assert table["time"].iloc[0] == pd.Timestamp("2024-10-19 22:00", tz="UTC")
    assert len(table) == N
    assert any("Europe/Berlin" in doubt for doubt in made.doubts)


def test_files_that_overlap_and_differ_get_a_rule(source, tmp_path):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    interest = pd.DataFrame({"time": bars()["time"], "open_interest": np.arange(N) + 10.0})
    interest[:151].to_csv(source / "BTC_oi_2024-01.csv", index=False)
    interest[150:].assign(open_interest=7.0).to_csv(source / "BTC_oi_2024-02.csv", index=False)
    made = infer_mapping(source, title="x")
    spec = mapped(made, tmp_path)
    assert [(f.stream, f.overlap) for f in spec.files] == [
        ("perp", None),
        ("open_interest", "first"),
    ]
    table = read_files(spec, source).tables["BTC"]["open_interest"]
    assert table["open_interest"].iloc[[149, 150, 151]].tolist() == [159.0, 160.0, 7.0]
    assert any("two files overlap and differ" in doubt for doubt in made.doubts)


def test_a_file_of_one_row_goes_with_its_neighbours(source, tmp_path):
    bars()[:100].to_csv(source / "BTCUSDT-1h-2024-01.csv", index=False)
    bars()[100:101].to_csv(source / "BTCUSDT-1h-2024-02.csv", index=False)
    spec = mapped(infer_mapping(source, title="x"), tmp_path)
    assert [f.path for f in spec.files] == ["{coin}USDT-1h-*.csv"]
    assert len(read_files(spec, source).tables["BTC"]["perp"]) == 101


def test_a_guess_of_one_file_maps_that_file_alone(source, tmp_path):
    bars()[:100].to_csv(source / "BTCUSDT-1h-2024-01.csv", index=False)
    bars()[100:].to_csv(source / "BTCUSDT-1h-2024-02.csv", index=False)
    spec = mapped(infer_mapping(source / "BTCUSDT-1h-2024-01.csv", title="x"), tmp_path)
    assert len(read_files(spec, source).tables["BTC"]["perp"]) == 100


def test_a_damaged_file_is_kept_out_of_the_pattern(source, tmp_path):
    for at in range(3):
        rows = bars()[at * 100 : at * 100 + 100]
        if at == 1:
            rows = rows.assign(low=-1.0)
        rows.to_csv(source / f"BTCUSDT-1h-2024-0{at + 1}.csv", index=False)
    made = infer_mapping(source, title="x")
    (reason,) = made.left_out
    assert reason.startswith("BTCUSDT-1h-2024-02.csv: an import refuses it: ")
    spec = mapped(made, tmp_path)
    assert [f.path for f in spec.files] == [f"{{coin}}USDT-1h-2024-0{n}.csv" for n in (1, 3)]
    assert len(read_files(spec, source).tables["BTC"]["perp"]) == 200


def test_files_that_hold_as_much_of_the_same_are_doubtful(source):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    bars().assign(volume=1.0).to_csv(source / "BTC_perp_other.csv", index=False)
    made = infer_mapping(source, title="x")
    assert any("check which is right" in doubt for doubt in made.doubts)


@pytest.mark.parametrize(
    ("stamps", "said"),
    [
        (np.repeat([1.70407e12, 1.70408e12], N // 2), "rounded, as spreadsheets do"),
        (45292 + np.arange(N) / 24, "counts days as spreadsheets do"),
    ],
)
def test_stamps_that_a_spreadsheet_spoilt(source, stamps, said):
    bars().assign(time=stamps).to_csv(source / "BTC_perp.csv", index=False)
    with pytest.raises(DataError, match=said):
        infer_mapping(source, title="x")


def test_bars_of_two_sizes_take_the_larger_one(source, tmp_path):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    bars("8h").to_csv(source / "ETH_perp_8h.csv", index=False)
    spec = mapped(infer_mapping(source, title="x"), tmp_path)
    assert spec.bar == pd.Timedelta(hours=8)
    tables = read_files(spec, source).tables
    assert {c: len(t["perp"]) for c, t in tables.items()} == {"BTC": N // 8, "ETH": N}


def test_two_files_of_one_coin_and_stream_give_one(source):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    bars().iloc[:50].to_csv(source / "BTC_perp_old.csv", index=False)
    made = infer_mapping(source, title="x")
    assert made.left_out == ("BTC_perp_old.csv: BTC has its perp from BTC_perp.csv",)


def test_coins_without_bars_are_left_out(source):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    pd.DataFrame({"time": bars()["time"], "open_interest": 7.5}).to_csv(
        source / "ETH_oi.csv", index=False
    )
    made = infer_mapping(source, title="x")
    assert made.streams == {"perp": ("BTC",)}
    assert made.left_out == ("{coin}_oi.csv: no bars of ETH to go with it",)


def test_ugly_files_are_told_of_and_do_no_harm(source, tmp_path):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    bars().iloc[::-1].to_csv(source / "ETH_perp.csv", index=False)
    (source / "empty.csv").write_bytes(b"")
    (source / "header.csv").write_text("time,open\n")
    (source / "twice.csv").write_text("time,open,open\n2024-01-01,2,3\n")
    (source / "latin.csv").write_bytes("time,élevé\n2024-01-01,1\n".encode("latin-1"))
    (source / "wide.csv").write_bytes("time,open\n2024-01-01,1\n".encode("utf-16"))
    (source / "words.csv").write_text("a,b\nx,y\nz,w\n")
    (source / "cut.parquet").write_bytes(b"PAR1xxxx")
    (source / "cut.zip").write_bytes(b"PK")
    (source / "notes.md").write_text("not data")
    made = infer_mapping(source, title="x")
    told = dict(reason.split(": ", 1) for reason in made.left_out)
    assert set(told) == {
        "ETH_perp.csv",
        "empty.csv",
        "header.csv",
        "twice.csv",
        "latin.csv",
        "wide.csv",
        "words.csv",
        "cut.parquet",
        "cut.zip",
    }
    assert told["empty.csv"].endswith("empty")
    assert told["twice.csv"].endswith("open more than once")
    assert "UTF-8" in told["latin.csv"]
    assert told["words.csv"] == "no column holds times"
    assert "times must ascend" in told["ETH_perp.csv"]
    assert set(read_files(mapped(made, tmp_path), source).tables) == {"BTC"}


def test_of_a_huge_file_only_the_ends_are_read(source):
    path = source / "BTC_perp.csv"
    line = "2024-01-01 00:00:00+00:00,1.0,2.0,0.5,1.5,7.0\n"
    last = line.replace("2024-01-01", "2031-01-01")
    path.write_text("time,open,high,low,close,volume\n" + line * 200_000 + last)
    seen = preview(path, "BTC_perp.csv")
    assert len(seen.head) == 5000
    assert len(seen.tail) < 5000
    assert str(seen.tail["time"].iloc[-1]).startswith("2031")


def test_a_mapping_is_written_once_and_nothing_is_imported(source, tmp_path):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    root = tmp_path / "ws"
    (root / "datasets").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.fadefollow]\n")
    workspace = find_workspace(root)
    _, path = guess_job(workspace, source)
    assert path == root / "datasets" / "files.toml"
    assert [f.path for f in load_spec(path).files] == ["{coin}_perp.csv"]
    assert [p.name for p in (root / "datasets").iterdir()] == ["files.toml"]
    path.write_text("mine")
    with pytest.raises(ParameterError, match="exists already"):
        guess_job(workspace, source)
    assert path.read_text() == "mine"
    _, single = guess_job(workspace, source / "BTC_perp.csv", "single")
    assert load_spec(single).files[0].coins == ("BTC",)


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_nothing_to_guess_is_an_error(source, tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no such file|no file looks like"):
        infer_mapping(tmp_path / name, title="x")


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("time,open", (",", True)),
        ("1704067200,1.5,2", (",", False)),
        ("2024-01-01 00:00;1,5;2", (";", False)),
        ("﻿Date,Data", (",", True)),
        ("", (",", True)),
    ],
)
def test_the_form_of_a_file_follows_from_its_first_line(line, form):
    assert form_of(line) == form


@pytest.mark.shared
@pytest.mark.parametrize(
    ("stock", "without"),
    [
        pytest.param("binance_history_8h", ("universe_4h",), marks=pytest.mark.slow),
        ("binance_history", ("binance_8h", "universe_4h")),
    ],
)
def test_real_files_map_as_the_stock_data_set_does(shared_data, tmp_path, stock, without):
    folder = tmp_path / "data"
    shutil.copytree(shared_data, folder, ignore=lambda _, names: set(names) & set(without))
    made = infer_mapping(folder, title="x")
    assert made.text.count('coin = "?"') == 1  # no name says whose the reserves are
    made = replace(made, text=made.text.replace('coin = "?"', 'coin = "BTC"'))
    found = hashes(mapped(made, tmp_path), folder)
    expected = hashes(load_spec(ROOT / f"datasets/{stock}.toml"), folder)
    # that reserves before 2019 are not wanted is a choice, which no file tells
    assert {key for key in expected if found.get(key) != expected[key]} == {("BTC", "netflow")}
    assert set(found) == set(expected)
    made = InferredMapping(
        made.text.replace("difference =", "since = 2019-01-01\ndifference ="), {}, (), (), folder
    )
    assert hashes(mapped(made, tmp_path), folder) == expected


def test_what_takers_bought_is_told_from_the_other_volumes(source):
    hours = bars()
    hours.assign(
        quote_volume=hours["volume"] * hours["close"],
        count=12,
        taker_buy_volume=hours["volume"] / 2,
        taker_buy_quote_volume=hours["volume"] / 2 * hours["close"],
    ).to_csv(source / "BTC_perp.csv", index=False)
    made = infer_mapping(source, title="x")
    assert 'taker_buy_volume = "taker_buy_volume"' in made.text


def test_the_ratios_of_binances_metrics_are_told_apart(source):
    times = pd.date_range("2024-01-01", periods=40, freq="1h").astype(str)
    names = (
        "count_toptrader_long_short_ratio",
        "sum_toptrader_long_short_ratio",
        "count_long_short_ratio",
        "sum_taker_long_short_vol_ratio",
    )
    frame = pd.DataFrame({"create_time": times} | {n: 1.0 + i for i, n in enumerate(names)})
    frame.to_csv(source / "BTC_metrics.csv", index=False)
    bars().to_csv(source / "BTC_perp.csv", index=False)
    text = infer_mapping(source, title="x").text
    for column, name in zip(
        ("top_accounts_ratio", "top_positions_ratio", "ratio", "taker_ratio"), names, strict=True
    ):
        assert f'{column} = "{name}"' in text
