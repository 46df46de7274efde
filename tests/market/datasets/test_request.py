"""A data request: from a user's options to the data, and into a run's config.toml and back."""

from __future__ import annotations

import inspect

import pandas as pd
import pytest

from fadefollow.cli.options import DATA, takes_data
from fadefollow.errors import ParameterError
from fadefollow.market.datasets.request import DataRequest


def test_a_jobs_options_are_split_into_those_of_data_and_others():
    options = {"symbols": ("BTC",), "open_holdout": True, "seed": 3}
    request, others = DataRequest.split(options, command="fadefollow run")
    assert request == DataRequest(symbols=("BTC",), opened_by="fadefollow run")
    assert others == {"seed": 3}


def test_a_request_is_kept_under_the_names_of_its_options():
    request = DataRequest(dataset="lab", since="2021-02-01", opened_by="a", universe=0)
    kept = {
        "dataset": "lab",
        "symbols": None,
        "since": "2021-02-01",
        "until": None,
        "open_holdout": True,
        "accept": None,
        "universe": 0,
        "revised": False,
        "strict": False,
    }
    assert request.record() == kept
    assert DataRequest.split(kept, command="a") == (request, {})


def test_a_day_after_until_is_the_last_one_that_is_in_and_times_are_utc():
    request = DataRequest(since="2021-02-01", until="2021-02-03")
    assert request.start == pd.Timestamp("2021-02-01", tz="UTC")
    assert request.end == pd.Timestamp("2021-02-04", tz="UTC")
    later = DataRequest(since="2021-02-01 10:00+02:00", until="2021-02-03 00:00")
    assert later.start == pd.Timestamp("2021-02-01 08:00", tz="UTC")
    assert later.end == pd.Timestamp("2021-02-03", tz="UTC")


def test_what_is_no_time_is_refused():
    with pytest.raises(ParameterError, match="--since must be a day or a time"):
        _ = DataRequest(since="soon").start


def test_every_option_of_data_is_on_the_command_line():
    assert set(DATA) == set(DataRequest().record())


def test_a_command_has_the_options_of_its_request_in_its_place():
    taken = []

    @takes_data("dataset", "symbols")
    def command(name: str = "x", *, data: DataRequest, seed: int = 1) -> None:
        taken.append((name, data, seed))

    assert list(inspect.signature(command).parameters) == ["name", "dataset", "symbols", "seed"]
    command(name="y", dataset="lab", symbols="BTC, ETH", seed=2)
    assert taken == [("y", DataRequest(dataset="lab", symbols=("BTC", "ETH")), 2)]
