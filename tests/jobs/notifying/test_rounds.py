"""The loop: it survives the network, goes on where it was, and a kill loses nothing."""

from __future__ import annotations

import dataclasses
import itertools
import json
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fadefollow.errors import DataError, ParameterError, StoreError
from fadefollow.jobs.notifying.rounds import Look, LoopRequest, Round, next_look, rounds
from fadefollow.scanning.news import PhaseEvent
from tests.support.notice_cases import HOUR, TIME, Hands, event
from tests.support.notice_loop import COINS, run_until_killed
from tests.support.webhook import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def looks(*steps: tuple[PhaseEvent, ...] | Exception) -> Callable[[], Look]:
    """What the rounds find, one after the other; an error is raised."""
    left = list(steps)

    def look() -> Look:
        step = left.pop(0)
        if isinstance(step, Exception):
            raise step
        return Look(step)

    return look


def some(made: Iterator[Round], number: int) -> list[Round]:
    return list(itertools.islice(made, number))


def request(*to: str, **changes: Any) -> LoopRequest:
    return LoopRequest(**{"every": HOUR, "notify": to, **changes})


def test_rounds_begin_a_little_after_the_hour() -> None:
    for now, following in (
        ("17:00:00", "17:00:10"),
        ("17:00:10", "18:00:10"),
        ("17:59:59", "18:00:10"),
    ):
        day = "2024-05-20 "
        assert next_look(pd.Timestamp(day + now), HOUR) == pd.Timestamp(day + following)


def test_what_was_there_is_no_news_and_what_begins_is_told_once(
    receiver: Receiver, tmp_path: Path
) -> None:
    old, new = event("OLD"), event("BTC", fate="supported")
    hands, asked, path = Hands(), request(receiver.url), tmp_path / "out.jsonl"
    first = rounds(looks((old,), (old, new)), asked, path, environ={}, clock=hands.clock)
    one, two = some(first, 2)
    first.close()
    assert (one.news, one.sent) == ((), 0)
    assert (two.news, two.sent, two.waiting) == (
        ("BTC: Spot led up since 2024-05-20 15:00 UTC",),
        1,
        0,
    )
    assert (one.time, two.time) == (TIME, TIME + pd.Timedelta(seconds=10))
    # started again, it knows both
    again = some(rounds(looks((old, new)), asked, path, environ={}, clock=hands.clock), 1)
    assert (again[0].news, again[0].sent) == ((), 0)
    ((_, key, body),) = receiver.taken
    assert key == body["id"] == new.id
    assert (body["kind"], body["symbol"], body["phase"]) == ("phase", "BTC", "spot_led_up")
    assert (body["stronger_than"], body["history"][0]["fate"]) == (0.76, "supported")
    assert "stronger than 76 % of 70" in body["text"]
    assert json.loads(json.dumps(body)) == body


def test_the_network_may_fail_but_not_in_the_very_first_round(
    receiver: Receiver, tmp_path: Path
) -> None:
    lost, hands, path = DataError("no answer"), Hands(), tmp_path / "out.jsonl"
    with pytest.raises(DataError, match="no answer"):
        some(rounds(looks(lost), request(), path, environ={}, clock=hands.clock), 1)
    steps = looks((), lost, lost, (event(),))
    made = some(rounds(steps, request(receiver.url), path, environ={}, clock=hands.clock), 4)
    assert [one.missed for one in made] == [(), ("no answer",), ("no answer",), ()]
    assert [one.time.hour for one in made] == [17, 17, 18, 19]
    assert receiver.keys == [event().id]
    # begun before, it may fail in the first round, too
    again = some(rounds(looks(lost, ()), request(), path, environ={}, clock=hands.clock), 2)
    assert [one.missed for one in again] == [("no answer",), ()]


