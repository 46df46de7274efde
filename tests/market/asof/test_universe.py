"""The universe: at each date by what was known then, coins that will be delisted included."""

from __future__ import annotations

import json
import pickle
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fadefollow.core.notes import Note
from fadefollow.errors import DataError, FadeFollowError, ParameterError
from fadefollow.market.asof.universe import Universe
from fadefollow.market.asof.universe_rule import UniverseSpec
from fadefollow.market.datasets.open import open_dataset
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.datasets.spec import DatasetSpec, load_spec
from fadefollow.market.panel import Market
from fadefollow.market.schema import canonical
from fadefollow.market.store.store import Listing, Store, Update
from fadefollow.phases import Phases, Signal, detect_checked

DAY = pd.Timedelta(days=1)
#: a multiple of 10 days since 1970
START = pd.Timestamp(19_700 * 86_400, unit="s", tz="UTC")
RULE = UniverseSpec(largest=2, over_days=10, every="10D")


def at(day: float) -> pd.Timestamp:
    return START + day * DAY


def bars(
    volumes: dict[int, float], days: int, first: int = 0, stream: str = "perp"
) -> pd.DataFrame:
    """Daily bars at a price of 2 from `first` to before `days`; volume from each day named on."""
    volume = pd.Series(volumes, dtype=float).reindex(range(first, days)).ffill().to_numpy()
    times = pd.date_range(at(first), periods=days - first, freq="D")
    frame = pd.DataFrame(
        {"time": times, "open": 2.0, "high": 2.0, "low": 2.0, "close": 2.0, "volume": volume}
    )
    return canonical(frame, stream, bar=DAY, where="test")


def market(symbol: str, volumes: dict[int, float], days: int = 50, **more) -> Market:
    first = min(volumes)
    tables = {"perp": bars(volumes, days, first)}
    return Market(symbol, bar=DAY, tables=tables, **more)


def with_spot(symbol: str, perp: dict[int, float], spot: dict[int, float], **more) -> Market:
    tables = {"perp": bars(perp, 50, min(perp)), "spot": bars(spot, 50, min(spot), "spot")}
    return Market(symbol, bar=DAY, tables=tables, **more)


def coins(days: int = 50) -> dict[str, Market]:
    """BIG always large, RISE large from day 25 on, GONE large until it is delisted on day 32."""
    gone = {"GONE": market("GONE", {0: 50.0}, min(days, 32), delisted=at(32))}
    if days < 32:
        gone = {"GONE": market("GONE", {0: 50.0}, days)}
    return {
        "BIG": market("BIG", {0: 100.0}, days),
        "RISE": market("RISE", {0: 1.0, 25: 900.0}, days),
        "SMALL": market("SMALL", {0: 10.0}, days),
        **gone,
    }


def test_members_are_those_that_were_large_then():
    found = Universe.form(RULE, coins())
    assert found.dates.tolist() == [at(10), at(20), at(30), at(40), at(50)]
    assert found.members == (
        ("BIG", "GONE"),
        ("BIG", "GONE"),  # RISE is not known to become large
        ("RISE", "BIG"),  # 5 × 1 + 5 × 900
        ("RISE", "BIG"),
        ("RISE", "BIG"),
    )
    assert found.spans("GONE") == ((at(10), at(20)), (at(20), at(30)))


def test_a_coin_that_is_delisted_later_is_in_while_it_was_large_and_out_afterwards():
    three = RULE.model_copy(update={"largest": 3})
    found = Universe.form(three, coins())
    assert found.members[2] == ("RISE", "BIG", "GONE")
    # on day 40 it has volume of day 30 and 31, but is known to be delisted
    assert found.members[3] == ("RISE", "BIG", "SMALL")


def test_a_coin_counts_from_its_listing_with_what_it_has_traded_since():
    new = market("NEW", {15: 60.0}, listed=at(15))
    found = Universe.form(RULE, {**coins(), "NEW": new})
    # 5 days of 60 are less than 10 of 50
    assert found.members[:3] == (("BIG", "GONE"), ("BIG", "GONE"), ("RISE", "BIG"))
    small = {"BIG": coins()["BIG"], "NEW": new, "SMALL": coins()["SMALL"]}
    assert Universe.form(RULE, small).members[:2] == (("BIG", "SMALL"), ("BIG", "NEW"))
    # bars from before the listing, of a coin renamed, do not count
    early = market("EARLY", {0: 70.0}, listed=at(15))
    found = Universe.form(RULE, {**coins(), "EARLY": early})
    assert found.members[:2] == (("BIG", "GONE"), ("BIG", "EARLY"))


