"""The report: how large it is and how soon a person can read and use it, beside other pages.

Interactive: the load event is over, no task of 50 ms or more follows for half a second, and a click
is answered on the screen. Each time is the median of five loads, from the file system, in headless
Chromium on at most two cores. Of a run's page also how soon another coin is drawn, and how soon a
phase's trades are there, sorted and filtered.
"""

from __future__ import annotations

import logging
import os
import re
import statistics
import tempfile
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from benchmarks.large_run import large_run
from fadefollow.jobs.run import RunOptions, run_job
from fadefollow.reporting import render, write_run
from fadefollow.reporting.pages.page import packed_plotly
from fadefollow.verdict.model import RunResult
from fadefollow.workspace import find_workspace, init_workspace
from tests.support.browsing import launched
from tests.support.reporting_cases import REPORTS, many

LOADS = 5
MEGABYTE = 1_000_000
LARGEST, PAINTED, READY = 8.0, 0.5, 1.0  #: targets: megabytes, seconds, seconds
_PACKED = re.compile(r'<script type="(application/[^"]*)" id="([^"]*)"[^>]*>(.*?)</script>', re.S)

_OBSERVE = """
globalThis.lastLong = 0;
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) {
    lastLong = Math.max(lastLong, startTime + duration);
  }
}).observe({ type: "longtask", buffered: true });
"""
_READY = """async () => {
  const pause = (ms) => new Promise((go) => setTimeout(go, ms));
  const shown = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  const loaded = performance.getEntriesByType("navigation")[0].loadEventEnd;
  while (performance.now() - Math.max(loaded, lastLong) < 500) await pause(50);
  const quiet = Math.max(loaded, lastLong);
  const buttons = [...document.querySelectorAll("th button, button, summary, a")];
  const target = buttons.find((button) => button.offsetWidth > 0) ?? document.body;
  const clicked = performance.now();
  target.click();
  await shown();
  return [quiet, performance.now() - clicked];
}"""
_CHART = """async () => {
  const box = [...document.querySelectorAll(".chart")].find((chart) => chart.offsetWidth > 0);
  if (!box) return NaN;
  const begun = performance.now();
  box.scrollIntoView({ behavior: "instant", block: "center" });
  while (box.dataset.drawn !== "true") await new Promise((go) => setTimeout(go, 5));
  return performance.now() - begun;
}"""
_USE = """async () => {
  const until = async (done) => { while (!done()) await new Promise((go) => setTimeout(go, 5)); };
  const shown = () => new Promise((go) => requestAnimationFrame(() => setTimeout(go)));
  const took = async (act) => {
    const begun = performance.now();
    await act();
    await shown();
    return performance.now() - begun;
  };
  const set = (control, value, kind) => {
    control.value = value;
    control.dispatchEvent(new Event(kind, { bubbles: true }));
  };
  const coins = document.querySelector("#market-coin");
  const other = coins?.options[coins.options.length >> 1];
  const coin = !other ? NaN : await took(async () => {
    document.querySelector("#market").scrollIntoView({ behavior: "instant" });
    set(coins, other.value, "change");
    await until(() => document.querySelector(`#market-${other.value} [data-drawn=true]`));
  });
  location.hash = "#phase-1-trades";
  const ledger = () => document.querySelector("#phase-1-ledger");
  const trades = await took(() => until(() => ledger()?.dataset.drawn));
  const heads = [...ledger().querySelectorAll("th button")];
  const sorted = await took(() => heads.find((one) => one.textContent === "Net").click());
  const found = await took(() => set(ledger().querySelector("input"), "time", "input"));
  return [coin, trades, sorted, found];
}"""


@dataclass(frozen=True)
class Parts:
    """Bytes of a page."""

    whole: int
    plotly: int  #: the packed library
    data: int  #: of the charts

    @property
    def text(self) -> int:
        """What is neither: text, tables, theme, scripts."""
        return self.whole - self.plotly - self.data


@dataclass(frozen=True)
class Opening:
    """One load of a page, in seconds from its start; `chart` from scrolling to the first one."""

    painted: float
    interactive: float
    chart: float


@dataclass(frozen=True)
class Use:
    """What a person does on a run's page, in seconds until it is on the screen."""

    coin: float  #: another coin is drawn; NaN where coins have tabs
    trades: float  #: a phase's trades are there
    sorted: float
    found: float  #: filtered by a text


def main() -> Iterator[tuple[str, str]]:
    """Sizes of four runs' reports, and their times beside QuantStats' page and Plotly's."""
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:2]))
    with tempfile.TemporaryDirectory() as folder:
        runs: dict[str, Path] = {}
        peers: dict[str, Path] = {}
        for name, run in cases(Path(folder)):
            runs[name] = write_run(run, Path(folder) / "runs", REPORTS) / "report.html"
            yield from sizes(name, run, runs[name])
            if not peers:  # pages of the real run
                yield from beside(run, Path(folder), peers)
        with launched() as browser:
            found = {name: opened(browser, page) for name, page in {**runs, **peers}.items()}
            uses = {name: used(browser, page) for name, page in runs.items()}
    for name, times in found.items():
        yield f"{name}: first paint", judged(times.painted, PAINTED, "s")
        yield f"{name}: interactive", judged(times.interactive, READY, "s")
        if name in runs:
            yield f"{name}: first chart after scrolling to it", f"{times.chart:.2f} s"
            yield f"{name}: another coin", f"{uses[name].coin:.2f} s"
            yield f"{name}: a phase's trades", f"{uses[name].trades:.2f} s"
            yield f"{name}: sorted by net", f"{uses[name].sorted:.2f} s"
            yield f"{name}: filtered by a text", f"{uses[name].found:.2f} s"
    ours = found[next(iter(runs))]
    for name in peers:
        yield f"{name}: first paint, as a multiple of ours", ratio(found[name], ours, "painted")
        yield f"{name}: interactive, as a multiple of ours", ratio(found[name], ours, "interactive")


