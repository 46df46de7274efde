"""A page as a browser's parser sees it: tags, ids, islands and text, with what is packed in it."""

from __future__ import annotations

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from typing import Any

_PARTS = re.compile(r'<script type="application/gzip" id="[^"]*" class="parts">(.*?)</script>')


def unzipped(text: str) -> str:
    """What a packed block holds."""
    return gzip.decompress(base64.b64decode(text)).decode("utf-8")


def unpacked(html: str) -> str:
    """The page as its script makes it: with all parts that come packed."""
    return _PARTS.sub(lambda block: unzipped(block[1]), html)


class Page(HTMLParser):
    """Collects tags, ids, islands and text as a browser's parser would."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.text = ""
        self._script: dict[str, str | None] | None = None
        self._style = False
        self.feed(unpacked(html))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._script = dict(attrs) if tag == "script" else None
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._script, self._style = None, False

    def handle_data(self, data: str) -> None:
        if self._script is not None:
            self.scripts.append((self._script, data))
        elif not self._style:
            self.text += data

    def ids(self) -> list[str]:
        return [a["id"] for _, a in self.tags if a.get("id")]  # type: ignore[misc]

    def islands(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for attrs, text in self.scripts:
            if attrs.get("type") == "application/json":
                found[attrs["id"] or ""] = json.loads(text)
            elif attrs.get("class") == "charts-of":
                found |= json.loads(unzipped(text))
        return found