def test_coins_that_traded_nothing_are_no_members_and_equal_ones_go_by_name():
    found = Universe.form(
        RULE, {s: market(s, {0: v}) for s, v in (("C", 1.0), ("B", 1.0), ("A", 1.0), ("Z", 0.0))}
    )
    assert set(found.members) == {("A", "B")}
    assert Universe.form(RULE, {"Z": market("Z", {0: 0.0, 30: 1.0})}).members[:2] == ((), ())


#: each condition alone, and all together
RULES = tuple(
    UniverseSpec(over_days=10, every="10D", **more)
    for more in (
        {"largest": 2},
        {"ranks": (2, 3)},
        {"min_age_days": 20, "max_age_days": 30},
        {"max_perp_to_spot": 3.0},
        {"ranks": (1, 3), "min_age_days": 10, "min_perp_to_spot": 1.5},
    )
)


def formed(rule: dict[str, Any], markets: dict[str, Market]) -> tuple[tuple[str, ...], ...]:
    return Universe.form(UniverseSpec(over_days=10, every="10D", **rule), markets).members


def test_a_band_of_ranks_leaves_out_those_above_and_below_it():
    # by volume on day 10 and 20: BIG 100, GONE 50, SMALL 10, RISE 1; from day 30 on RISE, BIG, …
    assert formed({"ranks": (2, 3)}, coins()) == (
        ("GONE", "SMALL"),
        ("GONE", "SMALL"),
        ("BIG", "GONE"),
        ("BIG", "SMALL"),  # GONE is delisted
        ("BIG", "SMALL"),
    )
    assert formed({"ranks": (4, 9)}, coins())[0] == ("RISE",)


def test_age_counts_from_the_listing_and_is_no_part_of_the_ranks():
    new = market("NEW", {15: 60.0}, listed=at(15))
    everyone = {**coins(), "NEW": new}
    # 5 days old on day 20, 15 on day 30, 25 on day 40
    young = formed({"max_age_days": 15}, everyone)
    assert young == ((), ("NEW",), ("NEW",), (), ())
    # on day 20 NEW, with 5 × 60, comes after 10 × 100 and 10 × 50; on day 30 after 4505 and 1000
    assert formed({"ranks": (3, 3), "max_age_days": 15}, everyone) == young
    assert formed({"ranks": (1, 2), "max_age_days": 15}, everyone) == ((),) * 5
    assert formed({"min_age_days": 15, "max_age_days": 25}, everyone)[1:4] == (
        (),
        ("NEW",),
        ("NEW",),
    )


def test_a_coin_that_was_there_when_the_data_began_is_never_young():
    # both have traded for 10 days on day 10, BIG perhaps for years before the data
    early = {"BIG": coins()["BIG"], "LATE": market("LATE", {5: 1.0})}
    assert formed({"max_age_days": 10}, early) == (("LATE",), (), (), (), ())
    assert formed({"min_age_days": 20}, early) == (
        (),
        ("BIG",),
        ("BIG", "LATE"),
        *[("BIG", "LATE")] * 2,
    )
    known = {**early, "BIG": market("BIG", {0: 100.0}, listed=at(2))}
    assert formed({"max_age_days": 10}, known)[0] == ("BIG", "LATE")


