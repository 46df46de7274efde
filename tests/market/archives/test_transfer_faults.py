"""What goes wrong on the way: refusals, cut transfers, wrong checksums, bombs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.errors import DataError, StoreError
from fadefollow.market.archives import ArchiveReport, ArchiveSettings, archive_job
from fadefollow.market.archives.source import Mirror, Rules, UnreachableError, Web
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.importing.zips import ZipLimits
from fadefollow.market.store.store import Store
from tests.support.archives.packing import Packed, bar_path
from tests.support.archives.server import Archive, serving

SINCE, NOW = pd.Timestamp("2024-01-30", tz="UTC"), pd.Timestamp("2024-03-03 09:00", tz="UTC")
ONE, SUM = bar_path("perp", "2024-02"), f"{bar_path('perp', '2024-02')}.CHECKSUM"
RETRIED = ["503", "429", "418", "500", "cut", "short", "wrong", "page"]


@pytest.fixture(scope="module")
def bars() -> pd.DataFrame:
    """Hourly bars of 2024-01-30 to 2024-03-02."""
    times = pd.date_range("2024-01-30", "2024-03-03", freq="h", tz="UTC", inclusive="left").as_unit(
        "ns"
    )
    close = 100.0 + np.arange(len(times)) / 7
    return pd.DataFrame(
        {
            "time": times,
            "open": close,
            "high": close + 2,
            "low": close - 3,
            "close": close,
            "volume": 10.0,
        }
    )


@pytest.fixture
def packed(bars) -> Packed:
    files = Packed()
    for label in ("2024-01", "2024-02", "2024-03-01", "2024-03-02"):
        files.bars("perp", bars, label)
    return files


def job(folder: Path, **settings) -> ArchiveReport:
    return archive_job(
        "binance-archive",
        FetchRequest(["BTC"], SINCE, streams=["perp"]),
        store_root=folder,
        dataset="bn",
        now=NOW,
        settings=ArchiveSettings(**settings),
    )


def over(server: Archive, folder: Path, **settings) -> ArchiveReport:
    settings = {"attempts": 4, "wait_seconds": 0.0, "timeout_seconds": 5.0, **settings}
    return job(folder, binance_url=server.url, **settings)


def stored(folder: Path) -> pd.DataFrame:
    store = Store(folder)
    return store.load("bn", "BTC", manifest=store.read("bn"))["perp"]


def findings(report: ArchiveReport) -> dict[str, int]:
    return {f.rule: f.count for f in report.imported.findings}


@pytest.mark.parametrize("fault", RETRIED)
@pytest.mark.parametrize("path", [ONE, SUM])
def test_what_another_attempt_mends_is_asked_for_again(fault, path, packed, bars, tmp_path):
    if path == SUM and fault in ("wrong", "short"):
        fault = "page"  # a spoilt checksum is one that is not written as one
    with serving(packed.files) as server:
        server.faults[path] = [fault, fault]
        report = over(server, tmp_path)
        assert server.log.count(path) == 3
    pd.testing.assert_frame_equal(stored(tmp_path)[list(bars)], bars, check_exact=True)
    assert report.verified == 4


@pytest.mark.parametrize(
    ("fault", "rule", "hint"),
    [
        ("503", "got HTTP 503", "fetched files are kept"),
        ("cut", "cannot reach", "--mirror"),
        ("page", "got a web page", "try again later"),
        ("wrong", "SHA-256 must be", "--skip-damaged"),
        ("short", "SHA-256 must be", "--skip-damaged"),
    ],
)
def test_what_stays_broken_stops_with_the_files_name_and_what_to_do(
    fault, rule, hint, packed, tmp_path
):
    with serving(packed.files) as server:
        server.faults[ONE] = [fault] * 4
        with pytest.raises(DataError, match=rule) as error:
            over(server, tmp_path)
        assert server.log.count(ONE) == 4
        assert hint in error.value.hint
        assert not (tmp_path / "bn").exists()
        # the same again, without the fault: the rest is there already
        server.log.clear()
        report = over(server, tmp_path)
    assert bar_path("perp", "2024-01") not in server.log
    assert report.verified == 4


@pytest.mark.parametrize(
    ("code", "hint"),
    [("403", "refuses this network or region"), ("451", "region"), ("400", "mirr")],
)
def test_a_refusal_is_not_asked_again(code, hint, packed, tmp_path):
    with serving(packed.files) as server:
        server.faults[ONE] = [code] * 9
        with pytest.raises(UnreachableError, match=f"HTTP {code}") as error:
            over(server, tmp_path, skip_damaged=True)
        assert server.log.count(ONE) == 1
    assert hint in error.value.hint


def test_no_server_at_all_is_one_plain_error(tmp_path):
    with pytest.raises(UnreachableError, match="cannot reach") as error:
        job(tmp_path, binance_url="http://127.0.0.1:9", wait_seconds=0.0)
    assert "--mirror" in error.value.hint


def test_a_missing_checksum_stops_unless_it_is_allowed(packed, bars, tmp_path):
    del packed.files[SUM]
    with serving(packed.files) as server, pytest.raises(DataError, match="no checksum file") as e:
        over(server, tmp_path)
    assert "--unverified" in e.value.hint
    with serving(packed.files) as server:
        report = over(server, tmp_path, unverified=True)
    assert (report.verified, len(report.files)) == (3, 4)
    assert findings(report)["unverified files"] == 1
    pd.testing.assert_frame_equal(stored(tmp_path)[list(bars)], bars, check_exact=True)


@pytest.mark.parametrize(
    "note", [b"", b"<html>no</html>", b"abc  BTCUSDT-1h-2024-02.zip\n", b"0" * 64 + b"  other.zip"]
)
def test_a_checksum_that_is_none_is_refused(note, packed, tmp_path):
    packed.files[SUM] = note
    with pytest.raises(DataError, match="HASH BTCUSDT-1h-2024-02"):
        job(tmp_path / "s", mirror=packed.write(tmp_path / "m"))


def test_a_damaged_month_is_made_of_its_days_if_damage_may_be_left_out(packed, bars, tmp_path):
    packed.files[ONE] = packed.files[ONE][:-30]
    for day in pd.date_range("2024-02-01", "2024-02-29").strftime("%Y-%m-%d"):
        packed.bars("perp", bars, day)
    mirror = packed.write(tmp_path / "m")
    with pytest.raises(DataError, match="SHA-256 must be"):
        job(tmp_path / "s", mirror=mirror)
    report = job(tmp_path / "s", mirror=mirror, skip_damaged=True)
    pd.testing.assert_frame_equal(stored(tmp_path / "s")[list(bars)], bars, check_exact=True)
    assert findings(report)["damaged files"] == 1
    assert len(report.files) == 32


def test_a_damaged_day_that_is_left_out_is_a_gap(packed, bars, tmp_path):
    packed.put(bar_path("perp", "2024-03-01"), b"PK\x03\x04 no zip")
    mirror = packed.write(tmp_path / "m")
    with pytest.raises(DataError, match=r"2024-03-01\.zip: the zip file is damaged"):
        job(tmp_path / "s", mirror=mirror)
    report = job(tmp_path / "s", mirror=mirror, skip_damaged=True)
    seen = findings(report)
    assert (seen["damaged files"], seen["missing bars"]) == (1, 24)
    assert len(stored(tmp_path / "s")) == len(bars) - 24


def test_a_bomb_fills_neither_memory_nor_disk(packed, tmp_path):
    packed.add(ONE, "0" * (8 << 20))
    with serving(packed.files) as server, pytest.raises(DataError, match="times its packed size"):
        over(server, tmp_path)
    # larger than a file may be: the transfer ends at the limit
    packed.files[ONE] = bytes(1 << 20)
    with serving(packed.files) as server, pytest.raises(DataError, match="at most 100,000 bytes"):
        over(server, tmp_path / "other", limits=ZipLimits(packed=100_000))
    biggest = max(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file())
    assert biggest < 100_000


def test_nothing_is_unpacked_to_disk(packed, tmp_path):
    with serving(packed.files) as server:
        over(server, tmp_path)
    kept = {p.suffix for p in (tmp_path / ".archives").rglob("*") if p.is_file()}
    assert kept == {".zip", ".CHECKSUM"}


def test_two_fetches_at_once_do_not_harm_each_other(packed, bars, tmp_path):
    with serving(packed.files) as server, ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: over(server, tmp_path), range(2)))
    pd.testing.assert_frame_equal(stored(tmp_path)[list(bars)], bars, check_exact=True)
    assert len({r.imported.fingerprint for r in reports}) == 1


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    faults=st.dictionaries(
        st.sampled_from([ONE, SUM, bar_path("perp", "2024-01"), bar_path("perp", "2024-03-02")]),
        st.lists(st.sampled_from(["503", "429", "cut", "page"]), max_size=3),
    )
)
def test_any_faults_that_end_give_the_same_store(bars, tmp_path_factory, faults):
    packed = Packed()
    for label in ("2024-01", "2024-02", "2024-03-01", "2024-03-02"):
        packed.bars("perp", bars, label)
    folder = tmp_path_factory.mktemp("faults")
    with serving(packed.files) as server:
        server.faults = {path: list(queue) for path, queue in faults.items()}
        over(server, folder, attempts=7)
    pd.testing.assert_frame_equal(stored(folder)[list(bars)], bars, check_exact=True)


def test_a_server_may_say_how_long_to_wait(monkeypatch):
    waits: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"retry-after": "7"})

    client = httpx.Client(transport=httpx.MockTransport(answer))
    web = Web("http://x", Path("nowhere"), client, attempts=3, wait=1.0)
    with pytest.raises(UnreachableError, match="429"):
        web.get("a.zip")
    assert waits == [7.0, 7.0]


def test_a_cache_that_cannot_be_written_is_a_store_error(packed, tmp_path):
    (tmp_path / ".archives").write_text("in the way")
    with serving(packed.files) as server, pytest.raises(StoreError, match="cannot write"):
        over(server, tmp_path)


def test_a_mirror_file_larger_than_allowed_is_not_read(tmp_path):
    (tmp_path / "a.zip").write_bytes(bytes(1000))
    with pytest.raises(DataError, match="at most 999 bytes; got 1,000"):
        Mirror(tmp_path, Rules(largest=999)).get("a.zip")
    assert Mirror(tmp_path).get("b.zip") is None
