"""Opening a data set: from the store or the lab, all of it or a range of some coins."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError, StoreError, UnknownNameError
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import DatasetSpec, FileSpec
from fadefollow.market.findings import Finding
from fadefollow.market.lab import Lab
from fadefollow.market.schema import canonical
from fadefollow.market.store.store import Store

HOUR = pd.Timedelta(hours=1)
FILES = DatasetSpec(
    title="Demo", source="files", bar=HOUR, files=(FileSpec(stream="perp", path="{coin}.csv"),)
)


def time(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.fixture
def store(tmp_path, raw_bars, raw_funding):
    tables = {}
    for coin, start in (("BTC", "2024-01-01"), ("ETH", "2024-01-03")):
        perp = canonical(raw_bars(48, start), "perp", bar=HOUR, where="test")
        funding = canonical(raw_funding(6, start), "funding", bar=HOUR, where="test")
        tables[coin] = {"perp": perp.drop(index=[5]), "funding": funding}
    found = [Finding("note", coin, "perp", "jitter", 1, "", "text") for coin in tables]
    Store(tmp_path).write("demo", tables, bar=HOUR, findings=found)
    return tmp_path


def test_a_stored_data_set_is_opened(store):
    data = open_dataset(FILES, "demo", store)
    assert (data.name, data.title, data.bar, data.simulated) == ("demo", "Demo", HOUR, False)
    assert data.symbols == ("BTC", "ETH")
    assert data.truth is None
    assert data.fingerprint == Store(store).read("demo").fingerprint
    assert data.coverage()["BTC"]["perp"] == {
        "first": "2024-01-01 00:00",
        "last": "2024-01-02 23:00",
        "rows": 47,
        "missing": 1,
        "known": 0.9792,  # 47 of 48 bars
    }


def test_coins_come_in_the_order_asked_for(store):
    assert open_dataset(FILES, "demo", store, DataRequest(symbols=("ETH", "BTC"))).symbols == (
        "ETH",
        "BTC",
    )
    eth = open_dataset(FILES, "demo", store, DataRequest(symbols=("ETH",)))
    assert [f.symbol for f in eth.findings] == ["ETH"]
    assert eth.fingerprint == open_dataset(FILES, "demo", store).fingerprint


def test_a_range_cuts_bars_but_not_what_was_known_before(store):
    data = open_dataset(
        FILES,
        "demo",
        store,
        DataRequest(symbols=("BTC",), since="2024-01-01 10:00", until="2024-01-01 12:30"),
    )
    market = data.markets["BTC"]
    assert market.index.tolist() == [time("2024-01-01 10:00"), time("2024-01-01 11:00")]
    assert market.column("funding", "rate").tolist() == [1e-4, 1e-4]


def test_naive_limits_are_utc(store):
    data = open_dataset(FILES, "demo", store, DataRequest(until="2024-01-01 03:00"))
    assert len(data.markets["BTC"]) == 3


def test_a_coin_without_bars_in_the_range_is_left_out_and_said_so(store):
    data = open_dataset(FILES, "demo", store, DataRequest(until="2024-01-01"))
    assert data.symbols == ("BTC",)
    assert [(f.symbol, f.rule) for f in data.findings if f.grade == "warning"] == [
        ("ETH", "no data")
    ]


def test_a_coin_asked_for_must_have_data_in_the_range(store):
    with pytest.raises(DataError, match=r"demo, ETH: no data since"):
        open_dataset(FILES, "demo", store, DataRequest(symbols=("ETH",), until="2024-01-01"))


def test_a_range_without_data_is_refused(store):
    with pytest.raises(DataError, match=r"2024-01-01 00:00 to 2024-01-05 00:00 UTC"):
        open_dataset(FILES, "demo", store, DataRequest(since="2030-01-01"))


def test_a_backward_range_is_refused(store):
    with pytest.raises(DataError, match="since must be before until"):
        open_dataset(FILES, "demo", store, DataRequest(since="2024-02-01", until="2024-01-01"))


def test_an_unknown_coin_is_named_with_those_there_are(store):
    with pytest.raises(UnknownNameError, match=r"no coin named 'BTX'\n  hint: did you mean 'BTC'"):
        open_dataset(FILES, "demo", store, DataRequest(symbols=("BTX",)))


def test_a_hostile_coin_is_refused(store):
    with pytest.raises(ParameterError, match="a coin's name must be"):
        open_dataset(FILES, "demo", store, DataRequest(symbols=("../../etc",)))


def test_what_was_not_imported_says_how_to(tmp_path):
    with pytest.raises(DataError, match="fadefollow data import demo --from FOLDER"):
        open_dataset(FILES, "demo", tmp_path)


def test_another_bar_size_than_the_stored_one_is_refused(store):
    eight = FILES.model_copy(update={"bar": 8 * HOUR})
    with pytest.raises(DataError, match=r"got 1h in the store, 8h in the TOML"):
        open_dataset(eight, "demo", store)


def test_a_coin_with_a_damaged_file_is_left_out_with_a_finding(store):
    path = next((store / "demo").glob("BTC-funding-*"))
    path.write_bytes(path.read_bytes()[:-1])
    data = open_dataset(FILES, "demo", store)
    assert data.symbols == ("ETH",)
    assert [(f.grade, f.symbol, f.stream, f.code) for f in data.findings if f.symbol == "BTC"] == [
        ("error", "BTC", "funding", "unreadable")
    ]
    assert open_dataset(FILES, "demo", store, DataRequest(symbols=("BTC", "ETH"))).symbols == (
        "ETH",
    )
    held = FILES.model_copy(update={"holdout_from": dt.date(2024, 1, 4)})
    assert [f.code for f in open_dataset(held, "demo", store).findings] == ["unreadable"]


def test_a_store_without_a_coin_that_can_be_read_is_refused(store):
    for path in (store / "demo").glob("*-perp-*"):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(StoreError, match="a stored file is cut"):
        open_dataset(FILES, "demo", store)
    with pytest.raises(StoreError, match="a stored file is cut"):
        open_dataset(FILES, "demo", store, DataRequest(symbols=("BTC",)))


def test_a_reader_overtaken_by_two_imports_reads_the_new_version(store, monkeypatch):
    real, calls = Store.load, []

    def overtaken(self, dataset, symbol, *, manifest):
        calls.append(manifest)
        if len(calls) == 1:
            tables = {"BTC": real(self, dataset, "BTC", manifest=manifest)}
            for count in (40, 30):
                shorter = {c: {"perp": t["perp"].iloc[:count]} for c, t in tables.items()}
                self.write(dataset, shorter, bar=HOUR)
        return real(self, dataset, symbol, manifest=manifest)

    monkeypatch.setattr(Store, "load", overtaken)
    data = open_dataset(FILES, "demo", store)
    assert len(calls) == 2
    assert data.coverage()["BTC"]["perp"]["rows"] == 30


def test_a_lab_is_simulated_with_its_settings(tmp_path, monkeypatch, raw_bars):
    table = canonical(raw_bars(5), "perp", bar=HOUR, where="lab")
    truth = pd.DataFrame({"symbol": ["SIM1", "SIM2"], "start": [time("2024-01-01")] * 2})
    asked = []

    def simulate(settings, *, bar):
        asked.append((settings, bar))
        tables = {"SIM1": {"perp": table}, "SIM2": {"perp": table}}
        return Lab(tables, truth, listed={})

    monkeypatch.setattr("fadefollow.market.lab.simulate", simulate)
    spec = DatasetSpec(title="Lab", source="lab", bar=HOUR, lab={"seed": 7})
    data = open_dataset(spec, "lab", tmp_path, DataRequest(symbols=("SIM2",)))
    assert asked == [({"seed": 7}, HOUR)]
    assert data.simulated
    assert data.symbols == ("SIM2",)
    assert data.truth["symbol"].tolist() == ["SIM2"]
    assert list(tmp_path.iterdir()) == []