def test_perp_to_spot_is_of_the_bars_in_which_both_traded():
    coins_ = {
        "THIN": with_spot("THIN", {0: 60.0, 20: 20.0}, {0: 10.0}),
        # spot is known from day 5 on: 10 × 5 over 4 × 5, not 10 × 10 over 4 × 5
        "LATE": with_spot("LATE", {0: 10.0}, {5: 4.0}),
        "ZERO": with_spot("ZERO", {0: 10.0}, {0: 0.0, 45: 1.0}),
        "BARE": market("BARE", {0: 10.0}),
    }
    # THIN: 6 on days 10 and 20, 2 later; LATE: 2.5; ZERO has no ratio until day 50, when it is
    # 10 × 10 over 5 × 0 + 5 × 1
    assert formed({"min_perp_to_spot": 3}, coins_) == (("THIN",), ("THIN",), (), (), ("ZERO",))
    assert formed({"max_perp_to_spot": 3}, coins_) == (
        ("LATE",),
        ("LATE",),
        ("THIN", "LATE"),
        ("THIN", "LATE"),
        ("THIN", "LATE"),
    )
    assert formed({"min_perp_to_spot": 20, "max_perp_to_spot": 20}, coins_)[-1] == ("ZERO",)
    rule = UniverseSpec(over_days=10, every="10D", min_perp_to_spot=2.5)
    found = Universe.form(rule, coins_)
    assert found.members[0] == ("THIN", "LATE")
    assert found.notes()[1] == Note("universe-unrated", {}, {"coins": ("BARE",)})


@settings(max_examples=25, deadline=None)
@given(
    rule=st.sampled_from(RULES),
    volumes=st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), min_size=3, max_size=5),
    firsts=st.lists(st.sampled_from([0, 0, 7, 22]), min_size=4, max_size=4),
    cut=st.integers(10, 49),
)
def test_what_comes_later_changes_no_date_before_it(rule, volumes, firsts, cut):
    whole = {
        f"C{n}": with_spot(
            f"C{n}",
            {max(10 * k, first): float(v) for k, v in enumerate(five)},
            {first: 2.0, 30: float(n)},
        )
        for n, (five, first) in enumerate(zip(volumes, [0, *firsts], strict=False))
        if first <= cut
    }
    past = {symbol: one.until(at(cut)) for symbol, one in whole.items()}
    if not any(one.turnover() is not None and one.turnover().any() for one in past.values()):
        return
    found, early = Universe.form(rule, whole), Universe.form(rule, past)
    assert early.dates.tolist() == [d for d in found.dates if d <= at(cut)]
    assert early.members == found.members[: len(early.dates)]
    for symbol, one in found.attached(whole).items():
        known: Any = early.attached(past)[symbol].member
        assert one.member is not None
        np.testing.assert_array_equal(known, one.member[: len(known)])
        np.testing.assert_array_equal(known, one.until(at(cut)).member)


def test_a_bar_is_a_member_s_by_its_close():
    found: Any = Universe.form(RULE, coins()).attached(coins())
    # chosen on day 10: the bar that opens on day 9 closes then
    assert np.flatnonzero(found["GONE"].member).tolist() == list(range(9, 29))
    assert np.flatnonzero(found["RISE"].member).tolist() == list(range(29, 50))
    assert not found["SMALL"].member.any()
    assert coins()["BIG"].member is None
    part = found["GONE"].between(at(15), at(31))
    assert np.flatnonzero(part.member).tolist() == list(range(14))
    assert found["RISE"].until(at(29)).members == ()
    with pytest.raises(ValueError, match="read-only"):
        part.member[0] = False


class Daily(Signal):
    """An event on every bar."""

    phases = {"up": ("perp",)}  # noqa: RUF012

    def features(self, market):
        return {}

    def states(self, market):
        return {}

    def detection_hours(self):
        return 24.0

    def detect(self, market):
        event = {"bar": np.arange(len(market)), "phase": "up", "lean": 1, "actor": "a"}
        return Phases.of(market, signal="daily", events=[{**event, "strength": 1.0}])


def test_events_count_only_while_the_coin_is_a_member():
    found = Universe.form(RULE, coins()).attached(coins())
    times = detect_checked(Daily(), found["GONE"]).table["time"].tolist()
    assert times == [at(day) for day in range(9, 29)]
    assert detect_checked(Daily(), found["GONE"]).marks("up").bar.tolist() == list(range(9, 29))
    assert len(detect_checked(Daily(), found["SMALL"])) == 0
    assert len(detect_checked(Daily(), coins()["SMALL"])) == 50


def stored(root: Path) -> Path:
    made = {symbol: {"perp": one.table("perp")} for symbol, one in coins().items()}
    listings = {"GONE": Listing(delisted=at(32).isoformat())}
    Store(root).update("bn", lambda _: Update(made, listings=listings), bar=DAY)
    return root


