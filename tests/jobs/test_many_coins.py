"""A universe of 300 coins with odd ones among them, on any budget of memory."""

from __future__ import annotations

import pandas as pd
import pytest

from fadefollow.core.cache import shelf
from fadefollow.jobs.run import RunOptions, run_result
from fadefollow.market.datasets.request import DataRequest
from fadefollow.market.lab import simulate
from fadefollow.market.store.store import Store
from fadefollow.results.record import result_record
from fadefollow.verdict.model import RunResult, StanceResult
from fadefollow.workspace import Workspace
from tests.support.scan_cases import made_workspace

BAR = pd.Timedelta(hours=8)
COINS = 300
STRATEGY = "fade_crowded_funding"
#: in the place of the first coins
ODD = ("币安人生", "1000RATS", "STILL", "CUT", "CRASH", "YOUNG", "NOFUND", "HOLE", "UNIT")
PRICED = ("perp", "spot")
PRICES = ["open", "high", "low", "close"]
Tables = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """`many`: a universe whose first coins have odd names and odder data."""
    made = made_workspace(tmp_path_factory.mktemp("many") / "mine")
    lab = {"seed": 3, "start": "2023-01-01", "years": 0.75, "coins": COINS, "quiet_days": 30}
    whole = simulate({**lab, "universe": {"listings": "start", "deaths": 0.1}}, bar=BAR).tables
    used = ("perp", "funding", "spot")
    tables = {c: {s: own[s].copy() for s in used} for c, own in whole.items()}
    longest = max(len(own["perp"]) for own in tables.values())
    alive = [coin for coin, own in tables.items() if len(own["perp"]) == longest]
    named = dict(zip(ODD, alive, strict=False))
    odd = {new: tables.pop(old) for new, old in named.items()}
    for own in tables.values():  # plain coins have no spot, which takes time
        del own["spot"]
    _still(odd["STILL"])
    _crash(odd["CRASH"])
    _unit(odd["UNIT"])
    late = max(odd["YOUNG"]["perp"]["time"]) - pd.Timedelta(days=3)
    odd["YOUNG"] = {s: table[table["time"] > late] for s, table in odd["YOUNG"].items()}
    del odd["NOFUND"]["funding"]
    for name in PRICED:  # 13 days without any bar
        odd["HOLE"][name] = odd["HOLE"][name].drop(index=range(300, 340))
    stored = {
        coin: {name: table.reset_index(drop=True) for name, table in own.items()}
        for coin, own in {**odd, **tables}.items()
    }
    manifest = Store(made.store).write("many", stored, bar=BAR)
    (made.root / "datasets" / "many.toml").write_text(
        'title = "Many coins"\nsource = "files"\nbar = "8h"\n[[files]]\nstream = "perp"\n'
        'path = "{coin}.csv"\n'
    )
    file = made.store / "many" / manifest.tables["CUT"]["funding"].file
    file.write_bytes(file.read_bytes()[:-10])
    return made


def _still(tables: Tables) -> None:
    """One price without range or volume over ten days."""
    tables["perp"].loc[200:230, PRICES] = float(tables["perp"]["close"].iloc[200])
    tables["perp"].loc[200:230, "volume"] = 0.0


def _crash(tables: Tables) -> None:
    """A fall by 97 % in a bar of both prices, whose volume explodes and whose bars stay wide."""
    for name in PRICED:
        table = tables[name]
        before = float(table["close"].iloc[399])
        table.loc[table.index >= 400, PRICES] *= 0.03
        table.loc[400, ["open", "high"]] = before
        table.loc[401:408, "high"] *= 1.3
        if "volume" in table:
            table.loc[400:402, "volume"] *= 3000.0


def _unit(tables: Tables) -> None:
    """The perp goes on per thousand coins; nothing else does."""
    perp = tables["perp"]
    perp.loc[perp.index >= 400, PRICES] *= 1000.0


def _run(workspace: Workspace, *coins: str) -> RunResult:
    options = RunOptions.of(
        workspace,
        DataRequest(dataset="many", symbols=coins or None),
        strategies=(STRATEGY,),
        placebo_draws=50,
        bootstrap_draws=100,
        seed=1,
    )
    return run_result(workspace, options, step=lambda *_: None)


def test_only_the_coins_that_cannot_be_trusted_are_left_out_and_named(
    workspace: Workspace,
) -> None:
    result = _run(workspace)
    left_out = {coin: found[0]["code"] for coin, found in result.dataset["left_out"].items()}
    assert left_out == {"STILL": "stale-bars", "CUT": "unreadable", "UNIT": "unit-change"}
    long, short = result.verdicts
    traded = set(long.symbols)
    assert len(traded) == COINS - 4  # those three, and that without funding
    assert {"币安人生", "1000RATS", "CRASH", "YOUNG", "HOLE"} <= traded
    for verdict in (long, short):
        fade = verdict.hedged["fade"]
        assert isinstance(fade, StanceResult)
        assert fade.n_trades > 500
    # a note is of all coins that it holds for
    assert len(result.notes) < 20


def test_the_figures_are_the_same_where_nothing_fits_into_memory(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    coins = [*ODD, *(f"C{number:03}" for number in range(20, 50))]
    kept = _run(workspace, *coins)
    monkeypatch.setattr(shelf, "KEPT_BYTES", 0)
    spilt = _run(workspace, *coins)
    one, other = (result_record(run) for run in (kept, spilt))
    for record in (one, other):
        del record["seconds"]
    assert one == other
    hedged = kept.verdicts[0].hedged["fade"]
    assert isinstance(hedged, StanceResult)
    assert hedged.n_trades > 50
    for name in ("trades", "hedged_trades", "phases", "equity", "hedged_equity", "benchmark"):
        pd.testing.assert_frame_equal(getattr(spilt, name), getattr(kept, name))
    assert list(spilt.prices) == list(kept.prices)
    for symbol in ("币安人生", "CRASH"):
        pd.testing.assert_frame_equal(spilt.prices[symbol], kept.prices[symbol])
