"""The market page: what it holds of each coin, how fine, and what is drawn of it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from fadefollow.core.notes import Note
from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.reporting import render
from fadefollow.reporting.charts.encoding import (
    candle_steps,
    decimals_of,
    differences,
    unit_of,
    zipped,
)
from fadefollow.reporting.charts.prices import Grid, candles, curve, price_figures
from fadefollow.reporting.pages.budget import EVENTS, MARKET, TRADES, Budget, budget
from fadefollow.reporting.pages.coverage import CoverageFigure, Span, coverage_figure
from fadefollow.reporting.pages.market_page import MarketPage, market
from fadefollow.verdict.model import NotTraded, RunResult
from tests.support.chromium import CHROMIUM, Browser
from tests.support.html_page import unzipped
from tests.support.reporting_cases import IMG, REPORTS, Cases, build, settled, stance

NAN = np.nan
START = pd.Timestamp("2024-01-01", tz="UTC")
ROOMY = Budget(coin_bytes=100_000, trades=100, events=100, equity_points=10, study_points=10)
FULL = {
    "premium_bps": [1.0, -2.0, 3.0, NAN, 0.0, 5.0],
    "funding_bps_per_8h": [1.0, 1.0, 1.0, -4.0, -4.0, -4.0],
    "open_interest_coins": [10.0, 11.0, 12.0, 13.0, 14.0, 15.0],
    "basis_pct_per_year": [8.0, 8.5, 9.0, 9.5, 10.0, 10.5],
    "netflow_coins": [NAN, NAN, 50.0, 50.0, 50.0, -70.0],
    "liquidated_short_coins": [2.0] * 6,
    "liquidated_long_coins": [3.0] * 6,
}


def frame(close: list[float], **more: list[float]) -> pd.DataFrame:
    """Hourly bars whose high and low are 1 % away."""
    index = pd.date_range(START, periods=len(close), freq="h", name="time")
    made = pd.DataFrame({"open": close, "close": close}, index=index, dtype=float)
    made["high"], made["low"] = made["close"] * 1.01, made["close"] * 0.99
    return made.assign(**{name: np.array(values) for name, values in more.items()})


def hour(number: int) -> pd.Timestamp:
    return START + number * pd.Timedelta(hours=1)


def run_of(cases: Cases, prices: dict[str, pd.DataFrame], **more: Any) -> RunResult:
    """A run of nothing but these prices, and what is given."""
    empty = {
        "trades": pd.DataFrame(columns=list(TRADE_COLUMNS)),
        "phases": cases.plain.phases.iloc[:0],
        "verdicts": (),
        "truth": None,
        "strategies": {},
    }
    return replace(cases.plain, prices=prices, **{**empty, **more})


def phases(*rows: tuple[int, str, int, float, int]) -> pd.DataFrame:
    """Events of BTC: bar, phase, lean, strength, number of the door."""
    return pd.DataFrame(
        [
            (hour(bar), "BTC", "doors", phase, lean, "crowd", strength, door)
            for bar, phase, lean, strength, door in rows
        ],
        columns=["time", "symbol", "signal", "phase", "lean", "actor", "strength", "door_number"],
    )


def told(page: MarketPage, coin: int = 0) -> dict[str, Any]:
    """A coin's data as the page unzips it."""
    found: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(page.coins[coin].data)))
    return found


# ---- numbers made small


def test_differences_are_whole_and_skip_what_is_unknown() -> None:
    assert differences(np.array([1.04, NAN, 0.98, 1.21]), 0.05) == [21, None, -1, 4]
    assert differences(np.array([5.0, 7.0, 4.0])) == [5, 2, -3]
    assert differences(np.empty(0)) == []


def test_rounding_does_not_add_up() -> None:
    values = np.arange(1000) * 0.34
    steps: list[Any] = differences(values, 1.0)  # type: ignore[arg-type]
    assert np.cumsum(steps).tolist() == np.round(values).tolist()


