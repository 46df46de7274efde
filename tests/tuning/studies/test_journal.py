"""Studies in a file: what kills, full disks and strange files do to it."""

from __future__ import annotations

import json
import os
import resource
from pathlib import Path

import optuna
import pytest
from filelock import FileLock
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from fadefollow.errors import StoreError
from fadefollow.tuning.studies.storage import StudyStore
from tests.support.storage_cases import IDENTITY, contents, forked, trial


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tunes.log"


def store(path: Path, first: int, last: int) -> None:
    with StudyStore.at(str(path), default=path).study(
        "carry", IDENTITY, objectives=("a", "b")
    ) as study:
        study.fold(1).append([trial(number) for number in range(first, last + 1)])


def stored(path: Path) -> list:
    with StudyStore.at(str(path), default=path).study(
        "carry", IDENTITY, objectives=("a", "b")
    ) as study:
        return study.fold(1).trials()


def test_it_is_what_optuna_would_have_written(path, tmp_path):
    store(path, 0, 2)
    theirs = JournalStorage(JournalFileBackend(str(tmp_path / "theirs.log")))
    study = optuna.create_study(
        storage=theirs, study_name="carry", directions=["maximize", "maximize"]
    )
    for number in range(3):
        study.add_trial(trial(number))

    def trials(text: str) -> list[dict]:
        lines = [json.loads(line) for line in text.splitlines()]
        free = {"worker_id": None, "study_id": None}
        return [line | free for line in lines if line["op_code"] == 4]

    written = (tmp_path / "theirs.log").read_text()
    assert trials(path.read_text()) == trials(written)
    assert len(trials(written)) == 3


def test_a_batch_cut_anywhere_leaves_its_beginning(path):
    store(path, 0, 1)
    before = len(path.read_bytes())
    store(path, 2, 4)
    data = path.read_bytes()
    ends = [at + 1 for at in range(before, len(data)) if data[at] == ord("\n")]
    assert len(ends) == 3
    for cut in [*range(before, len(data), 97), *ends, *(end - 1 for end in ends)]:
        path.write_bytes(data[:cut])
        count = 2 + sum(end <= cut for end in ends)
        assert contents(stored(path)) == contents([trial(number) for number in range(count)])
        if count < 5:
            store(path, count, 4)
        assert contents(stored(path)) == contents([trial(number) for number in range(5)])


def test_zeros_that_a_power_cut_left_are_removed(path):
    store(path, 0, 1)
    data = path.read_bytes()
    path.write_bytes(data + bytes(512))
    assert contents(stored(path)) == contents([trial(0), trial(1)])
    assert path.read_bytes() == data


@pytest.mark.parametrize("lines", range(8))
def test_a_kill_while_a_study_is_made_leaves_it_usable(path, lines):
    store(path, 0, 0)
    begun = path.read_text().splitlines(keepends=True)
    assert len(begun) == 8  # two studies, their attributes, one trial
    path.write_text("".join(begun[:lines]))
    store(path, 0, 3)
    assert contents(stored(path)) == contents([trial(number) for number in range(4)])
    found = JournalStorage(JournalFileBackend(str(path))).get_all_studies()
    assert [(study.study_name, list(study.user_attrs)) for study in found] == [
        ("carry", ["identity"]),
        ("carry/fold-1", ["study", "fold"]),
    ]
    assert all(study.system_attrs == {"study:metric_names": ["a", "b"]} for study in found)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"a file without an end of line", 1),
        (b"symbol,time\nBTC,2020\n", 1),
        (b"PAR1\0\0\n\0", 1),
        (b"{}\n", 1),
        (b"[]\n", 1),
        (b'{"op_code":99,"worker_id":""}\n', 1),
        (b'{"op_code":0,"worker_id":""}\n', 1),
        (b'{"op_code":0,"worker_id":"","study_name":"a","directions":[2]}\n{"op_code":2,\n{}\n', 2),
        (b'{"op_code":0,"worker_id":"","study_name":"a","directions":[2]}\nnotes', 2),
    ],
)
def test_what_is_no_journal_is_refused_and_left_alone(path, text, line):
    path.write_bytes(text)
    with pytest.raises(StoreError, match=rf"tunes.log, line {line}: cannot read the file"):
        store(path, 0, 0)
    assert path.read_bytes() == text


