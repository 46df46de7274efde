"""Files by path, from a mirror folder or from the network, whole and with the right checksum.

What the network gives is kept in a folder with the archive's own layout, so that it is a mirror
itself: a second fetch takes from it what is there with the right checksum. A file is written
beside its place and moved there, so that a killed fetch leaves it whole or not at all; its
checksum follows it, and is compared with the bytes whenever they are read.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from fadefollow.core.atomic_file import write_whole
from fadefollow.errors import DataError, FadeFollowError, StoreError
from fadefollow.market.archives.listing import (
    LARGEST_PAGE,
    ListedFile,
    Listing,
    Page,
    list_folder,
    page_query,
    read_page,
)
from fadefollow.market.importing.zips import looks_like_page

CHECKSUM = ".CHECKSUM"
#: longest wait between two attempts, whatever the server asks for
LONGEST_WAIT = 60.0
_Made = TypeVar("_Made")
_SUM = re.compile(r"([0-9a-fA-F]{64})[ \t]+\*?(?:\./)?(\S+)\s*")


class UnreachableError(DataError):
    """The archive did not answer, or refused: no fault of one file."""


@dataclass(frozen=True)
class ArchiveFile:
    """One file as it was got."""

    path: str
    data: bytes = field(repr=False)
    sha256: str
    verified: bool  #: by the checksum published beside it
    fetched: bool  #: now, over the network


class Source(Protocol):
    """A source of files by path."""

    @property
    def origin(self) -> str:
        """The base, for the record."""

    @property
    def local(self) -> bool:
        """Whether it costs nothing to ask for a file that may not be there."""

    def get(self, path: str) -> ArchiveFile | None:
        """One file, None where the archive has none."""

    def listing(self, prefix: str, after: str = "") -> Listing:
        """What lies directly below a prefix, by name, after a marker."""


@dataclass(frozen=True)
class Rules:
    """Rules that every file must meet.

    Attributes:
        largest: bytes.
        checksums: whether a checksum is published beside each file.
        unverified: take files whose checksum is missing.
    """

    largest: int = 128 << 20
    checksums: bool = True
    unverified: bool = False


@dataclass(frozen=True)
class Mirror:
    """A folder with the archive's layout. Only read."""

    folder: Path
    rules: Rules = Rules()

    @property
    def origin(self) -> str:
        """What the record says: that it was a mirror, not where it lay."""
        return "a local mirror"

    @property
    def local(self) -> bool:
        """True."""
        return True

    def get(self, path: str) -> ArchiveFile | None:
        """One file; None where the folder has none.

        Raises:
            DataError: too large, no checksum, or another content than its checksum says.
            StoreError: it cannot be read.
        """
        place = self.folder / path
        try:
            if not place.is_file():
                return None
            size = place.stat().st_size
            if size > self.rules.largest:
                raise _too_large(path, f"{size:,}", self.rules.largest)
            data = place.read_bytes()
            beside = place.with_name(place.name + CHECKSUM)
            note = beside.read_bytes() if self.rules.checksums and beside.is_file() else None
        except OSError as error:
            got = error.strerror or str(error)
            raise StoreError("cannot read the file", got=got, where=path) from error
        return checked(path, data, note, self.rules, fetched=False)

    def listing(self, prefix: str, after: str = "") -> Listing:
        """What lies directly below a prefix, by name, after a marker.

        Raises:
            StoreError: the folder cannot be read.
        """
        try:
            return list_folder(self.folder, prefix, after)
        except OSError as error:
            got = error.strerror or str(error)
            raise StoreError("cannot read the folder", got=got, where=prefix) from error


