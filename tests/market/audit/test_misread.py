"""Data that was taken for something else: found, and what is real is not accused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.errors import DataError
from fadefollow.market.audit.audit import audit
from fadefollow.market.audit.gate import accepted, pass_gate
from fadefollow.market.audit.misread import check_far, far_from_bars, gap_jumps, held_rates
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.market.panel import Market
from fadefollow.market.streams import stream

HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
N = 24 * 30
RNG = np.random.default_rng(7)
RATES = RNG.normal(0, 2e-4, N).round(6)


def settled(rates: object, hours: float = 1.0, declared: float | None = None) -> pd.DataFrame:
    """Settlements every `hours`."""
    values = np.asarray(rates, float)
    time = START + pd.to_timedelta(np.arange(len(values)) * hours, unit="h")
    time = pd.DatetimeIndex(time).as_unit("ns")
    made = {"time": time, "rate": values, "interval_hours": declared or hours, "available": time}
    return pd.DataFrame(made)


def held(every: int, *, keep_default: float = 0.0) -> np.ndarray:
    """One rate for each `every` hours; a share of them is the default."""
    rates = RATES[: N // every].copy()
    rates[RNG.random(len(rates)) < keep_default] = 1e-4
    return np.repeat(rates, every)


@pytest.mark.parametrize(
    ("table", "interval"),
    [
        (settled(held(8)), 8),
        (settled(held(8, keep_default=0.6)), 8),
        (settled(held(4)), 4),
        (settled(np.roll(held(8), 3)), 8),  # in another time zone
        (settled(np.repeat(RATES, 2), hours=4), 8),
        (settled(held(8), declared=8.0), 8),
    ],
)
def test_one_settlement_on_every_bar_is_an_error(table, interval):
    (found,) = held_rates("BTC", table, stream("funding"))
    assert (found.grade, found.code) == ("error", "repeated-funding")
    assert f"every {interval} h" in found.text
    assert found.count >= len(table) // 2 - 1


@pytest.mark.parametrize(
    "table",
    [
        settled(RATES),  # another rate every hour
        settled(np.full(N, 1e-4)),  # the default for ever
        # the default nearly always, at other times anything
        settled(np.where(RNG.random(N) < 0.05, RATES, 1e-4)),
        settled(RATES, hours=8),
        settled(np.where(RNG.random(N) < 0.5, RATES, 1e-4), hours=4),
        # a rate that stays for some hours, of which none is special
        settled(np.repeat(RATES, RNG.integers(1, 12, N))[:N]),
    ],
)
def test_a_coin_that_is_settled_so_often_is_not_accused(table):
    assert held_rates("BTC", table, stream("funding")) == []


def bars(hours: list[int], close: object = 100.0) -> pd.DataFrame:
    time = pd.DatetimeIndex(START + pd.to_timedelta(hours, unit="h")).as_unit("ns")
    wave = 1 + 0.002 * np.sin(np.arange(len(hours)))
    price = np.asarray(close, float) * wave
    return pd.DataFrame(
        {
            "time": time,
            "open": price,
            "high": price,
            "low": price,
            "close": price,
            "available": time + HOUR,
        }
    )


def test_repeated_funding_stops_a_run_until_it_is_accepted():
    tables = {"perp": bars(list(range(N))), "funding": settled(held(8))}
    data = Dataset(
        "d",
        "D",
        HOUR,
        simulated=False,
        fingerprint="",
        markets={"BTC": Market("BTC", bar=HOUR, tables=tables)},
    )
    uses = {"BTC": ("perp", "funding")}
    with pytest.raises(DataError, match="repeated-funding"):
        pass_gate(audit(data), uses)
    (note,) = pass_gate(audit(data), uses, accepted(["BTC:repeated-funding"])).notes
    assert note.figures["finding"] == "repeated-funding"


HALT = [*range(200), *range(440, 640)]
REDENOMINATED = np.where(np.arange(400) < 200, 183.0, 709.0)


def test_a_price_that_comes_back_in_another_unit_is_an_error():
    (found,) = gap_jumps("BNX", {"perp": bars(HALT, REDENOMINATED)}, HOUR)
    assert (found.grade, found.code, found.where) == ("error", "gap-jump", "2024-01-19 08:00")
    assert "3.87 times" in found.text


def test_a_change_of_unit_over_a_halt_is_told_once():
    prices = np.where(np.arange(800) < 400, 26.0, 0.026)
    table = bars([*range(400), *range(460, 860)], prices)
    market = Market("SUN", bar=HOUR, tables={"perp": table})
    found = audit(
        Dataset("d", "D", HOUR, simulated=False, fingerprint="", markets={"SUN": market})
    ).of("error")
    assert [(f.code, f.where) for f in found] == [("unit-change", "2024-01-20 04:00")]


def test_a_price_that_spot_followed_over_the_halt_is_real():
    spot = bars(list(range(640)), np.where(np.arange(640) < 300, 183.0, 709.0))
    assert gap_jumps("BNX", {"perp": bars(HALT, REDENOMINATED), "spot": spot}, HOUR) == []
    assert gap_jumps("BNX", {"perp": bars(HALT)}, HOUR) == []
    # without a hole it is a move, and another check's
    assert gap_jumps("BNX", {"perp": bars(list(range(400)), REDENOMINATED)}, HOUR) == []


def test_records_of_1970_are_refused_and_long_histories_are_not():
    early = pd.DataFrame({"time": pd.to_datetime([1672531200, 1672534800], unit="ms", utc=True)})
    early["time"] = early["time"].dt.as_unit("ns")
    tables = {"perp": bars(list(range(9))), "open_interest": early}
    with pytest.raises(DataError, match=r"within 20 years.*2 records.*1970-01-20"):
        check_far({"BTC": tables}, "d")
    since_2009 = early.assign(time=pd.to_datetime(["2009-01-03", "2024-01-02"], utc=True))
    assert far_from_bars({**tables, "open_interest": since_2009}) == {}


def test_an_import_reads_seconds_as_milliseconds_not_at_all(tmp_path):
    bars(list(range(48))).drop(columns="available").to_csv(tmp_path / "BTC.csv", index=False)
    seconds = [START.timestamp() + 3600 * n for n in range(48)]
    pd.DataFrame({"t": np.array(seconds, int), "oi": 5.0}).to_csv(tmp_path / "oi.csv", index=False)
    (tmp_path / "d.toml").write_text(
        'title = "d"\nsource = "files"\nbar = "1h"\n'
        '[[files]]\nstream = "perp"\npath = "BTC.csv"\ncoin = "BTC"\ntime = "time"\n'
        '[[files]]\nstream = "open_interest"\npath = "oi.csv"\ncoin = "BTC"\ntime = "t"\n'
        'time_unit = "ms"\ncolumns = { open_interest = "oi" }\n'
    )
    with pytest.raises(DataError, match=r"1970[^\0]*time_unit"):
        import_files(load_spec(tmp_path / "d.toml"), "d", tmp_path, tmp_path / "store")
    assert not (tmp_path / "store" / "d").exists()
