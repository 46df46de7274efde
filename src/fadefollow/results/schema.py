"""Records of earlier schemas in the present form: the one place that knows that there are any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fadefollow.core.reading import parsed_json
from fadefollow.errors import StoreError
from fadefollow.results.record import SCHEMA
from fadefollow.results.verdict_record import upgraded

Record = dict[str, Any]


def _second(where: Path, record: Record) -> Record:
    """The first schema had one book, one word a row, and half of each verdict in report.json."""
    record = {**record, "schema": 2}
    if where.stem != "result":
        return record
    report = parsed_json(where.with_name("report.json").read_text("utf-8"))
    claims = {name: one.get("claim", "") for name, one in report["strategies"].items()}
    pairs = zip(record["verdicts"], report["verdicts"], strict=True)
    rows = [
        upgraded(public, private, claim=claims.get(public["strategy"], ""))
        for public, private in pairs
    ]
    return {**record, "verdicts": rows}


#: schema → what makes a record of the next one of it, given the file. Keys that a run of the same
#: schema may lack have their defaults where they are read.
UPGRADES: Mapping[int, Callable[[Path, Record], Record]] = {1: _second}


def present_form(record: object, *, where: Path, schema: int = SCHEMA) -> Record:
    """The content of a run's JSON file in the form that this version writes.

    Args:
        record: as it was parsed.
        where: the file.
        schema: of the present form.

    Raises:
        StoreError: a later version wrote it.
        ValueError: it has no schema that there ever was.
    """
    known = record if isinstance(record, dict) else {}
    written = known.get("schema")
    if isinstance(written, int) and written > schema:
        raise StoreError(
            "the run was written by a later version of fadefollow",
            got=f"schema {written}, where this version knows {schema}",
            where=str(where),
            hint="update fadefollow",
        )
    if not isinstance(written, int) or written not in (*UPGRADES, schema):
        raise ValueError(f"{where.name}: schema {written!r}, must be {schema}")
    for step in range(written, schema):
        known = UPGRADES[step](where, known)
    return known
