"""Each phase once; due before sent; nothing lost where a writer was killed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fadefollow.errors import StoreError
from fadefollow.jobs.notifying import outbox as module
from fadefollow.jobs.notifying.outbox import Outbox
from fadefollow.scanning.news import Event, Filters
from tests.support.notice_cases import HOUR, TIME, event, message


def told(outbox: Outbox, *events: Event, filters: Filters | None = None) -> list[str]:
    """Coins of which there is a message."""
    words = {one.id: message(one.id) for one in events}
    news = outbox.news(events, filters or Filters(), ["hook"], words, TIME)
    return [one.to_dict()["symbol"] for one in news]


def kinds(path: Path) -> list[str]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [str(line.get("why", line["kind"])) for line in lines]


def test_a_phase_is_told_once_until_it_is_over(tmp_path: Path) -> None:
    with Outbox(tmp_path / "out.jsonl").opened() as outbox:
        outbox.begin([event("OLD")], TIME)
        assert told(outbox, event("OLD"), event("BTC", ago=2)) == ["BTC"]
        assert told(outbox, event("BTC", ago=2)) == []
        # held for a day: a record 23 hours later is of the same phase, one 24 hours after that not
        assert told(outbox, event("BTC", ago=2 - 23)) == []
        assert told(outbox, event("BTC", ago=2 - 23 - 24)) == ["BTC"]
        assert told(outbox, event("BTC", ago=30)) == []  # an older one comes too late
    assert kinds(tmp_path / "out.jsonl") == ["before", "begun", "new", "again", "new"]


def test_other_parameters_are_another_phase(tmp_path: Path) -> None:
    with Outbox(tmp_path / "out.jsonl").opened() as outbox:
        outbox.begin([], TIME)
        assert told(outbox, event("BTC")) == ["BTC"]
        assert told(outbox, event("BTC", params={"flat": 2.0})) == ["BTC"]


def test_filters_are_for_good(tmp_path: Path) -> None:
    only = Filters(phases=("spot_led_up",), coins=("BTC", "SOL"), fates=("supported",))
    events = [event("BTC", fate="supported"), event("ETH", fate="supported"), event("SOL")]
    other = event("BTC", fate="supported", phase="spot_led_down")
    with Outbox(tmp_path / "out.jsonl").opened() as outbox:
        outbox.begin([], TIME)
        assert told(outbox, *events, other, filters=only) == ["BTC"]
        assert told(outbox, *events, other) == []
        unmeasured = Filters(fates=("unmeasured",))
        assert told(outbox, event("XRP"), event("TRX", fate="open"), filters=unmeasured) == ["XRP"]


def test_what_is_due_is_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with Outbox(path).opened() as outbox:
        outbox.begin([], TIME)
        told(outbox, event("BTC"), event("ETH"))
        first, second = outbox.due.values()
        outbox.sent("hook", first, TIME)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"kind": "sent", "id"')  # killed while it wrote
    with Outbox(path).opened() as outbox:
        assert list(outbox.due) == [("hook", second.id)]
        assert outbox.due["hook", second.id] == second
        outbox.sent("hook", second, TIME)
    assert path.read_bytes().startswith(whole)
    with Outbox(path).opened() as outbox:
        assert outbox.due == {}
        assert told(outbox, event("BTC"), event("ETH")) == []


def test_one_process_sends_from_it(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with (
        Outbox(path).opened(),
        pytest.raises(StoreError, match="another process"),
        Outbox(path).opened(),
    ):
        pass
    with Outbox(path).opened():
        pass


def test_a_line_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text('{"kind": "begun", "time": "x"}\n{"kind": "odd"}\n')
    with pytest.raises(StoreError, match=r"out\.jsonl, line 2"), Outbox(path).opened():
        pass


def test_a_large_file_is_shortened_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out.jsonl"
    with Outbox(path).opened() as outbox:
        outbox.begin([], TIME)
        for day in range(30):
            told(outbox, event("BTC", ago=-24 * day), event("ETH", ago=-24 * day))
        for one in list(outbox.due.values())[:-1]:
            outbox.sent("hook", one, TIME)
    long = path.stat().st_size
    monkeypatch.setattr(module, "LARGE", 1000)
    for _ in range(2):
        with Outbox(path).opened() as outbox:
            assert outbox.begun
            assert [one.title for one in outbox.due.values()] == [
                f"title {event('ETH', ago=-696).id}"
            ]
            assert outbox.newest[event("BTC").key] == TIME + 29 * 24 * HOUR
    assert path.stat().st_size < long / 20
    with Outbox(path).opened() as outbox:
        assert told(outbox, event("BTC", ago=-696), event("BTC", ago=-720)) == ["BTC"]
