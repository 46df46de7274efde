"""Each phase has a page inside the report: reached, left and linked to as pages are."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit


def at(page: Page, *names: str) -> None:
    """These phases' pages are shown, and no others."""
    expect(page.locator(".phase:visible")).to_have_count(len(names))
    for name in names:
        expect(page.locator(f"#{name}")).to_be_visible()


def test_from_a_row_to_its_page_and_back(report: Page) -> None:
    page = report
    overview = page.title()
    at(page)
    row = page.locator("#verdicts a[href='#phase-3']")
    name = row.inner_text()
    row.click()
    at(page, "phase-3")
    expect(page.locator("#overview, #market").first).to_be_hidden()
    expect(page.locator("#phase-3 .headline")).to_be_focused()
    assert page.title() == f"{name} · {overview}"
    page.go_back()
    expect(page.locator("#verdicts")).to_be_visible()
    at(page)
    expect(row).to_be_focused()
    expect(row).to_be_in_viewport()
    assert page.title() == overview


def test_page_to_page_and_home_by_keyboard(report: Page) -> None:
    page = report
    page.evaluate("location.hash = 'phase-1'")
    at(page, "phase-1")
    assert page.locator("#phase-1 [rel=prev]").count() == 0
    page.locator("#phase-1 [rel=next]").first.focus()
    page.keyboard.press("Enter")
    at(page, "phase-2")
    page.locator("#phase-2 [rel=prev]").first.click()
    at(page, "phase-1")
    page.go_back()
    at(page, "phase-2")
    page.go_forward()
    at(page, "phase-1")
    page.keyboard.press("Escape")
    expect(page.locator("#verdicts")).to_be_visible()
    at(page)


def test_every_page_has_its_parts(report: Page) -> None:
    page = report
    pages = page.evaluate("[...document.querySelectorAll('.phase')].map(p => p.id)")
    assert len(pages) == 7
    for name in pages[::2]:
        page.evaluate("name => { location.hash = name }", name)
        at(page, name)
        assert page.locator(f"#{name} .headline").is_visible()
        for part in page.locator("[data-links=phase] [data-part]:visible").all():
            target = part.get_attribute("href") or ""
            part.click()
            expect(page.locator(target)).to_be_in_viewport()
            at(page, name)
        page.set_viewport_size({"width": 1280, "height": 3000})
        page.wait_for_function(
            "name => [...document.querySelectorAll(`#${name} .chart`)]"
            ".every(c => c.dataset.drawn === 'true' && c.querySelector('.main-svg'))",
            arg=name,
        )
        page.set_viewport_size({"width": 1280, "height": 900})


def test_addresses_with_a_hash_open_that_part_or_the_overview(
    visit: Visit, reports: Reports
) -> None:
    page = visit(reports.real, "phase-2-splits", height=300)
    at(page, "phase-2")
    expect(page.locator("#phase-2-splits")).to_be_in_viewport()
    for nowhere in ("phase-99", "phase-1/%", "%"):
        page.evaluate("hash => { location.hash = hash }", nowhere)
        expect(page.locator("#verdicts")).to_be_visible()
        at(page)
