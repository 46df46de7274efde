"""Where scripts are forbidden all text and all tables are there, and nothing dead is offered."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit, sideways

KINDS = ("real", "two", "comparison", "scan")


@pytest.mark.parametrize("name", KINDS)
def test_text_and_tables_are_visible_without_scripts(
    visit: Visit, reports: Reports, name: str
) -> None:
    page = visit(getattr(reports, name), scripts=False, still=True)
    assert page.locator("h1").first.is_visible()
    hidden = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, p, table, tbody tr, dt, dd')].filter(element =>"
        " !element.offsetHeight && element.textContent.trim() && !element.closest('details"
        ":not([open]), [hidden], .phone')).map(element => element.outerHTML.slice(0, 200))"
    )
    assert hidden == []
    dead = page.locator("button:visible, select:visible, input:visible").evaluate_all(
        "controls => controls.map(control => control.outerHTML)"
    )
    assert dead == []
    assert sideways(page) == 0
    if name == "real":
        assert page.locator(".phase:visible").count() == 7
        page.locator("#verdicts a").first.click()
        expect(page.locator("#phase-1 .headline")).to_be_in_viewport()
        page.locator("details.data summary").first.click()
        assert page.locator("details.data[open] table").first.is_visible()
