"""The ways that a message can go: webhook, Telegram, a command, the desktop.

Secrets come from the environment. A channel is called by a name without them, and what a library
says of a failure is never shown: it may have the address in it.
"""

from __future__ import annotations

import asyncio
import html
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import httpx

from fadefollow.errors import DataError, ParameterError

#: seconds in which a receiver must have answered in full
PATIENCE = 20.0
#: where the secrets are
WEBHOOK, BEARER = "FADEFOLLOW_WEBHOOK", "FADEFOLLOW_WEBHOOK_TOKEN"
TOKEN, CHAT = "FADEFOLLOW_TELEGRAM_TOKEN", "FADEFOLLOW_TELEGRAM_CHAT"
#: of a Telegram Bot API server of one's own
SERVER, _TELEGRAM = "FADEFOLLOW_TELEGRAM_URL", "https://api.telegram.org"
#: what a command finds in its environment
EVENT, MESSAGE = "FADEFOLLOW_EVENT", "FADEFOLLOW_MESSAGE"
_KINDS = "https://…, webhook:, telegram:, command:PROGRAM or desktop:"
#: answers that are about the receiver or the moment; others are about the message
_LATER = frozenset({401, 403, 404, 405, 407, 408, 409, 425, 429})
_LONGEST_ANSWER = 65_536
#: characters of a Telegram message
_LONGEST_TEXT = 4096
_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy")


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        id: its idempotency key: the same whenever it is sent again.
        title: a line.
        text: the whole, in lines of printable text.
        body: as plain values.
    """

    id: str
    title: str
    text: str
    body: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """What a webhook gets."""
        return {**self.body, "title": self.title, "text": self.text}


class UndeliveredError(DataError):
    """A receiver that did not take a message.

    Attributes:
        later: whether it may take it later: it is the receiver's fault and not the message's.
        after: seconds that it asks to wait; 0 where it does not say.
    """

    def __init__(self, channel: str, why: str, *, later: bool = True, after: float = 0.0) -> None:
        super().__init__("the message was not taken", got=why, where=channel)
        self.later, self.after = later, after

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.where, self.got, self.later, self.after)


def _again(channel: str, why: str, later: bool, after: float) -> UndeliveredError:  # noqa: FBT001
    return UndeliveredError(channel, why, later=later, after=after)


class Channel(Protocol):
    """A way that messages can go."""

    @property
    def name(self) -> str:
        """How it is called on the screen and in the outbox; no secret."""

    def send(self, message: Message) -> None:
        """Send, and return when the receiver has it.

        Raises:
            UndeliveredError: it has not, or did not say so.
        """


@dataclass(frozen=True)
class Webhook:
    """An HTTP address that takes JSON; the key is in the header `Idempotency-Key`."""

    name: str
    url: str = field(repr=False)
    token: str = field(default="", repr=False)
    patience: float = PATIENCE

    def send(self, message: Message) -> None:
        """POST the message; any answer of 200 to 299 says that it was taken."""
        headers = {"Idempotency-Key": message.id}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        _post(self, message.to_dict(), headers)


@dataclass(frozen=True)
class Telegram:
    """A chat, by the HTTP interface of Telegram's bots."""

    name: str
    url: str = field(repr=False)
    chat: str = field(repr=False)
    patience: float = PATIENCE

    def send(self, message: Message) -> None:
        """Send the text, as it is: no markup is read in it."""
        text = message.text
        if len(text) > _LONGEST_TEXT:
            text = f"{text[: _LONGEST_TEXT - 1]}…"
        said = {"chat_id": self.chat, "text": text, "link_preview_options": {"is_disabled": True}}
        _post(self, said, {})


@dataclass(frozen=True)
class Command:
    """A program that gets the text on its standard input, run without a shell."""

    name: str
    words: tuple[str, ...] = field(repr=False)
    patience: float = 60.0

    def send(self, message: Message) -> None:
        """Run it; status 0 says that the message was taken."""
        body = json.dumps(message.to_dict(), allow_nan=False)
        env = {**os.environ, EVENT: message.id, MESSAGE: body}
        _run(self.name, self.words, f"{message.text}\n", env, self.patience)


@dataclass(frozen=True)
class Desktop:
    """The desktop's own notices."""

    name: str
    program: str
    patience: float = 20.0

    def send(self, message: Message) -> None:
        """Show the message by notify-send, which reads markup in its body."""
        rest = html.escape(message.text.partition("\n")[2], quote=False)
        words = (self.program, "--app-name=fadefollow", "--", message.title, rest)
        _run(self.name, words, "", dict(os.environ), self.patience)


def channels_of(asked: Sequence[str], environ: Mapping[str, str]) -> tuple[Channel, ...]:
    """The channels that `--notify` names.

    Args:
        asked: addresses (`https://…`), `webhook:`, `telegram:`, `command:…`, `desktop:`.
        environ: where the secrets are.

    Raises:
        ParameterError: it names none, a secret is missing, or it is on the command line.
    """
    made: list[Channel] = []
    seen: Counter[str] = Counter()
    for text in dict.fromkeys(asked):
        kind, colon, rest = text.strip().partition(":")
        if kind.lower() in ("http", "https"):
            found: Channel = _webhook(text.strip(), environ, typed=True)
        elif kind in ("webhook", "telegram", "desktop") and colon:
            _without_rest(kind, rest)
            found = _BARE[kind](environ)
        elif kind == "command" and colon:
            found = _command(rest)
        else:
            got = repr(kind) if re.fullmatch(r"[a-z]{1,12}", kind) else "another text"
            raise ParameterError(f"--notify must be {_KINDS}", got=got)
        seen[found.name] += 1
        if seen[found.name] > 1:
            object.__setattr__(found, "name", f"{found.name} {seen[found.name]}")
        made.append(found)
    return tuple(made)


