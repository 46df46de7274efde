"""The docs site: it builds without a warning, holds what the code has, every link leads home."""

from __future__ import annotations

import re
import subprocess
import sys
import types
import typing
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer
from pydantic import BaseModel

from fadefollow.cli.app import app
from fadefollow.engine.model import TRADE_COLUMNS
from fadefollow.engine.strategy import Strategy
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.lab.settings import LabSettings
from fadefollow.market.streams import STREAMS
from fadefollow.reporting.text.glossary import TERMS
from fadefollow.verdict.model import PnlSplit, StanceResult
from fadefollow.verdict.words import Reason, Settle
from fadefollow.workspace import Settings, find_workspace
from tests.support.paths import ROOT

DOCS = ROOT / "docs"
#: where a page may lead to outside: the cluster's maker, and who made the generator
OUTWARD = {"distributed.dask.org", "www.sphinx-doc.org", "github.com", "pradyunsg.me"}
OUTSIDE = re.compile(r"(?:[a-z]+:)?//|[a-z]+:", re.IGNORECASE)
VOID = {"area", "br", "col", "hr", "img", "input", "link", "meta", "source"}


# --------------------------------------------------------------------------------- the site


class Page(HTMLParser):
    """One built page: what it defines, where it leads, what it loads, and its text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.codes: set[str] = set()
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(path.read_text("utf-8"))

    @property
    def text(self) -> str:
        """All that is to be read, in one line."""
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self._open.append(tag)
        self.ids.update(filter(None, (given.get("id"), given.get("name") if tag == "a" else None)))
        leads = tag == "link" and given.get("rel") in ("index", "search", "next", "prev")
        if leads or (tag == "a" and "href" in given):
            self.links.append(given["href"])
        elif tag in ("link", "script", "img", "iframe", "source", "video", "audio", "object"):
            found = (given.get(key) for key in ("href", "src", "srcset", "data"))
            self.loads += [value for value in found if value]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if "script" not in self._open and "style" not in self._open:
            self.words.append(data)
            if "code" in self._open or "dt" in self._open:
                self.codes.add(data.strip())


@dataclass
class Site:
    """The built site."""

    folder: Path
    said: str  #: by the generator, on standard error
    pages: dict[Path, Page] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Page:
        return self.pages[self.folder / f"{name}.html"]


def build(source: Path, target: Path) -> Site:
    """Build `source` as `make docs` does.

    In a process of its own: it changes paths and loggers.
    """
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-q",
            "-W",
            "--keep-going",
            "-b",
            "html",
            str(source),
            str(target / "html"),
            "-d",
            str(target / "tree"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    folder = target / "html"
    pages = {path: Page(path) for path in folder.rglob("*.html")}
    return Site(folder, f"{done.stderr}{'' if done.returncode == 0 else 'failed'}", pages)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    return build(DOCS, tmp_path_factory.mktemp("site"))


def broken(site: Site) -> list[str]:
    """Links and loads inside the site that lead nowhere."""
    found = []
    for path, page in site.pages.items():
        for link in [*page.links, *page.loads]:
            if OUTSIDE.match(link):
                continue
            place, _, anchor = unquote(link).partition("#")
            place = place.partition("?")[0]
            target = (path.parent / place).resolve() if place else path
            known = site.pages[target].ids if target in site.pages else set()
            if not target.is_file() or (anchor and target in site.pages and anchor not in known):
                found.append(f"{path.relative_to(site.folder)}: {link}")
    return found


def test_it_builds_without_a_warning(site: Site) -> None:
    assert site.said == ""
    assert len(site.pages) > 30


def test_every_link_and_anchor_leads_somewhere(site: Site) -> None:
    assert broken(site) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#here">b</a><a href="b.html#gone">b</a>'
        '<a href="c.html">c</a><img src="_images/x.png"><a href="#top">top</a>'
    )
    (tmp_path / "b.html").write_text('<p id="here">B</p>')
    pages = {path: Page(path) for path in tmp_path.glob("*.html")}
    lost = ["a.html: b.html#gone", "a.html: c.html", "a.html: _images/x.png"]
    assert broken(Site(tmp_path, "", pages)) == lost


def test_nothing_is_loaded_from_elsewhere(site: Site) -> None:
    foreign = [
        f"{path.name}: {load}"
        for path, page in site.pages.items()
        for load in page.loads
        if OUTSIDE.match(load) and not load.startswith("data:")
    ]
    for path in site.folder.rglob("*.css"):
        text = path.read_text("utf-8")
        foreign += re.findall(r"@import[^;]*//[^;]*|url\(\s*['\"]?(?:https?:)?//[^)]*", text)
    assert foreign == []


def test_few_links_lead_outside(site: Site) -> None:
    hosts = {
        re.sub(r"^[a-z]*:?//", "", link).partition("/")[0]
        for page in site.pages.values()
        for link in page.links
        if OUTSIDE.match(link)
    }
    assert hosts <= OUTWARD


def test_search_works_from_files(site: Site) -> None:
    """The index is a script, and what was found is shown without asking for its pages."""
    assert (site.folder / "searchindex.js").read_text("utf-8").startswith("Search.setIndex(")
    options = (site.folder / "_static" / "documentation_options.js").read_text("utf-8")
    assert "SHOW_SEARCH_SUMMARY: false" in options


# ------------------------------------------------------------------ what the code has


def commands(node: Any = None, name: str = "fadefollow") -> Iterator[tuple[str, Any]]:
    """Every command of the application with its name as one types it."""
    node = node or typer.main.get_command(app)
    yield name, node
    for key, child in getattr(node, "commands", {}).items():
        yield from commands(child, f"{name} {key}")


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and all that its fields are made of."""
    yield model
    for info in model.model_fields.values():
        for part in _parts(info.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models(part)


def _parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in typing.get_args(annotation):
        if not isinstance(inner, str | types.NoneType):
            yield from _parts(inner)


def test_every_command_and_option_is_in_the_reference(site: Site) -> None:
    page = site["reference/commands"]
    told = dict(_sections(page.text))
    for name, node in commands():
        if hasattr(node, "commands") and name != "fadefollow":
            continue
        for param in node.params:
            for word in (*param.opts, *param.secondary_opts):
                if word.startswith("-") and param.name != "help" and not param.hidden:
                    assert re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", told[name]), name
                elif not word.startswith("-"):
                    assert (param.metavar or word).strip("[]….").upper() in told[name], name


def _sections(text: str) -> Iterator[tuple[str, str]]:
    """The text of each command's section; headings end in a permalink."""
    parts = re.split(r"(fadefollow(?: [a-z]+){0,2}) ¶ ", text)
    yield from zip(parts[1::2], parts[2::2], strict=True)


@pytest.mark.parametrize(
    ("model", "path"),
    [
        (Settings, "workspace"),
        (Strategy, "strategy"),
        (DatasetSpec, "dataset"),
        (LabSettings, "dataset.lab"),
    ],
)
def test_every_setting_is_in_the_reference(site: Site, model: type[BaseModel], path: str) -> None:
    there: dict[str, set[str]] = defaultdict(set)
    for name in site["reference/settings"].ids:
        if name.startswith(f"setting-{path}."):
            table, _, key = name.removeprefix("setting-").rpartition(".")
            there[table].add(key)
    found = list(there.values())
    for one in models(model):
        keys = set(one.model_fields) - ({"name"} if one is Strategy else set())
        assert keys in found, one.__name__


def test_every_signal_phase_and_parameter_is_in_the_reference(site: Site) -> None:
    workspace = find_workspace(ROOT)
    page = site["reference/signals"]
    names = workspace.names("signals")
    assert len(names) >= 8
    for name in names:
        kind = workspace.signal(name)
        assert name in page.ids
        assert {*kind.phases, *kind.params()} <= page.codes
        for needs in kind.phases.values():
            assert {one for need in needs for one in need.split("|")} <= page.codes


def test_every_stream_and_column_is_in_the_reference(site: Site) -> None:
    page = site["reference/streams"]
    for stream in STREAMS.values():
        assert f"{stream.name} ¶ {stream.about[0].upper()}{stream.about[1:]}." in page.text
        assert set(stream.columns) <= page.codes


def test_every_field_of_a_result_is_in_the_reference(site: Site) -> None:
    from fadefollow.results.record import result_record
    from tests.support.reporting_cases import build as made

    page = site["reference/results"]
    record = result_record(made(("BTC",), 60, each=6, strategy="fade_doors"))
    verdict = record["verdicts"][0]
    stance = verdict["fade"]["hedged"]
    told = {*record, *verdict, *stance, *stance["pnl"], *stance["placebo"], *TRADE_COLUMNS}
    told |= {f.name for kind in (Reason, Settle) for f in fields(kind)}
    assert {f.name for f in fields(PnlSplit)} == set(stance["pnl"])
    inside = {"placebo_mean_bps"} | {name for name in vars_of(StanceResult) if name[:2] == "p_"}
    assert vars_of(StanceResult) - inside == set(stance)
    assert told <= page.codes
    assert "result.json ¶ key meaning schema" in page.text


def vars_of(kind: type[StanceResult]) -> set[str]:
    """Names of its fields."""
    return {f.name for f in fields(kind)}


def test_every_term_of_the_report_is_in_the_glossary(site: Site) -> None:
    text = site["reference/glossary"].text
    for name, about in TERMS.values():
        assert f"{name} ¶ {about}" in text
