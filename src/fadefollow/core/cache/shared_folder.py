"""The folder that all machines of a cluster reach: a path, or an object store by fsspec."""

from __future__ import annotations

import contextlib
import os
import platform
import uuid
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fadefollow.core.secrets import redacted, scrub
from fadefollow.errors import FadeFollowError, StoreError

#: environment variable: the folder, a path or an address of fsspec. A shelf that is sent to a
#: worker then sends where it lies, and the worker reads
SHARED = "FADEFOLLOW_SHARED"

_WRITING = "cannot write to the folder that all machines share"
_READING = "cannot read from the folder that all machines share"


def shared_folder() -> str | None:
    """The folder that the environment names, a path from the root; None if it names none."""
    folder = os.environ.get(SHARED)
    if not folder:
        return None
    return folder if ":" in folder else str(Path(folder).expanduser().absolute())


def refuse_shared_folder() -> None:
    """Refuse a shared folder that does not take a file, or does not let it be removed.

    Raises:
        StoreError: its driver is not installed, it does not exist, or this machine may not.
    """
    folder = shared_folder()
    if folder is None:
        return
    file = SharedFile(folder, [b"fadefollow"])
    with _plain(_WRITING, folder):
        store, path = _store_of(file.address)
        store.rm(path)
    file.remove.detach()


class SharedFile:
    """A file in the shared folder; it goes with this object, or when this process ends.

    Args:
        folder: a path or an address of fsspec.
        parts: what is written, one after another.

    Attributes:
        address: where it lies.
        remove: removes it now.

    Raises:
        StoreError: it cannot be written; what there is of it is removed.
    """

    def __init__(self, folder: str, parts: Iterable[bytes | bytearray | memoryview]) -> None:
        self.address = f"{folder.rstrip('/')}/fadefollow-{uuid.uuid4().hex}.shelf"
        with _plain(_WRITING, folder):
            store, path = _store_of(self.address)
            try:
                _write(store, path, parts)
            except BaseException:
                _remove(store, path, os.getpid())
                raise
        self.remove = weakref.finalize(self, _remove, store, path, os.getpid())


def read_shared(address: str, begin: int, sizes: Sequence[int]) -> list[bytearray]:
    """Consecutive parts of a shared file, each in memory of its own.

    Args:
        address: the file.
        begin: where the first part begins, bytes.
        sizes: of the parts, bytes.

    Raises:
        StoreError: the file cannot be read here, or is shorter than that.
    """
    with _plain(_READING, address, f"on {platform.node()}"):
        store, path = _store_of(address)
        whole = memoryview(store.cat_file(path, start=begin, end=begin + sum(sizes)))
        if len(whole) != sum(sizes):
            raise OSError(f"{len(whole)} bytes came instead of {sum(sizes)}")
    parts, at = [], 0
    for size in sizes:
        parts.append(bytearray(whole[at : at + size]))
        at += size
    return parts


def _store_of(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    import fsspec  # of those who have a cluster

    store, path = fsspec.core.url_to_fs(address)
    return store, path


def _write(store: Any, path: str, parts: Iterable[bytes | bytearray | memoryview]) -> None:
    out = store.open(path, "wb")
    try:
        for part in parts:
            out.write(part)
        out.close()
    except BaseException:
        # to close an object is to keep it: its upload has to be given up first
        for end in ("discard", "close"):
            with contextlib.suppress(Exception):  # not each driver's file can be given up
                getattr(out, end)()
        raise


def _remove(store: Any, path: str, owner: int) -> None:
    """Remove a file; a fork of the process that wrote it does not."""
    if os.getpid() == owner:
        with contextlib.suppress(Exception):  # each driver has errors of its own
            store.rm(path)


@contextlib.contextmanager
def _plain(rule: str, address: str, machine: str = "") -> Iterator[None]:
    """Convert the errors of a driver, each of which has its own kinds, to StoreError."""
    try:
        yield
    except (FadeFollowError, MemoryError):
        raise
    except Exception as error:
        said = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise StoreError(
            f"{rule} ({SHARED})",
            got=scrub(str(said), address) if "://" in address else said,
            where=f"{redacted(address)} {machine}".strip(),
            hint=_hint(error),
        ) from error


def _hint(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "install the driver here and on all workers, such as s3fs for s3://, gcsfs for gs://"
    if isinstance(error, ValueError) and "rotocol" in str(error):
        return "name a path or an address of fsspec, such as s3://bucket/scratch"
    return (
        "the folder or bucket must exist, and this machine and all workers must reach it under "
        "this address, with credentials to read, write and remove files"
    )
