"""The page of a scan: complete, offline, in words, and safe against hostile names."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.core.notes import text_note
from fadefollow.errors import StoreError
from fadefollow.reporting.pages.scan import render_scan, write_scan
from fadefollow.scanning.model import (
    Apart,
    Running,
    Scan,
    ScanRow,
    Standing,
    Tried,
    Unseen,
)
from tests.support.paths import ROOT

REPORTS = ROOT / "reports"
EVIL = '<img src=x onerror="alert(1)">'
TIME = pd.Timestamp("2024-05-20 17:00", tz="UTC")


def row(symbol: str = "BTC", phase: str = "spot_led_up", **changes: object) -> ScanRow:
    known = TIME - pd.Timedelta(hours=11)
    plain = ScanRow(
        symbol=symbol,
        signal="doors",
        phase=phase,
        params={"flat": 1.0},
        lean=1,
        actor="institutions",
        known=known,
        age_hours=11.0,
        first=known,
        times=1,
        strength=3.28,
        n_before=70,
        stronger_than=0.76,
        price=264.739,
        price_time=TIME,
        move_bps=-145.4,
        bets=(Running("follow_spot_led", 24.0, 13.0),),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def measured(run: Path, **changes: object) -> Standing:
    plain = Standing(
        "follow_spot_led",
        "spot_led_up",
        "demo",
        run=run.name,
        report=run / "report.html",
        dataset="demo",
        symbols=("BTC", "ETH"),
        first="2020-01-01 00:00",
        last="2024-05-20 16:00",
        claim="follow",
        fate="open",
        book="outright",
        fates={"outright": "open"},
        tried={
            ("fade", "outright"): Tried("open", 56, 2.9, (-28.4, 34.2), 0.41, 78.0),
            ("follow", "outright"): Tried("open", 57, -41.0, (math.nan, math.nan), math.nan),
        },
        caveats=("of other code: signals/doors.py was changed since",),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def scan(*rows: ScanRow, standing: Standing | None = None, **changes: object) -> Scan:
    standings = {
        (bet.strategy, r.phase): standing or Standing(bet.strategy, r.phase, "demo")
        for r in rows
        for bet in r.bets
    }
    plain = Scan(
        time=TIME,
        dataset="demo",
        title="Demo",
        bar=pd.Timedelta(hours=1),
        simulated=False,
        live=False,
        rows=rows,
        quiet=("SOL",),
        standings=standings,
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


class _Text(HTMLParser):
    """What a reader sees, and the attributes of the tables' cells."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._hidden += tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.words.append(data.strip())


def read(page: str) -> tuple[str, list[tuple[str, dict[str, str | None]]]]:
    parser = _Text()
    parser.feed(page)
    return " ".join(" ".join(parser.words).replace("\u202f", " ").split()), parser.tags


