"""Real bars and settlements, packed as the archive packs them, come back as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.market.archives import ArchiveSettings, archive_job
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec, FileSpec
from tests.support.archives.packing import FUNDING_HEADER, Packed, milliseconds

pytestmark = pytest.mark.shared
SINCE, UNTIL = pd.Timestamp("2022-11-01", tz="UTC"), pd.Timestamp("2022-12-05", tz="UTC")
PRICES = ["open", "high", "low", "close", "volume"]


@pytest.fixture(scope="module")
def real(shared_data) -> dict[str, pd.DataFrame]:
    """SOL around FTX's end: settlements every 2 to 4 hours, at up to −2 %."""
    (path,) = (shared_data / "binance_1h").glob("binance_SOL_*.parquet")
    raw = pd.read_parquet(path).reset_index()
    time = pd.to_datetime(raw["timestamp"], utc=True).dt.as_unit("ns")
    made: dict[str, pd.DataFrame] = {}
    for stream in ("perp", "spot"):
        columns = {name: raw[f"{name}_{stream}_binance"] for name in PRICES}
        table = pd.DataFrame({"time": time, **columns}).dropna()
        inside = table["time"].between(SINCE, UNTIL, inclusive="left")
        made[stream] = table[inside].reset_index(drop=True)
    events = pd.read_parquet(shared_data / "funding_events" / "SOLUSDT.parquet").reset_index()
    times = pd.to_datetime(events["datetime"], utc=True).dt.as_unit("ns")
    funding = pd.DataFrame({"time": times, "rate": events["funding_rate"].astype("float64")})
    made["funding"] = funding[times.between(SINCE, UNTIL, inclusive="left")].reset_index(drop=True)
    return made


def test_real_bars_and_settlements_come_back_as_they_were(real, tmp_path):
    packed = Packed()
    days = [f"2022-12-0{day}" for day in range(1, 5)]
    for stream in ("perp", "spot"):
        for label in ("2022-11", *days):
            packed.bars(stream, real[stream], label, symbol="SOLUSDT")
    november = real["funding"][real["funding"]["time"].dt.month == 11]
    hours = np.rint(november["time"].diff().dt.total_seconds().fillna(28800) / 3600)
    rows = zip(milliseconds(november["time"]), hours, november["rate"].tolist(), strict=True)
    lines = [FUNDING_HEADER, *(f"{t},{h:g},{rate!r}" for t, h, rate in rows)]
    name = "data/futures/um/monthly/fundingRate/SOLUSDT/SOLUSDT-fundingRate-2022-11.zip"
    packed.add(name, "\n".join(lines) + "\n")

    archive_job(
        "binance-archive",
        FetchRequest(["SOL"], SINCE, UNTIL),
        store_root=tmp_path / "store",
        dataset="sol",
        settings=ArchiveSettings(mirror=packed.write(tmp_path / "mirror")),
        now=pd.Timestamp("2022-12-06", tz="UTC"),
    )

    some = FileSpec(stream="perp", path="{coin}.csv")
    spec = DatasetSpec(title="SOL", source="files", bar=pd.Timedelta(hours=1), files=(some,))
    market = open_dataset(spec, "sol", tmp_path / "store").markets["SOL"]
    for stream in ("perp", "spot"):
        got = market.table(stream)[["time", *PRICES]]
        pd.testing.assert_frame_equal(got, real[stream], check_exact=True)
    funding = market.table("funding")
    assert funding["rate"].tolist() == november["rate"].tolist()
    assert funding["time"].tolist() == november["time"].dt.round("min").tolist()
    assert funding["rate"].min() == pytest.approx(-0.02)
    assert set(funding["interval_hours"]) == {2.0, 4.0, 8.0}