def test_what_is_no_failure_of_the_network_ends_it(tmp_path: Path) -> None:
    steps, hands = looks((), StoreError("a line was changed")), Hands()
    made = rounds(steps, request(), tmp_path / "out.jsonl", environ={}, clock=hands.clock)
    with pytest.raises(StoreError, match="changed"):
        some(made, 2)


def test_between_looks_it_tries_again_to_send(receiver: Receiver, tmp_path: Path) -> None:
    receiver.plan[:] = [500] * 4
    hands, path = Hands(), tmp_path / "out.jsonl"
    steps = looks((), (event(),), (event(),))
    made = rounds(steps, request(receiver.url), path, environ={}, clock=hands.clock)
    _, failed, sent = some(made, 3)
    assert (failed.looked, failed.waiting) == (True, 1)
    assert "status 500" in failed.missed[0]
    assert (sent.looked, sent.sent, sent.waiting) == (False, 1, 0)
    assert sent.time < failed.next


def test_messages_for_a_channel_that_is_named_no_more_are_kept(
    receiver: Receiver, tmp_path: Path
) -> None:
    hands, path = Hands(), tmp_path / "out.jsonl"
    steps = looks((), (event(),))
    asked = request(receiver.url, quiet="17:00-19:00")
    some(rounds(steps, asked, path, environ={}, clock=hands.clock), 2)
    (one,) = some(rounds(looks(()), request(), path, environ={}, clock=hands.clock), 1)
    assert one.waiting == 1
    assert "1 message for webhook 127.0.0.1" in one.missed[0]
    hands.time = TIME + 3 * HOUR
    (one,) = some(rounds(looks(()), asked, path, environ={}, clock=hands.clock), 1)
    assert (one.sent, receiver.keys) == (1, [event().id])


@pytest.mark.parametrize(
    "wrong",
    [{"fates": ("good",)}, {"quiet": "late"}, {"notify": ("pigeon:",)}, {"coins": ("a/b",)}],
)
def test_a_request_that_cannot_be_is_refused_before_anything(
    tmp_path: Path, wrong: dict[str, Any]
) -> None:
    path = tmp_path / "out.jsonl"
    with pytest.raises(ParameterError):
        some(rounds(looks(()), request(**wrong), path, environ={}), 1)
    assert not path.exists()


# ---- killed ----


def test_killed_at_any_moment_it_loses_nothing_and_repeats_only_with_the_same_key(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Each coin's message comes; a second time at most for the one that a kill cut off."""
    chance = random.Random(5)
    receiver.plan[:] = [503, "cut", 200, 500, 500, "cut", 429]
    start = multiprocessing.get_context("forkserver")
    start.set_forkserver_preload(["tests.support.notice_loop"])
    kills, cuts = 0, receiver.plan.count("cut")
    deadline = time.monotonic() + 60
    while len(set(receiver.keys)) < COINS and time.monotonic() < deadline:
        process = start.Process(target=run_until_killed, args=(str(tmp_path), receiver.url))
        process.start()
        begun = receiver.asked
        while receiver.asked == begun and process.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 0.15))
        process.kill()
        process.join(10)
        assert process.exitcode == -9
        kills += 1
    expected = {event(f"C{n}").id: f"C{n}" for n in range(COINS)}
    came = Counter(receiver.keys)
    assert set(came) == set(expected)
    for _, key, body in receiver.taken:
        assert body["symbol"] == expected[key]
    assert sum(came.values()) - COINS <= kills + cuts
    assert kills >= 3
    # at rest nothing is sent again
    before, hands = receiver.asked, Hands(pd.Timestamp.now(tz="UTC") + 3 * HOUR)
    everything = tuple(event(coin) for coin in expected.values())
    made = rounds(
        looks(everything, everything),
        request(receiver.url),
        tmp_path / "out.jsonl",
        environ={},
        clock=hands.clock,
    )
    last = some(made, 2)
    assert [one.waiting for one in last] == [0, 0]
    assert receiver.asked - before <= 1
    assert dataclasses.asdict(last[1])["news"] == ()
