"""Markup in the names of coins, strategies and parameters and in errors stays text."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit, bring, settle, sideways
from tests.support.reporting_cases import IMG, SCRIPT

_FOREIGN = "document.querySelectorAll('img, iframe, object, embed, base, meta[http-equiv]').length"
_HANDLERS = """[...document.querySelectorAll('*')].filter(element => [...element.attributes]
.some(({name, value}) => name.startsWith('on') || /^javascript:/i.test(value.trim()))).length"""


def inert(page: Page) -> bool:
    """Whether nothing on the page came from the markup in its texts."""
    return bool(page.evaluate(f"{_FOREIGN} === 0 && {_HANDLERS} === 0"))


def test_names_of_coins_strategies_and_phases(visit: Visit, reports: Reports) -> None:
    page = visit(reports.hostile, width=390, touch=True)
    assert IMG in page.evaluate("document.body.textContent")
    assert sideways(page) == 0
    page.locator("label:has(input[name=coin])").nth(1).click()
    bring(page, "market-2")
    page.locator("#market-2-cursor").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator("#market-2 .readout").is_visible()
    bring(page, "coverage-1")
    labels = page.locator(".chart text").all_text_contents()
    assert any(IMG in label for label in labels)
    page.evaluate("location.hash = 'phase-1'")
    bring(page, "study-1")
    assert sideways(page) == 0
    assert inert(page)


def test_parameters_and_errors_of_a_tuning_job(visit: Visit, reports: Reports) -> None:
    page = visit(reports.hostile_tuning)
    assert f"{SCRIPT}{IMG}" in page.evaluate("document.body.textContent")
    bring(page, "importance-1")
    settle(page)
    assert any("<img" in label for label in page.locator(".chart text").all_text_contents())
    assert inert(page)


def test_the_list_of_runs(visit: Visit, reports: Reports) -> None:
    page = visit(reports.hostile_index)
    assert IMG in page.evaluate("document.body.textContent")
    assert inert(page)
