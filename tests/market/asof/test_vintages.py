"""Vintages: the first value counts, a revision from when it was fetched, the last on request."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.core.notes import Note
from fadefollow.market.archives import ArchiveSettings, archive_job
from fadefollow.market.asof.vintages import revisions, vintages_of
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest, FetchRequest
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.panel import Market
from fadefollow.market.schema import canonical
from fadefollow.market.store.store import Store, Update
from fadefollow.market.streams import stream
from tests.support.archives.packing import Packed

HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
NETFLOW = stream("netflow")


def at(day: float) -> pd.Timestamp:
    return (START + day * DAY).as_unit("ns")


def perp(days: int) -> pd.DataFrame:
    times = pd.date_range(START, periods=24 * days, freq="1h")
    frame = pd.DataFrame({"time": times, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0})
    return canonical(frame, "perp", bar=HOUR, where="test")


def flows(*values: float) -> pd.DataFrame:
    """Published at once at each day's end."""
    times = pd.date_range(START, periods=len(values), freq="D")
    frame = pd.DataFrame({"time": times, "netflow_coins": values, "reserve_coins": 100.0})
    return canonical(frame, "netflow", bar=HOUR, where="test", lag=0 * HOUR)


def old(day: int, value: float, seen: float | None) -> pd.DataFrame:
    """A superseded record of a day, whose successor was fetched on day `seen`."""
    made = pd.DataFrame(
        {
            "time": [at(day)],
            "netflow_coins": [value],
            "reserve_coins": [100.0],
            "available": [at(day + 1)],
        }
    )
    return made if seen is None else made.assign(seen=at(seen))


def market(now: pd.DataFrame, *superseded: pd.DataFrame, days: int = 8) -> Market:
    found = vintages_of(now, superseded, NETFLOW)
    tables = {"perp": perp(days), "netflow": found.first}
    return Market("BTC", bar=HOUR, tables=tables, later={"netflow": found.later})


def at_midnights(values: np.ndarray) -> list[float]:
    """As of the bars that close at days 1, 2, …"""
    return values[23::24].tolist()


def test_the_first_value_counts_until_the_revision_is_fetched():
    # day 0 was published with 1 and found to be 5 half through day 1, while it was the newest
    found = market(flows(5, 2, 3), old(0, 1.0, seen=1.5))
    flow = found.column("netflow", "netflow_coins")
    assert np.isnan(flow[:23]).all()
    assert flow[23:34].tolist() == [1.0] * 11
    # the bar that closes on day 1.5 knows the revision
    assert flow[35:47].tolist() == [5.0] * 12
    assert flow[47] == 2.0
    assert found.table("netflow")["netflow_coins"].tolist() == [1.0, 2.0, 3.0]


def test_a_late_revision_of_an_old_day_displaces_no_newer_day():
    found = market(flows(5, 2, 3), old(0, 1.0, seen=2.5))
    assert at_midnights(found.column("netflow", "netflow_coins"))[:5] == [1, 2, 3, 3, 3]


def test_a_day_published_after_its_successor_does_not_displace_it():
    table = flows(1, 2)
    table.loc[0, "available"] = at(2.5)
    found = Market("BTC", bar=HOUR, tables={"perp": perp(4), "netflow": table})
    assert at_midnights(found.column("netflow", "netflow_coins"))[1:4] == [2, 2, 2]


def test_of_several_revisions_each_counts_in_its_turn():
    found = market(flows(9), old(0, 1.0, seen=2), old(0, 4.0, seen=3), days=4)
    assert at_midnights(found.column("netflow", "netflow_coins")) == [1, 4, 9, 9]


def test_a_revision_fetched_at_an_unknown_time_is_never_known():
    found = market(flows(9), old(0, 1.0, seen=None), days=4)
    assert at_midnights(found.column("netflow", "netflow_coins")) == [1, 1, 1, 1]
    assert found.later == {}


def test_what_is_reckoned_from_records_sees_each_revision_in_its_time():
    found = market(flows(10, 20, 30, 40), old(0, 1.0, seen=3), old(2, 3.0, seen=5))

    def total(table: pd.DataFrame) -> list[np.ndarray]:
        return [table["netflow_coins"].cumsum().to_numpy()]

    (sums,) = found.derived("netflow", total)
    # 1, 1 + 20, then with the first day revised 10 + 20 + 3, + 40, then the third day, too
    assert at_midnights(sums)[:6] == [1, 21, 33, 73, 100, 100]
    (first,) = total(found.table("netflow"))
    assert at_midnights(found.as_of("netflow", first))[:6] == [1, 21, 24, 64, 64, 64]