def test_a_row_says_phase_age_strength_move_and_history(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "20240801T000000Z-demo"
    found = scan(row(), row("ETH", times=3), standing=measured(run))
    said, tags = read(render_scan(found, REPORTS, tmp_path / "runs"))
    assert "Demo, as of 2024-05-20 17:00 UTC 2 phases present in 2 of 3 coins" in said
    assert (
        "BTC Spot led up doors long institutions 2024-05-20 06:00 11 h ago 3.28 stronger than "
        "76 % of 70 −145 bps now 264.74 13 h open follow_spot_led fade open +2.9 bps [−28, 34], "
        "follow open −41 bps of other code: signals/doors.py was changed since ETH"
    ) in said
    assert "3 times since 2024-05-20 06:00" in said
    assert "open +2.9 bps [−28, 34] 56 trades, p 0.41 open −41 bps 57 trades 78 bps" in said
    assert "demo: BTC, ETH, 2020-01-01 to 2024-05-20" in said
    assert "In none of the phases looked for: SOL." in said
    assert "Nothing here is advice." in said
    assert not re.search(r"\b(buy|sell)\b", said, re.IGNORECASE)
    links = [attrs["href"] for tag, attrs in tags if tag == "a" and "report" in str(attrs["href"])]
    assert links == ["20240801T000000Z-demo/report.html"]


def test_a_row_shows_the_book_that_speaks_and_says_what_the_other_does(tmp_path: Path) -> None:
    both = measured(
        tmp_path / "run",
        fate="refuted",
        book="hedged",
        fates={"outright": "open", "hedged": "refuted"},
        tried={
            ("follow", "outright"): Tried("open", 57, -41.0, (-90.0, 8.0), 0.3),
            ("follow", "hedged"): Tried("loses", 57, -22.5, (-38.0, -7.1), 1.0),
        },
    )
    said, _ = read(render_scan(scan(row(), standing=both), REPORTS, tmp_path))
    assert "refuted claim: follow refuted against the market, open outright" in said
    assert "follow loses −22 bps [−38, −7.1]" in said
    assert "−41 bps" not in said


def test_tables_can_be_sorted_and_link_into_the_page(tmp_path: Path) -> None:
    page = render_scan(scan(row(), standing=measured(tmp_path / "run")), REPORTS, tmp_path)
    _, tags = read(page)
    tables = [attrs for tag, attrs in tags if tag == "table"]
    assert [("data-sort" in t, t.get("data-filter")) for t in tables] == [
        (True, "Coin or phase"),
        (True, None),
    ]
    kinds = [attrs.get("data-kind") for tag, attrs in tags if tag == "th"]
    assert {"text", "number"} <= set(kinds)
    values = [attrs["data-value"] for tag, attrs in tags if "data-value" in attrs]
    assert values == [str(row().known.value), "0.76", "-145.4", "13", "2.9", "-41"]
    ids = {attrs["id"] for _, attrs in tags if attrs.get("id")}
    inside = {str(a["href"])[1:] for tag, a in tags if tag == "a" and str(a["href"])[0] == "#"}
    assert inside <= ids
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


def test_what_is_not_measured_says_what_would_measure_it(tmp_path: Path) -> None:
    said, _ = read(render_scan(scan(row()), REPORTS, tmp_path))
    assert "not measured follow_spot_led" in said
    assert "fadefollow run follow_spot_led --dataset demo would measure it" in said


def test_a_coin_that_the_run_did_not_have_is_said(tmp_path: Path) -> None:
    found = scan(row("PEPE"), row(), standing=measured(tmp_path / "run"))
    said, _ = read(render_scan(found, REPORTS, tmp_path))
    assert said.count("measured without") == 1
    assert "measured without PEPE" in said


def test_scan_page_lists_untrusted_unfetched_and_unseen(tmp_path: Path) -> None:
    found = scan(
        simulated=True,
        notes=(text_note("a warning"),),
        quiet=(),
        untrusted=(
            Apart("ETH", "untrusted", "perp, stale-bars"),
            Apart("XRP", "not fetched", "no"),
        ),
        unseen=(Unseen(("BTC",), ("funding",), ("crowded_long",), "2024-05-01 00:00"),),
    )
    said, _ = read(render_scan(found, REPORTS, tmp_path))
    assert "None of the phases looked for is present." in said
    assert "Simulated coins." in said
    assert "a warning" in said
    assert "ETH untrusted perp, stale-bars XRP not fetched no" in said
    assert "BTC: funding ended 2024-05-01 00:00 UTC, so crowded_long cannot be seen" in said


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    evil = row(
        EVIL,
        EVIL,
        actor=EVIL,
        signal=EVIL,
        bets=(Running(EVIL, 24.0, 13.0),),
        n_before=0,
        stronger_than=math.nan,
        move_bps=math.nan,
        price=math.nan,
    )
    standing = measured(
        tmp_path / EVIL.replace("/", ""),
        strategy=EVIL,
        phase=EVIL,
        fate=EVIL,
        claim=EVIL,
        dataset=EVIL,
        symbols=(EVIL,),
        caveats=(EVIL,),
    )
    found = scan(
        evil,
        standing=standing,
        title=EVIL,
        quiet=(EVIL,),
        notes=(text_note(EVIL),),
        untrusted=(Apart(EVIL, EVIL, EVIL),),
        unseen=(Unseen((EVIL,), (EVIL,), (EVIL,)),),
    )
    page = render_scan(found, REPORTS, tmp_path)
    said, tags = read(page)
    assert not [tag for tag, _ in tags if tag == "img"]
    assert said.count(EVIL) > 12
    assert "the first of its kind here" in said
    assert "nan" not in said.lower()
    # as JSON it is plain, too
    told = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(told)["rows"][0]["stronger_than"] is None


def test_the_page_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "deep" / "scan.html"
    assert write_scan(scan(row()), path, REPORTS) == path
    before = path.read_text("utf-8")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        write_scan(scan(), path, REPORTS)
    assert path.read_text("utf-8") == before
    assert [p.name for p in path.parent.iterdir()] == ["scan.html"]


def test_links_hold_wherever_the_page_lies(tmp_path: Path) -> None:
    run = tmp_path / "runs" / "20240801T000000Z-a b#c"
    page = render_scan(scan(row(), standing=measured(run)), REPORTS, tmp_path / "elsewhere")
    assert 'href="../runs/20240801T000000Z-a%20b%23c/report.html"' in page
