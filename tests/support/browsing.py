"""A page of ours in Chromium: opened from the file system, watched, and kept when a test fails."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

#: set to `required` where a missing browser is a failure and no reason to skip
REQUIRED = "FADEFOLLOW_BROWSER"
#: the folder that takes what a failed test saw
ARTEFACTS = "FADEFOLLOW_ARTEFACTS"
#: Chromium as root, in a container, without a graphics card, and silent
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
_NAMES = ("chromium", "chromium-browser", "google-chrome")
DRAWN = "[...document.querySelectorAll('.chart')].filter(c => c.dataset.drawn === 'true')"
_WAITING = "[...document.querySelectorAll('.chart')].filter(c => c.dataset.drawn === 'begun')"


def chromium() -> str:
    """Where Chromium is; empty if nowhere."""
    return next(filter(None, map(shutil.which, _NAMES)), "")


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium, driven by Playwright; both end with the block."""
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium(), args=[*FLAGS])
        yield opened
        opened.close()


class Visit(Protocol):
    """Opens a page in a context of its own."""

    def __call__(
        self,
        path: Path,
        fragment: str = "",
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        scripts: bool = True,
        still: bool = False,
        touch: bool = False,
    ) -> Page: ...


@dataclass
class Watch:
    """What one page did."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        page = self.page
        page.on("console", lambda said: self.complaints.append(f"{said.type}: {said.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        page.on("request", self._asked)
        page.on("dialog", self._interrupted)
        page.on("popup", lambda other: self.complaints.append(f"window: {other.url}"))
        page.on("crash", lambda _: self.complaints.append("crashed"))

    def faults(self) -> list[str]:
        """All that an offline page must not do."""
        return [*self.complaints, *foreign(self.requests)]

    def _asked(self, request: Request) -> None:
        self.requests.append((request.resource_type, request.url))

    def _interrupted(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()


def foreign(requests: Iterable[tuple[str, str]]) -> list[str]:
    """Requests other than for the documents that were opened and for data within them."""
    return [
        f"fetched a {kind}: {url[:200]}"
        for kind, url in requests
        if not url.startswith(("data:", "blob:"))
        and not (kind == "document" and url.startswith("file:"))
    ]


def visitor(browser: Browser, watches: list[Watch]) -> Visit:
    """What the fixture `visit` gives."""

    def visit(
        path: Path,
        fragment: str = "",
        *,
        width: int = 1280,
        height: int = 900,
        dark: bool = False,
        scripts: bool = True,
        still: bool = False,
        touch: bool = False,
    ) -> Page:
        context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            reduced_motion="reduce" if still else "no-preference",
            has_touch=touch,
            is_mobile=touch,
            offline=True,
        )
        context.set_default_timeout(20_000)
        page = context.new_page()
        watches.append(Watch(page))
        page.goto(path.as_uri() + (f"#{fragment}" if fragment else ""))
        return page

    return visit


def keep(watches: Iterable[Watch], test: str) -> Path:
    """Pictures, pages and logs of a failed test, for people; the folder that holds them."""
    name = re.sub(r"[^\w.-]+", "-", test).strip("-")[-120:]
    folder = Path(os.environ.get(ARTEFACTS) or "build/browser") / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, watch in enumerate(watches, start=1):
        asked = [f"{kind}: {url}" for kind, url in watch.requests]
        log = [watch.page.url, *watch.complaints, *asked]
        (folder / f"{number}.log").write_text("\n".join(log), "utf-8")
        for suffix, save in _SAVES.items():
            path = folder / f"{number}.{suffix}"
            try:
                save(watch.page, path)
            except Exception as error:  # of a page that is gone: the others are still kept
                path.with_suffix(f".{suffix}.txt").write_text(str(error), "utf-8")
    return folder


_SAVES: dict[str, Callable[[Page, Path], object]] = {
    "png": lambda page, path: page.screenshot(path=path, timeout=5_000),
    "html": lambda page, path: path.write_text(page.content(), "utf-8"),
}


# ---- what tests ask of a page ----


def names(page: Page) -> list[str]:
    """The charts that are drawn."""
    found: list[str] = page.evaluate(f"{DRAWN}.map(c => c.dataset.chart)")
    return found


def settle(page: Page) -> None:
    """Until every chart that was begun stands."""
    page.wait_for_function(f"!{_WAITING}.length")


def bring(page: Page, chart: str) -> None:
    """Scroll to a chart, and wait until it is drawn."""
    page.evaluate(
        'name => document.querySelector(`[data-chart="${name}"]`)'
        ".scrollIntoView({behavior: 'instant', block: 'center'})",
        chart,
    )
    page.wait_for_function(f"name => {DRAWN}.some(c => c.dataset.chart === name)", arg=chart)


def sideways(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wide: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wide


def barriers(page: Page, *, only: str = "", but: str = "") -> list[str]:
    """axe's serious and critical findings: of all its rules, of one, or of all but one.

    Two frames pass first, so that the page has heard of a new size or colour scheme.
    """
    page.evaluate("new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))")
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if only:
        options["runOnly"] = {"type": "rule", "values": [only]}
    if but:
        options["rules"] = {but: {"enabled": False}}
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("options => axe.run(options)", options)
    return [
        json.dumps([issue["id"], node["target"], node["html"][:160], node["failureSummary"]])
        for issue in found["violations"]
        if issue["impact"] in ("serious", "critical")
        for node in issue["nodes"]
    ]
