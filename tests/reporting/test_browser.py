"""The report in a real browser: charts are drawn, nothing is fetched, nothing complains."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import CHROMIUM, Browser
from reporting_cases import REPORTS, Cases

from fadefollow.reporting import write_run

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium (apt-get install chromium)")

TALL = 12_000
LIGHT_FADE, DARK_FADE = "rgb(181, 77, 8)", "rgb(243, 154, 87)"
DRAWN = "[...document.querySelectorAll('.chart')].filter(c => c.dataset.drawn === 'true')"
NAMES = f"{DRAWN}.map(c => c.dataset.chart)"
ALL = 13  # charts of the plain run, two of them behind the tabs of other coins


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(cases: Cases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(cases.plain, tmp_path_factory.mktemp("plain"), REPORTS) / "report.html"


@pytest.fixture(scope="module")
def hostile(cases: Cases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(cases.hostile, tmp_path_factory.mktemp("hostile"), REPORTS) / "report.html"


def painted(colour: str) -> str:
    """Whether a line in a drawn chart has this colour."""
    return (
        "[...document.querySelectorAll('.chart path')]"
        f".some(line => line.style.stroke === '{colour}')"
    )


def test_charts_in_view_are_drawn_without_complaint(browser: Browser, plain: Path) -> None:
    browser.open(plain, height=TALL)
    browser.wait(f"{DRAWN}.length >= {ALL - 2}")
    assert not {"market-2", "market-3"} & set(browser.run(NAMES))
    assert browser.run(painted(LIGHT_FADE))
    assert browser.complaints == []
    assert set(browser.requests) <= {plain.as_uri(), "data:,"}


def test_a_chart_is_drawn_when_it_is_scrolled_to(browser: Browser, plain: Path) -> None:
    browser.open(plain, height=600)
    assert browser.run(NAMES) == []
    assert not browser.run("'Plotly' in window")
    browser.run("document.getElementById('coverage').scrollIntoView({behavior: 'instant'})")
    browser.wait(f"{NAMES}.includes('coverage-1')")
    assert "market-1" not in browser.run(NAMES)


def test_choosing_a_coin_draws_its_chart(browser: Browser, plain: Path) -> None:
    browser.open(plain, height=TALL)
    browser.run("document.querySelectorAll('input[name=coin]')[1].click()")
    browser.wait(f"{NAMES}.includes('market-2')")
    shown = "[...document.querySelectorAll('[data-panel=coin]')].map(p => p.offsetHeight > 0)"
    assert browser.run(shown) == [False, True, False]


def test_chart_fits_its_box(browser: Browser, plain: Path) -> None:
    for width in (1280, 390):
        browser.open(plain, width=width, height=TALL)
        browser.wait(f"{DRAWN}.length >= {ALL - 2}")
        wide = f"{DRAWN}.filter(c => c.querySelector('.main-svg').clientWidth > c.clientWidth + 1)"
        assert browser.run(f"{wide}.length") == 0


def test_system_theme_and_button(browser: Browser, plain: Path) -> None:
    browser.open(plain, height=TALL, dark=True)
    browser.wait(f"{DRAWN}.length >= {ALL - 2}")
    assert browser.run(painted(DARK_FADE))
    browser.run("document.getElementById('theme').click()")
    browser.wait(painted(LIGHT_FADE))
    assert not browser.run(painted(DARK_FADE))
    browser.run("localStorage.clear()")
    assert browser.complaints == []


def test_printing_draws_all_charts_on_white_and_restores(browser: Browser, plain: Path) -> None:
    browser.open(plain, height=600, dark=True)
    pdf = browser.call("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert len(pdf) > 300_000
    assert len(browser.run(NAMES)) == ALL
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run(painted(LIGHT_FADE))
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert not browser.run(painted(LIGHT_FADE))
    assert browser.complaints == []


def test_phone_has_no_sideways_scroll(browser: Browser, plain: Path, hostile: Path) -> None:
    for path in (plain, hostile):
        browser.open(path, width=390, height=TALL)
        browser.wait(f"{DRAWN}.length > 3")
        assert browser.run("document.documentElement.scrollWidth") == 390


def test_hostile_names_run_nothing_and_look_as_written(browser: Browser, hostile: Path) -> None:
    browser.open(hostile, height=TALL)
    browser.wait(f"{NAMES}.includes('market-1') && {NAMES}.includes('coverage-1')")
    browser.run("document.querySelectorAll('input[name=coin]')[2].click()")
    browser.wait(f"{NAMES}.includes('market-3')")
    assert browser.run("document.querySelectorAll('img, iframe, object, embed').length") == 0
    handlers = "[...document.querySelectorAll('*')].some(e => e.hasAttribute('onerror'))"
    assert not browser.run(handlers)
    labels = "[...document.querySelectorAll('.chart text')].map(t => t.textContent).join('|')"
    assert "<img src=x onerror=alert(1)>" in browser.run(labels)
    assert browser.complaints == []
    assert set(browser.requests) <= {hostile.as_uri(), "data:,"}


def test_explanation_on_focus_and_away_with_escape(browser: Browser, plain: Path) -> None:
    browser.open(plain)
    browser.run("document.querySelector('.term').focus({preventScroll: true})")
    tip = "document.getElementById('tip')"
    assert "One hundredth of a per cent" in browser.run(f"!{tip}.hidden && {tip}.textContent")
    browser.run("document.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape'}))")
    assert browser.run(f"{tip}.hidden")


def test_list_of_runs(browser: Browser, plain: Path) -> None:
    browser.open(plain.parent.parent / "index.html")
    link = "document.querySelector('.runs a').href"
    assert browser.run(link) == plain.as_uri()
    assert browser.complaints == []
