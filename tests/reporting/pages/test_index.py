"""The list of runs: what is in it, in which order, and that nothing is read twice."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.errors import StoreError
from fadefollow.reporting import write_run
from fadefollow.reporting.pages.index import lines, write_index
from fadefollow.results import catalog
from fadefollow.results.catalog import entries
from fadefollow.tuning.model import TuneSettings
from tests.support.reporting_cases import IMG, REPORTS, Cases
from tests.support.tuning_cases import tune, tuned_run

CACHE = ".index.json"


@pytest.fixture(scope="module")
def made(cases: Cases, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small run."""
    runs = tmp_path_factory.mktemp("made")
    write_run(replace(cases.hostile, name="small"), runs, REPORTS)
    return runs


@pytest.fixture
def small(made: Path, tmp_path: Path) -> Path:
    """The same, to be spoiled."""
    return Path(shutil.copytree(made, tmp_path / "runs"))  # with the times of all files


def never(what: str) -> Callable[[Path], None]:
    def refuse(path: Path) -> None:
        raise AssertionError(f"{what} {path.name}")

    return refuse


def test_runs_are_listed_newest_first(cases: Cases, tmp_path: Path) -> None:
    old = replace(cases.plain, started=pd.Timestamp("2025-01-01", tz="UTC"), name="older")
    for run in (cases.plain, old):
        write_run(run, tmp_path, REPORTS)
    (tmp_path / "notes").mkdir()
    broken = tmp_path / "20200101T000000Z-broken"
    broken.mkdir()
    (broken / "result.json").write_text("{", "utf-8")
    listed = lines(entries(tmp_path))
    assert [e.name for e in listed] == ["fade_crowded_funding", "older", broken.name]
    first = listed[0]
    assert (first.kind, first.dataset, first.simulated) == ("run", "lab", True)
    assert first.link == "20260305T120007Z-fade_crowded_funding/report.html"
    assert [(one.often, one.text) for one in first.verdicts] == [
        (1, "supported"),
        (1, "refuted"),
        (1, "not testable here"),
    ]
    assert first.paying == ("fade_crowded_funding: crowded shorts",)
    assert first.about == "fade_crowded_funding, hold_spot"
    assert first.range == "2022-01-01 to 2023-12-31"
    assert first.seconds == pytest.approx(10.98)
    assert listed[2].trouble.startswith("cannot be read (Expecting property name")


def test_a_tuning_job_says_how_much_was_searched(tmp_path: Path) -> None:
    job = tune(TuneSettings("fade", trials=20, folds=2))
    write_run(tuned_run(), tmp_path, REPORTS, tuning=job)
    (entry,) = lines(entries(tmp_path))
    assert (entry.kind, entry.about) == ("tuning", "2 folds, 60 trials")


def test_calibrations_and_pages_are_listed(small: Path) -> None:
    folder = small / "20260401T000000Z-calibration"
    folder.mkdir()
    said = {"command": "fadefollow calibrate", "started": "2026-04-01 00:00:00", "seconds": 60.0}
    (folder / "calibration.json").write_text(json.dumps(said), "utf-8")
    (folder / "report.html").write_text("<title>x</title>", "utf-8")
    titles = {
        "comparison-1a2b.html": "Same data &amp; none flips · A one, B two",
        "scan-lab.html": "Scan of the lab",
        "notes.html": "",
    }
    for at, (name, title) in enumerate(titles.items()):
        (small / name).write_text(f"<title>{title}</title>", "utf-8")
        os.utime(small / name, (1_800_000_000 + at,) * 2)
    found = [(e.kind, e.name, e.about, e.link) for e in lines(entries(small))]
    assert found == [
        ("page", "notes", "", "notes.html"),
        ("scan", "Scan of the lab", "", "scan-lab.html"),
        ("comparison", "Same data & none flips", "A one, B two", "comparison-1a2b.html"),
        (
            "calibration",
            "calibration",
            "fadefollow calibrate",
            "20260401T000000Z-calibration/report.html",
        ),
        ("run", "small", found[-1][2], "20260305T120007Z-small/report.html"),
    ]
    page = write_index(small, REPORTS).read_text("utf-8")
    assert "<h1>1 run, 1 calibration, 1 comparison, 1 scan and 1 page</h1>" in page


def test_what_was_read_once_is_not_read_again(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write_index(small, REPORTS).read_bytes()
    monkeypatch.setattr(catalog, "_entry", never("read again:"))
    assert write_index(small, REPORTS).read_bytes() == before


def test_a_changed_run_is_read_again(small: Path) -> None:
    (folder,) = small.glob("*-small")
    record = json.loads((folder / "report.json").read_text("utf-8"))
    record["name"] = "another"
    (folder / "report.json").write_text(json.dumps(record), "utf-8")
    assert ">another</a>" in write_index(small, REPORTS).read_text("utf-8")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": 0, "entries": []}', '{"format": 2, "entries": [["a"]]}']
)
def test_a_damaged_memory_is_forgotten(text: str, small: Path) -> None:
    before = (small / "index.html").read_bytes()
    (small / CACHE).write_text(text, "utf-8")
    assert write_index(small, REPORTS).read_bytes() == before
    assert len(json.loads((small / CACHE).read_text("utf-8"))["entries"]) == 1


def test_trouble_is_told_and_not_remembered(small: Path) -> None:
    (folder,) = small.glob("*-small")
    report = folder / "report.html"
    text = report.read_bytes()
    report.unlink()
    page = write_index(small, REPORTS).read_text("utf-8")
    assert "its report.html is missing: `fadefollow report` makes it again" in page
    assert json.loads((small / CACHE).read_text("utf-8"))["entries"] == []
    report.write_bytes(text)
    assert [e.trouble for e in entries(small)] == [""]
    assert "is missing" not in write_index(small, REPORTS).read_text("utf-8")


def test_a_folder_that_is_gone_is_no_longer_listed(small: Path) -> None:
    (folder,) = small.glob("*-small")
    folder.rename(small / ".away")
    assert "No runs yet" in write_index(small, REPORTS).read_text("utf-8")


def test_hostile_names_are_text(cases: Cases, tmp_path: Path) -> None:
    write_run(cases.hostile, tmp_path, REPORTS)
    (tmp_path / "comparison-x.html").write_text(f"<title>{IMG}</title>", "utf-8")
    page = write_index(tmp_path, REPORTS).read_text("utf-8")
    assert IMG not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 2
    assert "http" not in page.partition("<main")[2].partition("</main>")[0]


def test_a_list_that_cannot_be_written_is_told(small: Path) -> None:
    (small / "index.html").unlink()
    (small / "index.html").mkdir()
    with pytest.raises(StoreError, match=r"index\.html: cannot write the page: it is a folder"):
        write_index(small, REPORTS)
    assert not list(small.glob(".*.tmp"))
