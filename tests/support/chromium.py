"""A real browser for tests of single pages and scripts; whole reports are opened in tests/browser.

Playwright leaves its loop marked as running: close a browser before the file ends.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from playwright.sync_api import Page

from tests.support.browsing import Watch, chromium, launched, visitor

CHROMIUM = chromium()


class Browser:
    """One browser with one page at a time; `complaints` and `requests` say what the page did.

    Args:
        profile: not used; each page has a profile of its own.
    """

    def __init__(self, profile: Path) -> None:
        self._launched = launched()
        self._browser = self._launched.__enter__()
        self._watches: list[Watch] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._launched.__exit__(None, None, None)

    @property
    def page(self) -> Page:
        """The page that was opened last."""
        return self._watches[-1].page

    @property
    def complaints(self) -> list[str]:
        """What the page said on its console, threw, or asked in dialogs."""
        return self._watches[-1].complaints

    @property
    def requests(self) -> list[str]:
        """Addresses that the page asked for."""
        return [url for _, url in self._watches[-1].requests]

    def open(self, path: Path, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Load a file in a window of this size."""
        for watch in self._watches:
            watch.page.context.close()
        self._watches.clear()
        visitor(self._browser, self._watches)(path, width=width, height=height, dark=dark)

    def run(self, script: str) -> Any:
        """What an expression is worth."""
        return self.page.evaluate(script)

    def wait(self, condition: str) -> None:
        """Until an expression is true."""
        self.page.wait_for_function(condition)