def test_an_sqlite_file_is_told_how_to_be_named(path):
    with StudyStore.at(f"sqlite:///{path}", default=path).study("carry", IDENTITY):
        pass
    before = path.read_bytes()
    with pytest.raises(StoreError, match=rf"hint: write sqlite:///{path} for an SQLite database"):
        store(path, 0, 0)
    assert path.read_bytes() == before


def test_a_damaged_line_in_the_middle_is_named(path):
    store(path, 0, 3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:9], lines[9][:50] + b"\n", *lines[10:]]))
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"tunes.log, line 10: .*file of studies: '{\"op_c"):
        stored(path)
    assert path.read_bytes() == before


def test_a_full_disk_leaves_the_file_as_it_was(path):
    store(path, 0, 3)
    before = path.read_bytes()

    def limited() -> None:
        with StudyStore.at(str(path), default=path).study(
            "carry", IDENTITY, objectives=("a", "b")
        ) as s:
            fold = s.fold(1)
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
            with pytest.raises(StoreError, match=r"file of studies: File too la"):
                fold.append([trial(number) for number in range(4, 14)])
            assert path.read_bytes() == before
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
            fold.append([trial(number) for number in range(4, 14)])

    process = forked(limited)
    process.join()
    assert process.exitcode == 0
    assert contents(stored(path)) == contents([trial(number) for number in range(14)])


def test_a_failing_flush_leaves_the_file_as_it_was(path, monkeypatch):
    store(path, 0, 3)
    before = path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with StudyStore.at(str(path), default=path).study(
        "carry", IDENTITY, objectives=("a", "b")
    ) as study:
        fold = study.fold(1)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(StoreError, match="No space left on device"):
                fold.append([trial(4)])
        assert path.read_bytes() == before
        fold.append([trial(4)])
        assert contents(fold.trials()) == contents([trial(number) for number in range(5)])


def test_a_folder_that_cannot_be_written_is_a_plain_error(tmp_path):
    folder = tmp_path / "studies"
    folder.mkdir()
    store(folder / "tunes.log", 0, 0)
    before = (folder / "tunes.log").read_bytes()

    def unprivileged() -> None:
        os.chdir(folder)
        if os.geteuid() == 0:
            os.seteuid(65534)
        for name in ("tunes.log", "new.log", "deep/new.log"):
            with pytest.raises(StoreError, match=r"file of studies: Permission denied"):
                store(Path(name), 1, 1)

    for child in (folder, *folder.iterdir()):
        child.chmod(0o555 if child.is_dir() else 0o444)
    process = forked(unprivileged)
    process.join()
    assert process.exitcode == 0
    assert (folder / "tunes.log").read_bytes() == before
    assert not (folder / "new.log").exists()


def test_a_folder_in_place_of_the_file_is_a_plain_error(tmp_path):
    with pytest.raises(StoreError, match=r"file of studies: Is a directory"):
        store(tmp_path, 0, 0)
    with pytest.raises(StoreError, match=r"file of studies: (File exists|Not a dir)"):
        store(Path(__file__) / "tunes.log", 0, 0)


def test_two_studies_in_a_file_take_turns(path):
    store(path, 0, 0)
    with (
        FileLock(path.with_name(".tunes.log.lock")),
        pytest.raises(StoreError, match=r"another job is using the study"),
    ):
        StudyStore.at(str(path), default=path).study("other", IDENTITY).__enter__()
    with StudyStore.at(str(path), default=path).study("other", IDENTITY) as study:
        study.fold(1).append([trial(0)])
    assert contents(stored(path)) == contents([trial(0)])


def test_another_program_may_write_at_the_same_time(path):
    with StudyStore.at(str(path), default=path).study(
        "carry", IDENTITY, objectives=("a", "b")
    ) as study:
        fold = study.fold(1)
        fold.append([trial(0)])
        theirs = JournalStorage(JournalFileBackend(str(path)))
        optuna.create_study(storage=theirs, study_name="theirs")
        fold.append([trial(1)])
        note = theirs.get_study_id_from_name("carry/fold-1")
        theirs.set_study_user_attr(note, "note", "looks good")
        study.fold(2).append([trial(0)])
        fold.append([trial(2)])
        assert contents(fold.trials()) == contents([trial(0), trial(1), trial(2)])
        assert len(study.fold(2).trials()) == 1
    assert contents(stored(path)) == contents([trial(0), trial(1), trial(2)])