@pytest.mark.parametrize(
    ("low", "high", "unit", "decimals"),
    [(0.0, 100.0, 0.1, 1), (-40.0, 60.0, 0.1, 1), (0.0, 60_000.0, 100.0, 0), (0.0, 2.0, 0.002, 3)],
)
def test_a_unit_is_at_most_a_five_hundredth_of_the_scale(
    low: float, high: float, unit: float, decimals: int
) -> None:
    values = np.linspace(low, high, 10_001)
    assert unit_of(values) == pytest.approx(unit)
    assert decimals_of(unit_of(values)) == decimals


def test_a_unit_of_a_constant_is_one_of_its_size() -> None:
    assert unit_of(np.array([250.0, NAN, 250.0])) == pytest.approx(0.5)
    assert unit_of(np.zeros(3)) == pytest.approx(0.002)


def test_candles_are_relative_to_their_neighbours_in_basis_points() -> None:
    up, down = np.exp(0.0012), np.exp(-0.0003)
    steps = candle_steps(
        np.array([1.0, up, 5.0]),
        np.array([up, up, 5.0]),
        np.array([down, 1.0, NAN]),
        np.array([up, 1.0, 5.0]),
    )
    assert steps == {
        "open": [0, 0, 0],
        "high": [0, 0, 0],
        "low": [3, 0, 0],
        "close": [12, -12, None],
    }


def test_the_same_data_are_the_same_bytes() -> None:
    assert zipped({"a": [1, None]}) == zipped({"a": [1, None]})
    with pytest.raises(ValueError, match="JSON"):
        zipped([NAN])


# ---- thinning


def test_candles_join_bars_and_keep_wicks() -> None:
    part = [
        np.array(v, float)
        for v in ([1, 2, NAN, 4, 5], [9, 3, NAN, 8, 6], [1, 0, NAN, 4, 5], [2, 3, NAN, 5, 6])
    ]
    joined = candles(*part, step=2)
    assert joined.open.tolist() == [1, 4, 5]
    assert joined.high.tolist() == [9, 8, 6]
    assert joined.low.tolist() == [0, 4, 5]
    assert joined.close.tolist() == [3, 5, 6]
    hole = candles(*(np.array([NAN, NAN, 1.0]) for _ in range(4)), step=2)
    assert np.isnan(hole.close[0])
    assert hole.close[1] == 1.0


def test_a_held_curve_is_its_changes_and_its_end() -> None:
    values = np.array([NAN, 1, 1, 1, 2, 2, NAN, NAN, 3, 3], float)
    found = curve(values, held=True, step=1)
    assert found.place.tolist() == [0, 1, 4, 6, 8, 9]
    # settlements that stand alone are joined over what is between them
    alone = np.array([NAN, 1, NAN, NAN, NAN, 2, NAN], float)
    assert curve(alone, held=True, step=1).place.tolist() == [1, 5]


def test_a_coarse_curve_keeps_its_extremes() -> None:
    values = np.sin(np.arange(1000.0))
    values[617], values[123] = 40.0, -30.0
    found = curve(values, held=False, step=20)
    assert {617, 123, 0, 999} <= set(found.place.tolist())
    assert found.place.size <= 102


def test_bars_that_are_missing_leave_a_hole() -> None:
    index = pd.DatetimeIndex([hour(0), hour(1), hour(2), hour(5)])
    assert Grid.of(index) == Grid(int(START.timestamp() * 1000), 3_600_000, 6)
    assert Grid.of(index).place(index).tolist() == [0, 1, 2, 5]


# ---- what the page holds


