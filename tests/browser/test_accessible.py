"""axe-core finds nothing serious: every kind of page, light and dark, wide and narrow."""

from __future__ import annotations

import pytest

from tests.support.browser_cases import Reports
from tests.support.browsing import Visit, barriers, sideways

#: one of each kind
PAGES = (
    "real",
    "two",
    "index",
    "scan",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("comparison", "calibration")),
)
#: slow, the same at all widths, and another in each theme
CONTRAST = "color-contrast"
#: everything at once, as without scripts; of rows, entries and phases the first, as the others have
#: the same markup
_SHOW = """
document.documentElement.classList.remove("js");
for (const block of document.querySelectorAll("details")) block.open = true;
const more = "tbody tr:nth-child(n + 3), :is(li, dl > div, option, .phase):nth-child(n + 3)";
for (const other of document.querySelectorAll(more)) other.remove();
"""
#: what a tuning job's page has more than a run's
_TUNED = """
for (const section of document.querySelectorAll("main > section, main > div > section"))
  if (!["luck", "folds", "search"].includes(section.id)) section.remove();
document.getElementById("phases").remove();
"""


@pytest.mark.parametrize("name", PAGES)
def test_pages_have_no_serious_accessibility_finding(
    visit: Visit, reports: Reports, name: str
) -> None:
    page = visit(getattr(reports, name))
    page.evaluate(_SHOW)
    if name == "two":
        page.evaluate(_TUNED)
        assert page.locator("#luck, #folds, #search").count() == 3
    assert barriers(page) == []
    page.emulate_media(color_scheme="dark")
    assert barriers(page, only=CONTRAST) == []
    page.set_viewport_size({"width": 390, "height": 800})
    assert barriers(page, but=CONTRAST) == []
    assert sideways(page) == 0
    if name == "index":  # which is the smallest: would a barrier be found?
        page.evaluate("document.documentElement.removeAttribute('lang')")
        page.evaluate("document.querySelector('p').style.color = 'rgba(120, 120, 120, .3)'")
        found = [finding.split('"')[1] for finding in barriers(page)]
        assert found == ["color-contrast", "html-has-lang"]
