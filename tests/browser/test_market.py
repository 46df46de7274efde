"""The market figure: panels zoom together, presets, coins, doors, trades, what was known."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser_cases import COINS
from tests.support.browsing import bring

DAY = 86_400_000
BOX = "document.querySelector('[data-chart=market-1]')"


@pytest.fixture
def page(report: Page) -> Page:
    """The report at the first coin's figure, which shows all there is."""
    report.get_by_role("radio", name=COINS[0]).check(force=True)
    bring(report, "market-1")
    report.get_by_role("button", name="All", exact=True).click()
    for name, value in (("phases", ""), ("strategy", ""), ("stance", "")):
        report.locator(f"#market-{name}").select_option(value)
    return report


def window(page: Page, coin: int = 1) -> tuple[float, float]:
    """The stretch of time that a coin's figure shows, in days since 1970."""
    found = page.evaluate("coin => ff.market.shown(coin)", coin)
    return found["from"] / DAY, found["to"] / DAY


def marks(page: Page) -> list[list[Any]]:
    """Name and length of all that is drawn."""
    found: list[list[Any]] = page.evaluate(
        f"{BOX}.data.map(trace => [trace.name ?? '', (trace.x ?? []).length])"
    )
    return found


def test_panels_share_one_time_axis_and_zoom_together(page: Page) -> None:
    axes = page.evaluate(f"Object.keys({BOX}._fullLayout).filter(k => /^xaxis\\d*$/.test(k))")
    panels = page.evaluate(f"Object.keys({BOX}._fullLayout).filter(k => /^yaxis\\d+$/.test(k))")
    assert axes == ["xaxis"]
    assert len(panels) >= 5  # price, phases, premium, funding and open interest at least
    whole = window(page)
    assert whole[1] - whole[0] > 3 * 365
    plot = page.locator("[data-chart=market-1] .nsewdrag").first.bounding_box()
    assert plot is not None
    y = plot["y"] + 60
    page.mouse.move(plot["x"] + plot["width"] * 0.4, y)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] * 0.5, y, steps=3)
    page.mouse.move(plot["x"] + plot["width"] * 0.6, y, steps=3)
    page.mouse.up()
    page.wait_for_function(
        "width => {const s = ff.market.shown(1); return s.to - s.from < width}", arg=300 * DAY
    )
    start, end = window(page)
    assert abs(start - whole[0] - 0.4 * (whole[1] - whole[0])) < 4
    assert abs(end - whole[0] - 0.6 * (whole[1] - whole[0])) < 4
    page.mouse.dblclick(plot["x"] + plot["width"] / 2, y)
    page.wait_for_function(
        "width => {const s = ff.market.shown(1); return s.to - s.from > width}", arg=364 * DAY
    )
    assert window(page) == whole


def test_window_presets_and_earlier_later_buttons(page: Page) -> None:
    whole = window(page)
    month = page.get_by_role("button", name="1 month")
    month.click()
    first = window(page)
    assert first[1] - first[0] == 30
    assert month.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="Earlier").click()
    assert window(page)[1] < first[1]
    page.get_by_role("button", name="Later").click()
    assert window(page) == first
    page.get_by_role("button", name="All", exact=True).click()
    assert window(page) == whole
    assert month.get_attribute("aria-pressed") == "false"
    page.locator("#market-from").fill("2021-03-01")
    page.locator("#market-to").fill("2021-03-10")
    page.locator("#market-to").dispatch_event("change")
    start, end = window(page)
    assert end - start == 10
    assert "2021-03-01" in page.locator("#market .shown").inner_text()


def test_another_coin_keeps_the_time(page: Page) -> None:
    page.get_by_role("button", name="1 month").click()
    page.get_by_role("radio", name=COINS[1]).check(force=True)
    page.wait_for_function("document.querySelector('[data-chart=market-2]').dataset.drawn")
    page.wait_for_function("ff.market.shown(2)")
    assert window(page, 2) == window(page, 1)
    expect(page.locator("#market-1")).to_be_hidden()
    expect(page.locator("#market-2")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#market-1")).to_be_visible()


def test_phases_trades_and_numbered_doors(page: Page) -> None:
    everything = marks(page)
    assert {name for name, _ in everything} >= {"fade trades", "follow trades"}
    page.locator("#market-stance").select_option("fade")
    assert "follow trades" not in {name for name, _ in marks(page)}
    page.locator("#market-strategy").select_option("-1")
    assert not {name for name, _ in marks(page)} & {"fade trades", "follow trades"}
    page.locator("#market-phases").select_option(label="Short doors")
    numbers = page.evaluate(
        f"[...{BOX}.querySelectorAll('.main-svg text')].map(t => t.textContent)"
        ".filter(t => /^[1-9]$/.test(t))"
    )
    assert "1" in numbers
    lanes = page.evaluate(f"{BOX}.layout.yaxis3?.ticktext ?? {BOX}.layout.yaxis2.ticktext")
    assert len(lanes) == 1
    assert lanes[0].startswith("Short doors")


def test_what_was_known_at_a_time_by_pointer_and_by_keyboard(page: Page) -> None:
    plot = page.locator("[data-chart=market-1]")
    plot.hover(position={"x": 500, "y": 80})
    card = page.locator("#market-1 .readout")
    expect(card).to_be_visible()
    assert "UTC" in card.inner_text()
    assert "Funding" in card.inner_text()
    page.mouse.move(0, 0)
    expect(card).to_be_hidden()
    page.locator("#market-1-cursor").focus()
    page.keyboard.press("ArrowLeft")
    expect(card).to_be_visible()
    said = page.locator("#market-1-cursor").get_attribute("aria-valuetext") or ""
    assert said.startswith("Bar of 2024-01-01 ")
    assert "Close" in said


def test_links_into_the_figure(page: Page) -> None:
    page.evaluate("location.hash = 'market-2/2021-05-01/2021-06-01'")
    expect(page.locator("#market-2")).to_be_visible()
    bring(page, "market-2")
    page.wait_for_function("ff.market.shown(2)")
    start, end = window(page, 2)
    assert end - start == 31
    page.evaluate("ff.market.show(1, Date.UTC(2021, 2, 10), Date.UTC(2021, 2, 20))")
    page.wait_for_function("ff.market.shown(1)")
    start, end = window(page)
    assert end - start == 30
    expect(page.locator("#market-1")).to_be_in_viewport()
