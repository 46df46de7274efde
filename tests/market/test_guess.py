"""The guess: real formats map as the stock data sets do; ugly files are told of, never imported."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.guessing import guess_job
from fadefollow.market.csvs import form_of
from fadefollow.market.files import read_files
from fadefollow.market.guess import Guess, guess
from fadefollow.market.guess_names import guess_name
from fadefollow.market.guess_times import guess_time
from fadefollow.market.peek import peek
from fadefollow.market.spec import DatasetSpec, load_spec
from fadefollow.market.store import content_hash
from fadefollow.workspace import find_workspace

ROOT = Path(__file__).parents[2]
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


def mapped(made: Guess, tmp_path: Path) -> DatasetSpec:
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
    made = guess(source, title="x")
    table = read_files(mapped(made, tmp_path), source).tables["BTC"]["perp"]
    expected = bars()
    assert table["time"].tolist() == expected["time"].tolist()
    for name in ("open", "high", "low", "close", "volume"):
        assert table[name].tolist() == expected[name].tolist()
    assert any("no header" in doubt for doubt in made.doubts) == (not header)


@pytest.mark.parametrize(
    ("written", "format"),
    [("%Y.%m.%d %H:%M", "%Y.%m.%d %H:%M"), ("%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M"),
     ("%Y-%m-%dT%H:%M:%SZ", None), ("%Y-%m-%d %H:%M", None)],
)  # fmt: skip
def test_times_as_text(written, format):
    found = guess_time(pd.DataFrame({"day": bars()["time"].dt.strftime(written)}))
    assert found is not None
    assert (found.format, found.naive, found.bar) == (format, not written.endswith("Z"), "1h")


def test_a_date_that_can_be_read_twice_is_doubtful():
    days = pd.date_range("2024-01-01", periods=10, freq="D").strftime("%m/%d/%Y")
    found = guess_time(pd.DataFrame({"Date": days}))
    assert found is not None
    assert found.format == "%m/%d/%Y"
    assert found.doubts == ("? the times could also be %d/%m/%Y",)


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
    ],
)
def test_what_a_path_says(where, pattern, coin):
    found = guess_name(where)
    assert (found.pattern, found.coin) == (pattern, coin)


@pytest.mark.parametrize(("rate", "scale"), [(1e-4, None), (1e-2, 0.01), (1.0, 1e-4)])
def test_funding_in_fractions_percent_and_basis_points(source, tmp_path, rate, scale):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    times = bars()["time"][::8]
    rates = rate * (1 + 0.1 * np.sin(np.arange(len(times))))
    pd.DataFrame({"fundingTime": times, "fundingRate": rates}).to_csv(
        source / "BTC_funding.csv", index=False
    )
    spec = mapped(guess(source, title="x"), tmp_path)
    (entry,) = [f for f in spec.files if f.stream == "funding"]
    assert entry.scale.get("rate") == scale
    table = read_files(spec, source).tables["BTC"]["funding"]
    assert table["rate"].abs().median() == pytest.approx(1e-4, rel=0.05)
    assert set(table["interval_hours"]) == {8.0}


def test_funding_that_is_filled_in_is_left_out(source):
    filled = bars().assign(funding_rate=np.repeat(np.linspace(1e-4, 2e-4, 38), 8)[:N])
    filled.to_csv(source / "BTC_perp.csv", index=False)
    made = guess(source, title="x")
    assert made.streams == {"perp": ("BTC",)}
    assert "filled in, not settlements" in made.left_out[0]
    assert "filled in, not settlements" in made.text


def test_quote_volume_and_open_interest_in_dollars_are_left_out(source, tmp_path):
    frame = bars().assign(quote_volume=550.0, open_interest_usd=1e9)
    frame.to_csv(source / "BTC_spot.csv", index=False)
    made = guess(source, title="x")
    (entry,) = mapped(made, tmp_path).files
    assert (entry.stream, entry.columns["volume"]) == ("spot", "volume")
    assert [reason.partition(": ")[2] for reason in made.left_out] == [
        "quote_volume is in quote currency, volume in coins is wanted",
        "open_interest_usd is in quote currency, open interest in coins is wanted",
    ]


def test_months_in_zip_files_are_one_entry(source, tmp_path):
    whole = epochs(bars(), "ms")
    for month, rows in (("2024-01", slice(0, 150)), ("2024-02", slice(150, N))):
        with zipfile.ZipFile(source / f"BTCUSDT-1h-{month}.zip", "w") as file:
            text = whole[rows].to_csv(index=False, header=False)
            file.writestr(f"BTCUSDT-1h-{month}.csv", text)
    spec = mapped(guess(source, title="x"), tmp_path)
    assert [(f.path, f.format) for f in spec.files] == [("{coin}USDT-1h-*.zip", "csv")]
    assert len(read_files(spec, source).tables["BTC"]["perp"]) == N


def test_bars_of_two_sizes_take_the_larger_one(source, tmp_path):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    bars("8h").to_csv(source / "ETH_perp_8h.csv", index=False)
    spec = mapped(guess(source, title="x"), tmp_path)
    assert spec.bar == pd.Timedelta(hours=8)
    tables = read_files(spec, source).tables
    assert {c: len(t["perp"]) for c, t in tables.items()} == {"BTC": N // 8, "ETH": N}


def test_two_files_of_one_coin_and_stream_give_one(source):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    bars().iloc[:50].to_csv(source / "BTC_perp_old.csv", index=False)
    made = guess(source, title="x")
    assert made.left_out == ("BTC_perp_old.csv: BTC has its perp from BTC_perp.csv",)


def test_coins_without_bars_are_left_out(source):
    bars().to_csv(source / "BTC_perp.csv", index=False)
    pd.DataFrame({"time": bars()["time"], "open_interest": 7.5}).to_csv(
        source / "ETH_oi.csv", index=False
    )
    made = guess(source, title="x")
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
    made = guess(source, title="x")
    told = dict(reason.split(": ", 1) for reason in made.left_out)
    assert set(told) == {
        "empty.csv", "header.csv", "twice.csv", "latin.csv", "wide.csv", "words.csv",
        "cut.parquet", "cut.zip",
    }  # fmt: skip
    assert told["empty.csv"].endswith("an empty file")
    assert told["twice.csv"].endswith("open more than once")
    assert "UTF-8" in told["latin.csv"]
    assert told["words.csv"] == "no column holds times"
    assert any("not sorted" in doubt for doubt in made.doubts)
    with pytest.raises(DataError, match="times must ascend"):
        read_files(mapped(made, tmp_path), source)


def test_of_a_huge_file_only_the_ends_are_read(source):
    path = source / "BTC_perp.csv"
    line = "2024-01-01 00:00:00+00:00,1.0,2.0,0.5,1.5,7.0\n"
    last = line.replace("2024-01-01", "2031-01-01")
    path.write_text("time,open,high,low,close,volume\n" + line * 200_000 + last)
    seen = peek(path, "BTC_perp.csv")
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
    with pytest.raises(ParameterError, match="must not overwrite"):
        guess_job(workspace, source)
    assert path.read_text() == "mine"
    _, single = guess_job(workspace, source / "BTC_perp.csv", "single")
    assert load_spec(single).files[0].coins == ("BTC",)


@pytest.mark.parametrize("name", ["nothing", "empty"])
def test_nothing_to_guess_is_an_error(source, tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="there must be"):
        guess(tmp_path / name, title="x")


@pytest.mark.parametrize(
    ("line", "form"),
    [("time,open", (",", True)), ("1704067200,1.5,2", (",", False)),
     ("2024-01-01 00:00;1,5;2", (";", False)), ("﻿Date,Data", (",", True)), ("", (",", True))],
)  # fmt: skip
def test_the_form_of_a_file_follows_from_its_first_line(line, form):
    assert form_of(line) == form


@pytest.mark.shared
@pytest.mark.parametrize(
    ("stock", "without"), [("binance_history_8h", ()), ("binance_history", ("binance_8h",))]
)
def test_real_files_map_as_the_stock_data_set_does(shared_data, tmp_path, stock, without):
    folder = tmp_path / "data"
    shutil.copytree(shared_data, folder, ignore=lambda _, names: set(names) & set(without))
    made = guess(folder, title="x")
    found = hashes(mapped(made, tmp_path), folder)
    expected = hashes(load_spec(ROOT / f"datasets/{stock}.toml"), folder)
    # that reserves before 2019 are not wanted is a choice, which no file tells
    assert {key for key in expected if found.get(key) != expected[key]} == {("BTC", "netflow")}
    assert set(found) == set(expected)
    made = Guess(
        made.text.replace("difference =", "since = 2019-01-01\ndifference ="), {}, (), (), folder
    )
    assert hashes(mapped(made, tmp_path), folder) == expected
