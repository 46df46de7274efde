"""Studies in a file, in SQLite and in PostgreSQL: the same rules for all of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import BaseStorage, RDBStorage
from optuna.trial import TrialState
from optuna_dashboard._storage_url import get_storage

from fadefollow.errors import ParameterError, StoreError
from fadefollow.tuning.studies.storage import StudyStore
from tests.support.storage_cases import IDENTITY, contents, killed_after, trial

TWO = ("t", "mean net return in bps per trade")


@pytest.fixture
def dashboard(url: str) -> Iterator[Callable[[], BaseStorage]]:
    """Opens the place as the command line of optuna-dashboard does."""
    opened = []

    def open_it() -> BaseStorage:
        opened.append(get_storage(url))
        return opened[-1]

    yield open_it
    for storage in opened:
        if isinstance(storage, RDBStorage):
            storage.remove_session()
            storage.engine.dispose()


@pytest.fixture
def store(url: str) -> StudyStore:
    return StudyStore.at(url, default=Path("unused"))


def test_what_is_appended_comes_back(store):
    trials = [trial(0), trial(1, state=TrialState.PRUNED), trial(2, state=TrialState.FAIL)]
    more = [trial(number) for number in range(3, 13)]
    with store.study("carry", IDENTITY, objectives=TWO) as study:
        assert (study.name, study.resumed) == ("carry", False)
        fold = study.fold(1)
        assert fold.trials() == []
        fold.append(trials)
        fold.append([])
        fold.append(more)
        study.fold(2).append([trial(0)])
        assert contents(fold.trials()) == contents(trials + more)
    with store.study("carry", IDENTITY, objectives=TWO) as study:
        assert study.resumed
        assert contents(study.fold(1).trials()) == contents(trials + more)
        assert contents(study.fold(2).trials()) == contents([trial(0)])
        assert study.fold(3).trials() == []


def test_trials_that_skip_or_repeat_a_number_are_refused(store):
    with store.study("carry", IDENTITY, objectives=TWO) as study:
        fold = study.fold(1)
        fold.append([trial(0), trial(1)])
        for wrong in ([trial(1)], [trial(3)], [trial(2), trial(4)], [trial(3), trial(2)]):
            with pytest.raises(ValueError, match="trials must follow number 1, got numbers"):
                fold.append(wrong)
        with pytest.raises(ValueError, match="trials must be finished"):
            fold.append([trial(2, state=TrialState.RUNNING)])
        assert contents(fold.trials()) == contents([trial(0), trial(1)])


def test_a_study_is_for_one_job_at_a_time(store, monkeypatch):
    monkeypatch.setattr("fadefollow.tuning.studies.database.PATIENCE", 0.0)
    taken = r"another job is using the study"
    with store.study("carry", IDENTITY), pytest.raises(StoreError, match=taken):
        store.study("carry", IDENTITY).__enter__()
    with store.study("carry", IDENTITY) as study:
        assert study.resumed


def test_another_identity_is_refused_in_words(store):
    with store.study("carry", IDENTITY):
        pass
    other = {
        "strategy": "carry",
        "fingerprint": "äbc",
        "settings": {"trials": 400, "folds": [1, 2], "seed": None},
    }
    with pytest.raises(StoreError) as caught, store.study("carry", other):
        raise AssertionError
    assert str(caught.value) == (
        f"study 'carry' in {store.where}: the study was started with other settings:"
        ' fingerprint: "abc" → "äbc"; settings.trials: 200 → 400;'
        " settings.seed: nothing → null\n"
        "  hint: `--fresh` starts over and keeps the old study; `--study NAME` starts another one"
    )
    with store.study("carry", IDENTITY) as study:
        assert study.resumed


def test_a_fresh_study_keeps_the_old_one(store, dashboard):
    with store.study("carry", IDENTITY, objectives=TWO, fresh=True) as study:
        assert (study.name, study.resumed) == ("carry", False)
        study.fold(1).append([trial(0)])
    other = {**IDENTITY, "fingerprint": "def"}
    with store.study("carry", other, objectives=TWO, fresh=True) as study:
        assert (study.name, study.resumed) == ("carry~2", False)
        study.fold(1).append([trial(0), trial(1)])
    with store.study("carry", other, objectives=TWO) as study:
        assert (study.name, study.resumed) == ("carry~2", True)
    with store.study("carry", other, objectives=TWO, fresh=True) as study:
        assert study.name == "carry~3"
    with store.study("carr", IDENTITY) as study:
        assert study.name == "carr"
    storage = dashboard()
    counts = {
        study.study_name: len(storage.get_all_trials(study._study_id))
        for study in storage.get_all_studies()
    }
    assert counts == {
        "carry": 0,
        "carry/fold-1": 1,
        "carry~2": 0,
        "carry~2/fold-1": 2,
        "carry~3": 0,
        "carr": 0,
    }


def test_optunas_dashboard_shows_names_and_trials(store, dashboard):
    with store.study("carry", IDENTITY, objectives=TWO) as study:
        study.fold(2, {"past": "2020 to 2023"}).append([trial(0), trial(1)])
    storage = dashboard()
    study = optuna.load_study(study_name="carry/fold-2", storage=storage)
    assert study.metric_names == list(TWO)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE"]
    assert study.user_attrs == {"past": "2020 to 2023", "study": "carry", "fold": 2}
    assert contents(study.trials) == contents([trial(0), trial(1)])
    head = optuna.load_study(study_name="carry", storage=storage)
    assert head.user_attrs["identity"]["settings"] == {"trials": 200, "folds": [1, 2]}


def test_a_study_of_another_program_is_left_alone(store, dashboard):
    with store.study("carry", IDENTITY):
        pass
    storage = dashboard()
    study = optuna.create_study(storage=storage, study_name="theirs", direction="maximize")
    study.add_trial(optuna.trial.create_trial(value=1.0))
    with pytest.raises(StoreError, match="not one of fadefollow: 'theirs' of another program"):
        store.study("theirs", IDENTITY).__enter__()
    assert optuna.load_study(study_name="theirs", storage=storage).user_attrs == {}


def test_trials_of_another_program_among_ours_are_noticed(store, dashboard):
    with store.study("carry", IDENTITY) as study:
        study.fold(1)
    optuna.load_study(study_name="carry/fold-1", storage=dashboard()).ask()
    with store.study("carry", IDENTITY) as study:
        fold = study.fold(1)
        with pytest.raises(StoreError, match=r"without a gap: number 0, running, as trial 0"):
            fold.trials()


def test_a_killed_job_loses_nothing_that_was_stored(url):
    store = StudyStore.at(url, default=Path("unused"))
    rng = random.Random(7)
    longest = 0.05 if "://" in url else 0.015  # some batches
    stored = 0
    for _ in range(5 if url.startswith("sqlite") else 10):
        told = killed_after(url, rng.uniform(0.0, longest))
        with store.study("carry", IDENTITY, objectives=TWO) as study:
            found = study.fold(1).trials()
        assert told > stored
        assert told <= len(found) <= told + 10
        assert [(found.number, found.params) for found in found] == [
            (number, trial(number).params) for number in range(len(found))
        ]
        stored = len(found)
    assert contents(found) == contents([trial(number) for number in range(stored)])


@pytest.mark.parametrize("name", ["", "a/b", "a~2", "a b", "ä/fold-1"])
def test_study_names_with_other_signs_are_refused(store, name):
    with pytest.raises(ParameterError, match="a study's name must be letters"):
        store.study(name, IDENTITY).__enter__()


@pytest.mark.parametrize(
    "url",
    [
        "",
        " ",
        "mysql://bob:pw-secret@h/d",
        "redis://h",
        "file:///tunes.log",
        "sqlite://",
        "sqlite:///",
        "sqlite:///a.db?timeout=9",
        "postgresql+psycopg2://bob:pw-secret@h/d",
        "postgresql://bob:pw-secret@@h/d",
        "postgresql://bob:pw/secret@h/d",
        "host=h password=pw-secret",
        "POSTGRESQL://b:pw-secret@h/d",
    ],
)
def test_any_other_storage_is_refused(url):
    with pytest.raises(StoreError, match="a storage must be postgresql://USER") as caught:
        StudyStore.at(url, default=Path("unused"))
    assert "secret" not in str(caught.value)


def test_where_studies_are_by_default(tmp_path):
    path = tmp_path / "reports" / "carry.log"
    store = StudyStore.at(None, default=path)
    assert store.where == str(path)
    assert not path.parent.exists()
    with store.study("carry", IDENTITY) as study:
        study.fold(1).append([trial(0)])
    assert path.is_file()
