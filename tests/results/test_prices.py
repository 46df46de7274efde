"""prices.parquet: a row group a coin, written and read one at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fadefollow.results.prices import read_prices, write_prices


def _frame(rows: int, *further: str) -> pd.DataFrame:
    index = pd.date_range("2024-01-01", periods=rows, freq="h", tz="UTC")
    made = pd.DataFrame({"open": np.arange(rows) + 1.0, "close": np.arange(rows) + 2.0}, index)
    for name in further:
        made[name] = np.arange(rows, dtype=np.float32)
    return made.rename_axis("time")


def test_coins_with_other_columns_come_back_as_they_were(tmp_path: Path) -> None:
    prices = {"BTC": _frame(5), "币安人生": _frame(3, "premium_bps"), "AAA": _frame(4, "basis")}
    file = tmp_path / "prices.parquet"
    write_prices(file, prices)
    metadata = pq.read_metadata(file)
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [5, 3, 4]
    found = read_prices(file, ["AAA", "BTC", "币安人生"])
    assert list(found) == ["AAA", "BTC", "币安人生"]
    for symbol, frame in prices.items():
        pd.testing.assert_frame_equal(found[symbol], frame, check_freq=False)
    whole = pd.read_parquet(file)
    assert list(whole.columns) == ["symbol", "time", "open", "close", "premium_bps", "basis"]
    assert whole["symbol"].tolist() == ["BTC"] * 5 + ["币安人生"] * 3 + ["AAA"] * 4


def test_a_file_of_before_has_all_coins_in_one_group(tmp_path: Path) -> None:
    prices = {"BTC": _frame(5), "ETH": _frame(3, "premium_bps")}
    parts = [frame.reset_index().assign(symbol=symbol) for symbol, frame in prices.items()]
    file = tmp_path / "prices.parquet"
    pd.concat(parts, ignore_index=True).to_parquet(file)
    found = read_prices(file, ["BTC", "ETH"])
    for symbol, frame in prices.items():
        pd.testing.assert_frame_equal(found[symbol], frame, check_freq=False)


def test_no_coins_are_a_file_without_rows(tmp_path: Path) -> None:
    write_prices(tmp_path / "prices.parquet", {})
    assert dict(read_prices(tmp_path / "prices.parquet", [])) == {}


def test_a_file_without_symbols_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "prices.parquet"
    _frame(3).reset_index().to_parquet(file)
    with pytest.raises(ValueError, match="no column symbol"):
        read_prices(file, ["BTC"])
