"""A tuning job's page: choosing a fold shows and draws its charts."""

from __future__ import annotations

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit, bring

_ALL_DRAWN = """[...document.querySelectorAll(".chart")].every((chart) => {
  const { top, bottom } = chart.getBoundingClientRect();
  return chart.dataset.drawn === "true" || !chart.offsetWidth || top > innerHeight || bottom < 0;
})"""


def test_charts_of_a_chosen_fold(visit: Visit, reports: Reports) -> None:
    page = visit(reports.two)
    fold = page.locator("input[name=fold]").first
    assert not fold.is_checked()
    fold.check(force=True)
    bring(page, f"search-{fold.get_attribute('value')}")
    page.set_viewport_size({"width": 390, "height": 2000})
    page.wait_for_function(_ALL_DRAWN)
    page.wait_for_function("document.documentElement.scrollWidth === innerWidth")
