"""Campaigns whose perp is listed on the day of the pump: in the lab, and on real coins."""

import functools

import pandas as pd
import pytest

from fadefollow.market import Market
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.spec import load_spec
from fadefollow.market.importing.files import import_files
from fadefollow.market.lab import simulate
from fadefollow.workspace import find_workspace
from signals.campaign import Campaign

HOUR = pd.Timedelta(hours=1)
WORKSPACE = find_workspace()
#: coins that are listed as they are pumped, and others with whole campaigns later in their lives
LISTED = ("ALPINE", "DEXE", "FLUX", "ONG", "STX", "USUAL")
#: coin → ignition of a whole campaign, found in its full history
WHOLE = {"ARK": "2024-01-24", "BAND": "2024-12-20", "CATI": "2025-04-30", "ENJ": "2024-01-08"}


@pytest.fixture(scope="module")
def lab():
    settings = {"seed": 9, "years": 0.4, "coins": 1, "quiet_days": 60, "families": ["campaign"]}
    return simulate(settings | {"listed_with_pump": True}, bar=HOUR)


def events(lab, *without):
    """Phases and hours since the listing, of the first fortnight."""
    tables = {name: table for name, table in lab.tables["C01"].items() if name not in without}
    table = Campaign().detect(Market("C01", bar=HOUR, tables=tables)).table
    hours = (table["time"] - lab.listed["C01"]) // HOUR
    return dict(zip(table["phase"][hours < 336], hours[hours < 336], strict=True))


def test_the_lab_lists_a_perp_with_its_first_pump(lab):
    tables, listed = lab.tables["C01"], lab.listed["C01"]
    assert listed == pd.Timestamp("2021-03-24 08:00", tz="UTC")
    assert tables["spot"]["time"].iloc[0] == pd.Timestamp("2021-01-01", tz="UTC")
    for name in ("perp", "mark", "funding", "open_interest", "future"):
        assert tables[name]["time"].iloc[0] >= listed
    starts = lab.truth.drop_duplicates("phase").set_index("phase")["start"]
    own = ["ignition", "handover", "distribution", "dump"]
    assert ((starts[own] - listed) // HOUR).tolist() == [16, 50, 80, 113]


def test_a_campaign_that_begins_at_a_listing_is_found_in_order(lab):
    assert events(lab) == {
        "ignition": 7,
        "squeeze": 18,
        "handover": 39,
        "distribution": 79,
        "dump": 113,
    }


def test_a_campaign_that_begins_at_a_listing_is_found_without_open_interest(lab):
    assert events(lab, "open_interest") == {
        "ignition": 7,
        "handover": 39,
        "distribution": 79,
        "dump": 113,
    }


def test_without_the_past_of_its_spot_nothing_is_found(lab):
    assert events(lab, "spot") == {}


# --- real coins


@pytest.fixture(scope="module")
def universe(shared_data, tmp_path_factory):
    spec = load_spec(WORKSPACE.path("datasets", "universe_4h"))
    coins = (*LISTED, *WHOLE)
    files = tuple(file.model_copy(update={"coins": coins}) for file in spec.files)
    spec = spec.model_copy(update={"files": files})
    store = tmp_path_factory.mktemp("store")
    import_files(spec, "universe_4h", shared_data, store)
    return open_dataset(spec, "universe_4h", store)


@functools.cache
def found(market):
    return Campaign().detect(market).table


@pytest.mark.shared
def test_funding_of_the_universe_says_that_it_is_implied(universe):
    assert universe.notes[0].code == "implied-settlements"
    table = found(universe.markets["USUAL"])
    assert table["funding_implied"].all()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("coin", "day", "phases"),
    [
        ("ALPINE", "2025-05-06", ["ignition", "handover", "distribution"]),
        ("DEXE", "2024-12-30", ["ignition", "handover"]),
        ("FLUX", "2024-09-03", ["ignition", "handover"]),
        ("ONG", "2023-11-28", ["ignition", "handover"]),
        ("STX", "2023-02-27", ["ignition", "handover"]),
        ("USUAL", "2024-12-19", ["ignition", "handover", "distribution"]),
    ],
)
def test_a_coin_listed_as_it_is_pumped_is_seen_from_its_first_days(universe, coin, day, phases):
    market = universe.markets[coin]
    young = found(market)
    young = young[young["time"] < market.index[0] + pd.Timedelta(days=21)]
    assert young["phase"].tolist() == phases
    assert f"{young['time'].iloc[0]:%Y-%m-%d}" == day
    assert young["warm_up_on_spot"].all()


@pytest.mark.shared
@pytest.mark.parametrize(("coin", "day"), WHOLE.items())
def test_a_campaign_is_found_where_the_perp_is_listed_the_day_before(universe, coin, day):
    whole = universe.markets[coin]
    start = pd.Timestamp(day, tz="UTC") - pd.Timedelta(days=1)
    tables = {
        name: table[(table["time"] >= start) | (name == "spot")].reset_index(drop=True)
        for name in whole.streams
        for table in (whole.table(name),)
    }
    young = found(Market(coin, bar=whole.bar, tables=tables))
    full = found(whole)
    end = start + pd.Timedelta(days=16)
    seen, was = (
        t[(t["time"] >= start) & (t["time"] < end)].set_index("phase")["time"]
        for t in (young, full)
    )
    own = ["ignition", "distribution", "dump"]
    assert [phase for phase in seen.index if phase in own] == own
    assert seen[own[1:]].tolist() == was[own[1:]].tolist()
    assert abs(seen["ignition"] - was["ignition"]) <= pd.Timedelta(hours=8)
