"""Export: what is written reads back to the last bit, complete or not at all."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.jobs.export import export_job
from fadefollow.market.datasets import export as module
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.market.store.store import Store
from fadefollow.workspace import Workspace, find_workspace
from tests.support.paths import ROOT

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
N = 240
TOML = """
title = "Mine"
source = "files"
bar = "1h"
costs = { fee_bps = 4.0 }
"""


def quiet(text: str, done: float | None) -> None:
    pass


def tables() -> dict[str, dict[str, pd.DataFrame]]:
    rng = np.random.default_rng(7)
    times = pd.date_range(START, periods=N, freq="h").as_unit("ns")
    low = rng.random(N) + 0.1
    bars = pd.DataFrame(
        {"time": times, "open": low * 1.1, "high": low * 1.3, "low": low, "close": low * 1.2}
    )
    bars["volume"] = np.where(np.arange(N) % 7 == 0, np.nan, rng.random(N) * 1e9)
    bars["available"] = times + HOUR
    settled = times[::8]
    funding = pd.DataFrame(
        {
            "time": settled,
            "rate": rng.normal(0, 1e-4, len(settled)),
            "interval_hours": 8.0,
            "available": settled,
        }
    )
    expiries = [
        pd.Timestamp("2024-03-29 08:00", tz="UTC"),
        pd.Timestamp("2024-06-28 08:00", tz="UTC"),
    ]
    future = pd.concat([bars.assign(expiry=e) for e in expiries]).sort_values(
        ["time", "expiry"], ignore_index=True
    )
    future = future[["time", "expiry", "open", "high", "low", "close", "volume", "available"]]
    future["expiry"] = future["expiry"].dt.as_unit("ns")
    options = pd.DataFrame(
        {
            "time": times[:4],
            "expiry": expiries[0],
            "strike": [1.0, 2.0, 3.0, 4.0],
            "right": ["call", "put", "call", "put"],
            "open_interest": [1.5, 0.1, 0.0, 7.25],
            "iv": [0.5, np.nan, 0.25, 1.0],
            "available": times[:4],
        }
    )
    options["expiry"] = options["expiry"].dt.as_unit("ns")
    news = pd.DataFrame(
        {
            "time": times[2:4],
            "kind": ["listing", "hack"],
            "text": ['a "b", c\nd', "−5 %"],
            "available": times[2:4] + pd.Timedelta(1, "ns"),
        }
    )
    one = {"perp": bars, "funding": funding, "future": future, "options": options, "news": news}
    return {"AAA": one, "BBB": {"perp": bars.drop(columns="volume"), "funding": funding}}


@pytest.fixture
def workspace(tmp_path) -> Workspace:
    root = tmp_path / "ws"
    (root / "datasets").mkdir(parents=True)
    (root / "pyproject.toml").write_text("[tool.fadefollow]\n")
    mapping = '[[files]]\nstream = "perp"\npath = "{coin}.csv"\n'
    (root / "datasets" / "mine.toml").write_text(TOML + mapping)
    made = find_workspace(root)
    Store(made.store).write("mine", tables(), bar=HOUR)
    return made


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_an_export_imports_to_the_same_fingerprint(workspace, tmp_path, format):
    folder = tmp_path / "out"
    done = export_job(workspace, "mine", folder, format=format, step=quiet)
    spec = load_spec(folder / "mine_export.toml")
    report = import_files(spec, "mine", folder, tmp_path / "store")
    kept = Store(workspace.store).read("mine").fingerprint
    assert report.fingerprint == done.fingerprint == kept
    assert done.whole
    assert done.rows == report.rows == 3 * N + N + 30 * 2 + 4 + 2
    assert spec.costs == {"fee_bps": 4.0}
    for coin, streams in tables().items():
        back = Store(tmp_path / "store").load(
            "mine", coin, manifest=Store(tmp_path / "store").read("mine")
        )
        for name, table in streams.items():
            pd.testing.assert_frame_equal(back[name], table, check_exact=True)


def test_the_schema_tells_types_units_and_times(workspace, tmp_path):
    export_job(workspace, "mine", tmp_path / "out", step=quiet)
    schema = json.loads((tmp_path / "out" / "schema.json").read_text())
    columns = schema["streams"]["funding"]["columns"]
    assert columns["rate"]["unit"] == "fraction of notional per interval"
    assert columns["rate"]["dtype"] == "float64"
    assert columns["time"] == {
        "dtype": "datetime64[ns, UTC]",
        "unit": "UTC",
        "about": "when it happens",
    }
    assert "could first be known" in columns["available"]["about"]
    assert schema["streams"]["future"]["key"] == ["time", "expiry"]
    assert schema["tables"][0] == {
        "coin": "AAA",
        "stream": "funding",
        "file": "AAA/funding.csv",
        "rows": 30,
        "first": "2024-01-01 00:00",
        "last": "2024-01-10 16:00",
    }


def test_columns_that_only_some_coins_have_are_told_and_read_back(workspace, tmp_path):
    bars = tables()["AAA"]["perp"]
    told = bars.assign(volume=10.0)
    told.insert(6, "taker_buy_volume", np.where(np.arange(N) % 5 == 0, np.nan, 4.0))
    Store(workspace.store).write(
        "mine", {"AAA": {"perp": bars}, "币安人生": {"perp": told}}, bar=HOUR
    )
    done = export_job(workspace, "mine", tmp_path / "out", step=quiet)
    schema = json.loads((tmp_path / "out" / "schema.json").read_text())
    column = schema["streams"]["perp"]["columns"]["taker_buy_volume"]
    assert column["unit"] == "coins, the part of volume that takers bought"
    assert column["optional"]
    spec = load_spec(tmp_path / "out" / "mine_export.toml")
    report = import_files(spec, "mine", tmp_path / "out", tmp_path / "store")
    assert report.fingerprint == done.fingerprint
    kept = Store(tmp_path / "store")
    back = kept.load("mine", "币安人生", manifest=kept.read("mine"))["perp"]
    pd.testing.assert_frame_equal(back, told, check_exact=True)


def test_a_part_is_exported(workspace, tmp_path):
    folder = tmp_path / "out"
    done = export_job(
        workspace,
        DataRequest(dataset="mine", symbols=("BBB",), since="2024-01-02", until="2024-01-03"),
        folder,
        streams=("perp",),
        step=quiet,
    )
    assert done.files == ("BBB/perp.csv", "mine_export.toml", "schema.json")
    assert not done.whole
    frame = pd.read_csv(folder / "BBB" / "perp.csv")
    assert frame["time"].tolist()[:: len(frame) - 1] == [
        "2024-01-02 00:00:00+00:00",
        "2024-01-03 23:00:00+00:00",
    ]


def test_what_is_held_out_stays_out(workspace, tmp_path):
    path = workspace.path("datasets", "mine")
    path.write_text(path.read_text().replace("costs", "holdout_from = 2024-01-08\ncosts"))
    export_job(workspace, "mine", tmp_path / "out", step=quiet)
    frame = pd.read_csv(tmp_path / "out" / "BBB" / "perp.csv")
    assert frame["time"].iloc[-1] == "2024-01-07 23:00:00+00:00"
    assert "holdout_from = 2024-01-08" in (tmp_path / "out" / "mine_export.toml").read_text()
    print_ = Store(workspace.store).read("mine").fingerprint
    assert len(workspace.ledger.openings(print_, "mine")) == 0
    opened = export_job(
        workspace, DataRequest(dataset="mine", opened_by="a test"), tmp_path / "all", step=quiet
    )
    assert opened.whole
    assert [o.command for o in workspace.ledger.openings(print_, "mine")] == ["a test"]


def test_nothing_is_overwritten(workspace, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ParameterError, match="not empty"):
        export_job(workspace, "mine", tmp_path / "out", step=quiet)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_an_export_that_fails_leaves_nothing(workspace, tmp_path, monkeypatch):
    def fail(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_verify", fail)
    with pytest.raises(OSError, match="No space left"):
        export_job(workspace, "mine", tmp_path / "out", step=quiet)
    assert not (tmp_path / "out").exists()


def test_what_csv_cannot_hold_is_refused(workspace, tmp_path):
    made = tables()
    made["AAA"]["news"]["text"] = ["NA", "x"]
    Store(workspace.store).write("mine", made, bar=HOUR)
    with pytest.raises(DataError, match=r"AAA news.*\n.*--format parquet"):
        export_job(workspace, "mine", tmp_path / "out", step=quiet)
    assert not (tmp_path / "out").exists()
    export_job(workspace, "mine", tmp_path / "out", format="parquet", step=quiet)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"format": "xlsx"}, "csv or parquet"),
        ({"streams": ("prp",)}, "it has funding, future, news, options, perp"),
        ({"streams": ("future",), "symbols": ("BBB",)}, "no stream 'future'"),
    ],
)
def test_exports_of_unknown_or_empty_parts_are_refused(workspace, tmp_path, asked, message):
    data, others = DataRequest.split({"dataset": "mine", **asked}, command="a test")
    with pytest.raises(ParameterError, match=message):
        export_job(workspace, data, tmp_path / "out", step=quiet, **others)


def test_the_lab_can_be_exported_and_imported(workspace, tmp_path):
    shutil.copy(ROOT / "datasets" / "lab.toml", workspace.root / "datasets")
    folder = tmp_path / "out"
    done = export_job(
        workspace,
        DataRequest(dataset="lab", symbols=("IBEX",), until="2021-06-30"),
        folder,
        format="parquet",
        step=quiet,
    )
    spec = load_spec(folder / "lab_export.toml")
    assert import_files(spec, "lab", folder, tmp_path / "store").fingerprint == done.fingerprint
    back = open_dataset(spec, "lab", tmp_path / "store").markets["IBEX"]
    assert len(back) == 24 * 181
