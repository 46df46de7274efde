"""The README's pictures are first screens of reports, made by docs/pictures.py."""

from __future__ import annotations

import importlib.util
import struct
from pathlib import Path

from playwright.sync_api import Browser

from tests.support.browser_cases import Reports
from tests.support.paths import ROOT


def size(path: Path) -> tuple[int, ...]:
    """Width and height of a PNG."""
    return struct.unpack(">II", path.read_bytes()[16:24])


def test_a_picture_is_the_first_screen_of_a_report(
    browser: Browser, reports: Reports, tmp_path: Path
) -> None:
    spec = importlib.util.spec_from_file_location("docs_pictures", ROOT / "docs" / "pictures.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    script.picture(browser, reports.real, tmp_path / "first.png")
    assert size(tmp_path / "first.png") == script.SIZE
    for name in script.PICTURES.values():
        assert size(ROOT / "docs" / "images" / name) == script.SIZE
        assert f"docs/images/{name}" in (ROOT / "README.md").read_text("utf-8")
