"""Files that are there whole or not at all, also after a kill or a power cut.

The bytes first go into a draft beside the place, a hidden file named by 32 hexadecimal digits, are
flushed to the disk, and the draft is renamed in one step. A killed writer leaves its draft, which
the next writer removes.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from fadefollow.errors import FadeFollowError, StoreError

_DRAFT = re.compile(r"\.[0-9a-f]{32}\.tmp")
#: seconds after which a draft's writer must have died
_ABANDONED = 3600.0


def write_whole(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file in place of what was there; on any failure that stays, and no draft is left.

    Args:
        path: of the file; its folder must exist.
        data: all that it is to hold.
        durable: on the disk when this returns; False where a power cut may lose the file, as its
            reader checks it.

    Raises:
        OSError: it cannot be written.
    """
    draft = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if durable:
        fsync(path.parent)


def write_page(
    text: str,
    path: Path,
    *,
    rule: str = "cannot write the page",
    hint: str = "give another place with --output, or free some space",
) -> Path:
    """Write one page in place of what was there; on any failure the old page stays.

    Args:
        text: of the page; what UTF-8 cannot hold becomes `?`.
        path: of the page; its folder is made where it does not exist.
        rule, hint: of the error.

    Raises:
        StoreError: it cannot be written; nothing is left behind.
    """
    if path.is_dir():
        raise StoreError(rule, got="it is a folder", where=str(path), hint=hint)
    with as_store_error(rule, path, hint):
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_drafts(path.parent)
        write_whole(path, text.encode("utf-8", "replace"))
    return path


def remove_drafts(folder: Path, *, age: float = _ABANDONED) -> None:
    """Remove the drafts that killed writers left in a folder.

    Args:
        folder: where the files are.
        age: seconds for which a draft is left alone; 0 where nobody else can be writing.
    """
    for path in folder.glob(".*.tmp"):
        if _DRAFT.fullmatch(path.name):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime >= age:  # noqa: TID251 - the clock of files
                    path.unlink(missing_ok=True)


def fsync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    if path.is_dir() and os.name == "nt":
        return  # Windows cannot open a folder
    handle = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def as_store_error(rule: str, where: Path, hint: str) -> Iterator[None]:
    """Raise what the system refuses as a StoreError."""
    try:
        yield
    except FadeFollowError:
        raise
    except OSError as error:
        raise StoreError(rule, got=reason(error), where=str(where), hint=hint) from error


def reason(error: OSError) -> str:
    """Why the system refused; of a copied tree, why it refused the first file."""
    if isinstance(error, shutil.Error) and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][-1])
    return error.strerror or str(error) or type(error).__name__
