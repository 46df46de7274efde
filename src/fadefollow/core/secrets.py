"""Addresses without the credentials in them: what may be shown, logged, recorded or raised.

Shown is only what is known to be harmless. An address that cannot be read for certain, such as one
with a `/` or `@` in its password that should have been percent-encoded, is hidden as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_plus

HIDDEN = "***"
#: a secret shorter than this cannot be taken out of a text without telling where it was
_SHORT = 4

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
_URL = re.compile(
    r"""(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://
    (?:(?P<user>[^:/?\#@\s]*)(?::(?P<password>[^/?\#@\s]*))?@)?
    (?P<hosts>(?:\[[0-9A-Fa-f:.%]*\]|[\w.\-%]*)(?::\d*)?
        (?:,(?:\[[0-9A-Fa-f:.%]*\]|[\w.\-%]*)(?::\d*)?)*)
    (?P<path>/[^?\#@\s]*)?
    (?:\?(?P<query>[^?\#@\s]*))?
    """,
    re.VERBOSE,
)
_BAD_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
#: settings of a connection whose values are no secret
_HARMLESS = frozenset(
    {
        "application_name",
        "channel_binding",
        "connect_timeout",
        "dbname",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "port",
        "requirepeer",
        "service",
        "sslcert",
        "sslkey",
        "sslmode",
        "sslrootcert",
        "target_session_attrs",
        "user",
    }
)
_SETTING = re.compile(
    r"(?i)(?P<name>[\w\-]*(?:passw|passphrase|secret)[\w\-]*)(?P<gap>\s*=\s*)"
    r"(?:'(?:[^'\\]|\\.)*'|\S+)"
)


@dataclass(frozen=True)
class Address:
    """A URL that shows itself without credentials; `reveal` is for the one call that needs them."""

    _url: str = field(repr=False)

    def reveal(self) -> str:
        """The URL as it was given."""
        return self._url

    def __str__(self) -> str:
        return redacted(self._url)

    def __repr__(self) -> str:
        return f"Address({redacted(self._url)!r})"


def redacted(url: str) -> str:
    """`url` with its user, password and secret settings hidden; a path comes back as it is.

    `postgresql://bob:pw@db.example:5432/tunes?sslmode=require` becomes
    `postgresql://***@db.example:5432/tunes?sslmode=require`.
    """
    start = _SCHEME.match(url)
    if start is None:
        return _SETTING.sub(rf"\g<name>\g<gap>{HIDDEN}", url)
    parts = _read(url)
    if parts is None:
        return start.group() + HIDDEN
    user = "" if parts["user"] is None else f"{HIDDEN}@"
    query = "&".join(
        f"{name}={value if name in _HARMLESS else HIDDEN}"
        for name, value in _settings(parts["query"])
    )
    text = f"{start.group()}{user}{parts['hosts']}{parts['path'] or ''}"
    return f"{text}?{query}" if query else text


def is_readable(url: str) -> bool:
    """Whether the parts of a URL can be told apart for certain."""
    return _read(url) is not None


def scrub(text: str, url: str) -> str:
    """`text` without `url` and the secrets in it, encoded or not, e.g. a driver's message.

    A text is withheld as a whole where a secret of fewer than 4 characters occurs in it, or where
    the URL cannot be read.
    """
    parts = _read(url)
    if parts is None:
        return "(withheld: the address cannot be read)"
    text = text.replace(url, redacted(url))
    secrets = {form for secret in _secrets(parts) for form in _forms(secret)}
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) < _SHORT and secret in text:
            return "(withheld: it might show the password)"
        text = text.replace(secret, HIDDEN)
    return text


def redact_argv(argv: Sequence[str]) -> list[str]:
    """A command line whose URLs and passwords are hidden, e.g. also in `--storage=URL`."""
    return [_redact_argument(argument) for argument in argv]


def _redact_argument(argument: str) -> str:
    found = _SCHEME.search(argument)
    if found is None:
        return redacted(argument)
    return redacted(argument[: found.start()]) + redacted(argument[found.start() :])


def _read(url: str) -> dict[str, str | None] | None:
    match = _URL.fullmatch(url)
    if match is None or _BAD_PERCENT.search(url):
        return None
    return match.groupdict()


def _settings(query: str | None) -> Iterator[tuple[str, str]]:
    for setting in (query or "").split("&"):
        name, equals, value = setting.partition("=")
        if equals:
            yield name, value
        elif name:
            yield HIDDEN, name


def _secrets(parts: dict[str, str | None]) -> Iterator[str]:
    yield parts["password"] or ""
    yield from (value for name, value in _settings(parts["query"]) if name not in _HARMLESS)


def _forms(secret: str) -> set[str]:
    return {secret, unquote(secret), unquote_plus(secret)} - {""}
