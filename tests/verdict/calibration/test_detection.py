"""Events against episodes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fadefollow.verdict.calibration.detection import (
    Detection,
    as_markdown,
    match,
    measure_detection,
)
from fadefollow.verdict.calibration.proportions import Share
from fadefollow.workspace import find_workspace

START = pd.Timestamp("2024-01-01", tz="UTC")


def at(*hours: float) -> pd.Series:
    return pd.Series([START + pd.Timedelta(hours=h) for h in hours], dtype="datetime64[ns, UTC]")


def episodes(*spans: tuple[float, float]) -> pd.DataFrame:
    return pd.DataFrame({"start": at(*(a for a, _ in spans)), "end": at(*(b for _, b in spans))})


def test_events_within_an_episode_and_its_slack_are_right() -> None:
    found = match(at(7, 30, 100), episodes((10, 24), (200, 210)), slack_hours=6)
    events, truth = (found[found["kind"] == kind] for kind in ("event", "episode"))
    assert events["hit"].tolist() == [True, True, False]
    assert truth["hit"].tolist() == [True, False]
    # the first event about the first episode came three hours before it was in full force
    np.testing.assert_array_equal(truth["delay_hours"], [-3.0, np.nan])


@pytest.mark.parametrize(
    ("known", "truth", "rows"), [(at(), episodes((1, 2)), 1), (at(5), episodes(), 1)]
)
def test_no_events_or_no_episodes_give_no_hits(
    known: pd.Series, truth: pd.DataFrame, rows: int
) -> None:
    found = match(known, truth, slack_hours=1)
    assert len(found) == rows
    assert not found["hit"].any()


def test_the_table_of_the_docs() -> None:
    row = Detection("s", "p", 10, 12, 0.9, 0.75, 3.0)
    assert as_markdown([row]).splitlines()[-1] == "| s | p | 10 | 12 | 0.90 | 0.75 | 3 h |"


def test_crowded_funding_is_found_in_the_lab() -> None:
    signal = find_workspace().signal("funding")()
    found = measure_detection(
        [signal],
        seeds=[1000, 1001],
        lab={"years": 1.5, "coins": 2, "families": ["crowd"]},
        bar=pd.Timedelta(hours=1),
        jobs=1,
        step=lambda *_: None,
    )
    for row in found:
        assert row.episodes > 30
        assert row.recall > 0.75
        assert row.precision > 0.6
        said = row.to_dict()
        assert said["recalled"]["of"] == row.episodes
        assert said["recalled"]["value"] == row.recall
        assert said["precise"]["count"] == round(row.precision * row.events)


def test_detection_promises_nothing_on_a_handful_of_episodes() -> None:
    few = Detection("s", "p", 3, 0, 1.0, float("nan"), 1.0, recalled=Share.exact([True] * 3))
    assert [promise.state for promise in few.promises] == ["not yet shown", "not yet shown"]
    many = Detection(
        "s",
        "p",
        400,
        400,
        0.9,
        0.4,
        1.0,
        recalled=Share.exact([True] * 360 + [False] * 40),
        precise=Share.exact([True] * 160 + [False] * 240),
    )
    assert [promise.state for promise in many.promises] == ["kept", "broken"]
    assert few.to_dict()["precision"] is None
