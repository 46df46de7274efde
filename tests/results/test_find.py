"""Stored runs, found by what a person calls them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fadefollow.errors import ParameterError, StoreError, UnknownNameError
from fadefollow.results.find import find_run, stored_runs

OLD, TUNED, NEW = (
    "20260101T000000Z-lab-all",
    "20260102T000000Z-tune-fade_doors",
    "20260103T000000Z-lab-all",
)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = tmp_path / "runs"
    for name in (TUNED, NEW, OLD, ".writing-1"):
        (folder / name).mkdir(parents=True)
        (folder / name / "result.json").write_text("{}")
    calibration = folder / "20260104T000000Z-calibration"
    calibration.mkdir()
    (calibration / "calibration.json").write_text("{}")
    (folder / "studies").mkdir()
    return folder


def test_runs_are_listed_newest_first(runs):
    assert [path.name for path in stored_runs(runs)] == [NEW, TUNED, OLD]
    assert stored_runs(runs / "nowhere") == ()


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("latest", NEW),
        (OLD, OLD),
        (f"{OLD}/", OLD),
        (f"{OLD}/report.html", OLD),
        ("tune", TUNED),
        ("lab-all", NEW),
        ("0101T", OLD),
        ("20260103", NEW),
    ],
)
def test_a_run_is_found_by_name(runs, asked, found):
    (runs / OLD / "report.html").touch()
    assert find_run(runs, asked) == runs / found


def test_a_run_elsewhere_is_found_by_its_path(runs, tmp_path, monkeypatch):
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / "result.json").write_text("{}")
    assert find_run(runs, str(sent)) == sent
    assert find_run(runs, str(sent / "result.json")) == sent
    monkeypatch.chdir(sent)
    assert find_run(runs, ".").resolve() == sent.resolve()
    (sent / "tune").mkdir()  # which holds no run, and is in nobody's way
    assert find_run(runs, "tune") == runs / TUNED


def test_a_whole_name_is_not_taken_for_a_part_of_another(runs):
    longer = runs / f"{OLD}-2"
    longer.mkdir()
    (longer / "result.json").write_text("{}")
    assert find_run(runs, OLD) == runs / OLD


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ("lab-al", ParameterError, f"got 'lab-al', in 2 names: {NEW}, {OLD}\n  hint: give more"),
        ("tune-fade_dors", UnknownNameError, f"did you mean '{TUNED}'? the newest: {NEW}, "),
        ("lab-some", UnknownNameError, f"the newest: {NEW}, {TUNED}, {OLD}"),
        ("", ParameterError, "must not be empty"),
        (" ", ParameterError, "must not be empty"),
        ("20260104T000000Z-calibration", StoreError, "not the folder of a run: a calibration"),
        ("studies", StoreError, "no result.json in it"),
        (".writing-1/../studies", StoreError, "no result.json in it"),
    ],
)
def test_what_is_no_run_is_refused_with_those_there_are(runs, asked, error, says):
    with pytest.raises(error, match=re.escape(says)):
        find_run(runs, asked)


def test_without_any_run_there_is_no_latest(tmp_path):
    with pytest.raises(UnknownNameError, match="no run is stored yet"):
        find_run(tmp_path, "latest")


def test_of_many_runs_three_are_told(runs):
    for day in range(5, 10):
        folder = runs / f"2026010{day}T000000Z-lab-all"
        folder.mkdir()
        (folder / "result.json").write_text("{}")
    with pytest.raises(ParameterError, match=r"in 7 names: 20260109\S+, .*, and 4 more"):
        find_run(runs, "lab-al")
