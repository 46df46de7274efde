"""The claims file: lines that are only ever appended, each sealed with the one before.

A line ends with `hash`, the SHA-256 of its own text without it, and holds `previous`, the hash of
the line before it. So a line that was changed, removed or put in between is noticed at the next
read. Whoever writes all later lines anew is not: to prove a claim to others, give them the last
hash when it is registered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import Timeout

from fadefollow.core.json_lines import append_after, finished_lines, line_of
from fadefollow.core.reading import parsed_json
from fadefollow.errors import StoreError
from fadefollow.results.claims.lines import Line, from_record, to_record

#: name of the file in the folder of runs
CLAIMS = "claims.jsonl"
LOCK_SECONDS = 60.0
#: what the first line follows
FIRST = "0" * 64


@dataclass(frozen=True)
class ClaimsFile:
    """The claims file at `path`, which need not exist yet."""

    path: Path

    def lines(self) -> list[Line]:
        """Everything in the file, in order.

        Raises:
            StoreError: it cannot be read, or a line is not as it was written.
        """
        try:
            return self._checked(finished_lines(self.path))[0]
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise self._error(error.strerror or str(error)) from error

    def append(self, made_of: Callable[[list[Line]], Sequence[Line]]) -> list[Line]:
        """Append lines that depend on those before, and return them.

        Args:
            made_of: makes the new lines from those there are; what it raises leaves the file as
                it is.

        Raises:
            StoreError: as in `lines`, or the file cannot be written or is locked.
        """
        new: list[Line] = []

        def sealed(before: list[bytes]) -> bytes:
            lines, head = self._checked(before)
            new.extend(made_of(lines))
            data = b""
            for line in new:
                text, head = _sealed(to_record(line), head)
                data += text
            return data

        try:
            append_after(self.path, sealed, timeout=LOCK_SECONDS)
        except Timeout:
            raise self._error(f"a lock held for more than {LOCK_SECONDS:g} s") from None
        except OSError as error:
            if isinstance(error, StoreError):
                raise
            raise self._error(error.strerror or str(error)) from error
        return new

    @property
    def head(self) -> str:
        """The hash of the last line."""
        return self._checked(finished_lines(self.path))[1]

    def _checked(self, texts: Sequence[bytes]) -> tuple[list[Line], str]:
        lines, head = list[Line](), FIRST
        for number, text in enumerate(texts, 1):
            where = f"{self.path}, line {number}"
            try:
                record: dict[str, Any] = parsed_json(text)
                said = {k: v for k, v in record.items() if k not in ("previous", "hash")}
                again, hash_ = _sealed(said, record["previous"])
                unchanged = text + b"\n" == again and record["hash"] == hash_
                follows = record["previous"] == head
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise _changed(where, f"{type(error).__name__}: {error}") from error
            if not unchanged:
                raise _changed(where, "its hash is of another text")
            if not follows:
                raise _changed(where, "the line before it is another one")
            hint = "written by a later version, perhaps"
            with line_of("the claims file", self.path, number, hint=hint):
                lines.append(from_record(said))
            head = hash_
        return lines, head

    def _error(self, got: str) -> StoreError:
        return StoreError(
            "cannot read or write the claims file",
            got=got,
            where=str(self.path),
            hint="free some space or check permissions",
        )


def _sealed(said: dict[str, Any], previous: str) -> tuple[bytes, str]:
    """A line as it is written, with its end, and its hash."""
    record = {**said, "previous": previous}
    text = json.dumps(record, allow_nan=False, sort_keys=True, ensure_ascii=False)
    hash_ = hashlib.sha256(text.encode()).hexdigest()
    whole = json.dumps(
        {**record, "hash": hash_}, allow_nan=False, sort_keys=True, ensure_ascii=False
    )
    return f"{whole}\n".encode(), hash_


def _changed(where: str, got: str) -> StoreError:
    return StoreError(
        "a line of the claims file was changed after it was written",
        got=got,
        where=where,
        hint="restore the file; a claim that was changed proves nothing",
    )
