"""Log of judged markets: one JSON line each, append-only.

A line names everything that it depends on (`Design.key`), so that a calibration that was
interrupted goes on where it was, and one with other settings or other code begins anew.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from fadefollow.core.json_lines import append_in_turn, finished_lines, line_of
from fadefollow.core.reading import parsed_json
from fadefollow.errors import StoreError
from fadefollow.verdict.calibration.design import Arm
from fadefollow.verdict.calibration.false_words import Row, Stand
from fadefollow.verdict.calibration.judged import Table

#: name of the file in the folder of runs
NOTEBOOK = "calibration.jsonl"


class Page(Protocol):
    """Result of one market, a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def arm(self) -> Arm:
        """The market's kind."""

    @property
    def seed(self) -> int:
        """Its number."""


T = TypeVar("T", bound=Page)


@dataclass(frozen=True)
class Pages(ABC, Generic[T]):
    """The log in the file `path`, which need not exist yet."""

    path: Path

    @staticmethod
    @abstractmethod
    def page(said: dict[str, Any]) -> T:
        """A result from a line, with NaN for None; the line has a `key` too."""

    def read(self, key: str) -> tuple[dict[tuple[Arm, int], T], int]:
        """The tables judged under `key`, by arm and seed, and how many there are of other keys.

        Raises:
            StoreError: it cannot be read, or a finished line is not as it was written.
        """
        known: dict[tuple[Arm, int], T] = {}
        others = 0
        for number, line in enumerate(self._lines(), 1):
            hint = "remove the file; the calibration starts over"
            with line_of("the log of the calibration", self.path, number, hint=hint):
                said = parsed_json(line)
                if said["key"] == key:
                    table = self.page(said)
                    known[table.arm, table.seed] = table
                else:
                    others += 1
        return known, others

    def add(self, key: str, table: T) -> None:
        """Append one table and flush it to the disk.

        Raises:
            StoreError: it cannot be written.
        """
        said = _plain({"key": key, **asdict(table)})
        data = (json.dumps(said, allow_nan=False) + "\n").encode()
        try:
            append_in_turn(self.path, data)
        except OSError as error:
            raise StoreError(
                "cannot write the log of the calibration",
                got=error.strerror or str(error),
                where=str(self.path),
                hint="free some space",
            ) from error

    def _lines(self) -> list[bytes]:
        try:
            return finished_lines(self.path)
        except OSError as error:
            got = error.strerror or str(error)
            rule = "cannot read the log of the calibration"
            raise StoreError(rule, got=got, where=str(self.path)) from error


@dataclass(frozen=True)
class Notebook(Pages[Table]):
    """The log of judged tables in the file `path`, which need not exist yet."""

    @staticmethod
    def page(said: dict[str, Any]) -> Table:
        """The table in a line."""
        return _table(said)


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _table(said: dict[str, Any]) -> Table:
    rows = tuple(
        Row(**(row | {"stands": tuple(_stand(one) for one in row["stands"])}))
        for row in said["rows"]
    )
    return Table(Arm(**said["arm"]), said["seed"], rows, said["seconds"])


def _stand(said: dict[str, Any]) -> Stand:
    known: dict[str, Any] = {name: math.nan if v is None else v for name, v in said.items()}
    return Stand(**known)
