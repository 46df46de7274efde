"""Storage of studies: a log of finished trials for each fold, in a file or a database.

    with StudyStore.at(url, default=folder / "carry.log").study("carry", identity) as study:
        fold = study.fold(1)
        known = fold.trials()
        fold.append(trials)  # those that follow

A sampler's state is not stored: a resumed job repeats its requests and reads the results here.
The format is Optuna's own, so its dashboard and `optuna.load_study` can read it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from optuna import logging as optuna_logging
from optuna.storages import BaseStorage
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial

from fadefollow.core.secrets import HIDDEN, Address, is_readable, redacted
from fadefollow.errors import ParameterError, StoreError
from fadefollow.tuning.studies import journal

#: attribute of a study that says what decides its results
IDENTITY = "identity"
#: system attribute in which Optuna keeps the names of objectives
_METRICS = "study:metric_names"
_POSTGRES = ("postgresql://", "postgres://", "postgresql+psycopg://")
_SQLITE = "sqlite:///"
_NAME = re.compile(r"[\w.\-]+")
_NOTHING = object()


class _Backend(Protocol):
    storage: BaseStorage

    def guard(self) -> AbstractContextManager[None]: ...

    def create(
        self, name: str, objectives: Sequence[str], attributes: dict[str, Any], metrics: str
    ) -> None: ...

    def append(self, study: int, trials: Sequence[FrozenTrial]) -> None: ...


@dataclass(frozen=True)
class StudyStore:
    """A file or database that holds studies.

    Attributes:
        where: its address, without credentials.
    """

    where: str
    _place: Address | Path = field(repr=False)

    @classmethod
    def at(cls, url: str | None, *, default: Path) -> StudyStore:
        """The study store at `url`; nothing is opened yet.

        Args:
            url: `postgresql://USER:PASSWORD@HOST/DATABASE`, `sqlite:///PATH`, or the path of a
                journal; None for `default`.
            default: the path of a journal.

        Raises:
            StoreError: none of these.
        """
        if url is None:
            return cls(str(default), default)
        if url.startswith(_POSTGRES) and is_readable(url):
            return cls(redacted(url), Address(url))
        if url.startswith(_SQLITE) and len(url) > len(_SQLITE) and "?" not in url:
            return cls(url, Address(url))
        if url.strip() and "://" not in url and redacted(url) == url and HIDDEN not in url:
            return cls(url, Path(url))
        raise StoreError(
            "a storage must be postgresql://USER:PASSWORD@HOST/DATABASE, sqlite:///PATH,"
            " or the path of a file",
            got=repr(redacted(url)),
            hint="in a user or password write @ : / ? # % as %40 %3A %2F %3F %23 %25",
        )

    @contextmanager
    def study(
        self,
        name: str,
        identity: Mapping[str, Any],
        *,
        objectives: Sequence[str] = ("score",),
        fresh: bool = False,
    ) -> Iterator[StudyLog]:
        """The study `name`, for this job alone while the block lasts; created where there is none.

        Args:
            name: letters, digits, `.`, `_` and `-`.
            identity: everything that decides the study's results, as plain nested values.
            objectives: what is maximised, in words; shown by Optuna's dashboard.
            fresh: start anew. The studies before are kept as they are; the new one is called
                `NAME~2`, `NAME~3`, …, and from then on it is what `name` means.

        Raises:
            StoreError: another job works on it, it was begun with another identity, or the storage
                cannot be used. Lost connections and full disks later on raise it as well.
        """
        if not _NAME.fullmatch(name):
            raise ParameterError(
                "a study's name must be letters, digits, '.', '_' and '-'", got=repr(name)
            )
        # Optuna tells of every study that it makes
        optuna_logging.set_verbosity(optuna_logging.WARNING)
        with self._claimed(name) as backend:
            yield _opened(backend, name, identity, objectives, fresh=fresh, where=self.where)

    def _claimed(self, name: str) -> AbstractContextManager[_Backend]:
        if isinstance(self._place, Path):
            return journal.claimed(self._place)
        from fadefollow.tuning.studies import database

        if self._place.reveal().startswith(_SQLITE):
            return database.sqlite(Path(self._place.reveal().removeprefix(_SQLITE)))
        return database.postgres(self._place, name)


@dataclass(frozen=True)
class StudyLog:
    """A study that this job has claimed.

    Attributes:
        name: in the storage.
        resumed: whether it was there before.
    """

    name: str
    resumed: bool
    _objectives: tuple[str, ...] = field(repr=False)
    _backend: _Backend = field(repr=False)

    def fold(self, number: int, about: Mapping[str, Any] | None = None) -> FoldLog:
        """The trials of one fold; `about` it, plain values, is shown by Optuna's dashboard."""
        name = f"{self.name}/fold-{number}"
        attributes = {**_plain(about or {}), "study": self.name, "fold": number}
        _ensure(self._backend, name, self._objectives, attributes, mark="fold")
        return FoldLog(name, _studies(self._backend)[name]._study_id, self._backend)


