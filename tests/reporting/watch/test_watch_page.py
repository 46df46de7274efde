"""The page to leave open: what it shows, and that names stay text."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from fadefollow.reporting.watch.page import heat_of, render_watch, write_watch
from fadefollow.reporting.watch.panel import PANELS, Panel, kept_panels, panel_of
from fadefollow.reporting.watch.sequences import HEIGHT, WIDTH, drawing_of
from fadefollow.results.claims import BlockLine, Closing, Watched
from fadefollow.scanning.model import Apart, Scan, ScanRow, Standing
from tests.support.notice_cases import HOUR, TIME, row
from tests.support.paths import ROOT
from tests.support.watch_cases import claim_of

REPORTS = ROOT / "reports"
EVIL = '<img src=x onerror="alert(1)">'


def scan(*rows: ScanRow, fate: str = "open", **changes: object) -> Scan:
    standings = {
        (bet.strategy, r.phase): Standing(bet.strategy, r.phase, "demo", run="r", fate=fate)
        for r in rows
        for bet in r.bets
    }
    plain = Scan(TIME, "demo", "Demo", HOUR, simulated=False, live=True, rows=rows)
    return dataclasses.replace(plain, standings=standings, **changes)  # type: ignore[arg-type]


def watched(*returns: float, name: str = "mine") -> Watched:
    """A claim whose blocks have one trade each, with these returns."""
    blocks = tuple(BlockLine(name, k, value, 1.0, 0) for k, value in enumerate(returns))
    return Watched(claim_of(name), blocks)


def page(panels: tuple[Panel, ...], *claims: Watched) -> str:
    return render_watch(panels, {one.claim.claim: one for one in claims}, REPORTS, now=TIME)


def test_the_heat_map_has_coins_phases_strength_and_fate() -> None:
    rows = (
        row("ETH", "ignition", ago=1, stronger_than=1.0),
        row("BTC", "ignition", ago=2, stronger_than=0.0),
        row("BTC", "spot_led_up", ago=20, lean=-1, stronger_than=float("nan"), n_before=0),
    )
    heat = heat_of(panel_of(scan(*rows, quiet=("SOL",)), "scan", {}))
    assert heat.phases == ("Ignition", "Spot led up")
    assert [coin for coin, _ in heat.rows] == ["BTC", "ETH"]
    first, second = heat.rows[0][1]
    assert first is not None
    assert second is not None
    # the weakest has 8 % of the colour, the strongest 45, and one without a past half of the way
    assert (first.shade, first.rank, first.badge, first.today) == ("8", "0", "?", True)
    assert (second.shade, second.rank, second.lean, second.today) == ("26", "new", "short", False)
    strong, absent = heat.rows[1][1]
    assert strong is not None
    assert (strong.shade, strong.rank) == ("45", "100")
    assert absent is None
    assert heat.quiet == "SOL"


def test_what_began_today_is_listed_with_history_and_watch() -> None:
    one = watched(0.01, 0.02, name="open-claim")
    claim = dataclasses.replace(
        one.claim, phase="spot_led_up", strategy={**one.claim.strategy, "name": "follow_spot_led"}
    )
    claims = {"open-claim": dataclasses.replace(one, claim=claim)}
    panel = panel_of(scan(row("BTC"), row("ETH", ago=20), fate="supported"), "scan", claims)
    made = page((panel,), *claims.values())
    today = made.partition('<section id="today">')[2].partition("</section>")[0]
    assert today.count("<b>BTC</b>") == 1
    assert "ETH" not in today  # 20 hours before 17:00 was yesterday
    assert "history, follow_spot_led: supported" in today
    # the mean of +100 and +200 bps
    assert "watch, open-claim: open, 2 trades, mean +150\u202fbps" in today
    assert "2 phases present in 2 coins, 1 begun today" in made


def test_a_confidence_sequence_is_drawn_within_its_box() -> None:
    drawing = drawing_of(watched(*np.full(60, 0.01), *np.full(60, 0.03)))
    assert drawing is not None
    places = [float(v) for v in re.findall(r"[\d.]+", drawing.band)]
    across, down = places[::2], places[1::2]
    assert len(across) == 240
    assert min(across) == pytest.approx(WIDTH / 120, abs=0.05)
    assert max(across) == WIDTH
    assert min(down) >= 0
    assert max(down) <= HEIGHT
    assert drawing.zero == HEIGHT / 2 > drawing.smallest
    assert (drawing.first, drawing.last) == ("2024-04-01", "2024-11-27")  # 120 blocks of 2 days
    assert drawing_of(watched()) is None


def test_closed_claims_are_not_shown_and_no_data_is_said() -> None:
    closed = dataclasses.replace(watched(0.01), closing=Closing("mine", "2024-05-01", "why"))
    made = page((), closed)
    assert "No claim is watched" in made
    assert "No data were looked at yet" in made


def test_the_page_reloads_itself_and_names_stay_text(tmp_path: Path) -> None:
    panel = panel_of(
        scan(row(EVIL, EVIL), fate=EVIL, title=EVIL, untrusted=(Apart(EVIL, EVIL, EVIL),)), EVIL, {}
    )
    claims = {EVIL: watched(0.01, 0.02, name=EVIL)}
    made = write_watch((panel,), claims, tmp_path, REPORTS, now=TIME).read_text("utf-8")
    assert '<meta http-equiv="refresh" content="60">' in made
    assert "<img" not in made
    assert "&lt;img" in made
    assert not re.search(r"(src|href)=\"(?!data:|#)", made)


def test_each_watcher_keeps_its_own_panels(tmp_path: Path) -> None:
    mine, other = panel_of(scan(row("BTC")), "scan", {}), panel_of(scan(row("ETH")), "watch", {})
    assert kept_panels(tmp_path, "scan", [mine]) == (mine,)
    assert kept_panels(tmp_path, "watch", [other]) == (other, mine)
    newer = panel_of(scan(row("SOL"), time=TIME + HOUR), "scan", {})
    assert kept_panels(tmp_path, "scan", [newer]) == (newer, other)
    later = panel_of(scan(row("SOL"), time=TIME + 24 * 8 * HOUR), "scan", {})
    assert kept_panels(tmp_path, "scan", [later]) == (later,)
    (tmp_path / PANELS).write_text("{")
    assert kept_panels(tmp_path, "scan", [mine]) == (mine,)
