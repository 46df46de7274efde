"""Messages in order, with patience, not in quiet hours, and past one that is refused for itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from fadefollow.jobs.notifying.delivery import ATTEMPTS, FIRST_REST, LONGEST_REST, Delivery
from fadefollow.jobs.notifying.outbox import Outbox
from fadefollow.jobs.notifying.quiet import QuietHours
from fadefollow.scanning.news import Filters
from tests.support.notice_cases import TIME, Fake, Hands, event, message

LATER, NEVER = {"later": True}, {"later": False}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    """Three messages are due."""
    with Outbox(tmp_path / "out.jsonl").opened() as made:
        made.begin([], TIME)
        fill(made, "BTC", "ETH", "SOL")
        yield made


def fill(outbox: Outbox, *coins: str, to: tuple[str, ...] = ("fake",)) -> None:
    events = [event(coin) for coin in coins]
    words = {one.id: message(one.row.symbol) for one in events}
    outbox.news(events, Filters(), to, words, TIME)


def test_each_is_sent_once_in_order(outbox: Outbox) -> None:
    hands, channel = Hands(), Fake()
    delivery = Delivery(outbox, [channel], clock=hands.clock)
    assert delivery.deliver() == (3, ())
    assert delivery.deliver() == (0, ())
    assert [one.id for one in channel.taken] == ["BTC", "ETH", "SOL"]
    assert (hands.sleeps, delivery.next_try(), delivery.waiting) == ([], None, 0)


def test_a_channel_that_fails_is_tried_again_then_left_alone_for_longer(outbox: Outbox) -> None:
    hands, channel = Hands(), Fake(plan=[LATER] * 3 * ATTEMPTS)
    delivery = Delivery(outbox, [channel], clock=hands.clock)
    rests = []
    for _ in range(3):
        sent, failed = delivery.deliver()
        assert (sent, len(failed)) == (0, 1)
        again = delivery.next_try()
        assert again is not None
        rests.append(again - hands.time)
        assert delivery.deliver() == (0, ())  # at once nothing is tried
        hands.time = again
    # 1, 2 and 4 minutes; and 1, 2, 4 s and a second of chance between the tries
    assert rests == [FIRST_REST, 2 * FIRST_REST, 4 * FIRST_REST]
    assert len(hands.sleeps) == 3 * (ATTEMPTS - 1)
    assert 1 <= hands.sleeps[0] <= 2 <= hands.sleeps[1] <= 3
    assert 4 <= hands.sleeps[2] <= 5
    assert delivery.deliver() == (3, ())
    assert [one.id for one in channel.taken] == ["BTC", "ETH", "SOL"]


def test_a_receiver_that_asks_for_a_pause_gets_it(outbox: Outbox) -> None:
    hands = Hands()
    channel = Fake(plan=[{"later": True, "after": 9.0}, "ok", {"later": True, "after": 600.0}])
    delivery = Delivery(outbox, [channel], clock=hands.clock)
    sent, failed = delivery.deliver()
    assert (sent, len(failed), hands.sleeps) == (1, 1, [9.0])
    assert delivery.next_try() == hands.time + pd.Timedelta(seconds=600)


def test_a_message_that_is_refused_stands_in_nobodys_way(outbox: Outbox) -> None:
    hands, channel = Hands(), Fake(plan=[NEVER])
    delivery = Delivery(outbox, [channel], clock=hands.clock)
    assert delivery.deliver()[0] == 2
    assert [one.id for one in channel.taken] == ["ETH", "SOL"]
    assert delivery.next_try() == TIME + LONGEST_REST
    hands.time = TIME + LONGEST_REST
    assert delivery.deliver() == (1, ())


def test_one_channel_does_not_wait_for_another(outbox: Outbox) -> None:
    fill(outbox, "XRP", to=("fake", "other"))
    hands, first, other = Hands(), Fake(plan=[LATER] * ATTEMPTS), Fake("other")
    delivery = Delivery(outbox, [first, other], clock=hands.clock)
    assert delivery.deliver()[0] == 1
    assert [one.id for one in other.taken] == ["XRP"]
    assert delivery.waiting == 4


def test_messages_wait_for_the_end_of_quiet_hours(outbox: Outbox) -> None:
    hands, channel = Hands(TIME), Fake()
    quiet = QuietHours.of("16:30-18:00")  # TIME is 17:00
    delivery = Delivery(outbox, [channel], quiet, hands.clock)
    assert delivery.deliver() == (0, ())
    assert delivery.next_try() == pd.Timestamp("2024-05-20 18:00", tz="UTC")
    hands.time = pd.Timestamp("2024-05-20 18:00", tz="UTC")
    assert delivery.deliver() == (3, ())
