"""Studies in PostgreSQL or SQLite, in Optuna's tables.

The credentials of an address go to the driver and nowhere else: SQLAlchemy and Optuna are given
connections instead of the address. All writing goes through the one connection that holds the lock
on the study, so that a job which has lost its lock cannot write.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import sqlalchemy
from optuna.distributions import distribution_to_json
from optuna.exceptions import OptunaError
from optuna.storages import BaseStorage, RDBStorage
from optuna.storages._rdb import models
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from fadefollow.core.secrets import Address, scrub
from fadefollow.errors import StoreError
from fadefollow.tuning.studies.journal import in_use, locked

#: how long the server may take to notice that a killed job's connection is gone
PATIENCE = 2.0
#: settings of a connection, unless the address says otherwise: a silent network is noticed within
#: some two minutes; seconds, the last one milliseconds
_SETTINGS: dict[str, Any] = {
    "application_name": "fadefollow",
    "connect_timeout": 10,
    "keepalives_idle": 60,
    "keepalives_interval": 10,
    "keepalives_count": 6,
    "tcp_user_timeout": 120_000,
}
#: of the server, so that it gives the lock of a vanished machine free as soon
_KEEPALIVE = {
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "6",
}


class Database:
    """Studies in a database that this job has claimed; see `fadefollow.tuning.studies.storage`.

    Args:
        storage: Optuna's, for reading.
        connection: the one that holds the lock, for writing.
        where: the address, without credentials.
    """

    def __init__(self, storage: RDBStorage, connection: sqlalchemy.Connection, where: str) -> None:
        self.storage: BaseStorage = storage
        self._connection, self._where = connection, where

    def guard(self) -> AbstractContextManager[None]:
        """Around reading from `storage`: failures are StoreErrors."""
        return plainly(self._where)

    def create(
        self, name: str, objectives: Sequence[str], attributes: dict[str, Any], metrics: str
    ) -> None:
        """Create a study with its attributes in one transaction."""
        study = models.StudyModel(
            study_name=name,
            directions=[
                models.StudyDirectionModel(objective=number, direction=StudyDirection.MAXIMIZE)
                for number, _ in enumerate(objectives)
            ],
            user_attributes=[
                models.StudyUserAttributeModel(key=key, value_json=json.dumps(value))
                for key, value in attributes.items()
            ],
            system_attributes=[
                models.StudySystemAttributeModel(
                    key=metrics, value_json=json.dumps(list(objectives))
                )
            ],
        )
        self._add([study])

    def append(self, study: int, trials: Sequence[FrozenTrial]) -> None:
        """Write finished trials in one transaction: all of them or none."""
        self._add([_row(study, trial) for trial in trials])

    def _add(self, rows: list[Any]) -> None:
        with plainly(self._where):
            if self._connection.invalidated or self._connection.closed:
                raise _lost(self._where, "a connection that was lost before")
            with Session(self._connection) as session, session.begin():
                session.add_all(rows)


def _row(study: int, trial: FrozenTrial) -> Any:
    value, step = models.TrialValueModel, models.TrialIntermediateValueModel
    row = models.TrialModel(
        study_id=study,
        number=trial.number,
        state=trial.state,
        values=[
            value(objective=number, value=stored, value_type=kind)
            for number, (stored, kind) in enumerate(
                map(value.value_to_stored_repr, trial.values or ())
            )
        ],
        params=[
            models.TrialParamModel(
                param_name=name,
                param_value=distribution.to_internal_repr(trial.params[name]),
                distribution_json=distribution_to_json(distribution),
            )
            for name, distribution in trial.distributions.items()
        ],
        user_attributes=_attributes(models.TrialUserAttributeModel, trial.user_attrs),
        system_attributes=_attributes(models.TrialSystemAttributeModel, trial.system_attrs),
        intermediate_values=[
            step(step=number, intermediate_value=stored, intermediate_value_type=kind)
            for number, (stored, kind) in (
                (number, step.intermediate_value_to_stored_repr(value))
                for number, value in trial.intermediate_values.items()
            )
        ],
    )
    row.datetime_start, row.datetime_complete = trial.datetime_start, trial.datetime_complete
    return row


def _attributes(kind: Any, attributes: dict[str, Any]) -> list[Any]:
    return [kind(key=key, value_json=json.dumps(value)) for key, value in attributes.items()]


@contextmanager
def postgres(address: Address, study: str) -> Iterator[Database]:
    """The studies of a PostgreSQL database, with `study` for this job alone.

    The lock is an advisory one of the session, so it ends with the connection. A pooler between
    this job and the server must keep to sessions.

    Raises:
        StoreError: another job works on the study, the driver or the server is missing, or it does
            not let this job in; in words without credentials.
    """
    where = str(address)
    _driver()
    with _connected("postgresql+psycopg://", where, creator=partial(_connect, address)) as made:
        connect, connection = made
        with plainly(where):
            _lock(connection, study, where)
            with connection.begin():  # two jobs must not create the tables at once
                connection.execute(_select("pg_advisory_xact_lock", _key("tables")))
                storage = connect()
        yield Database(storage, connection, where)


@contextmanager
def sqlite(path: Path) -> Iterator[Database]:
    """The studies of an SQLite database, for this job alone.

    Raises:
        StoreError: another job uses it, or it cannot be read or written.
    """
    with locked(path), _connected(f"sqlite:///{path}", str(path)) as (connect, connection):
        with plainly(str(path)):
            storage = connect()
        yield Database(storage, connection, str(path))


@contextmanager
def _connected(
    url: str, where: str, **settings: Any
) -> Iterator[tuple[Callable[[], RDBStorage], sqlalchemy.Connection]]:
    """How to get Optuna's storage, and a connection; neither outlives the block."""
    settings |= {"hide_parameters": True}
    storages: list[RDBStorage] = []

    def connect() -> RDBStorage:
        template = url.replace("{", "{{").replace("}", "}}")  # Optuna formats it
        storages.append(RDBStorage(template, settings | {"pool_pre_ping": True}))
        return storages[-1]

    engine = sqlalchemy.create_engine(url, **settings)
    try:
        with plainly(where):
            connection = engine.connect()
        try:
            yield connect, connection
        finally:
            connection.close()  # the pool is disposed of below, and the lock with it
    finally:
        for storage in storages:
            storage.engine.dispose()
        engine.dispose()


