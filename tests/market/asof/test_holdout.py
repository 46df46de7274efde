"""What a data set holds out is not there: no bar, record, episode or finding of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError, SpecError
from fadefollow.market.audit.audit import audit
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import DatasetSpec, FileSpec, load_spec
from fadefollow.market.findings import Finding
from fadefollow.market.lab import Lab
from fadefollow.market.schema import canonical
from fadefollow.market.store.store import Store

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-03", tz="UTC")
FILES = DatasetSpec(
    title="Demo",
    source="files",
    bar=HOUR,
    holdout_from="2024-01-03",
    files=(FileSpec(stream="perp", path="{coin}.csv"),),
)


def time(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.fixture
def store(tmp_path, raw_bars, raw_funding):
    """BTC from 1 January and ETH from 2 January for three days each, NEW inside the holdout."""
    tables = {}
    for coin, start in (("BTC", "2024-01-01"), ("ETH", "2024-01-02"), ("NEW", "2024-01-03")):
        perp = canonical(raw_bars(72, start), "perp", bar=HOUR, where="test")
        funding = canonical(raw_funding(9, start), "funding", bar=HOUR, where="test")
        tables[coin] = {"perp": perp, "funding": funding}
    found = [
        Finding("note", "BTC", "perp", "caveat", 1, "", "another venue's"),
        Finding("note", "BTC", "funding", "jitter", 7, "2024-01-01 08:00", "up to 412 ms"),
        Finding("warning", "BTC", "perp", "stale tail", 9, "2024-01-03 00:00", "stopped"),
        Finding("warning", "ETH", "perp", "wicks", 1, "2024-01-03 15:00", "23.9 % below spot"),
        Finding("note", "NEW", "perp", "caveat", 1, "", "a new coin"),
    ]
    Store(tmp_path).write("demo", tables, bar=HOUR, findings=found)
    return tmp_path


def test_no_bar_and_no_record_of_a_closed_holdout_is_there(store):
    data = open_dataset(FILES, "demo", store)
    assert data.symbols == ("BTC", "ETH")
    assert (data.holdout, data.holdout_open) == (START, False)
    for market in data.markets.values():
        assert market.close_time[-1] == np.datetime64("2024-01-03")
        for name in market.streams:
            table = market.table(name)
            assert (table["time"] < START).all(), name
            assert (table["available"] <= START).all(), name
    assert len(data.markets["BTC"]) == 48
    # the settlement stamped 3 January 00:00 belongs to the holdout
    assert len(data.markets["BTC"].table("funding")) == 6
    assert data.coverage()["BTC"]["perp"]["last"] == "2024-01-02 23:00"


def test_a_cut_market_cannot_be_widened(store):
    market = open_dataset(FILES, "demo", store).markets["BTC"]
    wide = market.between(time("2024-01-01"), time("2025-01-01"))
    assert wide.close_time[-1] == np.datetime64("2024-01-03")
    later = open_dataset(FILES, "demo", store, DataRequest(until="2024-01-03"))
    assert len(later.markets["BTC"]) == 48


def test_no_finding_of_a_closed_holdout_is_told(store):
    data = open_dataset(FILES, "demo", store)
    told = [(f.symbol, f.rule, f.count) for f in data.findings]
    assert told == [("BTC", "caveat", 1), ("BTC", "jitter", 1), ("NEW", "no data", 1)]
    everything = " ".join(f"{f.text} {f.where}" for f in audit(data).findings)
    for secret in ("412 ms", "23.9", "2024-01-03", "stopped"):
        assert secret not in everything


def test_the_data_are_the_same_data_open_or_closed(store):
    closed = open_dataset(FILES, "demo", store)
    opened = open_dataset(FILES, "demo", store, DataRequest(opened_by="a test"))
    assert closed.fingerprint == opened.fingerprint


def test_an_open_holdout_shows_everything(store):
    data = open_dataset(FILES, "demo", store, DataRequest(opened_by="a test"))
    assert data.symbols == ("BTC", "ETH", "NEW")
    assert (data.holdout, data.holdout_open) == (START, True)
    assert len(data.markets["BTC"]) == 72
    assert len(data.findings) == 5


def test_a_range_that_ends_before_the_holdout_does_not_open_it(store):
    data = open_dataset(FILES, "demo", store, DataRequest(until="2024-01-02", opened_by="a test"))
    assert not data.holdout_open
    assert data.markets["BTC"].close_time[-1] == np.datetime64("2024-01-03")


def test_a_range_inside_a_closed_holdout_is_refused_with_the_way_out(store):
    with pytest.raises(DataError, match=r"holdout from 2024-01-03(.|\n)*--open-holdout"):
        open_dataset(FILES, "demo", store, DataRequest(since="2024-01-03"))
    with pytest.raises(DataError, match="no data before the holdout"):
        open_dataset(FILES, "demo", store, DataRequest(symbols=("NEW",)))


def test_without_a_holdout_there_is_nothing_to_open(store):
    spec = FILES.model_copy(update={"holdout_from": None})
    data = open_dataset(spec, "demo", store)
    assert (data.holdout, data.holdout_open, len(data.markets["BTC"])) == (None, False, 72)
    with pytest.raises(ParameterError, match="declares a holdout"):
        open_dataset(spec, "demo", store, DataRequest(opened_by="a test"))


def test_planted_episodes_of_a_closed_holdout_are_not_there(tmp_path, monkeypatch, raw_bars):
    table = canonical(raw_bars(72), "perp", bar=HOUR, where="lab")
    starts = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"], utc=True)
    ends = pd.to_datetime(["2024-01-02", "2024-01-05", "2024-01-05"], utc=True)
    truth = pd.DataFrame({"symbol": "SIM", "start": starts, "end": ends, "planted_bps": 5.0})
    made = Lab({"SIM": {"perp": table}}, truth, listed={})
    monkeypatch.setattr("fadefollow.market.lab.simulate", lambda settings, *, bar: made)
    spec = DatasetSpec(title="Lab", source="lab", bar=HOUR, holdout_from="2024-01-03")
    data = open_dataset(spec, "lab", tmp_path)
    assert data.truth["start"].tolist() == [time("2024-01-01"), time("2024-01-02")]
    # of the episode that is under way, the end is not told
    assert data.truth["end"].tolist() == [time("2024-01-02"), START]
    truth = open_dataset(spec, "lab", tmp_path, DataRequest(opened_by="a test")).truth  # type: ignore[assignment]
    assert truth is not None
    assert len(truth) == 3


def test_the_toml_says_from_which_day(tmp_path):
    path = tmp_path / "mine.toml"
    text = 'title = "x"\nsource = "lab"\nbar = "1h"\nholdout_from = {}\n'
    path.write_text(text.format("2025-01-01"))
    assert load_spec(path).holdout == time("2025-01-01")
    path.write_text(text.format('"soon"'))
    with pytest.raises(SpecError, match="holdout_from"):
        load_spec(path)
