"""Records that are got again: the newest counts, what it replaced is kept with its time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fadefollow.market.asof.vintages import SEEN
from fadefollow.market.store.revise import merge_revisions
from fadefollow.market.streams import stream


def records(*rows: tuple[str, float], seen: str | None = None) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["time", "rate"])
    table["time"] = pd.to_datetime(table["time"], utc=True).dt.as_unit("ns")
    if seen is not None:
        table[SEEN] = pd.Timestamp(seen, tz="UTC").as_unit("ns")
    return table


def test_a_value_that_changed_twice_leaves_two_vintages() -> None:
    stored = records(("2024-01-01", 1.0), ("2024-01-02", 2.0))
    second = records(("2024-01-02", 3.0), ("2024-01-03", 4.0), seen="2024-02-01")
    third = records(("2024-01-02", 5.0), seen="2024-03-01")
    # whatever the order in which they are handed over
    found = merge_revisions(stored, [third, second], stream("funding"))
    assert found.newest["rate"].tolist() == [1.0, 5.0, 4.0]
    assert found.superseded["rate"].tolist() == [2.0, 3.0]
    assert found.superseded[SEEN].dt.strftime("%Y-%m-%d").tolist() == ["2024-02-01", "2024-03-01"]
    assert list(found.newest) == ["time", "rate"]


def test_the_same_value_again_is_no_revision() -> None:
    stored = records(("2024-01-01", 1.0), ("2024-01-02", np.nan))
    again = stored.assign(**{SEEN: pd.Timestamp("2024-02-01", tz="UTC")})
    found = merge_revisions(stored, [again], stream("funding"))
    pd.testing.assert_frame_equal(found.newest, stored)
    assert found.superseded.empty


def test_a_value_that_comes_later_replaces_none() -> None:
    stored = records(("2024-01-01", np.nan))
    found = merge_revisions(
        stored, [records(("2024-01-01", 1.0), seen="2024-02-01")], stream("funding")
    )
    assert found.newest["rate"].tolist() == [1.0]
    assert found.superseded["rate"].isna().tolist() == [True]


def test_nothing_stored_means_no_revisions() -> None:
    fresh = records(("2024-01-02", 2.0), ("2024-01-01", 1.0), seen="2024-02-01")
    found = merge_revisions(None, [fresh], stream("funding"))
    assert found.newest["rate"].tolist() == [1.0, 2.0]
    assert found.superseded.empty