def _driver() -> None:
    try:
        import psycopg  # noqa: F401
    except ImportError:
        raise StoreError(
            "studies in PostgreSQL need the driver",
            got="no working psycopg",
            hint="pip install 'fadefollow[postgres]'",
        ) from None


def _connect(address: Address) -> Any:
    """A connection of the driver; nothing of the address is in the error or in what led to it."""
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return psycopg.connect(**(_SETTINGS | conninfo_to_dict(_libpq(address))))
    except psycopg.ProgrammingError:
        got = "an address with settings that the driver does not know"
    except psycopg.Error as error:
        got = scrub(" ".join(str(error).split()), address.reveal())
    raise _refused(str(address), got)  # out here it has no context


def _libpq(address: Address) -> str:
    return address.reveal().replace("postgresql+psycopg://", "postgresql://", 1)


def _refused(where: str, got: str) -> StoreError:
    hint = "is the server running, and the address right?"
    if "password" in got:
        hint = "check user and password; a password may also stand in ~/.pgpass or PGPASSWORD"
    elif "does not exist" in got:
        hint = "create it first, e.g. with createdb"
    return StoreError("cannot connect to PostgreSQL", got=got, where=where, hint=hint)


def _lock(connection: sqlalchemy.Connection, study: str, where: str) -> None:
    until = monotonic() + PATIENCE
    while not connection.scalar(_select("pg_try_advisory_lock", _key(f"study {study}"))):
        if monotonic() > until:
            raise in_use(f"study {study!r} in {where}")
        sleep(0.1)
    for name, value in _KEEPALIVE.items():
        connection.execute(sqlalchemy.select(sqlalchemy.func.set_config(name, value, False)))
    connection.commit()


def _select(function: str, key: int) -> Any:
    return sqlalchemy.select(getattr(sqlalchemy.func, function)(key))


def _key(name: str) -> int:
    digest = hashlib.sha256(f"fadefollow {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


@contextmanager
def plainly(where: str) -> Iterator[None]:
    """Raise what a database or Optuna reports as a StoreError.

    Raises:
        StoreError: in the words of the server, without the statement and its values.
    """
    try:
        yield
    except SQLAlchemyError as error:
        raise _failed(where, error) from None
    except OptunaError as error:
        raise _failed(where, error.__cause__ or error) from None
    except RuntimeError as error:  # tables of another version of Optuna
        raise StoreError(
            "the tables of studies are of another version of Optuna", got=error, where=where
        ) from None


def _failed(where: str, error: BaseException) -> StoreError:
    text = " ".join(str(getattr(error, "orig", None) or error).split())
    if getattr(error, "connection_invalidated", False):
        return _lost(where, text)
    return StoreError("cannot read or write the database of studies", got=text, where=where)


def _lost(where: str, got: str) -> StoreError:
    return StoreError(
        "lost the connection to the database of studies",
        got=got,
        where=where,
        hint="rerun the same command to resume",
    )