def test_all_panels_of_a_coin_in_full(cases: Cases) -> None:
    page = market(run_of(cases, {"BTC": frame([100.0] * 6, **FULL)}), ROOMY)
    data = told(page)
    assert (data["step"], data["count"], data["bar"]) == (1, 6, 3_600_000)
    drawn = {(c["panel"], c["curve"]): c for c in data["curves"]}
    named = {
        curve["name"]: drawn[number, place]
        for number, panel in enumerate(page.common["panels"])
        for place, curve in enumerate(panel["curves"])
    }
    assert set(named) == {
        "spot premium",
        "funding",
        "open interest",
        "basis at 90 days",
        "exchange netflow",
        "liquidated shorts",
        "liquidated longs",
    }
    premium = named["spot premium"]
    assert premium["value"] == [100, -300, 500, None, -300, 500]  # of 0.01 bps
    assert (premium["unit"], premium["decimals"]) == (0.01, 2)
    funding = named["funding"]
    assert (funding["at"], funding["value"]) == ([0, 3, 2], [100, -500, 0])
    assert named["exchange netflow"]["at"] == [0, 2, 3]
    rows = {row[0]: row[1:] for row in page.coins[0].ranges.rows}
    assert rows["Spot premium, bps"] == ("−2.00", "1.00", "5.00", "5.00")
    assert rows["Exchange netflow, coins a day"][3] == "−70.0"
    assert rows["Price, quote currency"] == ("100.00",) * 4


def test_runs_of_earlier_versions_have_fewer_panels(cases: Cases) -> None:
    old = frame([100.0, 101.0], premium_bps=[1.0, 2.0])
    page = market(run_of(cases, {"BTC": old, "ETH": frame([5.0, 6.0]), "NEW": old.iloc[:0]}), ROOMY)
    assert [len(told(page, coin)["curves"]) for coin in (0, 1)] == [1, 0]
    assert page.coins[2].data == ""
    assert page.coins[2].note == "This coin has no bars in the range of the run."


def test_events_carry_their_door_and_the_longest_hold(cases: Cases) -> None:
    table = phases((1, "short_door", -1, 2.5, 1), (3, "long_door", 1, 1.5, 2), (3, "x", 1, 1.0, 0))
    book = cases.plain.verdicts[0]
    verdicts = tuple(replace(book, strategy=name, phase="short_door") for name in ("a", "b"))
    strategies = {name: {"trade": {"hold_hours": h}} for name, h in (("a", 24.0), ("b", 72.0))}
    run = run_of(
        cases, {"BTC": frame([100.0] * 6)}, phases=table, verdicts=verdicts, strategies=strategies
    )
    page = market(run, ROOMY)
    names = page.common["phases"]
    assert [(p["title"], p["lean"], p["hold"]) for p in names] == [
        ("Short doors", -1, 72.0),
        ("Long doors", 1, 0.0),
        ("X", 1, 0.0),
    ]
    assert told(page)["events"] == {
        "at": [1, 2, 0],
        "phase": [0, 1, 2],
        "strength": [2.5, 1.5, 1.0],
        "door": [1, 2, 0],
    }
    assert page.doors
    assert page.phases[0].options[-1] == ("0,1,2", "All of doors")
    assert page.coins[0].phases.rows[1] == ("Short doors", "short", "1", "0", "0")


def test_the_verdict_that_says_most_is_shown_first(cases: Cases) -> None:
    run = cases.plain  # of its three claims only the first holds
    first = market(run, ROOMY).common["first"]
    assert first == {"phases": "0", "strategy": "0", "stance": "fade"}
    still = tuple(
        settled(replace(v, fade=stance(11.6, (-20.0, 44.0)), follow=NotTraded("no"), hedged={}))
        for v in run.verdicts
    )
    likely = replace(stance(11.6, (-20.0, 44.0)), p_adjusted=0.001)
    doubtful = (still[0], replace(still[1], fade=likely), still[2])
    assert {v.fate for v in doubtful[:2]} == {"open"}
    found = market(replace(run, verdicts=doubtful), ROOMY)
    assert found.common["phases"][int(found.common["first"]["phases"])]["title"] == "Crowded longs"