@dataclass(frozen=True)
class Web:
    """The archive itself, by its base URL, with a folder for what was fetched."""

    base: str
    cache: Path
    client: httpx.Client
    rules: Rules = Rules()
    attempts: int = 5
    wait: float = 1.0  #: seconds before the second attempt; doubles
    lister: str = ""  #: URL that lists the bucket; by default the base

    @property
    def origin(self) -> str:
        """The base URL."""
        return self.base

    @property
    def local(self) -> bool:
        """False."""
        return False

    def get(self, path: str) -> ArchiveFile | None:
        """One file, from the cache where it is there with the right checksum.

        Raises:
            UnreachableError: no answer after all attempts, or a refusal.
            DataError: what comes is no such file, or not what its checksum says, each time.
            StoreError: the cache cannot be written.
        """
        if self.rules.checksums and (kept := self._kept(path)) is not None:
            return kept
        return self._patiently(partial(self._fetch, path))

    def listing(self, prefix: str, after: str = "") -> Listing:
        """What lies directly below a prefix, by name, after a marker.

        Raises:
            UnreachableError: no answer after all attempts, a refusal, or no listing each time.
        """
        folders: list[str] = []
        files: list[ListedFile] = []
        marker: str | None = after
        while marker is not None:
            page = self._patiently(partial(self._page, prefix, marker))
            folders += page.folders
            files += page.files
            marker = page.marker
        return Listing(tuple(folders), tuple(files))

    def _page(self, prefix: str, marker: str) -> Page:
        base, where = (self.lister or self.base).rstrip("/"), f"the listing of {prefix}"
        data = self._body(f"{base}?{page_query(prefix, marker)}", where, LARGEST_PAGE)
        if data is None:
            raise UnreachableError("the archive has no listing", where=base, hint=_MIRROR)
        try:
            return read_page(data, prefix, marker)
        except DataError as error:
            wrong = UnreachableError(error.rule, got=error.got, where=error.where, hint=_LATER)
            raise _PassingError(wrong) from error

    def _patiently(self, ask: Callable[[], _Made]) -> _Made:
        """What comes back, after as many attempts as it may take."""
        try:
            for attempt in Retrying(
                retry=retry_if_exception_type(_PassingError),
                stop=stop_after_attempt(self.attempts),
                wait=self._pause,
                reraise=True,
            ):
                with attempt:
                    return ask()
        except _PassingError as passing:
            raise passing.error from passing.__cause__
        raise AssertionError  # pragma: no cover

    def _kept(self, path: str) -> ArchiveFile | None:
        try:
            kept = Mirror(self.cache, self.rules).get(path)
        except (DataError, StoreError):
            return None  # an old or cut file is fetched again
        return kept if kept is not None and kept.verified else None

    def _fetch(self, path: str) -> ArchiveFile | None:
        url = f"{self.base.rstrip('/')}/{path}"
        data = self._body(url, path, self.rules.largest)
        if data is None:
            return None
        if looks_like_page(data):
            rule = "the archive did not send the file"
            raise _PassingError(UnreachableError(rule, got="a web page", where=path, hint=_LATER))
        note = None
        if self.rules.checksums:
            note = self._body(url + CHECKSUM, path + CHECKSUM, 4096)
        try:
            got = checked(path, data, note, self.rules, fetched=True)
        except _MismatchError as error:
            raise _PassingError(error) from None
        with _kept_whole(path):
            _put(self.cache / path, data)
            if note is not None:
                _put(self.cache / (path + CHECKSUM), note)
        return got

    def _body(self, url: str, path: str, largest: int) -> bytes | None:
        """The bytes at a URL as they are sent; None for 404."""
        try:
            with self.client.stream("GET", url, headers={"Accept-Encoding": "identity"}) as answer:
                if answer.status_code == 404:
                    return None
                _check_status(answer, path)
                made = bytearray()
                for piece in answer.iter_raw():
                    made += piece
                    if len(made) > largest:
                        raise _too_large(path, f"more than {largest:,}", largest)
                return bytes(made)
        except (httpx.TransportError, httpx.TooManyRedirects) as error:
            got = str(error) or type(error).__name__
            rule = "cannot reach the archive"
            raise _PassingError(
                UnreachableError(rule, got=got, where=self.base, hint=_MIRROR)
            ) from error
        except httpx.InvalidURL as error:
            raise UnreachableError("the base URL must be valid", got=self.base) from error

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.after if isinstance(error, _PassingError) else 0.0
        return min(max(self.wait * 2.0 ** (state.attempt_number - 1), asked), LONGEST_WAIT)


_LATER = "try again later; fetched files are kept"
_MIRROR = f"check the connection; {_LATER}, or use --mirror with a folder of the same layout"


class _PassingError(Exception):
    """A failure that a retry may mend, with the error to raise if it does not."""

    def __init__(self, error: FadeFollowError, after: float = 0.0) -> None:
        self.error, self.after = error, after
        super().__init__(str(error))


class _MismatchError(DataError):
    """A file that is not what its checksum says; a cut transfer, or a broken archive."""


def checked(
    path: str, data: bytes, note: bytes | None, rules: Rules, *, fetched: bool
) -> ArchiveFile:
    """The file, if its bytes are what the note beside it says."""
    actual = hashlib.sha256(data).hexdigest()
    if not rules.checksums:
        return ArchiveFile(path, data, actual, verified=False, fetched=fetched)
    name = path.rpartition("/")[2]
    if note is None:
        if rules.unverified:
            return ArchiveFile(path, data, actual, verified=False, fetched=fetched)
        raise DataError(
            f"no checksum file {name}{CHECKSUM}",
            where=path,
            hint="--unverified accepts files without a checksum, with a warning",
        )
    match = _SUM.fullmatch(note.decode("utf-8", "replace").lstrip("\ufeff"))
    if match is None or match[2] != name:
        got = "a web page" if looks_like_page(note) else repr(note[:100])
        rule = f"the checksum file must read: HASH {name}"
        raise _MismatchError(rule, got=got, where=path + CHECKSUM, hint=_AGAIN)
    if match[1].lower() != actual:
        raise _MismatchError(
            f"the file's SHA-256 must be {match[1].lower()}", got=actual, where=path, hint=_AGAIN
        )
    return ArchiveFile(path, data, actual, verified=True, fetched=fetched)


_AGAIN = "fetch the file again; --skip-damaged leaves out damaged files, with a warning"


def _check_status(answer: httpx.Response, path: str) -> None:
    code = answer.status_code
    if code == 200:
        return
    got = f"HTTP {code} {answer.reason_phrase}".strip()
    rule = "the archive did not send the file"
    if code in (408, 418, 425, 429) or code >= 500:
        seconds = answer.headers.get("retry-after", "")
        after = float(seconds) if seconds.isdigit() else 0.0
        raise _PassingError(UnreachableError(rule, got=got, where=path, hint=_LATER), after)
    hint = "use --mirror with a folder of the same layout"
    if code in (401, 403, 451):
        hint = f"the archive refuses this network or region: {hint}"
    raise UnreachableError(rule, got=got, where=path, hint=hint)


def _too_large(path: str, got: str, largest: int) -> DataError:
    return DataError(f"a file must have at most {largest:,} bytes", got=got, where=path)


def _put(place: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    write_whole(place, data, durable=False)


@contextmanager
def _kept_whole(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(
            "cannot write the folder for fetched files",
            got=error.strerror or str(error),
            where=path,
            hint="free some space, or check the folder's permissions",
        ) from error