def test_a_cut_market_knows_no_revision_of_later():
    found = market(flows(5, 2), old(0, 1.0, seen=1.5))
    past = found.until(at(1.4))
    assert past.later == {}
    assert past.column("netflow", "netflow_coins")[-1] == 1.0
    assert found.until(at(1.5)).column("netflow", "netflow_coins")[-1] == 5.0


@settings(max_examples=40, deadline=None)
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(2, 16)), max_size=8
    ),
    cut=st.integers(1, 8 * 24),
)
def test_nothing_that_is_shown_depends_on_what_was_fetched_later(changes, cut):
    # by when they were noticed; a half day each
    noticed = sorted(changes, key=lambda change: change[2])
    parts = [old(day, float(value), half / 2) for day, value, half in noticed if half > 2 * day + 1]
    found = market(flows(10, 20, 30, 40, 50), *parts)
    end = START + cut * HOUR
    past = found.until(end)
    for name, column in past.frame().items():
        np.testing.assert_array_equal(column, found.frame()[name].iloc[:cut])

    # the same by the plain rule: the newest day, in its latest vintage
    now = flows(10, 20, 30, 40, 50)
    day = min(cut // 24 - 1, 4)
    expected = np.nan
    if day >= 0:
        own = [part for part in parts if part["time"][0] == at(day)]
        values = [part["netflow_coins"][0] for part in own] + [now["netflow_coins"][day]]
        expected = values[sum(part["seen"][0] <= end for part in own)]
    np.testing.assert_equal(past.column("netflow", "netflow_coins")[-1], expected)


def test_bars_count_as_they_were_published_first():
    bars, was = perp(1), perp(1).iloc[[5]].assign(close=0.5, low=0.5, seen=at(0.5))
    found = vintages_of(bars, [was], stream("perp"))
    made = Market("BTC", bar=HOUR, tables={"perp": found.first}, later={"perp": found.later})
    assert made.column("perp", "close").tolist() == [1.0] * 5 + [0.5] + [1.0] * 18
    assert found.last["close"].tolist() == [1.0] * 24


def test_what_was_not_kept_of_a_vintage_is_that_of_the_last():
    table = canonical(
        pd.DataFrame({"time": [at(0), at(1)], "rate": [1e-4, 2e-4], "interval_hours": 8.0}),
        "funding",
        bar=HOUR,
        where="test",
    )
    was = pd.DataFrame({"time": [at(1)], "rate": [3e-4], "seen": [at(2)]})
    first, later, _ = vintages_of(table, [was], stream("funding"))
    assert first["rate"].tolist() == [1e-4, 3e-4]
    assert first["interval_hours"].tolist() == [8.0, 8.0]
    assert first["available"].tolist() == [at(0), at(1)]
    assert (later["rate"].tolist(), later["available"].tolist()) == ([2e-4], [at(2)])


def test_how_much_they_differ_is_told_by_column():
    found = vintages_of(flows(5, 2, 3, 4), [old(0, 1.0, 2), old(3, 6.0, 5)], NETFLOW)
    (one,) = revisions("BTC", NETFLOW, found)
    assert (one.column, one.records, one.revised, one.mean, one.largest) == (
        "netflow_coins",
        4,
        2,
        3.0,
        4.0,
    )
    assert (one.note.code, one.note.figures["revised"]) == ("revised-records", 2)
    # there and back again is no difference
    again = vintages_of(flows(5), [old(0, 5.0, 2), old(0, 7.0, 3)], NETFLOW)
    assert revisions("BTC", NETFLOW, again) == ()
    assert again.later["netflow_coins"].tolist() == [7.0, 5.0]


HEADER = "time,FlowInExNtv,FlowOutExNtv,HashRate,SplyExNtv\n"


def spec(**more) -> DatasetSpec:
    return DatasetSpec(title="t", source="fetch", venue="binance", bar="1h", **more)


def opened(store: Path, *, revised: bool = False) -> Dataset:
    return open_dataset(spec(), "bn", store, DataRequest(revised=revised))


@pytest.fixture
def bars(raw_bars, tmp_path) -> Path:
    packed = Packed()
    raw = raw_bars(144, "2024-01-01")
    for day in range(1, 7):
        packed.bars("perp", raw, f"2024-01-0{day}")
    archive_job(
        "binance-archive",
        FetchRequest(["BTC"], START, streams=["perp"]),
        store_root=tmp_path / "store",
        dataset="bn",
        now=at(7),
        settings=ArchiveSettings(mirror=packed.write(tmp_path / "bn")),
    )
    return tmp_path / "store"


def imported(store: Path, folder: Path, now: float, *inflows: float) -> None:
    (folder / "csv").mkdir(parents=True, exist_ok=True)
    rows = [f"2024-01-0{n},{flow},0,1,1000\n" for n, flow in enumerate(inflows, 1)]
    (folder / "csv" / "btc.csv").write_text(HEADER + "".join(rows))
    archive_job(
        "coinmetrics",
        FetchRequest(["BTC"], START, streams=["netflow"]),
        store_root=store,
        dataset="bn",
        now=at(now),
        settings=ArchiveSettings(mirror=folder),
    )


def test_an_archive_read_again_with_other_values_leaves_both_vintages(bars, tmp_path):
    imported(bars, tmp_path / "cm", 3.0, 10, 20, 30)
    before = opened(bars)
    imported(bars, tmp_path / "cm", 4.0, 10, 25, 36, 40)
    manifest = Store(bars).read("bn")
    (entry,) = manifest.revised["BTC"]["netflow"]
    kept = Store(bars).table("bn", entry)
    assert kept["netflow_coins"].tolist() == [20.0, 30.0]
    assert kept["seen"].tolist() == [at(4)] * 2

    first, last = opened(bars), opened(bars, revised=True)
    assert first.markets["BTC"].table("netflow")["netflow_coins"].tolist() == [10, 20, 30, 40]
    assert last.markets["BTC"].table("netflow")["netflow_coins"].tolist() == [10, 25, 36, 40]
    # a day is published 24 h after its end; day 2 is revised on day 4, when it is known at all
    flow = first.markets["BTC"].column("netflow", "netflow_coins")
    assert at_midnights(flow) == pytest.approx([np.nan, 10, 20, 36, 40, 40], nan_ok=True)
    flow = last.markets["BTC"].column("netflow", "netflow_coins")
    assert at_midnights(flow) == pytest.approx([np.nan, 10, 25, 36, 40, 40], nan_ok=True)
    assert (first.fingerprint, first.revised) == (last.fingerprint, False)
    assert before.fingerprint != first.fingerprint
    assert before.notes == ()
    figures = {
        "column": "netflow_coins",
        "unit": "coins, + into exchanges",
        "records": 4,
        "revised": 2,
        "mean": 5.5,
        "largest": 6.0,
    }
    apart = Note("revised-records", {"coin": "BTC", "stream": "netflow"}, figures)
    assert first.notes[1:] == last.notes[1:] == (apart,)
    assert (first.notes[0], last.notes[0]) == (Note("first-vintages"), Note("last-vintages"))


def test_the_same_archive_read_again_changes_nothing(bars, tmp_path):
    imported(bars, tmp_path / "cm", 3.0, 10, 20, 30)
    before = Store(bars).read("bn")
    imported(bars, tmp_path / "cm", 5.0, 10, 20, 30)
    after = Store(bars).read("bn")
    assert after.revised == {}
    assert after.fingerprint == before.fingerprint
    assert opened(bars).markets["BTC"].later == {}


def test_a_third_vintage_joins_the_others(bars, tmp_path):
    imported(bars, tmp_path / "cm", 2.0, 10, 20)
    imported(bars, tmp_path / "cm", 2.5, 11, 20)
    imported(bars, tmp_path / "cm", 2.75, 12, 20)
    found = opened(bars).markets["BTC"]
    later = found.later["netflow"]
    assert later["netflow_coins"].tolist() == [11.0, 12.0]
    assert later["available"].tolist() == [at(2.5), at(2.75)]
    flow = found.column("netflow", "netflow_coins")
    # closes at 2, 2.5, 2.75 and 3 days
    assert flow[[47, 59, 65, 71]].tolist() == [10, 11, 12, 20]


def test_the_holdout_hides_revisions_that_were_fetched_in_it(bars, tmp_path):
    imported(bars, tmp_path / "cm", 2.0, 10, 20)
    imported(bars, tmp_path / "cm", 2.5, 11, 20)
    for day, known in (("2024-01-03", []), ("2024-01-04", [11.0])):
        found = open_dataset(spec(holdout_from=day), "bn", bars).markets["BTC"]
        assert [v for t in found.later.values() for v in t["netflow_coins"]] == known


def test_a_data_set_without_vintages_is_as_it_was(tmp_path):
    store, tables = Store(tmp_path), {"BTC": {"perp": perp(2), "netflow": flows(1, 2)}}
    whole = store.write("bn", tables, bar=HOUR)
    updated = Store(tmp_path / "b").update("bn", lambda _: Update(tables), bar=HOUR)
    assert whole.fingerprint == updated.fingerprint
    found = opened(tmp_path)
    assert (found.fingerprint, found.notes, found.revisions) == (whole.fingerprint, (), ())
    alone = Market("BTC", bar=HOUR, tables=tables["BTC"])
    pd.testing.assert_frame_equal(found.markets["BTC"].frame(), alone.frame(), check_like=True)