def test_of_too_many_events_rare_phases_keep_theirs(cases: Cases) -> None:
    table = phases(*((i, "often", 1, float(i), 0) for i in range(50)), (7, "seldom", -1, 0.1, 0))
    run = run_of(cases, {"BTC": frame([100.0] * 60)}, phases=table)
    (figure,) = price_figures(run, replace(ROOMY, events=11))
    often, seldom = figure.lanes
    assert (often.seen, often.place.tolist()) == (50, list(range(40, 50)))  # the strongest
    assert seldom.place.tolist() == [7]
    (coin,) = market(run, replace(ROOMY, events=11)).coins
    assert coin.note == "40 weaker events not drawn."


def test_without_room_for_an_event_of_each_phase_the_strongest_stay(cases: Cases) -> None:
    table = phases((3, "one", 1, 1.0, 0), (5, "other", -1, 3.0, 0), (9, "third", -1, 2.0, 0))
    run = run_of(cases, {"BTC": frame([100.0] * 60)}, phases=table)
    (figure,) = price_figures(run, replace(ROOMY, events=2))
    assert [(lane.lean, lane.seen, lane.place.size) for lane in figure.lanes] == [
        (1, 1, 0),
        (-1, 1, 1),
        (-1, 1, 1),
    ]
    (coin,) = market(run, replace(ROOMY, events=2)).coins
    assert coin.note == "1 weaker event not drawn."


def test_less_room_means_coarser_prices_and_it_is_said(cases: Cases) -> None:
    walk = 100 * np.exp(np.cumsum(np.random.default_rng(1).normal(0, 0.01, 20_000)))
    run = run_of(cases, {"BTC": frame(walk.tolist())})
    (coin,) = market(run, replace(ROOMY, coin_bytes=20_000)).coins
    assert len(coin.data) <= 20_000
    step = told(market(run, replace(ROOMY, coin_bytes=20_000)))["step"]
    assert 3 < step < 48
    assert f"each price here spans {step}\u202fh" in coin.note
    assert market(run, replace(ROOMY, coin_bytes=400_000)).coins[0].note == ""


def test_budget_is_shared_by_the_coins(cases: Cases) -> None:
    crowd = replace(cases.plain, prices={str(n): pd.DataFrame() for n in range(200)})
    share = budget(crowd)
    assert share.coin_bytes * 200 <= MARKET
    assert share.trades * 14 <= TRADES  # of all coins together
    assert share.events * 200 * 8 <= EVENTS
    assert MARKET + TRADES + 420_000 <= 3_000_000


def test_many_coins_are_chosen_from_a_list(cases: Cases) -> None:
    few = {f"C{n}": frame([100.0, 101.0]) for n in range(8)}
    many = {**few, IMG: frame([100.0, 101.0])}
    tabs, field = (render(run_of(cases, p, event_studies=()), REPORTS) for p in (few, many))
    assert 'name="coin" value="8"' in tabs
    assert "market-coin" not in tabs
    assert '<select id="market-coin" name="coin">' in field
    assert "&lt;img src=x onerror=alert(1)&gt;</option>" in field
    assert IMG not in field


def test_coverage_of_many_coins_is_drawn_by_stream(cases: Cases) -> None:
    figure = coverage_figure(cases.plain)
    assert figure.drawn is figure
    spans = tuple(
        Span(f"C{n}", stream, hour(n), hour(1000 + n)) for n in range(60) for stream in "ab"
    )
    drawn = CoverageFigure(spans, (spans[0],), ()).drawn
    assert drawn.spans == tuple(
        Span("all coins", stream, hour(0), hour(1059), "60 coins") for stream in "ab"
    )
    assert drawn.holes == ()


