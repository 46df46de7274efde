"""The outbox: what there is to say, and what was said, in lines that are only ever appended.

An event is recorded as due before it is sent, in one line with its message and its channels; that a
channel took it is recorded after its answer. So a kill loses nothing. A message that was sent but
not yet recorded as sent when the process was killed is sent again, with the same id.

Lines: `begun`, when the first round was; `event`, with `why`: `new` (it has a message), `before`
(present at the first round), `again` (a record of a phase that is present already) or `filtered`;
`sent`, that a channel took it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock, Timeout

from fadefollow.core.atomic_file import as_store_error, write_whole
from fadefollow.core.json_lines import append_in_turn, finished_lines, line_of
from fadefollow.core.reading import parsed_json
from fadefollow.errors import StoreError
from fadefollow.jobs.notifying.channels import Message
from fadefollow.scanning.news import Event, Filters

#: bytes from which on the file is written anew, with what still matters, when it is opened
LARGE = 8 << 20
_RULE, _HINT = "cannot read or write the outbox", "free some space or check permissions"
#: keys of which nothing was heard for so long are dropped then
_KEPT = pd.Timedelta(days=400)


@dataclass
class Outbox:
    """The outbox at `path`, which need not exist yet. One process at a time has it open."""

    path: Path
    begun: bool = field(default=False, init=False)
    #: key of a phase or claim → when its newest record became known
    newest: dict[str, pd.Timestamp] = field(default_factory=dict, init=False)
    #: messages that no answer is recorded of, by channel and id, the oldest first
    due: dict[tuple[str, str], Message] = field(default_factory=dict, init=False)

    @contextmanager
    def opened(self) -> Iterator[Outbox]:
        """The outbox with what is in its file; nobody else may send from it meanwhile.

        Raises:
            StoreError: another process has it open, or it cannot be read.
        """
        with as_store_error(_RULE, self.path, _HINT):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.path.with_name(f".{self.path.name}.loop"))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise StoreError(
                "another process sends the messages of this outbox",
                got="it is running",
                where=str(self.path),
                hint="stop it first",
            ) from None
        try:
            self._read()
            yield self
        finally:
            lock.release()

    def begin(self, events: Sequence[Event], now: pd.Timestamp) -> None:
        """Record the first round: what is there already is no news."""
        self._append([*(_event(one, "before", now) for one in events), _begun(now)])

    def news(
        self,
        events: Sequence[Event],
        filters: Filters,
        channels: Sequence[str],
        words: Mapping[str, Message],
        now: pd.Timestamp,
    ) -> list[Event]:
        """Record the events that are not known yet as due, and return those with a message.

        Args:
            events: of this round.
            filters: which of them get one.
            channels: where it goes, by name.
            words: the messages by the events' ids.
            now: UTC.

        Raises:
            StoreError: it cannot be written; nothing is due then that was not before.
        """
        lines, told = list[dict[str, Any]](), list[Event]()
        newest = dict(self.newest)
        for event in events:
            before = newest.get(event.key)
            if before is not None and event.known <= before:
                continue
            newest[event.key] = event.known
            if before is not None and event.known - before < event.lasts:
                lines.append(_event(event, "again", now))
            elif not filters.pass_(event):
                lines.append(_event(event, "filtered", now))
            else:
                lines.append(_event(event, "new", now, words[event.id], channels))
                told.append(event)
        self._append(lines)
        return told

    def sent(self, channel: str, message: Message, now: pd.Timestamp) -> None:
        """Record that a channel took a message.

        Raises:
            StoreError: it cannot be written; the message is still due.
        """
        self._append([{"kind": "sent", "id": message.id, "channel": channel, "time": _iso(now)}])

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        if not lines:
            return
        with as_store_error(_RULE, self.path, _HINT):
            append_in_turn(self.path, b"".join(map(_line, lines)))
        for line in lines:
            self._take(line)

    def _read(self) -> None:
        self.begun, self.newest, self.due = False, {}, {}
        with as_store_error(_RULE, self.path, _HINT):
            texts = finished_lines(self.path)
        for number, text in enumerate(texts, 1):
            with line_of(
                "the outbox",
                self.path,
                number,
                hint="remove the line, or the file to begin anew",
            ):
                self._take(parsed_json(text))
        if sum(map(len, texts)) > LARGE:
            self._shorten()

    def _take(self, line: Mapping[str, Any]) -> None:
        if line["kind"] == "begun":
            self.begun = True
        elif line["kind"] == "sent":
            self.due.pop((line["channel"], line["id"]), None)
        elif line["kind"] == "event":
            known = pd.Timestamp(line["known"])
            self.newest[line["key"]] = max(known, self.newest.get(line["key"], known))
            if line["message"] is not None:
                message = Message(**line["message"])
                self.due |= {(channel, message.id): message for channel in line["channels"]}
        else:
            raise ValueError(f"a line of kind {line['kind']!r}")

    def _shorten(self) -> None:
        """Write the file anew, whole or not at all, with what still matters."""
        last = max(self.newest.values(), default=pd.Timestamp(0, tz="UTC"))
        lines: list[dict[str, Any]] = [
            {"kind": "event", "key": key, "known": _iso(known), "why": "kept", "message": None}
            for key, known in self.newest.items()
            if last - known < _KEPT
        ]
        for (channel, _), message in self.due.items():
            key, known = f"due {message.id} {channel}", _iso(last)
            plain = {**_plain(message), "channels": [channel]}
            lines.append({"kind": "event", "key": key, "known": known, "why": "kept", **plain})
        lines += [_begun(last)] if self.begun else []
        with as_store_error(_RULE, self.path, _HINT):
            write_whole(self.path, b"".join(map(_line, lines)))


def _event(
    event: Event,
    why: str,
    now: pd.Timestamp,
    message: Message | None = None,
    channels: Sequence[str] = (),
) -> dict[str, Any]:
    return {
        "kind": "event",
        "time": _iso(now),
        "key": event.key,
        "known": _iso(event.known),
        "why": why,
        "channels": list(channels),
        **_plain(message),
    }


def _plain(message: Message | None) -> dict[str, Any]:
    if message is None:
        return {"message": None}
    return {"message": {**vars(message), "body": dict(message.body)}}


def _begun(now: pd.Timestamp) -> dict[str, Any]:
    return {"kind": "begun", "time": _iso(now)}


def _line(record: Mapping[str, Any]) -> bytes:
    return f"{json.dumps(record, allow_nan=False)}\n".encode()


def _iso(time: pd.Timestamp) -> str:
    return time.isoformat()
