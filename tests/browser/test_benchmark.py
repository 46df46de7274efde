"""`python -m benchmarks report`: its parts, on a small page."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from benchmarks.large_run import large_run
from benchmarks.report import Opening, judged, opened, parts, ratio, used
from fadefollow.reporting import read_run, write_run
from tests.support.browser_cases import Reports
from tests.support.reporting_cases import REPORTS


def test_parts_of_a_page_add_up() -> None:
    html = (
        '<p>é</p><script type="application/json" id="study-1">{"a": 1}</script>'
        '<script type="application/gzip" id="plotly-source">abcd</script>'
        '<script type="application/gzip" id="market-1-data">efghij</script>'
    )
    found = parts(html)
    assert (found.plotly, found.data) == (4, len('{"a": 1}') + len("efghij"))
    assert found.text + found.plotly + found.data == found.whole == len(html) + 1  # é is two


@pytest.mark.slow
def test_benchmark_measures_paint_interactive_and_chart(browser: Browser, reports: Reports) -> None:
    found = opened(browser, reports.index, loads=1)
    assert 0 < found.painted <= found.interactive < 20
    assert math.isnan(found.chart)
    chart = opened(browser, reports.comparison, loads=1).chart
    assert 0 < chart < 20


@pytest.mark.slow
def test_a_large_run_is_stored_read_and_used(browser: Browser, tmp_path: Path) -> None:
    run = large_run(coins=10, days=60, strategies=2, trades=1_000)
    # 13 trades of each stance on each coin in each of four phases
    assert (len(run.trades), len(run.phases)) == (1_040, 520)
    assert run.trades.groupby(["strategy", "phase", "stance"], observed=True).size().eq(130).all()
    folder = write_run(run, tmp_path, REPORTS)
    assert len(read_run(folder).trades) == 1_040
    found = used(browser, folder / "report.html", loads=1)
    assert 0 < found.coin < 20
    assert 0 < found.sorted < 20


def test_benchmark_marks_figures_above_their_target() -> None:
    assert judged(7.994, 8.0, "MB") == "7.99 MB ≤ 8"
    assert judged(8.2, 8.0, "MB") == "8.20 MB > ! 8"
    assert ratio(Opening(3.0, 4.0, 0.0), Opening(0.5, 1.0, 0.0), "painted") == "6.0 ×"
