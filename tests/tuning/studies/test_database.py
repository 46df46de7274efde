"""Studies in PostgreSQL: a server of the tests' own that asks for a password full of signs."""

from __future__ import annotations

import gc
import logging
import sys
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote

import optuna
import pytest
import sqlalchemy

from fadefollow.errors import StoreError
from fadefollow.tuning.studies.storage import StudyLog, StudyStore
from tests.support.postgres import PASSWORD, USER
from tests.support.storage_cases import IDENTITY, contents, forked, trial

WRONG = "wr0ng/{pass}@word"
#: what of the passwords must be nowhere: as they are, encoded, and their longest plain stretches
SECRETS = (
    PASSWORD,
    quote(PASSWORD, safe=""),
    quote(PASSWORD),
    "s3cr",
    "@:/?#",
    WRONG,
    quote(WRONG, safe=""),
    "wr0ng",
)


def claim(url: str, name: str = "carry"):
    return StudyStore.at(url, default=Path("unused")).study(name, IDENTITY, objectives=("a", "b"))


def everything(error: BaseException) -> str:
    """All that an error and what led to it could show, with the variables of our frames."""
    texts = []
    seen: list[BaseException | None] = [error]
    for found in seen:
        if found is None:
            continue
        texts += [str(found), repr(found), repr(found.args), repr(vars(found))]
        frames = traceback.TracebackException.from_exception(found, capture_locals=True)
        texts += [
            f"{frame.line} {frame.locals}"
            for frame in frames.stack
            if "/tests/" not in frame.filename and "pluggy" not in frame.filename
        ]
        seen += [other for other in (found.__cause__, found.__context__) if other not in seen]
    return "\n".join(texts)


def assert_without_secrets(text: str) -> None:
    assert [secret for secret in SECRETS if secret in text] == []


@pytest.fixture
def watched(caplog, capfd, monkeypatch):
    """Everything is logged while the test runs; gives all that was logged and printed."""
    names = ("", "psycopg", "psycopg.pool", "sqlalchemy", "sqlalchemy.engine", "sqlalchemy.pool")
    for name in (*names, "sqlalchemy.orm", "optuna", "alembic"):
        caplog.set_level(logging.DEBUG, logger=name)
    monkeypatch.setattr(logging.getLogger("optuna"), "propagate", True)

    def said() -> str:
        out, err = capfd.readouterr()
        return "\n".join([caplog.text, *map(str, caplog.records), out, err])

    return said


def test_a_study_without_a_trace_of_its_password(database, watched):
    optuna.logging.set_verbosity(optuna.logging.DEBUG)
    store = StudyStore.at(database, default=Path("unused"))
    with store.study("carry", IDENTITY, objectives=("a", "b")) as study:
        fold = study.fold(1)
        fold.append([trial(0)])
        backend: Any = study._backend
        engine = backend.storage.engine
        shown = [store, study, fold, vars(study), vars(backend), vars(engine), engine.url]
        shown += [vars(backend.storage), engine.pool._creator, backend._connection]
        text = "\n".join(f"{thing!r} {thing}" for thing in shown)
    assert_without_secrets(text)
    said = watched()
    assert "INSERT INTO trials" in said  # it was listened to
    assert_without_secrets(said)
    assert store.where.startswith("postgresql://***@127.0.0.1:")
    assert store.where in text


def refused(url: str) -> StoreError:
    with pytest.raises(StoreError) as caught:
        claim(url).__enter__()
    return caught.value


def test_a_wrong_password_in_words(server, database, watched):
    name = database.rsplit("/", 1)[1]
    for url in (
        server.url(name, password=WRONG),
        f"postgresql://{USER}@127.0.0.1:{server.port}/{name}?password={quote(WRONG, safe='')}",
    ):
        error = refused(url)
        assert "cannot connect to PostgreSQL: " in str(error)
        assert 'password authentication failed for user "tuner"' in str(error)
        assert "hint: check user and password; a password may also stand in ~/.pgpass" in str(error)
        assert_without_secrets(everything(error))
        assert error.__context__ is None
    assert_without_secrets(watched())


def test_a_missing_database_in_words(server, watched):
    error = refused(server.url("nowhere"))
    assert 'database "nowhere" does not exist' in str(error)
    assert "hint: create it first, e.g. with createdb" in str(error)
    assert_without_secrets(everything(error) + watched())


def test_a_missing_server_in_words(server, watched):
    error = refused(server.url().replace(str(server.port), "1"))
    assert "Connection refused" in str(error)
    assert "hint: is the server running, and the address right?" in str(error)
    assert_without_secrets(everything(error) + watched())


@pytest.mark.parametrize("query", ["?nonsense=1", "?sslmode=maybe", "?connect_timeout=soon"])
def test_a_strange_setting_in_words(server, query, watched):
    error = refused(server.url(query=query))
    assert "cannot connect to PostgreSQL: " in str(error)
    assert_without_secrets(everything(error) + watched())


