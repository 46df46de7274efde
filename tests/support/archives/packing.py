"""Archives made for tests: tables in, files of Binance's public archive and checksums out."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

BAR_HEADER = (
    "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    "taker_buy_volume,taker_buy_quote_volume,ignore"
)
FUNDING_HEADER = "calc_time,funding_interval_hours,last_funding_rate"
METRICS_HEADER = (
    "create_time,symbol,sum_open_interest,sum_open_interest_value,"
    "count_toptrader_long_short_ratio,sum_toptrader_long_short_ratio,"
    "count_long_short_ratio,sum_taker_long_short_vol_ratio"
)
MARKETS = {
    "spot": ("spot", "klines"),
    "perp": ("futures/um", "klines"),
    "mark": ("futures/um", "markPriceKlines"),
    "index": ("futures/um", "indexPriceKlines"),
    "premium_index": ("futures/um", "premiumIndexKlines"),
    "future": ("futures/um", "klines"),
    "coin_future": ("futures/cm", "klines"),
}


def zipped(csv: str, name: str = "data.csv") -> bytes:
    """A zip file with one member."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, csv)
    return made.getvalue()


@dataclass
class Packed:
    """The archive's files by path."""

    files: dict[str, bytes] = field(default_factory=dict)

    def add(self, path: str, csv: str) -> str:
        """A zip file with its checksum beside it; returns the path."""
        name = path.rpartition("/")[2]
        return self.put(path, zipped(csv, name.replace(".zip", ".csv")))

    def put(self, path: str, data: bytes) -> str:
        """Any bytes with their right checksum."""
        self.files[path] = data
        digest = hashlib.sha256(data).hexdigest()
        self.files[f"{path}.CHECKSUM"] = f"{digest}  {path.rpartition('/')[2]}\n".encode()
        return path

    def remove(self, path: str) -> None:
        """Take a file and its checksum out."""
        del self.files[path], self.files[f"{path}.CHECKSUM"]

    def write(self, folder: Path) -> Path:
        """As a mirror folder."""
        for path, data in self.files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        return folder

    def bars(
        self,
        stream: str,
        table: pd.DataFrame,
        label: str,
        *,
        symbol: str = "BTCUSDT",
        interval: str = "1h",
        header: bool | None = None,
        rows: str = "",
    ) -> str:
        """The bars of a month `2024-12` or a day `2024-12-31` of a table; `rows` come after."""
        times = table["time"]
        mine = table[times.dt.strftime("%Y-%m" if len(label) == 7 else "%Y-%m-%d") == label]
        headed = stream != "spot" if header is None else header  # as the archive has it
        csv = bar_csv(mine, stream, header=headed) + rows
        return self.add(bar_path(stream, label, symbol, interval), csv)

    def funding(
        self, table: pd.DataFrame, label: str, jitter_ms: int = 3, symbol: str = "BTCUSDT"
    ) -> str:
        """The settlements of a month."""
        mine = table[table["time"].dt.strftime("%Y-%m") == label]
        stamps = milliseconds(mine["time"]) + jitter_ms
        lines = [
            f"{t},{h:g},{r!r}"
            for t, h, r in zip(stamps, mine["interval_hours"], mine["rate"].tolist(), strict=True)
        ]
        path = f"data/futures/um/monthly/fundingRate/{symbol}/{symbol}-fundingRate-{label}.zip"
        return self.add(path, "\n".join([FUNDING_HEADER, *lines]) + "\n")

    def metrics(self, day: str, lines: list[str], symbol: str = "BTCUSDT") -> str:
        """The metrics of a day; those of coin-margined contracts lie apart."""
        return self.add(metrics_path(day, symbol), "\n".join([METRICS_HEADER, *lines]) + "\n")


def bar_path(stream: str, label: str, symbol: str = "BTCUSDT", interval: str = "1h") -> str:
    market, folder = MARKETS[stream]
    each = "monthly" if len(label) == 7 else "daily"
    return f"data/{market}/{each}/{folder}/{symbol}/{interval}/{symbol}-{interval}-{label}.zip"


def metrics_path(day: str, symbol: str = "BTCUSDT") -> str:
    market = "cm" if "USD_" in symbol else "um"
    return f"data/futures/{market}/daily/metrics/{symbol}/{symbol}-metrics-{day}.zip"


def metric_lines(
    day: str, first: str, open_interest: float, ratio: float = 1.5, symbol: str = "BTCUSDT"
) -> list[str]:
    """288 snapshots from `first` on; each 1 coin more than the one before."""
    times = pd.date_range(f"{day} {first}", periods=288, freq="5min")
    return [
        f"{t:%Y-%m-%d %H:%M:%S},{symbol},{open_interest + n!r},1.0,1.1,1.2,{ratio!r},0.9"
        for n, t in enumerate(times)
    ]


def milliseconds(times: pd.Series) -> np.ndarray:
    return times.dt.as_unit("ms").astype("int64").to_numpy()


def bar_csv(table: pd.DataFrame, stream: str, *, header: bool) -> str:
    """Rows as the archive writes them: spot from 2025 on in microseconds.

    Where the table has `contracts`, they are the volume, and the eighth column is in coins.
    """
    stamps = milliseconds(table["time"])
    micro = (stream == "spot") & (table["time"] >= pd.Timestamp("2025-01-01", tz="UTC")).to_numpy()
    stamps = np.where(micro, stamps * 1000, stamps)
    volume = table["volume"].tolist() if "volume" in table else [0.0] * len(table)
    bought = (
        table["taker_buy_volume"].tolist() if "taker_buy_volume" in table else [""] * len(table)
    )
    coins = [1.0] * len(table)
    if "contracts" in table:
        volume, coins = table["contracts"].tolist(), volume
    prices = (table[c].tolist() for c in ("open", "high", "low", "close"))
    lines = [
        f"{t},{o!r},{h!r},{low!r},{c!r},{v!r},{t + 3_599_999},{q!r},12,{b},0.5,0"
        for t, o, h, low, c, v, q, b in zip(stamps, *prices, volume, coins, bought, strict=True)
    ]
    return "\n".join(([BAR_HEADER] if header else []) + lines) + "\n" * bool(lines)
