"""prices.parquet: the bars that a run's charts are drawn from, a row group a coin.

All coins together may not fit into memory, so that they are written and read one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fadefollow.core.cache.shelf import Shelf

#: rows of a row group; a coin has fewer
_MOST_ROWS = 100_000_000


def write_prices(file: Path, prices: Mapping[str, pd.DataFrame]) -> None:
    """Write the prices of all coins, each with its symbol and time.

    Args:
        file: to write.
        prices: by coin, indexed by the bars' open times; a column that one coin lacks is empty
            there.
    """
    kinds: dict[str, Any] = {}
    for frame in prices.values():
        for name, kind in frame.dtypes.items():
            kinds.setdefault(str(name), kind)
    names = ["symbol", "time", *kinds]
    if not kinds:
        pd.DataFrame({"symbol": []}).to_parquet(file, compression="zstd")
        return
    writer: pq.ParquetWriter | None = None
    try:
        for symbol, frame in prices.items():
            part = frame.rename_axis("time").reset_index().assign(symbol=symbol)
            for name in kinds:
                if name not in part:
                    part[name] = np.full(len(part), np.nan, kinds[name])
            table = pa.Table.from_pandas(part[names], preserve_index=False)
            if writer is None:
                writer = pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table.cast(writer.schema), row_group_size=_MOST_ROWS)
    finally:
        if writer is not None:
            writer.close()


def read_prices(file: Path, coins: list[str]) -> Mapping[str, pd.DataFrame]:
    """The prices of the coins named, without columns that are empty.

    Raises:
        ValueError: the file has no symbols.
        OSError: it cannot be read.
    """
    file.stat()  # whose error names the file, as that of the library does not
    with pq.ParquetFile(file) as stored:
        if "symbol" not in stored.schema_arrow.names:
            raise ValueError("prices.parquet: no column symbol")
        if "time" not in stored.schema_arrow.names:
            return {}
        groups = _groups(stored)
        return Shelf((symbol, _coin(stored, symbol, groups)) for symbol in coins)


def _groups(stored: pq.ParquetFile) -> list[tuple[str, str]]:
    """The first and the last symbol of each row group."""
    at = stored.schema_arrow.names.index("symbol")
    metadata = stored.metadata
    found = []
    for number in range(metadata.num_row_groups):
        known = metadata.row_group(number).column(at).statistics
        found.append((known.min, known.max) if known is not None else ("", "\U0010ffff"))
    return found


def _coin(stored: pq.ParquetFile, symbol: str, groups: list[tuple[str, str]]) -> pd.DataFrame:
    # a run of before had the coins in one group
    mine = [number for number, (low, high) in enumerate(groups) if low <= symbol <= high]
    table: pd.DataFrame = stored.read_row_groups(mine).to_pandas()
    rows = table[table["symbol"] == symbol].drop(columns="symbol").set_index("time")
    return rows.dropna(axis=1, how="all")