@dataclass
class FoldLog:
    """The finished trials of one fold, in order, only ever appended.

    Attributes:
        name: of the fold's study in the storage.
    """

    name: str
    _study: int = field(repr=False)
    _backend: _Backend = field(repr=False)
    _count: int | None = field(default=None, repr=False)

    def trials(self) -> list[FrozenTrial]:
        """All of them, numbered from 0; after a kill the first of a batch may be there alone.

        Raises:
            StoreError: another program has written unfinished trials, or some are missing.
        """
        with self._backend.guard():
            found = self._backend.storage.get_all_trials(self._study)
        found.sort(key=lambda trial: trial.number)
        for expected, trial in enumerate(found):
            if trial.number != expected or not trial.state.is_finished():
                raise StoreError(
                    "trials of the study are unfinished or not numbered without a gap",
                    got=f"number {trial.number}, {trial.state.name.lower()}, as trial {expected}",
                    where=f"study {self.name!r}",
                    hint="another program has written to it; `--fresh` starts anew",
                )
        self._count = len(found)
        return found

    def append(self, trials: Sequence[FrozenTrial]) -> None:
        """Write the trials that follow; they are stored for good when this returns.

        Raises:
            StoreError: they could not be written; a file is as before, a database has all of them
                or none.
            ValueError: they are not finished, or their numbers do not follow.
        """
        start = len(self.trials()) if self._count is None else self._count
        numbers = [trial.number for trial in trials]
        if numbers != list(range(start, start + len(trials))):
            raise ValueError(f"trials must follow number {start - 1}, got numbers {numbers}")
        if not all(trial.state.is_finished() for trial in trials):
            raise ValueError("trials must be finished")
        if trials:
            self._count = None  # unknown should writing fail
            self._backend.append(self._study, trials)
            self._count = start + len(trials)


def _opened(
    backend: _Backend,
    name: str,
    identity: Mapping[str, Any],
    objectives: Sequence[str],
    *,
    fresh: bool,
    where: str,
) -> StudyLog:
    known = _studies(backend)
    version = re.compile(re.escape(name) + r"(?:~(\d+))?")
    versions = {int(match[1] or 1) for match in map(version.fullmatch, known) if match is not None}
    newest = max(versions, default=1) + (1 if fresh and versions else 0)
    current = name if newest == 1 else f"{name}~{newest}"
    wanted = _plain(identity)
    stored = known[current].user_attrs.get(IDENTITY) if current in known else None
    _ensure(backend, current, objectives, {IDENTITY: wanted}, mark=IDENTITY)
    if stored is not None and (changes := list(_changes(stored, wanted))):
        raise StoreError(
            "the study was started with other settings",
            got="; ".join(changes),
            where=f"study {current!r} in {where}",
            hint="`--fresh` starts over and keeps the old study; `--study NAME` starts another one",
        )
    return StudyLog(current, stored is not None, tuple(objectives), backend)


def _studies(backend: _Backend) -> dict[str, FrozenStudy]:
    with backend.guard():
        return {study.study_name: study for study in backend.storage.get_all_studies()}


def _ensure(
    backend: _Backend,
    name: str,
    objectives: Sequence[str],
    attributes: dict[str, Any],
    *,
    mark: str,
) -> None:
    """Create a study unless it is there with the attribute `mark`, which is written last."""
    known = _studies(backend).get(name)
    if known is not None and mark in known.user_attrs:
        return
    if known is not None:
        with backend.guard():
            foreign = backend.storage.get_n_trials(known._study_id) > 0
        if foreign or len(known.directions) != len(objectives):
            raise StoreError(
                "the study is not one of fadefollow",
                got=f"{name!r} of another program",
                hint="`--study NAME` takes another name",
            )
    with backend.guard():
        backend.create(name, objectives, attributes, _METRICS)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values as JSON returns them."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(values)))
    return plain


def _changes(old: object, new: object, path: str = "") -> Iterator[str]:
    """Where two plain values differ, in words."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            below = f"{path}.{key}" if path else str(key)
            yield from _changes(old.get(key, _NOTHING), new.get(key, _NOTHING), below)
    elif _shown(old) != _shown(new):
        yield f"{path}: {_shown(old)} → {_shown(new)}"


def _shown(value: object) -> str:
    return "nothing" if value is _NOTHING else json.dumps(value, ensure_ascii=False, sort_keys=True)
