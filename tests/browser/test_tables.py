"""Tables are sorted and filtered in the page: verdicts, runs, present phases."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit

TABLE = "#verdicts"


def column(page: Page, table: str, number: int) -> list[str]:
    """What rows are sorted by in a column, of rows that can be seen."""
    found: list[str] = page.evaluate(
        "([table, number]) => [...document.querySelector(table).tBodies[0].rows]"
        ".filter(row => !row.hidden && row.offsetHeight)"
        ".map(row => row.cells[number].dataset.value ?? row.cells[number].textContent.trim())",
        [table, number],
    )
    return found


def test_numbers_sort_down_up_and_back(report: Page) -> None:
    page = report
    heads = page.locator(f"{TABLE} thead th[data-kind=number]")
    before = page.locator(f"{TABLE} tbody tr").all_inner_texts()
    for number in range(heads.count()):
        head = heads.nth(number)
        place = head.evaluate("cell => cell.cellIndex")
        head.get_by_role("button").click()
        way = head.get_attribute("aria-sort")
        assert way == ("descending" if head.get_attribute("data-first") else "ascending")
        found = column(page, TABLE, place)
        known = [float(value) for value in found if value]
        assert known == sorted(known, reverse=way == "descending")
        assert found[len(known) :] == [""] * (len(found) - len(known))  # unknown ones are last
        head.get_by_role("button").click()
        known = [float(value) for value in column(page, TABLE, place) if value]
        assert known == sorted(known, reverse=way != "descending")
        assert page.locator(f"{TABLE} [aria-sort]").count() == 1
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") is None
    assert page.locator(f"{TABLE} tbody tr").all_inner_texts() == before


def test_names_sort_by_keyboard(report: Page) -> None:
    page = report
    page.locator(f"{TABLE} thead button").nth(0).focus()
    page.keyboard.press("Enter")
    found = column(page, TABLE, 0)
    assert len(found) >= 4
    assert found == sorted(found, key=str.lower)
    page.keyboard.press("Space")
    assert column(page, TABLE, 0) == found[::-1]
    page.keyboard.press("Space")
    assert page.locator(f"{TABLE} [aria-sort]").count() == 0


def test_rows_are_found_by_text_choice_and_tick(report: Page) -> None:
    page = report
    said = page.get_by_role("status").filter(has_text="rows")
    everything = column(page, TABLE, 0)
    assert said.inner_text() == f"{len(everything)} rows"
    page.get_by_label("Find a strategy or phase").fill("DOORS sHort")
    assert column(page, TABLE, 0) == ["Short doors"]
    assert said.inner_text() == f"1 of {len(everything)} rows"
    page.get_by_label("Find a strategy or phase").fill("no such thing")
    assert column(page, TABLE, 0) == []
    page.get_by_label("Find a strategy or phase").fill("")
    assert column(page, TABLE, 0) == everything
    for name in ("fate", "claim", "instrument"):
        choices = page.locator(f"#verdicts-{name} option").evaluate_all(
            "all => all.map(o => o.value)"
        )
        for choice in choices[1:]:
            page.locator(f"#verdicts-{name}").select_option(choice)
            fitting = page.locator(f"{TABLE} tbody tr[data-{name}='{choice}']").count()
            assert 0 < fitting == len(column(page, TABLE, 0)) < len(everything)
        if choices:
            page.locator(f"#verdicts-{name}").select_option("")
    assert page.locator("#verdicts-claim").count() == 1
    assert column(page, TABLE, 0) == everything


def test_a_run_is_found_in_the_list_and_opened(visit: Visit, reports: Reports) -> None:
    page = visit(reports.index)
    rows = page.locator(".runs tbody tr:visible")
    before = rows.count()
    assert before >= 2
    page.get_by_label("Find a run").fill("tuning small")
    expect(rows).to_have_count(1)
    page.get_by_label("Find a run").fill("")
    expect(rows).to_have_count(before)
    page.get_by_role("button", name="Started (UTC)").click()
    found = column(page, ".runs", 3)
    assert found == sorted(found)
    page.locator(f".runs a[href*='{reports.real.parent.name}']").click()
    page.wait_for_url(reports.real.as_uri())
    expect(page.locator("h1").first).to_be_visible()


def test_present_phases_sort_and_filter(visit: Visit, reports: Reports) -> None:
    page = visit(reports.scan)
    table = "table.scan"
    coins = column(page, table, 0)
    assert coins
    page.locator(f"{table} thead button").first.click()
    assert column(page, table, 0) == sorted(coins)
    since = column(page, table, 3)
    page.get_by_role("button", name="Since (UTC)").first.click()
    assert column(page, table, 3) == sorted(since)
    link = page.locator(f"{table} a[href^='#']").first
    link.click()
    row = page.locator(f"[id='{(link.get_attribute('href') or '')[1:]}']")
    expect(row).to_be_in_viewport()
