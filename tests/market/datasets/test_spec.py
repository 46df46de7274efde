"""Data set TOMLs: what is read, and the messages for what cannot be."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fadefollow.errors import FadeFollowError, ParameterError, SpecError, UnknownNameError
from fadefollow.market.datasets.spec import load_spec
from tests.support.paths import ROOT

GOOD = """
title = "Demo"
source = "files"
bar = "1h"
[publication_lag_hours]
netflow = 36
[costs.BTC]
fee = 0.0004
[[files]]
stream = "perp"
path = "{coin}.csv"
timezone = "UTC"
"""


@pytest.fixture
def toml(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "demo.toml"
        path.write_text(text)
        return path

    return write


def test_a_good_file_is_read(toml):
    spec = load_spec(toml(GOOD))
    assert (spec.title, spec.source, spec.bar) == ("Demo", "files", pd.Timedelta(hours=1))
    assert spec.costs == {"BTC": {"fee": 0.0004}}
    assert spec.files[0].kind == "csv"


def test_lags_are_declared_or_a_day_for_daily_records(toml):
    spec = load_spec(toml(GOOD))
    assert spec.lag("netflow") == pd.Timedelta(hours=36)
    assert spec.lag("liquidations") == pd.Timedelta(hours=24)
    assert spec.lag("open_interest") == pd.Timedelta(0)


@pytest.mark.parametrize(
    ("old", "new", "error", "message"),
    [
        ('bar = "1h"', "bar = ", SpecError, r"demo.toml.*valid TOML.*line 4"),
        ('title = "Demo"', 'titel = "Demo"', FadeFollowError, r"titel|title"),
        ('source = "files"', 'source = "file"', SpecError, r"key 'source'.*'files' or 'lab'"),
        ('bar = "1h"', 'bar = "7h"', ParameterError, r"bar.*must divide a day; got '7h'"),
        ("timezone =", "time_zone =", UnknownNameError, r"number 1.*'time_zone'.*\n.*'timezone'"),
        ('"perp"', '"prep"', ParameterError, r"no stream named 'prep'\n.*'perp'"),
        ('"{coin}.csv"', '"../{coin}.csv"', ParameterError, "stay inside the folder"),
        ('"{coin}.csv"', '"/etc/{coin}.csv"', ParameterError, "stay inside the folder"),
        ('"{coin}.csv"', '"{cion}.csv"', ParameterError, r"not \{cion\}"),
        ('"{coin}.csv"', '"perp.csv"', ParameterError, r"path must contain \{coin\}"),
        ("timezone =", 'columns = { clse = "c" }\ntimezone =', ParameterError, "'close'"),
        ("timezone =", 'coins = ["../x"]\ntimezone =', ParameterError, "a coin's name must be"),
        ("timezone =", 'bar = "8h"\ntimezone =', ParameterError, "must divide those of the data"),
        ("netflow = 36", "netflow = -1", SpecError, "publication_lag_hours.netflow"),
        ("netflow = 36", "perp = 1", ParameterError, "publication_lag_hours is for daily records"),
        ("[[files]]", "[[fils]]", FadeFollowError, "fils|files"),
    ],
)
def test_a_bad_file_gets_a_plain_message(toml, old, new, error, message):
    assert old in GOOD
    with pytest.raises(error, match=r"(?s)" + message) as caught:
        load_spec(toml(GOOD.replace(old, new, 1)))
    assert "demo.toml" in str(caught.value)


def test_a_lab_takes_no_files(toml):
    with pytest.raises(ParameterError, match=r"takes no \[\[files\]\]"):
        load_spec(toml(GOOD.replace('"files"', '"lab"')))


def test_a_missing_file_is_said_so(tmp_path):
    with pytest.raises(SpecError, match=r"none.toml: .*No such file"):
        load_spec(tmp_path / "none.toml")


def test_the_projects_own_data_sets_can_be_read():
    folder = ROOT / "datasets"
    names = ["binance_history", "binance_history_8h"]
    assert [load_spec(folder / f"{n}.toml").bar for n in names] == [
        pd.Timedelta(hours=1),
        pd.Timedelta(hours=8),
    ]