# ---- what is drawn of it


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser with nothing but the figure's scripts."""
    if not CHROMIUM:
        pytest.skip("needs chromium (apt-get install chromium)")
    folder = tmp_path_factory.mktemp("scripts")
    names = ("core", "trades", "market_data", "market_figure")
    code = "\n".join((REPORTS / "scripts" / f"{name}.js").read_text("utf-8") for name in names)
    (folder / "page.html").write_text(f"<!doctype html><script>{code}</script>", "utf-8")
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        opened.open(folder / "page.html")
        yield opened


def drawn(script: Browser, page: MarketPage, **view: Any) -> dict[str, Any]:
    """The figure of the first coin."""
    asked = {"phases": None, "strategy": "", "stance": "", "width": 1000, **view}
    common, coin = json.dumps(page.common), json.dumps(told(page))
    trades = unzipped(page.trades) if page.trades else "null"
    found: dict[str, Any] = script.run(
        f"""(() => {{
          const common = {common}, view = {json.dumps(asked)};
          const coin = ff.marketData.unpack({coin}, common.priceUnit);
          const trades = {trades};
          if (trades) coin.trades = ff.trades.ofCoin(ff.trades.unpack(trades), 0, common);
          view.phases &&= new Set(view.phases); view.from ??= coin.start; view.to ??= coin.end;
          const figure = ff.marketFigure(common, coin, view);
          return JSON.parse(JSON.stringify({{...figure, end: coin.end}}));
        }})()"""
    )
    return found