def test_all_spellings_of_a_postgres_address_reach_the_study(server, database):
    name = database.rsplit("/", 1)[1]
    secret = quote(PASSWORD, safe="")
    with claim(database) as study:
        study.fold(1).append([trial(0)])
    for url in (
        database.replace("postgresql://", "postgres://"),
        database.replace("postgresql://", "postgresql+psycopg://"),
        f"postgresql://127.0.0.1:{server.port}/{name}?user={USER}&password={secret}",
        f"postgresql://{USER}:{secret}@/{name}?host={quote(str(server.folder))}&port={server.port}",
    ):
        with claim(url) as study:
            assert study.resumed
            assert contents(study.fold(1).trials()) == contents([trial(0)])


def test_studies_of_a_database_do_not_wait_for_each_other(database):
    with claim(database, "carry") as carry, claim(database, "pump") as pump:
        carry.fold(1).append([trial(0)])
        pump.fold(1).append([trial(0), trial(1)])
        assert (len(carry.fold(1).trials()), len(pump.fold(1).trials())) == (1, 2)


def test_two_jobs_may_create_the_tables_at_once(database):
    def work(name: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        with claim(database, name) as study:
            study.fold(1).append([trial(0)])

    jobs = [forked(work, name) for name in ("a", "b", "c")]
    for job in jobs:
        job.join()
    assert [job.exitcode for job in jobs] == [0, 0, 0]
    for name in ("a", "b", "c"):
        with claim(database, name) as study:
            assert len(study.fold(1).trials()) == 1


def test_the_server_watches_the_line(database):
    with claim(database) as study:
        shown = [
            study._backend._connection.exec_driver_sql(f"show tcp_keepalives_{name}").scalar()
            for name in ("idle", "interval", "count")
        ]
    assert shown == ["60", "10", "6"]


def lose_connections(server, study: StudyLog) -> None:
    server.run(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'fadefollow' and pid <> pg_backend_pid()"
    )
    assert study.name == "carry"


def test_a_job_that_lost_its_connection_writes_no_more(server, database, watched):
    with claim(database) as first:
        fold = first.fold(1)
        fold.append([trial(0)])
        lose_connections(server, first)
        with claim(database) as second:  # the lock is free
            with pytest.raises(StoreError, match=r"lost the connection to the database"):
                fold.append([trial(1)])
            other = second.fold(1)
            other.append([trial(1)])
            for _ in range(2):  # not with a new connection either
                assert len(fold.trials()) == 2
                with pytest.raises(StoreError, match=r": a connection that was lost before") as e:
                    fold.append([trial(2)])
                assert_without_secrets(everything(e.value))
            assert contents(other.trials()) == contents([trial(0), trial(1)])
    assert_without_secrets(watched())
    with claim(database) as study:
        assert contents(study.fold(1).trials()) == contents([trial(0), trial(1)])


def test_a_batch_is_stored_as_a_whole_or_not_at_all(database):
    broken = trial(11)
    broken.set_user_attr("k" * 1000, 1)  # longer than Optuna's tables take
    with claim(database) as study:
        fold = study.fold(1)
        with pytest.raises(StoreError, match=r"database of studies: value too long"):
            fold.append([*(trial(number) for number in range(11)), broken])
        assert fold.trials() == []
        fold.append([trial(0)])
        assert contents(fold.trials()) == contents([trial(0)])


def test_a_batch_takes_few_round_trips(database):
    statements = []

    def count(_connection, _cursor, statement, *_rest) -> None:
        statements.append(statement)

    with claim(database) as study:
        fold = study.fold(1)
        fold.append([trial(number) for number in range(10)])
        sqlalchemy.event.listen(sqlalchemy.Engine, "before_cursor_execute", count)
        try:
            fold.append([trial(number) for number in range(10, 20)])
        finally:
            sqlalchemy.event.remove(sqlalchemy.Engine, "before_cursor_execute", count)
    # trials, values, params, user attributes, intermediate values
    assert len(statements) == 5
    assert all(statement.startswith("INSERT") for statement in statements)


def test_no_connection_is_left_open(server, database):
    with claim(database) as study:
        study.fold(1).append([trial(0)])
    with pytest.raises(StoreError, match="other settings"):
        StudyStore.at(database, default=Path("x")).study("carry", {"other": 1}).__enter__()
    gc.collect()
    import psycopg

    with psycopg.connect(server.url()) as connection:
        left = connection.execute(
            "select count(*) from pg_stat_activity where application_name = 'fadefollow'"
        ).fetchone()
    assert left == (0,)


def test_a_missing_driver_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    error = refused(f"postgresql://bob:{quote(WRONG, safe='')}@h/d")
    assert str(error) == (
        "studies in PostgreSQL need the driver: no working psycopg\n"
        "  hint: pip install 'fadefollow[postgres]'"
    )
    assert_without_secrets(everything(error))