def cases(folder: Path) -> Iterator[tuple[str, RunResult]]:
    """A run through the engine, many strategies, far more coins, and millions of trades."""
    init_workspace(folder / "workspace")
    workspace = find_workspace(folder / "workspace")
    options = RunOptions.of(workspace, placebo_draws=200, bootstrap_draws=200)
    yield "default run", run_job(workspace, options, step=lambda _text, _done: None)[0]
    yield "20 coins × 6 years × 20 strategies", many(_coins(20), 2191, 20)
    yield "500 coins × 1 year × 2 strategies", many(_coins(500), 365, 2)
    yield "1,000 coins × 5 years × 20 strategies, 5 million trades", large_run()


def sizes(name: str, run: RunResult, page: Path) -> Iterator[tuple[str, str]]:
    """How large a run's page is, of what, and how long it took to make."""
    found = parts(page.read_text("utf-8"))
    yield f"{name}: report.html", judged(found.whole / MEGABYTE, LARGEST, "MB")
    yield f"{name}:   of it charts' data", f"{found.data / MEGABYTE:.2f} MB"
    yield f"{name}:   of it Plotly, packed", f"{found.plotly / MEGABYTE:.2f} MB"
    yield f"{name}:   of it text, tables, theme", f"{found.text / MEGABYTE:.2f} MB"
    tables = sum(path.stat().st_size for path in page.parent.glob("*.parquet"))
    yield f"{name}: Parquet files beside it", f"{tables / MEGABYTE:.2f} MB"
    packed_plotly()  # once a process
    start = time.perf_counter()
    render(run, REPORTS)
    yield f"{name}: rendered in", f"{time.perf_counter() - start:.2f} s"


def beside(run: RunResult, folder: Path, pages: dict[str, Path]) -> Iterator[tuple[str, str]]:
    """Fills `pages` with what others would show of a run, and says how long they took."""
    for name, make in (("QuantStats, one strategy", quantstats), ("plain Plotly", plotly)):
        start = time.perf_counter()
        pages[name] = make(run, folder)
        yield f"{name}: page made in", f"{time.perf_counter() - start:.2f} s"
        yield f"{name}: page", f"{pages[name].stat().st_size / MEGABYTE:.2f} MB"


def parts(html: str) -> Parts:
    """What a page's bytes are."""
    sums = {"plotly": 0, "data": 0}
    for _, name, body in _PACKED.findall(html):
        sums["plotly" if name == "plotly-source" else "data"] += len(body.encode())
    return Parts(len(html.encode()), **sums)


def opened(browser: Browser, page: Path, loads: int = LOADS) -> Opening:
    """Medians over loads, each in a context of its own."""
    found = [_open(browser, page) for _ in range(loads)]
    return Opening(*(statistics.median(column) for column in zip(*found, strict=True)))


def _open(browser: Browser, page: Path) -> tuple[float, float, float]:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab = context.new_page()
    tab.add_init_script(_OBSERVE)
    tab.goto(page.as_uri())
    quiet, answered = tab.evaluate(_READY)
    (painted,) = tab.evaluate(
        "performance.getEntriesByName('first-contentful-paint').map(entry => entry.startTime)"
    )
    chart = tab.evaluate(_CHART)
    context.close()
    return painted / 1e3, (max(quiet, painted) + answered) / 1e3, chart / 1e3


def used(browser: Browser, page: Path, loads: int = LOADS) -> Use:
    """Medians over loads of what a person does on a run's page."""
    found = []
    for _ in range(loads):
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        tab = context.new_page()
        tab.goto(page.as_uri())
        tab.evaluate("ff.charts.ready")
        found.append([milliseconds / 1e3 for milliseconds in tab.evaluate(_USE)])
        context.close()
    return Use(*(statistics.median(column) for column in zip(*found, strict=True)))


def quantstats(run: RunResult, folder: Path) -> Path:
    """QuantStats' tear sheet of one strategy's daily returns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import quantstats as qs

        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # of fonts that are not there
        returns = run.equity.iloc[:, 0].pct_change().dropna()
        returns.index = returns.index.tz_localize(None)
        page = folder / "quantstats.html"
        qs.reports.html(returns, output=str(page), periods_per_year=365)
    return page


def plotly(run: RunResult, folder: Path) -> Path:
    """Each coin's price and each strategy's equity, in one page as Plotly writes it."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure: Any = make_subplots(rows=2, shared_xaxes=True)
    for coin, frame in run.prices.items():
        figure.add_trace(go.Scatter(x=frame.index, y=frame["close"], name=coin), 1, 1)
    for column in run.equity:
        line = go.Scatter(x=run.equity.index, y=run.equity[column], name=" ".join(column))
        figure.add_trace(line, 2, 1)
    page = folder / "plotly.html"
    figure.write_html(page)
    return page


def judged(value: float, target: float, unit: str) -> str:
    """A figure, and whether it keeps to its target."""
    return f"{value:.2f} {unit} {'≤' if value <= target else '> !'} {target:g}"


def ratio(theirs: Opening, ours: Opening, name: str) -> str:
    """Their time as a multiple of ours."""
    return f"{getattr(theirs, name) / getattr(ours, name):.1f} ×"


def _coins(count: int) -> tuple[str, ...]:
    return tuple(f"COIN{number}" for number in range(count))