def spec(**universe) -> DatasetSpec:
    more = {"universe": universe} if universe else {}
    return DatasetSpec(title="t", source="fetch", venue="binance", bar="1d", **more)


def test_a_data_set_has_the_universe_that_its_file_declares(tmp_path):
    found = open_dataset(spec(largest=2, over_days=10, every="10D"), "bn", stored(tmp_path))
    assert found.universe.members[0] == ("BIG", "GONE")
    assert found.symbols == ("BIG", "GONE", "RISE", "SMALL")
    (note,) = found.notes
    assert note.code == "universe"
    assert note.figures == {
        "rule": "the 2 largest coins by volume over 10 days, formed every 10 days",
        "fewest": 2,
        "most": 2,
        "dates": 5,
        "first": "2023-12-19",
        "mean_by_year": ((2023, 2.0), (2024, 2.0)),
        "different": 3,
    }
    plain = open_dataset(spec(), "bn", tmp_path)
    assert (plain.universe, plain.notes, plain.markets["BIG"].members) == (None, (), None)
    assert plain.fingerprint == found.fingerprint


def test_neither_the_coins_nor_the_range_asked_for_change_who_is_a_member(tmp_path):
    rule = spec(largest=2, over_days=10, every="10D")
    root = stored(tmp_path)
    request = DataRequest(symbols=("GONE", "SMALL"), since=str(at(22)), until=str(at(45)))
    found = open_dataset(rule, "bn", root, request)
    assert found.symbols == ("GONE", "SMALL")
    markets: Any = found.markets
    assert np.flatnonzero(markets["GONE"].member).tolist() == list(range(7))
    assert not found.markets["SMALL"].member.any()
    assert found.universe.dates.tolist() == [at(20), at(30), at(40)]


def test_each_market_is_built_once_when_a_data_set_is_opened(tmp_path, monkeypatch):
    """With a holdout, a universe and a range, each of which cuts it."""
    rule = DatasetSpec(
        title="t",
        source="fetch",
        venue="binance",
        bar="1d",
        holdout_from=at(40).date(),
        universe={"largest": 2, "over_days": 10, "every": "10D"},
    )
    root, built, real = stored(tmp_path), [], Market.__init__

    def counted(self, symbol, **more):
        built.append(symbol)
        real(self, symbol, **more)

    monkeypatch.setattr(Market, "__init__", counted)
    request = DataRequest(since=str(at(15)), until=str(at(35)))
    found = open_dataset(rule, "bn", root, request)
    assert sorted(built) == ["BIG", "GONE", "RISE", "SMALL"]
    assert {s: (len(m), m.delisted) for s, m in found.markets.items()} == {
        "BIG": (20, None),
        "GONE": (17, at(32)),
        "RISE": (20, None),
        "SMALL": (20, None),
    }
    assert found.universe.dates.tolist() == [at(10), at(20), at(30)]


def test_the_number_of_coins_can_be_asked_for(tmp_path):
    root, rule = stored(tmp_path), spec(largest=2, over_days=10, every="10D")
    one = open_dataset(rule, "bn", root, DataRequest(universe=1)).universe
    assert one.members[1:3] == (("BIG",), ("RISE",))
    assert open_dataset(rule, "bn", root, DataRequest(universe=0)).universe is None
    # without a rule of its own, 30 days
    own = open_dataset(spec(), "bn", root, DataRequest(universe=3)).universe
    assert (own.rule, len(own.dates)) == (UniverseSpec(largest=3), 1)
    band = open_dataset(rule, "bn", root, DataRequest(universe="2-3")).universe
    assert band.rule == UniverseSpec(ranks=(2, 3), over_days=10, every="10D")
    assert band.members[0] == ("GONE", "SMALL")
    with pytest.raises(ParameterError, match="a rule of membership; got '-1'"):
        open_dataset(spec(), "bn", root, DataRequest(universe=-1))


def test_the_holdout_forms_no_universe(tmp_path):
    day = at(25).date()
    rule = DatasetSpec(
        title="t",
        source="fetch",
        venue="binance",
        bar="1d",
        holdout_from=day,
        universe={"largest": 2, "over_days": 10, "every": "10D"},
    )
    found = open_dataset(rule, "bn", stored(tmp_path))
    assert found.universe.dates.tolist() == [at(10), at(20)]


