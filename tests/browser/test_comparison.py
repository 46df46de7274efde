"""The comparison of runs: what differs is open, each run's own report is one click away."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit, bring


def test_both_runs_are_told_apart_and_linked(visit: Visit, reports: Reports) -> None:
    page = visit(reports.comparison)
    letters = page.locator("section[aria-labelledby=runs-title] tbody th").all_inner_texts()
    assert letters == ["A", "B"]
    first = page.locator("#equity details").first
    if first.get_attribute("open") is None:
        first.locator("summary").first.click()
    bring(page, "book-1-1")
    names = page.evaluate(
        "document.querySelector('[data-chart=book-1-1]').data.map(trace => trace.name)"
    )
    assert any("A" in str(name) for name in names)
    for link in page.locator("nav .links a").all():
        link.click()
        expect(page.locator(link.get_attribute("href") or "")).to_be_in_viewport()
    page.locator("section[aria-labelledby=runs-title] a").first.click()
    page.wait_for_url(reports.real.as_uri())
