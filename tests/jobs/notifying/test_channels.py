"""Channels against a local receiver: what it gets, and that no secret shows anywhere."""

from __future__ import annotations

import json
import logging
import os
import pickle
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from fadefollow.errors import ParameterError
from fadefollow.jobs.notifying.channels import (
    BEARER,
    CHAT,
    SERVER,
    TOKEN,
    WEBHOOK,
    Desktop,
    UndeliveredError,
    Webhook,
    channels_of,
)
from tests.support.notice_cases import message
from tests.support.webhook import Receiver

SECRET = "123456:s3cret-Word_x"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


def test_a_webhook_gets_json_with_a_key_and_a_token(receiver: Receiver) -> None:
    (hook,) = channels_of([f"{receiver.url}/in"], {BEARER: SECRET})
    hook.send(message("a1"))
    ((path, key, body),) = receiver.taken
    assert (path, key) == ("/in", "a1")
    assert body == {"id": "a1", "title": "title a1", "text": "title a1\nmore"}
    assert receiver.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_telegram_gets_plain_text_by_its_http_interface(receiver: Receiver) -> None:
    environ = {TOKEN: SECRET, CHAT: "-42", SERVER: f"{receiver.url}/"}
    (chat,) = channels_of(["telegram:"], environ)
    chat.send(message("a1"))
    ((path, _, body),) = receiver.taken
    assert path == f"/bot{SECRET}/sendMessage"
    assert (body["chat_id"], body["text"]) == ("-42", "title a1\nmore")
    assert "parse_mode" not in body
    wait = '{"ok": false, "parameters": {"retry_after": 7}}'
    receiver.plan[:] = [(429, {}, wait)]
    with pytest.raises(UndeliveredError, match="429") as caught:
        chat.send(message("a2"))
    assert (caught.value.later, caught.value.after) == (True, 7.0)


@pytest.mark.parametrize(
    ("step", "why", "later"),
    [
        (500, "status 500", True),
        ((503, {"Retry-After": "9"}, ""), "status 503", True),
        ((302, {"Location": "http://127.0.0.1:9/"}, ""), "status 302", True),
        (400, "status 400", False),
        (404, "status 404", True),
        ("cut", "no connection", True),
        ("hang", "no answer within 0.5 s", True),
        ("drip", "no answer within 0.5 s", True),
    ],
)
def test_what_is_not_taken_is_said(receiver: Receiver, step: object, why: str, later: bool) -> None:
    receiver.plan[:] = [step]
    hook = Webhook("webhook x", f"{receiver.url}/{SECRET}", patience=0.5)
    with pytest.raises(UndeliveredError, match=why) as caught:
        hook.send(message("a1"))
    assert caught.value.later is later
    assert caught.value.after == (9.0 if step == (503, {"Retry-After": "9"}, "") else 0.0)
    assert receiver.asked == 1
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.later, again.after) == (str(caught.value), later, caught.value.after)


def test_no_secret_is_logged_or_shown(receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    environ = {TOKEN: SECRET, CHAT: SECRET, SERVER: receiver.url, BEARER: SECRET}
    environ[WEBHOOK] = f"http://user:{SECRET}@127.0.0.1:1/{SECRET}?key={SECRET}"
    said = ""
    for channel in channels_of(["telegram:", "webhook:", f"{receiver.url}/{SECRET}"], environ):
        receiver.plan[:] = [500]
        with pytest.raises(UndeliveredError) as caught:
            channel.send(message("a1"))
        said += "".join(traceback.format_exception(caught.value)) + repr(channel) + channel.name
    assert SECRET not in said
    assert SECRET not in caplog.text
    assert not logging.getLogger("httpx").disabled


@pytest.mark.parametrize(
    ("asked", "environ"),
    [
        (f"https://user:{SECRET}@x.example/", {}),
        (f"https://x.example/?token={SECRET}", {}),
        (f"telegram:{SECRET}", {}),
        (f"https://{SECRET}:{SECRET}/", {}),
        (SECRET, {}),
        ("telegram:", {TOKEN: f"x{SECRET}/", CHAT: "1"}),
        ("telegram:", {TOKEN: SECRET}),
        ("webhook:", {WEBHOOK: f"ftp://x/{SECRET}"}),
        ("webhook:", {}),
        ("command:", {}),
        ("command:no-such-program-here x", {}),
        ("pigeon:", {}),
    ],
)
def test_channels_that_cannot_be_are_refused_without_their_secrets(
    asked: str, environ: dict[str, str]
) -> None:
    with pytest.raises(ParameterError, match=r"must|needs|only|cannot|no program") as caught:
        channels_of([asked], environ)
    assert SECRET not in str(caught.value)


def test_names_tell_channels_apart() -> None:
    asked = ["https://x.example/a", "https://x.example/b", "https://x.example/a", "webhook:"]
    found = channels_of(asked, {WEBHOOK: "https://y.example:8443/c"})
    assert [one.name for one in found] == [
        "webhook x.example",
        "webhook x.example 2",
        "webhook y.example:8443",
    ]


def test_a_command_gets_the_text_and_the_key(tmp_path: Path) -> None:
    code = (
        "import os,sys;open(sys.argv[1],'w').write(sys.stdin.read()+os.environ['FADEFOLLOW_EVENT'])"
    )
    target = tmp_path / "a b"
    (channel,) = channels_of([f'command:{sys.executable} -c "{code}" "{target}"'], {})
    channel.send(message("a1"))
    assert target.read_text() == "title a1\nmore\na1"
    assert channel.name == f"command {Path(sys.executable).name}"
    (failing,) = channels_of(["command:false"], {})
    with pytest.raises(UndeliveredError, match="status 1"):
        failing.send(message("a1"))


def test_the_desktop_reads_no_markup(tmp_path: Path) -> None:
    program = tmp_path / "notify-send"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > "{tmp_path}/said"\n')
    program.chmod(0o755)
    one = message("a1")
    Desktop("desktop", str(program)).send(type(one)("a1", "-t", "-t\n<b>x</b>", {}))
    said = (tmp_path / "said").read_text()
    assert said == "--app-name=fadefollow|--|-t|&lt;b&gt;x&lt;/b&gt;|"


def test_the_desktop_needs_its_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(ParameterError, match="notify-send"):
        channels_of(["desktop:"], {})


def test_what_a_webhook_gets_is_json_of_plain_values() -> None:
    assert json.loads(json.dumps(message("a").to_dict()))["text"] == "title a\nmore"