def named(figure: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [trace for trace in figure["data"] if trace.get("name") == name]


def hours(xs: list[float | None]) -> list[float | None]:
    begins = START.timestamp() * 1000
    return [None if x is None else (x - begins) / 3_600_000 for x in xs]


@pytest.fixture(scope="module")
def games(games_run: RunResult) -> MarketPage:
    """The page of `games_run`."""
    return market(games_run, ROOMY)


@pytest.fixture(scope="module")
def games_run(cases: Cases) -> RunResult:
    """Forty hours with two short doors that overlap, and a long one."""
    table = phases(
        (1, "short_door", -1, 9.0, 1), (5, "short_door", -1, 9.0, 1), (20, "long_door", 1, 2.0, 2)
    )
    book = cases.plain.verdicts[0]
    verdicts = tuple(replace(book, strategy="a", phase=p) for p in ("short_door", "long_door"))
    trades = pd.DataFrame(
        [
            (
                "a",
                "BTC",
                "short_door",
                stance,
                "outright",
                side,
                hour(1),
                hour(2),
                100.0,
                hour(10),
                101.0,
                "time",
                "perp",
                stance,
                1.0,
                100.0,
                0.0,
                0.0,
                0.0,
                0.0,
                NAN,
                gain,
                gain / 100,
            )
            for stance, side, gain in (("fade", 1, 1.0), ("follow", -1, -1.0))
        ],
        columns=list(TRADE_COLUMNS),
    )
    long = {name: (values * 7)[:40] for name, values in FULL.items()}
    return run_of(
        cases,
        {"BTC": frame([100.0] * 40, **long)},
        phases=table,
        verdicts=verdicts,
        strategies={"a": {"trade": {"hold_hours": 10.0}}},
        trades=trades,
    )


def test_bands_run_from_when_a_phase_was_known_to_the_end_of_its_hold(
    script: Browser, games: MarketPage
) -> None:
    figure = drawn(script, games)
    bands = {trace["fillcolor"].split("/")[0]: trace for trace in named(figure, "bands")}
    # known at the close of bar 1, which is hour 2; the second at hour 6 lasts until hour 16
    assert hours(bands["@short"]["x"]) == [2, 2, 16, 16, None]
    assert hours(bands["@long"]["x"]) == [21, 21, 31, 31, None]
    assert bands["@short"]["y"] == [0, 1, 1, 0, None]
    only = drawn(script, games, phases=[1])
    assert [trace["fillcolor"] for trace in named(only, "bands")] == ["@long/0.26"]
    assert only["layout"]["yaxis3"]["ticktext"] == ["Long doors ▲"]


def test_doors_show_their_number_on_their_side_of_the_price(
    script: Browser, games: MarketPage
) -> None:
    long, short = named(drawn(script, games), "doors")
    assert (hours(long["x"]), long["text"]) == ([21], ["2"])
    assert (hours(short["x"]), short["text"]) == ([2, 6], ["1", "1"])
    assert long["marker"]["color"] == "@long"
    assert long["y"][0] > 101 > 99 > short["y"][0]
    crowded = drawn(script, games, width=60)
    assert crowded["left"] == ["1 doors are not numbered"]


def test_trades_run_from_entry_to_exit(script: Browser, games: MarketPage) -> None:
    strokes, marks = named(drawn(script, games, stance="fade"), "fade trades")
    assert hours(strokes["x"]) == [2, 10, None]
    assert strokes["y"][:2] == pytest.approx([100.0, 101.0], rel=1e-4)
    assert marks["marker"]["symbol"] == ["triangle-up"]
    both = drawn(script, games)
    assert named(both, "follow trades")[1]["marker"]["symbol"] == ["triangle-down-open"]
    assert not named(drawn(script, games, strategy="-1"), "fade trades")


def test_dates_stand_below_every_panel(script: Browser, games: MarketPage) -> None:
    figure = drawn(script, games)
    axis = figure["layout"]["xaxis"]
    # forty hours from midnight at 1 000 pixels: at most ten dates, so every six hours
    assert axis["ticktext"][:3] == ["1 Jan 00:00", "1 Jan 06:00", "1 Jan 12:00"]
    assert hours(axis["tickvals"]) == [0, 6, 12, 18, 24, 30, 36]
    dates = [note for note in figure["layout"]["annotations"] if note.get("name") == "date"]
    # below price, phases and five of the six panels; the last one has the axis itself. The one at
    # the left edge would lie on the next
    assert len(dates) == 7 * 6
    assert len({note["y"] for note in dates}) == 7


@pytest.mark.parametrize(
    ("days", "wanted"),
    [
        (3, ["1 Jan 00:00", "1 Jan 12:00", "2 Jan 00:00"]),
        (60, ["4 Jan ’24", "11 Jan ’24", "18 Jan ’24"]),
        (900, ["Jan ’24", "Apr ’24", "Jul ’24"]),
        (9000, ["2025", "2030", "2035"]),
    ],
)
def test_dates_are_hours_days_months_or_years(
    script: Browser, cases: Cases, days: int, wanted: list[str]
) -> None:
    index = pd.date_range(START, periods=days + 1, freq="D", name="time")
    prices = pd.DataFrame(100.0, index=index, columns=["open", "high", "low", "close"])
    figure = drawn(script, market(run_of(cases, {"BTC": prices}), ROOMY))
    assert figure["layout"]["xaxis"]["ticktext"][:3] == wanted


def test_an_exit_that_one_series_alone_saw_is_marked(script: Browser, games_run: RunResult) -> None:
    assert not named(drawn(script, market(games_run, ROOMY)), "lone prints")
    note = Note(
        "lone-prints",
        {"strategy": "a", "stance": "fade"},
        {"total": 1, "trades": [("BTC", "2024-01-01 10:00", "time")]},
    )
    page = market(replace(games_run, notes=(note,)), ROOMY)
    assert page.lone
    (mark,) = named(drawn(script, page), "lone prints")
    assert hours(mark["x"]) == [10]
    assert mark["y"] == pytest.approx([101.0], rel=1e-4)
    assert not named(drawn(script, page, stance="follow"), "lone prints")


def test_trades_that_are_open_are_told_at_the_cursor(script: Browser, games: MarketPage) -> None:
    fade, follow = drawn(script, games)["open"]
    assert (fade["stance"], follow["stance"]) == ("fade", "follow")
    assert hours([fade["entry"], fade["exit"]]) == [2, 10]
    assert (fade["gain"], follow["gain"]) == (100, -100)
    assert games.common["phases"][fade["phase"]]["title"] == "Short doors"


def test_panels_share_one_axis_and_are_valid_figures(script: Browser, games: MarketPage) -> None:
    figure = drawn(script, games)
    layout = figure["layout"]
    assert {key for key in layout if key.startswith("xaxis")} == {"xaxis"}
    assert sum(key.startswith("yaxis") for key in layout) == 3 + 6
    assert all(trace.get("xaxis", "x") == "x" for trace in figure["data"])
    titles = [note["text"] for note in layout["annotations"]]
    assert "Open interest, coins" in titles
    assert "Funding, bps per 8 h" in titles
    plain = json.loads(re.sub(r'"@\w+(/[\d.]+)?"', '"#123456"', json.dumps(figure)))
    go.Figure(plain["data"], plain["layout"])  # raises on what Plotly does not know
    assert layout["xaxis"]["range"] == [START.timestamp() * 1000, figure["end"]]


def test_close_up_there_are_candles_and_what_was_known(script: Browser, games: MarketPage) -> None:
    begins = START.timestamp() * 1000
    figure = drawn(script, games, **{"from": begins + 10 * 3.6e6, "to": begins + 20 * 3.6e6})
    (candle,) = named(figure, "price")
    assert hours(candle["x"]) == [h + 0.5 for h in range(10, 20)]
    assert candle["high"][0] == pytest.approx(101, rel=1e-4)
    assert figure["span"] == 3_600_000
    (premium,) = named(figure, "spot premium")
    # one more on both sides, so that the line runs through; each at the close of its bar
    assert hours(premium["x"]) == [float(h) for h in range(9, 21)]
    assert premium["y"][1] is None  # bar 9, of the values that come again every six bars


def test_from_afar_prices_are_joined_with_their_extremes(script: Browser, cases: Cases) -> None:
    prices = np.full(5000, 100.0)
    made = frame(prices.tolist(), premium_bps=[0.0] * 5000)
    made.iloc[617, made.columns.get_loc("low")] = 50.0
    made.iloc[620, made.columns.get_loc("high")] = 200.0
    made.iloc[4001, made.columns.get_loc("premium_bps")] = 7.0
    figure = drawn(script, market(run_of(cases, {"BTC": made}), ROOMY))
    (band,), (line,) = named(figure, "low to high"), named(figure, "close")
    assert min(y for y in band["y"] if y is not None) == pytest.approx(50, rel=1e-4)
    assert max(y for y in band["y"] if y is not None) == pytest.approx(200, rel=1e-4)
    assert len(line["x"]) <= 800
    assert figure["span"] == 7 * 3_600_000
    (premium,) = named(figure, "spot premium")
    assert hours(premium["x"])[premium["y"].index(7)] == 4002
    assert len(premium["x"]) <= 2002


def test_a_few_values_do_not_flatten_a_panel(script: Browser, cases: Cases) -> None:
    values = np.sin(np.arange(2000.0))
    values[700] = 1000.0
    made = frame([100.0] * 2000, premium_bps=values.tolist())
    figure = drawn(script, market(run_of(cases, {"BTC": made}), ROOMY))
    low, high = figure["layout"]["yaxis4"]["range"]
    assert -1.3 < low < -1.0
    assert 1.9 < high < 2.3
    notes = [note["text"] for note in figure["layout"]["annotations"]]
    assert "beyond the scale: 1\u202f000.000" in notes


def test_report_contains_the_market_figure_and_its_data(cases: Cases) -> None:
    run = build(("BTC",), 30, each=3, strategy="fade_crowded_funding")
    html = render(run, REPORTS)
    assert '<script type="application/gzip" id="market-1-data">' in html
    assert 'data-chart="market-1" data-figure="market"' in html
