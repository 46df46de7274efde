"""Tables of several files as one: files may follow each other, and overlap where they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from fadefollow.errors import DataError
from fadefollow.market.findings import Finding, when
from fadefollow.market.importing import clean
from fadefollow.market.importing.file_spec import FileSpec
from fadefollow.market.streams import Stream

#: relative difference up to which two values are the same, written twice
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Piece:
    """The rows of one coin and stream in one file."""

    coin: str
    table: pd.DataFrame  #: canonical; may be empty
    where: str  #: the file, for messages
    spec: FileSpec
    inferred: bool = False  #: whether the settlement intervals were inferred
    symbols: dict[str, str] = field(default_factory=dict)  #: value of each symbol-like column
    findings: tuple[Finding, ...] = ()


def join(pieces: Sequence[Piece], schema: Stream) -> clean.Cleaned:
    """The tables of one coin and stream as one.

    Args:
        pieces: in the order of the entries and of their files' names; none is empty.
        schema: the stream.

    Raises:
        DataError: two files are of different symbols, or differ on the same record.
    """
    _check_symbols(pieces)
    if len(pieces) == 1:
        return pieces[0].table, ()
    key = ["time", *schema.key]
    table = pd.concat([piece.table for piece in pieces], ignore_index=True)
    owner = np.repeat(np.arange(len(pieces)), [len(piece.table) for piece in pieces])
    order = table.assign(_owner=owner).sort_values([*key, "_owner"], kind="stable").index
    table, owner = table.loc[order].reset_index(drop=True), owner[order.to_numpy()]
    inferred = all(piece.inferred for piece in pieces)
    findings: tuple[Finding, ...] = ()
    if table.duplicated(key).any():
        made = {"interval_hours"} if inferred else set()
        values = [str(c) for c in table if c not in (*key, *made)]
        table, findings = _settled(table, key, values, owner, pieces, schema)
    if inferred:  # a file's first settlement has its interval from the file before
        table, _ = clean.infer_intervals(table, schema)
    return table, findings


def _check_symbols(pieces: Sequence[Piece]) -> None:
    """Refuse files of one entry that say to be of different symbols."""
    seen: dict[tuple[int, str], tuple[str, str]] = {}
    for piece in pieces:
        for name, value in piece.symbols.items():
            other, where = seen.setdefault((id(piece.spec), name), (value, piece.where))
            if other != value:
                raise DataError(
                    f"all files of {piece.coin} must have the same symbol",
                    got=f"{other} and {value} in the column {name}",
                    where=f"{where} and {piece.where}",
                    hint="path may match too many files: write {coin} where they differ",
                )


def _settled(
    table: pd.DataFrame,
    key: list[str],
    values: list[str],
    owner: npt.NDArray[np.int64],
    pieces: Sequence[Piece],
    schema: Stream,
) -> clean.Cleaned:
    """Each record once; of records that differ, the one that `overlap` names."""
    again = table.duplicated(key).to_numpy()
    head = np.maximum.accumulate(np.where(again, 0, np.arange(len(table))))
    differs = again & _different(table[values], table[values].iloc[head])
    if not differs.any():
        return table[~again].reset_index(drop=True), ()
    at = int(differs.argmax())
    sides = pieces[owner[head[at]]], pieces[owner[at]]
    involved = {*owner[differs], *owner[head[differs]]}
    wanted = {pieces[n].spec.overlap for n in involved} - {None}
    stamp = table["time"][at]
    if len(wanted) != 1:
        name = next(v for v in values if _different(table[[v]], table[[v]].iloc[head])[at])
        one, other, count = table[name][head[at]], table[name][at], int(differs.sum())
        raise DataError(
            f"files of one coin's {schema.name} must agree where they overlap",
            got=f"{name} {one} and {other} at {when(stamp)}"
            + f" (and {count - 1} more records that differ)" * (count > 1),
            where=f"{sides[0].where} and {sides[1].where}",
            hint='overlap = "first" or "last" says which file counts; since and until cut an entry',
        )
    (side,) = wanted
    kept = ~table.duplicated(key, keep=side)
    text = f"records that differ between two files; those of the {side} file are stored"
    note = Finding("note", "", schema.name, "files overlap", int(differs.sum()), when(stamp), text)
    return table[kept].reset_index(drop=True), (note,)


def _different(one: pd.DataFrame, other: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """In which rows two tables of the same columns differ; missing values are alike."""
    made = np.zeros(len(one), bool)
    for name in one:
        a, b = one[name].reset_index(drop=True), other[name].reset_index(drop=True)
        if pd.api.types.is_float_dtype(a.dtype):
            same = np.isclose(a, b, rtol=_TOLERANCE, atol=0.0, equal_nan=True)
        else:
            same = ((a == b) | (a.isna() & b.isna())).to_numpy(bool)
        made |= ~same
    return made
