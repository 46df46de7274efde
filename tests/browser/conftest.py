"""One browser, a fresh context a test or one page for many; what a failed test saw is kept.

This folder is a package, so that fixtures can end with its last test: between its calls Playwright
leaves its loop marked as running, which would break `asyncio.run` in other folders' tests.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser_cases import Reports, made
from tests.support.browsing import REQUIRED, Visit, Watch, chromium, keep, launched, visitor

_FAILED: pytest.StashKey[bool] = pytest.StashKey()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the fixture `visit` whether its test failed."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium, driven by Playwright."""
    if not chromium():
        lacking = "Chromium (apt-get install chromium)"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(f"{REQUIRED}=required, but there is no {lacking}", pytrace=False)
        pytest.skip(f"needs {lacking}")
    with launched() as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Opens pages; at the end none of them may have complained or fetched anything."""
    watches: list[Watch] = []
    yield visitor(browser, watches)
    faults = judged(watches, request.node)
    for watch in watches:
        watch.page.context.close()
    assert faults == []


@pytest.fixture(scope="package")
def shared(browser: Browser, reports: Reports) -> Iterator[Watch]:
    """The report of the real run, loaded once: its charts take seconds."""
    watches: list[Watch] = []
    page = visitor(browser, watches)(reports.real, still=True)
    yield watches[0]
    page.context.close()


@pytest.fixture
def report(shared: Watch, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The shared report at its overview, for tests that leave it as they find it."""
    page = shared.page
    page.set_viewport_size({"width": 1280, "height": 900})
    page.evaluate("location.hash = ''")
    page.evaluate("scrollTo(0, 0)")
    yield page
    faults = judged([shared], request.node)
    shared.complaints.clear()
    shared.requests.clear()
    assert faults == []


def judged(watches: list[Watch], test: pytest.Item) -> list[str]:
    """What the pages did wrong; what is to be seen of them is kept if the test failed."""
    faults = [fault for watch in watches for fault in watch.faults()]
    if faults or test.stash.get(_FAILED, False):  # type: ignore[arg-type]
        print(f"what the browser saw is in {keep(watches, test.nodeid.partition('tests/')[2])}")
    return faults


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """The pages of real runs and of hostile ones, made once for all workers."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    return made(shared / "browser")
