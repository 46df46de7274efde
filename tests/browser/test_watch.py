"""The watch over the pages sees what an offline page must not do, and keeps what it saw."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.support.browsing import ARTEFACTS, Watch, foreign, keep, visitor

BAD = """<!doctype html><title>bad</title>
<img src="beside.png"><link rel="icon" href="data:,">
<script>console.warn("careful"); alert("hello"); window.done = true; nowhere();</script>
<script>fetch("https://example.com/").catch(() => {})</script>"""


def test_complaints_dialogs_and_requests_are_faults_and_kept(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad.html").write_text(BAD)
    watches: list[Watch] = []
    page = visitor(browser, watches)(tmp_path / "bad.html")
    page.wait_for_function("window.done")
    faults = "\n".join(watches[0].faults())
    for fault in (
        "warning: careful",
        "dialog: hello",
        "nowhere is not defined",
        "fetched a image: file:",
        "fetched a fetch: https://example.com/",
    ):
        assert fault in faults
    monkeypatch.setenv(ARTEFACTS, str(tmp_path / "kept"))
    folder = keep(watches, "browser/test_x.py::test_y[<img>]")
    assert folder == tmp_path / "kept" / "browser-test_x.py-test_y-img"
    assert {path.name for path in folder.iterdir()} == {"1.html", "1.log", "1.png"}
    assert "dialog: hello" in (folder / "1.log").read_text("utf-8")
    page.context.close()


def test_only_documents_and_data_within_them_may_be_asked_for() -> None:
    asked = [
        ("document", "file:///a/report.html"),
        ("image", "data:image/png;base64,AAAA"),
        ("image", "file:///a/logo.png"),
        ("document", "https://example.com/"),
        ("font", "http://example.com/font"),
    ]
    assert [fault.split()[2] for fault in foreign(asked)] == ["image:", "document:", "font:"]