def test_a_universe_needs_volume_and_history():
    bare = {s: m.table("perp").drop(columns="volume") for s, m in coins().items()}
    markets = {s: Market(s, bar=DAY, tables={"perp": t}) for s, t in bare.items()}
    with pytest.raises(DataError, match="a universe by volume needs bars with a volume"):
        Universe.form(RULE, markets)
    some = {**coins(), "BIG": markets["BIG"]}
    found = Universe.form(RULE, some)
    assert found.members[0] == ("GONE", "SMALL")
    assert found.notes()[1] == Note("universe-unranked", {}, {"coins": ("BIG",)})
    with pytest.raises(DataError, match="as much history as it looks back; got 9 days"):
        Universe.form(RULE, coins(9))


@pytest.mark.parametrize(
    "text",
    [
        "over_days = 3",
        "largest = 5\nranks = [1, 2]",
        "ranks = [3, 2]",
        "ranks = [0, 2]",
        "min_age_days = 9\nmax_age_days = 8",
        "max_perp_to_spot = -1",
        "largest = 0",
        'largest = 5\nevery = "1h"',
        'largest = 5\nevery = "x"',
        "largest = 5\nover_days = 0",
        'largest = 5\nby = "price"',
        "largest = 5\nover = 3",
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(text, tmp_path):
    path = tmp_path / "d.toml"
    path.write_text(f'title = "t"\nsource = "fetch"\nvenue = "x"\nbar = "1h"\n[universe]\n{text}\n')
    with pytest.raises(FadeFollowError) as error:
        load_spec(path)
    assert "d.toml" in str(error.value)
    assert "universe" in str(error.value)


def test_a_run_says_its_universe_and_trades_members_only(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from fadefollow.cli.app import app
    from fadefollow.workspace import init_workspace

    init_workspace(tmp_path / "ws")
    monkeypatch.chdir(tmp_path / "ws")
    rule = "1-1,age=7-"
    args = ["run", "fade_crowded_funding", "--dataset", "lab", "--universe", rule, "--json"]
    done = CliRunner().invoke(app, [*args, "--placebo-draws", "100", "--bootstrap-draws", "100"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    (formed,) = [note["figures"] for note in told["notes"] if note["code"] == "universe"]
    assert (formed["fewest"], formed["most"]) == (1, 1)
    (folder,) = (tmp_path / "ws" / "reports" / "runs").glob("2*")
    assert 'universe = "1-1,age=7-"' in (folder / "config.toml").read_text()
    phases = pd.read_parquet(folder / "phases.parquet")
    opened = open_dataset(
        load_spec(tmp_path / "ws" / "datasets" / "lab.toml"),
        "lab",
        tmp_path,
        DataRequest(universe=rule),
    )
    assert len(phases)
    for time, symbol in zip(phases["time"], phases["symbol"], strict=True):
        known = time + opened.bar
        assert any(start <= known < end for start, end in opened.universe.spans(symbol))


class Fleeting(Mapping[str, Market]):
    """Coins that are made when they are asked for, and how many were there at once."""

    def __init__(self, made: dict[str, Market]) -> None:
        self._made = {name: pickle.dumps(one) for name, one in made.items()}
        self._alive: weakref.WeakSet[Market] = weakref.WeakSet()
        self.most = 0

    def __len__(self) -> int:
        return len(self._made)

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __getitem__(self, name: str) -> Market:
        one = pickle.loads(self._made[name])
        self._alive.add(one)
        self.most = max(self.most, len(self._alive))
        return one


def test_a_universe_is_formed_without_holding_all_coins():
    many = {f"C{k}": with_spot(f"C{k}", {0: k + 1.0}, {0: 1.0}) for k in range(8)}
    rule = UniverseSpec(largest=3, over_days=10, every="10D", min_age_days=5, max_perp_to_spot=7)
    fleeting = Fleeting(many)
    formed = Universe.form(rule, fleeting)
    known = Universe.form(rule, many)
    assert formed.members == known.members
    assert set(formed.members) == {("C6", "C5")}  # C7 is the largest, its ratio 8
    assert fleeting.most <= 2  # the one at hand, and the next one
