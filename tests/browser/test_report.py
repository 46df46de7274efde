"""The report of a real run: charts when they are seen, themes, explanations, windows, paper."""

from __future__ import annotations

import re

from playwright.sync_api import Page

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit, bring, names, sideways

LIGHT_FADE, DARK_FADE = "rgb(181, 77, 8)", "rgb(243, 154, 87)"

_PAPER = "getComputedStyle(document.body).backgroundColor"
_WATCH_PAPER = """() => matchMedia("print").addEventListener("change", () => {
  const charts = [...document.querySelectorAll(".chart")].filter(ff.charts.seen);
  window.printed = {
    empty: charts.filter((chart) => !chart.querySelector(".main-svg path")).length,
    paper: getComputedStyle(document.body).backgroundColor,
    theme: document.documentElement.dataset.theme,
  };
}, { once: true })"""


def painted(colour: str) -> str:
    """Whether a line in a drawn chart has this colour."""
    return (
        "[...document.querySelectorAll('.chart path')]"
        f".some(line => line.style.stroke === '{colour}')"
    )


def test_charts_when_seen_in_the_theme_and_on_paper(visit: Visit, reports: Reports) -> None:
    page = visit(reports.real, height=400, dark=True)
    page.evaluate("ff.charts.ready")
    assert names(page) == []
    assert not page.evaluate("'Plotly' in window")
    page.evaluate("location.hash = 'phase-1'")
    bring(page, "study-1")
    assert "coverage-1" not in names(page)

    assert page.evaluate(painted(DARK_FADE))  # as the system is dark
    page.click("#theme")
    page.wait_for_function(painted(LIGHT_FADE))
    assert not page.evaluate(painted(DARK_FADE))
    page.click("#theme")
    page.wait_for_function(painted(DARK_FADE))

    page.evaluate("location.hash = 'answer'")
    before = names(page)
    page.evaluate(_WATCH_PAPER)
    pdf = page.pdf(prefer_css_page_size=True)
    printed = page.evaluate("window.printed")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 3
    assert "coverage-1" not in before
    assert {"market-1", "market-2", "coverage-1"} <= set(names(page))
    assert printed == {"empty": 0, "paper": "rgb(255, 255, 255)", "theme": "light"}

    dark = page.evaluate(_PAPER)
    assert dark != printed["paper"]
    page.emulate_media(color_scheme="light")
    # the choice is remembered, the system is light; Chromium stores it when it finds the time
    for _ in range(10):
        page.reload()
        if page.evaluate(_PAPER) == dark:
            break
        page.wait_for_timeout(500)
    assert page.evaluate(_PAPER) == dark
    assert page.get_attribute("#theme", "aria-label") == "Switch to the light theme"


def test_charts_fit_their_boxes(report: Page) -> None:
    report.evaluate("location.hash = 'phase-2'")
    bring(report, "study-2")
    for width in (1440, 1280, 1024, 390):
        report.set_viewport_size({"width": width, "height": 800})
        report.wait_for_function(
            "[...document.querySelectorAll('[data-drawn=true]')].filter(c => c.offsetWidth)"
            ".every(c => Math.abs(c.querySelector('.main-svg').clientWidth - c.clientWidth) <= 1)"
        )
        assert sideways(report) == 0


def test_a_term_is_explained_on_focus_and_hover_until_escape(report: Page) -> None:
    term = report.locator("#verdicts caption .term[data-term=band]")
    term.scroll_into_view_if_needed()
    report.wait_for_timeout(50)  # scrolling hides explanations
    term.focus()
    tip = report.locator("#tip")
    assert "it holds for all questions asked in this run together" in tip.inner_text()
    assert term.get_attribute("aria-describedby") == "tip"
    report.keyboard.press("Escape")
    assert tip.is_hidden()
    term.hover()
    assert tip.is_visible()
    report.mouse.move(0, 0)
    assert tip.is_hidden()


def test_reduced_motion_switches_animations_off(report: Page) -> None:
    moving = (
        "[...document.querySelectorAll('body, body :not(.chart, .chart *)')]"
        ".map(element => getComputedStyle(element)).filter(style => style.animationName !== 'none'"
        " || style.scrollBehavior === 'smooth' || parseFloat(style.transitionDuration) > 0).length"
    )
    assert report.evaluate("matchMedia('(prefers-reduced-motion: reduce)').matches")
    assert report.evaluate(moving) == 0
    assert report.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"


def test_a_link_leads_to_its_section_whatever_lies_above(visit: Visit, reports: Reports) -> None:
    page = visit(reports.real, still=True)
    page.locator("[data-links=overview] a", has_text="Data").click()
    top = "Math.round(document.getElementById('coverage').getBoundingClientRect().top)"
    page.wait_for_function(f"{top} < 100")
    page.evaluate("ff.charts.ready")
    page.wait_for_timeout(300)  # what is drawn above must not push it away
    assert 0 <= page.evaluate(top) < 100
