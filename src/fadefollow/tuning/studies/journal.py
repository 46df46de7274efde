"""Studies in a local file, in the format of Optuna's journal: one JSON object a line.

Optuna's own file backend takes a lock that outlives a killed job for 30 s, and a line that a killed
job left unfinished makes its file unreadable as soon as another line follows. Here the job holds a
lock of the operating system from beginning to end, and such a line is removed by the next job.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from optuna.storages import BaseStorage, JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from fadefollow.core.json_lines import append, end_of_lines, finished_lines
from fadefollow.core.reading import parsed_json
from fadefollow.errors import StoreError

#: how every line of a journal begins
_BEGINNING = b'{"op_code":'
_CREATE_STUDY = {"op_code": 0, "worker_id": "", "study_name": "", "directions": [2]}


class JournalFile(BaseJournalBackend):
    """The lines of a journal; an append is on the disk when it returns, or has not happened."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._at = 0
        self._starts = [0]  # where each line that was read begins, and the next one

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Finished lines from the number `log_number_from` on, counted from 0."""
        with self.path.open("rb") as file:
            file.seek(self._starts[log_number_from])
            for number, line in enumerate(file, log_number_from):
                if not line.endswith(b"\n"):
                    return
                if number + 1 == len(self._starts):
                    self._starts.append(self._starts[number] + len(line))
                self._at = number
                yield self._parsed(number, line)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append lines and flush them to the disk; on failure the file is as before."""
        text = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
        with guarded(self.path):
            append(self.path, text.encode())

    def repair(self) -> None:
        """Remove a last line that a killed job left unfinished.

        Raises:
            StoreError: the end is no beginning of a line of a journal; nothing was changed.
        """
        with self.path.open("r+b", buffering=0) as file:
            whole = end_of_lines(file)
            file.seek(whole)
            rest = file.read().rstrip(b"\0")  # a power cut may leave zeros
            if not (rest.startswith(_BEGINNING) or _BEGINNING.startswith(rest)):
                lines = len(finished_lines(self.path))
                raise self.damaged(lines, "an end that is no line of a journal")
            file.truncate(whole)

    def damaged(self, number: int, got: str) -> StoreError:
        """The error for the line `number`, counted from 0."""
        database = self.path.read_bytes()[:15] == b"SQLite format 3"
        return StoreError(
            "cannot read the file of studies",
            got=got,
            where=f"{self.path}, line {number + 1}",
            hint=f"write sqlite:///{self.path} for an SQLite database"
            if database
            else "restore the file, or name another one; it was left as it is",
        )

    def _parsed(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            log: dict[str, Any] = parsed_json(line)
            if log["op_code"] in range(11) and isinstance(log["worker_id"], str):
                return log
        except (ValueError, KeyError, TypeError):
            pass
        raise self.damaged(number, f"{line[:60].decode(errors='replace').rstrip()!r}")

    def storage(self) -> JournalStorage:
        """Optuna's view of the file.

        Raises:
            StoreError: a line is damaged; it is named.
        """
        try:
            return JournalStorage(self)
        except StoreError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
            raise self.damaged(self._at, f"{type(error).__name__}: {error}") from error


class Journal:
    """Studies in a journal that this job has claimed; see `fadefollow.tuning.studies.storage`."""

    def __init__(self, path: Path) -> None:
        self._file = JournalFile(path)
        path.touch()
        self.storage: BaseStorage = self._file.storage()
        self._file.repair()
        self._lines = _Lines()

    def guard(self) -> AbstractContextManager[None]:
        """Around reading from `storage`: failures are StoreErrors."""
        return guarded(self._file.path)

    def create(
        self, name: str, objectives: Sequence[str], attributes: dict[str, Any], metrics: str
    ) -> None:
        """Create a study, or give one that a killed job left without them its attributes."""
        names = {study.study_name for study in self.storage.get_all_studies()}
        if name not in names:
            self.storage.create_new_study([StudyDirection.MAXIMIZE] * len(objectives), name)
        study = self.storage.get_study_id_from_name(name)
        self.storage.set_study_system_attr(study, metrics, list(objectives))
        for key, value in attributes.items():
            self.storage.set_study_user_attr(study, key, value)

    def append(self, study: int, trials: Sequence[FrozenTrial]) -> None:
        """Write finished trials in one go."""
        self._file.append_logs([{**log, "study_id": study} for log in self._lines.of(trials)])


class _Lines(BaseJournalBackend):
    """What Optuna would write for finished trials, without writing it."""

    def __init__(self) -> None:
        self._logs: list[dict[str, Any]] = [_CREATE_STUDY]
        self._storage = JournalStorage(self)

    def of(self, trials: Sequence[FrozenTrial]) -> list[dict[str, Any]]:
        start = len(self._logs)
        for trial in trials:
            self._storage.create_new_trial(0, trial)
        return self._logs[start:]

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        return self._logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        self._logs += logs


@contextmanager
def claimed(path: Path) -> Iterator[Journal]:
    """The studies of a journal, for this job alone.

    Raises:
        StoreError: another job uses it, it is no journal, or it cannot be read or written.
    """
    with locked(path):
        with guarded(path):
            journal = Journal(path)
        yield journal


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock beside `path` that ends with this process, however that ends.

    Raises:
        StoreError: another job holds it, or the folder cannot be written.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise in_use(str(path)) from None
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def in_use(where: str) -> StoreError:
    """The error for studies that another job works on."""
    return StoreError(
        "another job is using the study",
        where=where,
        hint="wait until it is done or end it",
    )


@contextmanager
def guarded(path: Path) -> Iterator[None]:
    """Raise what the operating system reports as a StoreError."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        "cannot read or write the file of studies",
        got=error.strerror or str(error),
        where=str(path),
        hint="every trial is recorded in it; free some space, check permissions or name another",
    )
