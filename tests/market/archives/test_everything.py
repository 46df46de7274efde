"""Every coin of the archive: the plan, the coins that fail, and fetches that are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import httpx
import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError
from fadefollow.market.archives import (
    ArchiveSettings,
    Universe,
    UniverseJob,
    UniverseReport,
)
from fadefollow.market.archives.binance import fetch_coin
from fadefollow.market.archives.series import Reader
from fadefollow.market.archives.source import UnreachableError, Web
from fadefollow.market.datasets.request import FetchRequest
from fadefollow.market.store.store import Store
from tests.support.archives.packing import Packed, bar_path
from tests.support.archives.server import LIST, serving
from tests.support.archives.universe import (
    DAYS,
    MONTHS,
    NOW,
    add_coin,
    archive,
    bars,
    microseconds_and_a_header,
    wrong_checksum,
)
from tests.support.paths import ROOT

COINS = 6
STREAMS = ("perp", "spot", "funding")
FEW = Universe(match="C0[0-2]*")
#: names that the store can hold today
LATIN = [*(f"C{n:02d}" for n in range(COINS)), "PEPE"]


@pytest.fixture(scope="module")
def whole() -> Packed:
    packed = archive(COINS)
    microseconds_and_a_header(packed)
    return packed


@pytest.fixture
def packed(whole) -> Packed:
    return Packed(dict(whole.files))


def job(root: Path, **options) -> UniverseJob:
    settings = ArchiveSettings(
        wait_seconds=0.0,
        attempts=3,
        timeout_seconds=5.0,
        workers=2,
        **{n: options.pop(n) for n in ("mirror", "binance_url") if n in options},
    )
    return UniverseJob(
        options.pop("universe", Universe()),
        FetchRequest((), pd.Timestamp(MONTHS[0]), streams=options.pop("streams", STREAMS)),
        root,
        "bn",
        settings=settings,
        now=options.pop("now", NOW),
        **options,
    )


def run(asked: UniverseJob) -> UniverseReport:
    return asked.run(asked.plan())


class Calm(NamedTuple):
    """A fetch of the whole archive from a mirror, undisturbed."""

    root: Path  #: of the store
    report: UniverseReport
    said: list[tuple[str, float | None]]


@pytest.fixture(scope="module")
def calm(whole, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    folder = tmp_path_factory.mktemp("calm")
    said: list[tuple[str, float | None]] = []
    asked = job(folder / "s", mirror=whole.write(folder / "m"))
    plan = asked.plan()
    step = replace(asked, progress=lambda text, done: said.append((text, done)))
    return Calm(folder / "s", step.run(plan), said)


def stored(root: Path, coin: str) -> dict[str, pd.DataFrame]:
    store = Store(root)
    return store.load("bn", coin, manifest=store.read("bn"))


# --- the plan --------------------------------------------------------------------------------


def test_the_plan_counts_coins_files_and_bytes(packed, tmp_path):
    plan = job(tmp_path / "s", mirror=packed.write(tmp_path / "m")).plan()
    by_coin = {coin.coin: coin for coin in plan.coins}
    assert sorted(by_coin) == sorted([*LATIN, "币安人生"])
    one, dead, young, pepe = (by_coin[name] for name in ("C01", "C03", "C05", "PEPE"))
    # perp and spot: 2 months and 2 days; funding: 2 months
    assert (one.files, one.streams) == (10, ("perp", "spot", "funding"))
    mine = [p for p in packed.files if "/C01USDT/" in p and p.endswith(".zip")]
    assert one.size == sum(len(packed.files[path]) for path in mine)
    assert (dead.files, dead.end) == (3, pd.Timestamp("2025-01-01", tz="UTC"))
    assert (young.files, young.first) == (2, pd.Timestamp("2025-02-01", tz="UTC"))
    assert (pepe.symbol, pepe.multiple, pepe.files) == ("1000PEPEUSDT", "1000", 10)
    told = plan.to_dict()
    assert told["files"] == sum(coin.files for coin in plan.coins)
    assert told["bytes"] == sum(coin.size for coin in plan.coins)
    assert (told["stored"], told["coins"]) == (0, len(plan.coins))
    assert json.loads(json.dumps(told)) == told
    assert not (tmp_path / "s" / "bn").exists()


@pytest.mark.parametrize(
    ("universe", "coins"),
    [
        (Universe(match="C0[13]*"), {"C01", "C03"}),
        (Universe(match="/^C0(1|3)USDT$/"), {"C01", "C03"}),
        (Universe(match="1000*"), {"PEPE"}),
        (Universe(quote="BUSD"), {"C01"}),
        # two months and two days; December; a month counts whole
        (Universe(match="*PEPE*", min_days=64), {"PEPE"}),
        (Universe(match="*C03*", min_days=31), {"C03"}),
    ],
)
def test_coins_are_chosen_by_name_currency_and_age(universe, coins, packed, tmp_path):
    plan = job(tmp_path, universe=universe, mirror=packed.write(tmp_path / "m")).plan()
    assert {coin.coin for coin in plan.coins} == coins
    assert plan.left_out == {}


def test_nothing_that_fits_is_an_error(packed, tmp_path):
    mirror = packed.write(tmp_path / "m")
    for universe in (Universe(match="X*"), Universe(match="*C03*", min_days=32)):
        with pytest.raises(DataError, match="no perpetual in USDT that is wanted"):
            job(tmp_path, universe=universe, mirror=mirror).plan()


def test_what_cannot_be_is_refused_at_once(tmp_path):
    with pytest.raises(ParameterError, match="must be a regular expression"):
        Universe(match="/(/")
    with pytest.raises(ParameterError, match="min_days must be at least 0"):
        Universe(min_days=-1)
    with pytest.raises(ParameterError, match="needs its perp bars"):
        job(tmp_path, streams=("spot",))


def test_of_two_contracts_of_one_coin_the_plain_one_is_taken(packed, tmp_path):
    add_coin(packed, "PEPE", bars("2025-01-01", DAYS[-1], 3), DAYS, spot=False)
    universe = Universe(match="*PEPE*")
    plan = job(tmp_path, universe=universe, mirror=packed.write(tmp_path / "m")).plan()
    assert [coin.symbol for coin in plan.coins] == ["PEPEUSDT"]
    assert plan.left_out == {"1000PEPEUSDT": "PEPEUSDT is of the same coin"}


def test_a_name_in_any_script_comes_through_the_listing(packed, tmp_path):
    with serving(packed.files) as server:
        plan = job(tmp_path, binance_url=server.url, universe=Universe(match="币*")).plan()
    assert [coin.symbol for coin in plan.coins] == ["币安人生USDT"]


def test_files_of_such_a_name_are_fetched_and_kept(packed, tmp_path):
    table = bars("2025-01-10", DAYS[-1], 88, 0.1)
    with serving(packed.files) as server, httpx.Client() as client:
        web = Web(server.url, tmp_path, client)
        for _ in range(2):  # over the network, then from what was kept
            tables, files, _ = fetch_coin(
                "币安人生",
                "USDT",
                ("perp",),
                pd.Timedelta(hours=1),
                pd.Timestamp("2025-01-01", tz="UTC"),
                pd.Timestamp("2025-02-03", tz="UTC"),
                partial(Reader, web, NOW, 2),
                "",
            )
            got = tables["perp"].table
            pd.testing.assert_frame_equal(got[list(table)], table, check_exact=True)
            assert [file.verified for file in files] == [True] * 3
    assert [file.fetched for file in files] == [False] * 3


# --- the coins -------------------------------------------------------------------------------


def test_all_coins_are_stored_the_dead_ones_too(calm):
    root, report = calm.root, calm.report
    assert set(LATIN) <= set(report.coins)
    assert not set(LATIN) & {symbol.removesuffix("USDT") for symbol in report.failed}
    made = bars(f"{MONTHS[0]}-01", DAYS[-1], 4, 14.0)
    got = stored(root, "C04")["perp"]
    pd.testing.assert_frame_equal(got[list(made)], made, check_exact=True)
    assert "spot" not in stored(root, "C05")
    pepe = stored(root, "PEPE")
    # a contract of a thousand at two cents
    assert pepe["perp"]["open"].iloc[0] == pytest.approx(2e-5, rel=1e-12)
    assert pepe["spot"]["open"].iloc[0] == pytest.approx(2e-5, rel=1e-12)
    listings = Store(root).read("bn").listings
    assert listings["C03"].delisted_at == pd.Timestamp("2024-12-20", tz="UTC")
    assert listings["PEPE"].listed_at == pd.Timestamp("2024-12-20", tz="UTC")
    assert "C01" not in listings
    assert (report.verified, report.fetched) == (report.files, 0)
    absent = [f.symbol for f in report.findings if (f.stream, f.rule) == ("spot", "no data")]
    assert [coin for coin in absent if coin in LATIN] == ["C00", "C05"]


def test_a_coin_that_fails_is_named_and_the_rest_goes_on(packed, whole, tmp_path):
    symbol = wrong_checksum(packed)
    mirror = packed.write(tmp_path / "m")
    report = run(job(tmp_path / "s", mirror=mirror, universe=FEW))
    assert report.coins == ("C00", "C01")
    assert report.failed[symbol].startswith(bar_path("perp", "2024-12", symbol))
    assert "SHA-256" in report.failed[symbol]
    # mended, it alone is read
    path = bar_path("perp", "2024-12", symbol)
    (mirror / path).write_bytes(whole.files[path])
    again = run(job(tmp_path / "s", mirror=mirror, universe=FEW))
    assert again.coins == ("C02",)
    assert set(again.unchanged) == set(report.coins)


def test_the_network_gives_what_the_mirror_gives_and_a_dead_archive_ends_it(packed, calm, tmp_path):
    expected = calm.report
    with serving(packed.files) as server:
        server.page_size = 4
        asked = job(tmp_path / "b", binance_url=server.url)
        plan = asked.plan()
        server.faults["*"] = ["500"] * 10_000
        with pytest.raises(UnreachableError, match="HTTP 500"):
            asked.run(plan)
        assert not (tmp_path / "b" / "bn").exists()
        server.faults.clear()
        report = asked.run(plan)
        assert report.fingerprint == expected.fingerprint
        assert report.fetched == report.files == expected.files
        server.log.clear()
        again = run(asked)
        # nothing new: the listing, and no file
        assert set(server.log) == {LIST}
    assert (again.coins, again.files) == ((), 0)
    assert again.fingerprint == expected.fingerprint


def test_one_file_that_is_not_sent_costs_one_coin(packed, tmp_path):
    with serving(packed.files) as server:
        asked = job(tmp_path, binance_url=server.url, universe=FEW)
        plan = asked.plan()
        server.faults[bar_path("perp", "2025-01", "C01USDT")] = ["503"] * 3
        report = asked.run(plan)
        assert list(report.failed) == ["C01USDT"]
        assert "HTTP 503" in report.failed["C01USDT"]
        assert run(asked).coins == ("C01",)


def test_a_later_fetch_reads_the_coins_with_new_files_only(packed, tmp_path):
    mirror = packed.write(tmp_path / "m")
    first = run(job(tmp_path / "s", mirror=mirror, universe=FEW))
    more = Packed()
    table = bars(f"{MONTHS[0]}-01", "2025-02-03", 1, 11.0)
    more.bars("perp", table, "2025-02-03", symbol="C01USDT")
    more.write(mirror)
    later = job(tmp_path / "s", mirror=mirror, universe=FEW, now=NOW + pd.Timedelta(days=1))
    plan = later.plan()
    assert [coin.coin for coin in plan.todo] == ["C01"]
    report = later.run(plan)
    assert (report.coins, set(report.unchanged)) == (("C01",), set(first.coins) - {"C01"})
    assert stored(tmp_path / "s", "C01")["perp"]["time"].iloc[-1] == pd.Timestamp(
        "2025-02-03 23:00", tz="UTC"
    )


def test_another_range_or_a_lost_data_set_is_read_anew(packed, tmp_path):
    mirror = packed.write(tmp_path / "m")
    run(job(tmp_path / "s", mirror=mirror, streams=("perp",)))
    assert len(job(tmp_path / "s", mirror=mirror).plan().todo) >= len(LATIN)
    assert job(tmp_path / "s", mirror=mirror, streams=("perp",)).plan().todo == ()
    (tmp_path / "s" / "bn" / "current.json").unlink()
    assert len(job(tmp_path / "s", mirror=mirror, streams=("perp",)).plan().todo) >= len(LATIN)


def test_progress_says_which_coin_and_how_long(calm):
    text, done = calm.said[-1]
    count = len(calm.report.coins)
    assert text.split(",")[0] == f"{count} of {count}"
    assert text.endswith(" left")
    assert done == 1.0
    shares = [share for _, share in calm.said]
    assert shares == sorted(shares)


# --- killed ----------------------------------------------------------------------------------


def start(url: str, root: Path, die_at: int = 0) -> subprocess.Popen[str]:
    wish = json.dumps({"root": str(root), "url": url, "die_at": die_at})
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.archives.fetcher", wish],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return out.split("done ")[1].split()[0]


def check_kill(packed: Packed, calm: str, root: Path, files: int, *, die_at: int = 0) -> None:
    """Killed after some files, again at a step that changes the disk, and then let alone."""
    with serving(packed.files) as server:
        victim = start(server.url, root / "s")
        assert victim.stdout is not None
        seen = 0
        while seen < files and (line := victim.stdout.readline()):
            seen += " left " in line
        victim.kill()
        victim.communicate()
        if die_at:
            start(server.url, root / "s", die_at=die_at).communicate(timeout=60)
        assert ended(start(server.url, root / "s")) == calm
    assert Store(root / "s").read("bn").fingerprint == calm
    assert not [p for p in (root / "s" / "bn").iterdir() if p.suffix in (".tmp", ".part")]


def test_a_killed_fetch_ends_as_if_nothing_had_happened(packed, calm, tmp_path):
    check_kill(packed, calm.report.fingerprint, tmp_path, 20)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "die_at"), [(1, 30), (7, 120), (20, 200), (32, 3), (40, 12), (44, 1)]
)
def test_many_kills_leave_no_trace(files, die_at, packed, calm, tmp_path):
    check_kill(packed, calm.report.fingerprint, tmp_path, files, die_at=die_at)
