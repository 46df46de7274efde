"""The ledger of trials: nothing is forgotten, nothing counted twice, also with two writers."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from fadefollow.errors import StoreError
from fadefollow.workspace import trial_ledger as module
from fadefollow.workspace.trial_ledger import Known, Ledger, Opening, Trial

FADE = Trial(
    dataset="hist",
    fingerprint="f1",
    configuration="c1",
    strategy="s",
    phase="p",
    stance="fade",
    daily_sharpe=0.04,
    seen_until="2024-06-01T00:00:00Z",
    time="2026-01-02T03:04:05Z",
    command="fadefollow run s",
)
FOLLOW = replace(FADE, stance="follow", daily_sharpe=-0.05)
OPENING = Opening("hist", "f1", "2025-01-01T00:00:00Z", "2026-02-03T04:05:06Z", "fadefollow run")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "runs" / "trials.jsonl")


def test_an_empty_workspace_knows_nothing(ledger):
    assert ledger.lines() == []
    assert ledger.trials("f1", "hist") == Known(0, 0.0)
    assert not ledger.path.parent.exists()
    ledger.record([])
    assert not ledger.path.exists()


def test_what_is_recorded_comes_back(ledger):
    ledger.record([FADE, FOLLOW])
    ledger.record([OPENING])
    assert ledger.lines() == [FADE, FOLLOW, OPENING]
    assert ledger.openings("f1") == [OPENING]


def test_count_and_variance_of_a_data_set(ledger):
    ledger.record([FADE, FOLLOW, replace(FADE, fingerprint="f2", dataset="other")])
    # mean −0.005, deviations ±0.045
    known = ledger.trials("f1")
    assert known.count == 2
    assert known.variance == pytest.approx(2 * 0.045**2)
    assert ledger.trials("f2") == Known(1, 0.0)
    assert ledger.trials("f3") == Known(0, 0.0)


def test_the_same_configuration_counts_once_with_its_latest_value(ledger):
    again = replace(FADE, daily_sharpe=0.06, time="2026-05-05T00:00:00Z", command="tune")
    ledger.record([FADE, FOLLOW])
    ledger.record([again])
    known = ledger.trials("f1")
    assert (known.count, known.variance) == (2, pytest.approx(2 * 0.055**2))


def test_configuration_phase_stance_and_book_make_a_trial(ledger):
    others: dict[str, Any] = {
        "configuration": "c2",
        "phase": "q",
        "stance": "follow",
        "book": "hedged",
    }
    ledger.record([FADE, *(replace(FADE, **{key: value}) for key, value in others.items())])
    assert ledger.trials("f1").count == 5
    ledger.record_new([FADE, replace(FADE, book="hedged")])  # both are known
    assert len(ledger.lines()) == 5


def test_a_line_without_a_book_is_of_the_outright_one(ledger):
    line = {"kind": "trial", **asdict(FADE)}
    del line["book"]  # as earlier versions wrote it
    ledger.path.parent.mkdir(parents=True)
    ledger.path.write_text(json.dumps(line) + "\n")
    assert ledger.lines() == [FADE]
    ledger.record_new([FADE])
    assert len(ledger.lines()) == 1


def test_history_that_has_grown_has_been_searched_before(ledger):
    grown = replace(FADE, configuration="c2", fingerprint="f2")
    renamed = replace(FADE, configuration="c3", dataset="copy")
    ledger.record([FADE, grown, renamed])
    assert ledger.trials("f1").count == 2
    assert ledger.trials("f1", "hist").count == 3
    assert ledger.trials("f2", "hist").count == 2


def test_a_trial_without_trades_counts_but_has_no_variance(ledger):
    ledger.record([FADE, FOLLOW, replace(FADE, phase="q", daily_sharpe=math.nan)])
    assert ledger.trials("f1") == Known(3, statistics.variance([0.04, -0.05]))
    assert json.loads(ledger.path.read_text().splitlines()[-1])["daily_sharpe"] is None


def test_who_saw_data_after_a_time(ledger):
    late = replace(FADE, configuration="c2", seen_until="2025-01-01T01:00:00Z")
    ledger.record([FADE, late])
    assert ledger.seen_after("2025-01-01T00:00:00Z", "f1") == [late]


def test_a_line_that_a_killed_writer_left_never_counted(ledger):
    ledger.record([FADE])
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + b'{"kind": "trial", "data' + b"x" * 9000)
    assert ledger.lines() == [FADE]
    ledger.record([FOLLOW])
    assert ledger.lines() == [FADE, FOLLOW]
    assert ledger.path.read_bytes().startswith(whole)


def test_a_full_disk_leaves_the_file_as_it_was(ledger, monkeypatch):
    ledger.record([FADE])

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left on device"):
        ledger.record([FOLLOW])
    assert ledger.lines() == [FADE]


def _spoilt(**fields: object) -> str:
    return json.dumps({"kind": "trial", **asdict(FADE), **fields})


DAMAGED = {
    "nonsense": "nonsense",
    "a list": "[]",
    "no fields": '{"kind": "trial"}',
    "another kind": '{"kind": "bet"}',
    "5,000 digits": f'{{"kind": "trial", "daily_sharpe": {"9" * 5000}}}',
    "400 digits": _spoilt(daily_sharpe=10**400),
    "text": _spoilt(daily_sharpe="much"),
    "no text": _spoilt(dataset=["hist"]),
    "nested": "[" * 10_000 + "]" * 10_000,
}


@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_is_named(ledger, line):
    ledger.record([FADE])
    ledger.path.write_text(ledger.path.read_text() + line + "\n")
    with pytest.raises(StoreError, match=r"trials.jsonl, line 2: cannot read"):
        ledger.trials("f1")


def test_a_pipe_is_not_waited_for(ledger):
    ledger.path.parent.mkdir()
    os.mkfifo(ledger.path)
    with pytest.raises(StoreError, match="it is a pipe or a device"):
        ledger.lines()


def test_a_folder_that_cannot_be_written_is_a_plain_error(tmp_path):
    (tmp_path / "runs").write_text("a file is in the way")
    with pytest.raises(StoreError, match="trial ledger"):
        Ledger(tmp_path / "runs" / "trials.jsonl").record([FADE])


def test_a_lock_that_is_kept_is_a_plain_error(ledger, monkeypatch):
    ledger.record([FADE])
    monkeypatch.setattr(module, "LOCK_SECONDS", 0.05)
    with (
        FileLock(ledger.path.with_name(".trials.jsonl.lock")),
        pytest.raises(StoreError, match=r"a lock held for more than 0.05 s"),
    ):
        ledger.record([FOLLOW])


def _write(path: Path, who: str) -> None:
    for number in range(40):
        rows = [replace(FADE, configuration=f"{who}{number}", phase=str(i)) for i in range(5)]
        Ledger(path).record([*rows, replace(FADE, configuration=f"both{number}")])


def test_two_processes_lose_nothing(ledger):
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_write, args=(ledger.path, who)) for who in "ab"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
        assert worker.exitcode == 0
    assert len(ledger.lines()) == 2 * 40 * 6
    assert ledger.trials("f1").count == 2 * 40 * 5 + 40
