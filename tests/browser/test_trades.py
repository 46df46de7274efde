"""The table of all trades of a phase: only the rows in view, sorted, filtered, with links."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from playwright.sync_api import Page, expect

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit, barriers, sideways

SHORTS = ("fade_crowded_funding", "crowded_short")
ROW = "tbody tr:not(.pad)"


def trades_of(report: Path, *whose: str) -> pd.DataFrame:
    """The outright trades of a phase as they are stored."""
    stored = pd.read_parquet(report.parent / "trades.parquet")
    mine = stored["book"].eq("outright") & stored["strategy"].eq(whose[0])
    return stored[mine & stored["phase"].eq(whose[1])]


def ledger(page: Page, strategy: str, phase: str) -> str:
    """The selector of the table of a phase, brought into view."""
    for name in page.locator("article.phase").evaluate_all("pages => pages.map(page => page.id)"):
        page.evaluate("name => { location.hash = `${name}-trades` }", name)
        box = page.locator(f"#{name}-ledger")
        box.wait_for(state="attached")
        whose = box.get_attribute("data-strategy"), box.get_attribute("data-phase")
        if whose == (strategy, phase):
            expect(box).to_have_attribute("data-drawn", "true")
            return f"#{name}-ledger"
    raise AssertionError(f"no table of {strategy}, {phase}")


def column(page: Page, box: str, name: str) -> list[str]:
    """The cells of a column that are in the document."""
    at = page.locator(f"{box} thead th").all_inner_texts().index(name)
    return page.locator(f"{box} {ROW}").evaluate_all(
        "(rows, at) => rows.map(row => row.cells[at].innerText)", at
    )


def test_only_rows_in_view_are_there_and_they_agree_with_the_stored_ones(
    report: Page, reports: Reports
) -> None:
    box = ledger(report, *SHORTS)
    stored = trades_of(reports.real, *SHORTS)
    expect(report.locator(f"{box} output")).to_have_text(f"{len(stored)} trades")
    assert report.locator(f"{box} {ROW}").count() < 40 < len(stored)
    report.get_by_role("button", name="Net").locator("visible=true").click()
    best = stored.sort_values("return", ascending=False, kind="stable")["return"]
    wanted = [f"{x * 1e4:+,.0f}".replace("-", "−").replace(",", "\u202f") for x in best.head(5)]
    assert column(report, box, "Net")[:5] == wanted
    # the last row comes into the document when it is scrolled to, and the first leaves it
    report.locator(f"{box} .tall").evaluate("pane => { pane.scrollTop = pane.scrollHeight }")
    last = report.locator(f"{box} tr[aria-rowindex='{len(stored) + 1}']")
    expect(last).to_be_in_viewport()
    expect(report.locator(f"{box} tr[aria-rowindex='2']")).to_have_count(0)
    worst = f"{best.iloc[-1] * 1e4:+,.0f}".replace("-", "−").replace(",", "\u202f")
    assert column(report, box, "Net")[-1] == worst


def test_rows_are_filtered_by_text_stance_and_result(report: Page, reports: Reports) -> None:
    box = ledger(report, *SHORTS)
    stored = trades_of(reports.real, *SHORTS)
    report.locator(f"{box} input[type=search]").fill("lark")
    report.locator(f"{box} select[id$=stance]").select_option("follow")
    report.locator(f"{box} select[id$=result]").select_option("-1")
    kept = stored.query("symbol == 'LARK' and stance == 'follow' and `return` < 0")
    # what rounds to nothing is neither a gain nor a loss
    kept = kept[kept["return"].mul(1e4).round() < 0]
    expect(report.locator(f"{box} output")).to_have_text(f"{len(kept)} of {len(stored)} trades")
    assert set(column(report, box, "Coin")) == {"LARK"}
    assert set(column(report, box, "Stance")) == {"follow"}
    assert all(text.startswith("−") for text in column(report, box, "Net"))
    for field in ("stance", "result"):
        report.locator(f"{box} select[id$={field}]").select_option("")
    report.locator(f"{box} input[type=search]").fill("")
    expect(report.locator(f"{box} output")).to_have_text(f"{len(stored)} trades")


def test_a_row_opens_the_market_at_its_trade(report: Page) -> None:
    box = ledger(report, *SHORTS)
    row = report.locator(f"{box} {ROW}").nth(3)
    coin, opened = row.get_attribute("data-market"), float(row.get_attribute("data-from") or 0)
    stance = row.locator("td").first.inner_text()
    row.locator("td").last.click()  # anywhere in the row
    expect(report.locator(f"#market-{coin}")).to_be_in_viewport()
    report.wait_for_function(f"ff.market.shown('{coin}')?.from < {opened}")
    shown = report.evaluate(f"ff.market.shown('{coin}')")
    assert shown["from"] < opened < shown["to"]
    assert report.locator("#market-stance").input_value() == stance
    chosen = report.locator("#market-phases option:checked").inner_text()
    assert chosen.strip() == "Crowded shorts"
    plot = report.locator(f"#market-{coin} .chart")
    width = report.evaluate(f"document.querySelector('#market-{coin} .chart').offsetWidth")
    plot.hover(position={"x": width / 2, "y": 80})  # the trade is the middle third
    said = report.locator(f"#market-{coin} .readout").inner_text()
    assert f"{stance}: Crowded shorts" in said
    assert "since" in said


def test_it_fits_a_phone_and_can_be_reached_by_keys(visit: Visit, reports: Reports) -> None:
    page = visit(reports.real, width=390, height=844, touch=True, still=True)
    box = ledger(page, *SHORTS)
    assert sideways(page) == 0
    heads = page.locator(f"{box} thead th:visible").all_inner_texts()
    assert heads[:4] == ["Coin", "Stance", "Entered (UTC)", "Net"]
    high = page.locator(f"{box} {ROW}").first.evaluate("row => row.offsetHeight")
    assert high >= 44  # a finger finds it
    page.locator(f"{box} .tall").focus()
    page.keyboard.press("PageDown")
    page.wait_for_function(f"document.querySelector('{box} .tall').scrollTop > 100")
    assert barriers(page) == []


def test_foreign_names_stay_text(visit: Visit, reports: Reports) -> None:
    page = visit(reports.hostile, "phase-1-trades", still=True)
    box = page.locator("#phase-1-ledger")
    expect(box).to_have_attribute("data-drawn", "true")
    assert box.locator(ROW).count() > 0
    assert page.locator(".ledger img, .ledger script, .ledger [onerror]").count() == 0