def _webhook(url: str, environ: Mapping[str, str], *, typed: bool = False) -> Webhook:
    """The webhook of an address, which is shown without what may be secret in it: all but the host.

    Args:
        url: the address.
        environ: where its token is.
        typed: it stood on the command line, where nothing secret may be.
    """
    where = "--notify" if typed else WEBHOOK
    try:
        parts = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise ParameterError("the address of a webhook cannot be read", where=where) from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ParameterError(
            "the address of a webhook must begin with https:// and a host", where=where
        )
    if typed and (parts.userinfo or parts.query):
        raise ParameterError(
            "secrets come from the environment only",
            got="an address with a user or a query in it",
            where=where,
            hint=f"set {WEBHOOK} to the address, and give --notify webhook:",
        )
    port = "" if parts.port is None else f":{parts.port}"
    return Webhook(f"webhook {parts.host}{port}", url, environ.get(BEARER, ""))


def _from_environment(environ: Mapping[str, str]) -> Webhook:
    return _webhook(_needed(environ, WEBHOOK, "webhook:"), environ)


def _telegram(environ: Mapping[str, str]) -> Telegram:
    token = _needed(environ, TOKEN, "telegram:")
    if not re.fullmatch(r"\d+:[\w-]+", token, re.ASCII):
        raise ParameterError(f"{TOKEN} must be a bot's token, digits:letters", where="telegram:")
    base = environ.get(SERVER) or _TELEGRAM
    url = f"{base.rstrip('/')}/bot{token}/sendMessage"
    return Telegram("telegram", url, _needed(environ, CHAT, "telegram:"))


def _command(text: str) -> Command:
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise ParameterError(
            "the command cannot be read", got=str(error), where="command:"
        ) from None
    program = shutil.which(words[0]) if words else None
    if program is None:
        got = repr(words[0]) if words else "nothing"
        raise ParameterError("no program to run", got=got, where="command:")
    return Command(f"command {Path(words[0]).name}", (program, *words[1:]))


def _desktop(_environ: Mapping[str, str]) -> Desktop:
    program = shutil.which("notify-send")
    if program is None:
        raise ParameterError(
            "notices of the desktop need notify-send",
            got="no such program",
            where="desktop:",
            hint="it comes with libnotify (libnotify-bin)",
        )
    return Desktop("desktop", program)


_BARE: Mapping[str, Any] = {
    "webhook": _from_environment,
    "telegram": _telegram,
    "desktop": _desktop,
}


def _without_rest(kind: str, rest: str) -> None:
    if rest:
        raise ParameterError(
            f"nothing may follow {kind}: as secrets come from the environment only",
            got=f"{len(rest)} letters",
            where="--notify",
        )


def _needed(environ: Mapping[str, str], name: str, where: str) -> str:
    if not (value := environ.get(name, "").strip()):
        raise ParameterError(f"{where} needs {name} in the environment", got="nothing")
    return value


# ---- sending ----


def _post(channel: Webhook | Telegram, said: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    try:
        with _unlogged():
            status, after = asyncio.run(_answer(channel, said, headers))
    except (TimeoutError, httpx.TimeoutException):
        why = f"no answer within {channel.patience:g} s"
        raise UndeliveredError(channel.name, why) from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        why = f"no connection ({type(error).__name__})"
        raise UndeliveredError(channel.name, why) from None
    if not 200 <= status < 300:
        later = status < 400 or status >= 500 or status in _LATER
        raise UndeliveredError(channel.name, f"status {status}", later=later, after=after)


async def _answer(
    channel: Webhook | Telegram, said: Mapping[str, Any], headers: Mapping[str, str]
) -> tuple[int, float]:
    """Status, and seconds to wait where the receiver asks for them; redirects are not followed."""
    async with (
        httpx.AsyncClient(timeout=channel.patience) as client,
        asyncio.timeout(channel.patience),  # for the whole: httpx's are from byte to byte
        client.stream("POST", channel.url, json=dict(said), headers=dict(headers)) as answer,
    ):
        if answer.is_success:
            return answer.status_code, 0.0
        data = b""
        async for part in answer.aiter_raw():
            data += part
            if len(data) > _LONGEST_ANSWER:
                break
        return answer.status_code, _asked_wait(answer.headers.get("Retry-After"), data)


def _asked_wait(header: str | None, data: bytes) -> float:
    """Seconds by the header, or as Telegram says it."""
    try:
        said = header if header is not None else json.loads(data)["parameters"]["retry_after"]
        return max(0.0, min(float(said), 86_400.0))
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0.0


def _run(name: str, words: Sequence[str], text: str, env: dict[str, str], patience: float) -> None:
    try:
        done = subprocess.run(
            words,
            input=text.encode("utf-8", "replace"),
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=patience,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UndeliveredError(name, f"not done within {patience:g} s") from None
    except (OSError, ValueError) as error:
        raise UndeliveredError(name, f"cannot run ({type(error).__name__})") from None
    if done.returncode != 0:
        raise UndeliveredError(name, f"status {done.returncode}")


@contextmanager
def _unlogged() -> Iterator[None]:
    """Without the lines that httpx logs of each request: they have the address in them."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [one.disabled for one in loggers]
    for one in loggers:
        one.disabled = True
    try:
        yield
    finally:
        for one, was in zip(loggers, before, strict=True):
            one.disabled = was
