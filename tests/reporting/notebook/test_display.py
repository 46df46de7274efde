"""What cells of a notebook show: text stays text, nothing but inline styles, long tables cut."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from fadefollow.core.text import by_text, listed, plural, whole
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.market.findings import Finding
from fadefollow.market.panel import Market
from fadefollow.phases import Phases
from fadefollow.reporting.notebook.display import card, chip, line, table
from fadefollow.verdict.words import Fate

IMG = "<img src=x onerror=alert(1)>"
HOUR = pd.Timedelta(hours=1)
START = pd.Timestamp("2024-01-01", tz="UTC")
VOID = {"br", "img", "hr", "input", "meta", "link"}
OURS = {"div", "span", "strong", "table", "caption", "thead", "tbody", "tr", "th", "td"}


class Page(HTMLParser):
    """The tags, the attributes and the text of a cell; fails where tags are not closed."""

    def __init__(self, html: str | None) -> None:
        assert html is not None
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag in ("div", "caption", "tr"):
            self.text += "\n"

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data


def market(symbol: str = "BTC", *, holes: tuple[int, ...] = (), bars: int = 48) -> Market:
    """Hourly bars at 100, some of them missing, and funding of 1 bp every 8 hours."""
    time = pd.date_range(START, periods=bars, freq=HOUR).as_unit("ns").delete(list(holes))
    prices = dict.fromkeys(("open", "high", "low", "close"), 100.0) | {"volume": 1.0}
    perp = pd.DataFrame({"time": time, **prices, "available": time + HOUR})
    paid = pd.date_range(START, periods=bars // 8, freq="8h").as_unit("ns")
    rates = {"rate": 1e-4, "interval_hours": 8.0}
    funding = pd.DataFrame({"time": paid, **rates, "available": paid})
    return Market(symbol, bar=HOUR, tables={"perp": perp, "funding": funding}, start=START)


def found(symbol: str, bars: list[int], phase: str = "crowded_long", lean: int = 1) -> Phases:
    """Events of one phase on the bars given."""
    event = {"bar": np.array(bars), "phase": phase, "lean": lean, "actor": "crowd"}
    events = [event | {"strength": np.linspace(1.0, 2.0, len(bars)), "rate_bps": -2.5}]
    return Phases.of(market(symbol), signal="funding", events=events)


def dataset(*markets: Market, **changes: object) -> Dataset:
    base = Dataset(
        "mine",
        "My coins",
        HOUR,
        simulated=False,
        fingerprint="0123456789abcdef",
        markets={m.symbol: m for m in markets},
    )
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


# ---- blocks ----


def test_whatever_is_put_in_stays_text() -> None:
    made = card(IMG, IMG, line(IMG), table((IMG,), [(IMG,)], caption=IMG, rest_in=IMG))
    page = Page(made)
    assert page.tags <= OURS
    assert page.text.count(IMG) == 6


def test_there_is_nothing_but_inline_style() -> None:
    page = Page(card("A", line("b"), chip("fade"), table(("a", "b"), [("1", "2")])))
    assert page.attributes == {"style", "scope"}


def test_a_card_is_plain_text_to_its_reader() -> None:
    # markup would escape the page that it is put into
    assert type(card("A", chip("fade"))) is str


def test_colours_are_those_of_the_page_but_for_chips_that_bring_their_own() -> None:
    plain = card("A", line("b", faded=True), table(("a", "b"), [("1", "2")]))
    assert not re.search(r"#[0-9a-f]{3}|(?<!-)color:", plain)
    assert "background:#b54d08;color:#fff" in chip("fade")


@pytest.mark.parametrize("fate", get_args(Fate))
def test_white_letters_can_be_read_on_every_chip(fate: Fate) -> None:
    ground = re.search(r"background:#(\w\w)(\w\w)(\w\w)", chip(fate))
    assert ground is not None
    levels = [int(part, 16) / 255 for part in ground.groups()]
    light = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in levels]
    luminance = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2]
    assert 1.05 / (luminance + 0.05) >= 4.5


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = [(str(n), "x") for n in range(1_015)]
    page = Page(table(("n", "x"), rows, most=12, rest="coins", rest_in="dataset.symbols"))
    assert [row[0] for row in page.rows] == ["n", *map(str, range(12))]
    assert "… and 1\u202f003 more coins; all of them: dataset.symbols" in page.text


def test_a_table_that_fits_is_whole() -> None:
    page = Page(table(("n",), [(str(n),) for n in range(12)], most=12))
    assert len(page.rows) == 13
    assert "more" not in page.text


def test_rows_and_columns_have_their_heads() -> None:
    made = table(("coin", "bars"), [("BTC", "48")])
    assert made.count('<th scope="col"') == 2
    assert made.count('<th scope="row"') == 1


def test_numbers_and_lists_as_they_are_read() -> None:
    assert whole(26304) == "26\u202f304"
    assert [plural(1, "bar"), plural(0, "bar")] == ["1 bar", "0 bars"]
    assert listed("ABC") == "A, B, C"
    assert listed("ABCDEFGH", most=4) == "A, B, C and 5 more"


def test_a_result_is_shown_by_its_text_and_compared_by_its_repr() -> None:
    from IPython.lib.pretty import pretty

    @dataclasses.dataclass(frozen=True)
    class Found:
        n: int
        _repr_pretty_ = by_text

        def __str__(self) -> str:
            return f"{self.n} found"

    assert pretty([Found(3)]) == "[3 found]"
    assert repr(Found(3)).endswith("Found(n=3)")


# ---- markets and data sets ----


def test_a_market_shows_its_streams_and_their_holes() -> None:
    page = Page(market(holes=(5, 6, 7, 20))._repr_html_())
    assert "BTC: 48 bars of 1h, 2024-01-01 00:00 to 2024-01-03 00:00 UTC" in page.text
    hole = ["3 h", "2024-01-01 05:00"]
    assert page.rows[1] == ["perp", "2024-01-01 00:00", "2024-01-02 23:00", "44", "4", "2", *hole]
    funding = ["funding", "2024-01-01 00:00", "2024-01-02 16:00", "6", "0", "0", "", ""]
    assert page.rows[2] == funding


def test_a_market_without_holes_has_no_columns_for_them() -> None:
    page = Page(market()._repr_html_())
    assert page.rows[0] == ["stream", "first, UTC", "last, UTC", "records", "missing", "holes"]


def test_a_market_in_a_terminal() -> None:
    text = "Market(BTC, 48 bars of 1h, 2024-01-01 00:00 to 2024-01-03 00:00 UTC)"
    assert repr(market()) == text
    assert repr(market().until(START)) == "Market(BTC, 0 bars of 1h)"
    assert "0 bars" in Page(market().until(START)._repr_html_()).text


def test_a_data_set_shows_its_coins_and_streams() -> None:
    seen = [Finding("note", s, "perp", "x", 1, "", "stamps rounded") for s in ("BTC", "ETH")]
    mine = dataset(market(holes=(5,)), market("ETH"), findings=tuple(seen))
    page = Page(mine._repr_html_())
    assert "mine: 2 coins, bars of 1h, stored, fingerprint 0123456789ab\n" in page.text
    assert page.rows[1] == ["BTC", "2024-01-01 00:00", "2024-01-03 00:00", "48", "2", "1", "1"]
    assert page.rows[2] == ["ETH", "2024-01-01 00:00", "2024-01-03 00:00", "48", "2", "0", "0"]
    perp = next(row for row in page.rows if row[0] == "perp")
    assert perp[1] == "2"
    assert perp[4:] == ["95", "1", "1", "1 h", "2024-01-01 05:00"]
    assert "note: perp of BTC, ETH, stamps rounded" in page.text
    assert repr(mine) == (
        "Dataset(mine: BTC, ETH; bars of 1h, 2024-01-01 00:00 to 2024-01-03 00:00 UTC)"
    )


def test_a_data_set_of_many_coins_is_cut() -> None:
    page = Page(dataset(*(market(f"C{n}", bars=24) for n in range(23)))._repr_html_())
    assert "… and 3 more coins; all of them: dataset.symbols" in page.text


def test_what_is_held_out_is_said() -> None:
    page = Page(dataset(market(), holdout=START + 72 * HOUR)._repr_html_())
    assert "From 2024-01-04 00:00 UTC on it is held out." in page.text


def test_names_of_coins_stay_text() -> None:
    coin = dataclasses.replace(dataset(market()), markets={IMG: market(IMG)}, title=IMG)
    for shown in (coin, coin.markets[IMG], found(IMG, [3])):
        page = Page(shown._repr_html_())
        assert page.tags <= OURS
        assert IMG in page.text


# ---- phases ----


def test_phases_show_counts_by_phase_and_coin() -> None:
    lacks = {("ETH", "crowded_short"): ("funding",)}
    all_ = Phases.concat([found("BTC", [3, 9]), found("ETH", [30]), found("ETH", [7], "dump", -1)])
    page = Page(Phases(all_.table, all_.grids, lacks)._repr_html_())
    assert page.rows[:3] == [
        ["phase", "events", "BTC", "ETH", "first, UTC", "last, UTC"],
        ["crowded_long", "3", "2", "1", "2024-01-01", "2024-01-02"],
        ["dump", "1", "0", "1", "2024-01-01", "2024-01-01"],
    ]
    assert "Not looked for: crowded_short on ETH, no funding" in page.text


def test_phases_show_their_last_events_with_context() -> None:
    page = Page(found("BTC", [1, 2, 3, 4, 5, 30], lean=-1)._repr_html_())
    assert page.rows[-1] == [
        "2024-01-02 06:00",
        "BTC",
        "crowded_long",
        "short",
        "crowd",
        "2",
        "−2.5",
    ]
    assert "the last 5 events, each known when its bar closes" in page.text
    assert len(page.rows) == 2 + 1 + 5


def test_phases_in_a_terminal() -> None:
    assert repr(found("BTC", [1, 30])) == (
        "Phases(2 events of funding on BTC, 2024-01-01 01:00 to 2024-01-02 06:00 UTC: "
        "crowded_long 2)"
    )


def test_no_phases_are_said_to_be_none() -> None:
    none = found("BTC", [3]).select("dump")
    assert repr(none) == "Phases(no events on BTC)"
    page = Page(none._repr_html_())
    assert page.text.strip() == "Phases: no events on BTC"


def test_importing_fadefollow_waits_for_nothing() -> None:
    code = (
        "import sys, fadefollow as ff; assert 'run' in dir(ff); "
        "print([m for m in ('pandas', 'numpy', 'fadefollow.notebook') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
