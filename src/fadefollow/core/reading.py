"""Read regular files whole (a pipe would block), and JSON of any depth."""

from __future__ import annotations

import errno
import json
import stat
from pathlib import Path
from typing import Any

#: of a file that a person writes; larger ones are none
LARGEST_TEXT = 2**24


def regular_bytes(path: Path, *, limit: int | None = None) -> bytes:
    """The bytes of a regular file.

    Args:
        path: of the file; links are followed.
        limit: refuse a file that is larger, in bytes.

    Raises:
        OSError: it cannot be read, is a pipe, a device or a folder, or is larger than `limit`.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, no regular file", str(path))
    if limit is not None and found.st_size > limit:
        raise OSError(errno.EFBIG, f"{found.st_size:,} bytes, more than {limit:,}", str(path))
    return path.read_bytes()


def parsed_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, is nested too deeply, or has a number of too many digits.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
