"""The page to leave open: light and dark, wide and narrow, with markup in every name."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from fadefollow.reporting.watch.page import write_watch
from fadefollow.reporting.watch.panel import panel_of
from fadefollow.results.claims import BlockLine, Watched
from fadefollow.scanning.model import Apart, Scan, Standing
from tests.support.browsing import Visit, barriers, sideways
from tests.support.notice_cases import HOUR, TIME, row
from tests.support.paths import ROOT
from tests.support.reporting_cases import IMG
from tests.support.watch_cases import claim_of

CONTRAST = "color-contrast"


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of weak and strong phases of both sides, of each fate, and of two claims."""
    fates = ("supported", "refuted", "open", "", "fade", "untestable", "neither", IMG)
    rows = tuple(
        dataclasses.replace(
            row(coin, f"phase_{number}_of_the_market", ago=3 * number, lean=lean),
            stronger_than=number / 7,
        )
        for coin, lean in (("BTC", 1), (IMG, -1))
        for number in range(8)
    )
    standings = {
        ("follow_spot_led", one.phase): Standing("s", one.phase, "d", run="r", fate=fate)
        for one, fate in zip(rows, 2 * fates, strict=True)
    }
    apart = (Apart(IMG, "untrusted", IMG),)
    plain = Scan(TIME, IMG, IMG, HOUR, simulated=False, live=True, rows=rows, untrusted=apart)
    scan = dataclasses.replace(plain, standings=standings)
    wave = 0.02 + 0.05 * np.sin(np.arange(80.0))
    claims = {
        name: Watched(
            claim_of(name),
            tuple(
                BlockLine(name, k, float(value), 1.0, 0) for k, value in enumerate(wave[:blocks])
            ),
        )
        for name, blocks in ((IMG, 80), ("fresh", 0))
    }
    runs = tmp_path_factory.mktemp("open")
    return write_watch([panel_of(scan, "scan", claims)], claims, runs, ROOT / "reports", now=TIME)


def test_it_fits_shows_all_and_runs_nothing(visit: Visit, path: Path) -> None:
    page = visit(path, width=1440)
    assert sideways(page) == 0
    assert page.locator(".heat td.on").count() == 16
    assert page.locator("svg.sequence").count() == 1
    assert IMG in page.evaluate("document.body.textContent")
    assert page.evaluate("document.querySelectorAll('img, iframe, [onerror]').length") == 0
    assert page.locator("meta[http-equiv]").get_attribute("content") == "60"
    # a page that reloads itself is what was asked for, and is what axe would find
    page.evaluate("document.querySelector('meta[http-equiv]').remove()")
    assert barriers(page) == []
    page.emulate_media(color_scheme="dark")
    assert barriers(page, only=CONTRAST) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert sideways(page) == 0
    assert barriers(page, but=CONTRAST) == []
