"""A report of more coins than have tabs: one panel stands, the others are made when asked for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fadefollow.reporting import render
from tests.support.browsing import Visit, barriers, bring, sideways
from tests.support.reporting_cases import IMG, REPORTS, SCRIPT, coverage_of, many

COINS = ("BTC", "ETH", IMG, SCRIPT, "NONE", *(f"C{number}" for number in range(6)))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = many(COINS, 60, 1)
    prices = {**run.prices, "NONE": run.prices["NONE"].iloc[:0]}
    covered = {
        f"{c} {n}": span for c, span in coverage_of(dict(run.prices)).items() for n in range(10)
    }
    path = tmp_path_factory.mktemp("many") / "report.html"
    run = replace(run, prices=prices, dataset={**run.dataset, "coverage": covered})
    path.write_bytes(render(run, REPORTS).encode("utf-8"))
    return path


@pytest.fixture
def page(visit: Visit, file: Path) -> Page:
    return visit(file, still=True)


def drawn(page: Page, number: int) -> None:
    bring(page, f"market-{number}")
    page.wait_for_function(f"ff.market.shown({number})")


def test_one_coin_stands_and_another_is_made_when_it_is_chosen(page: Page) -> None:
    assert page.locator("#market .panel").count() == 1
    drawn(page, 1)
    page.locator("#market-coin").select_option("2")
    drawn(page, 2)
    panel = page.locator("#market-2")
    expect(page.locator("#market-1")).to_be_hidden()
    expect(panel.get_by_role("heading")).to_have_text("ETH")
    panel.get_by_text("Show as tables").click()
    captions = panel.locator("caption").all_inner_texts()
    assert captions == ["Ranges of what is drawn of ETH", "Phases and trades of ETH"]
    assert panel.get_by_role("row", name="Price, quote currency").count() == 1
    assert panel.locator("[data-chart]").get_attribute("data-chart") == "market-2"
    panel.locator("#market-2-cursor").focus()
    page.keyboard.press("ArrowLeft")
    expect(panel.locator(".readout")).to_be_visible()
    assert barriers(page) == []
    page.locator("#market-coin").select_option("1")
    expect(page.locator("#market-1")).to_be_visible()
    assert page.locator("#market .panel").count() == 2
    assert sideways(page) == 0


def test_names_are_text_and_a_coin_without_bars_says_so(page: Page) -> None:
    for number in (3, 4):
        page.locator("#market-coin").select_option(str(number))
        drawn(page, number)
        heading = page.locator(f"#market-{number} h3")
        assert heading.text_content() == COINS[number - 1]
        assert page.locator(f"#market-{number} img, #market-{number} h3 script").count() == 0
    page.locator("#market-coin").select_option("5")
    expect(page.locator("#market-5")).to_contain_text("This coin has no bars")
    assert page.locator("#market-5 .plot").count() == 0


def test_an_address_opens_a_coin_that_was_not_there(visit: Visit, file: Path) -> None:
    page = visit(file, "market-7/2022-01-20/2022-02-01", still=True)
    drawn(page, 7)
    expect(page.locator("#market-7")).to_be_visible()
    assert page.locator("#market-coin").input_value() == "7"
    assert page.locator("#market-from").input_value() == "2022-01-20"


def test_a_row_of_the_trades_opens_its_coin(page: Page) -> None:
    page.evaluate("location.hash = '#phase-1-trades'")
    page.wait_for_function("document.querySelector('#phase-1-ledger')?.dataset.drawn")
    page.locator("#phase-1-ledger input").fill("C5")
    page.locator("#phase-1-ledger tbody a").first.click()
    drawn(page, 11)
    expect(page.locator("#market-11 h3")).to_have_text("C5")


def test_a_long_table_is_unpacked_when_its_block_is_opened(page: Page) -> None:
    block = page.locator("#coverage figure details")
    assert block.locator("table").count() == 0
    block.get_by_text("Show as a table").click()
    expect(block.locator("table")).to_be_visible()
    assert block.locator("tbody tr").count() > 200
    assert page.locator("#coverage img").count() == 0
