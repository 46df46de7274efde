"""Single tables on disk: named by their content, whole or not at all, checked when read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from fadefollow.core.atomic_file import write_whole
from fadefollow.errors import DataError, StoreError
from fadefollow.market.store.manifest import Entry


def content_hash(table: pd.DataFrame) -> str:
    """SHA-256 of a table's values: names, kinds and arrays, not how a file lays them out."""
    digest = hashlib.sha256(f"{len(table)}".encode())
    for name, column in table.items():
        if isinstance(column.dtype, pd.DatetimeTZDtype):
            kind, data = "time", column.dt.as_unit("ns").astype("int64").to_numpy().tobytes()
        elif pd.api.types.is_numeric_dtype(column.dtype):
            values = column.to_numpy(np.float64) + 0.0  # −0 becomes 0
            kind, data = "float", np.where(np.isnan(values), np.nan, values).tobytes()
        else:
            kind, data = "text", _texts(column)
        digest.update(f"|{name}|{kind}|{len(data)}|".encode())
        digest.update(data)
    return digest.hexdigest()


def _texts(column: pd.Series) -> bytes:
    """Each value's length and UTF-8; the same few words stand in many rows, and are read once."""
    alike = pd.api.types.infer_dtype(column, skipna=False) == "string"
    codes, values = pd.factorize(column) if alike else (np.arange(len(column)), column)
    parts = [str(value).encode() for value in values]
    framed = [len(part).to_bytes(8, "little") + part for part in parts]
    return b"".join([framed[code] for code in codes.tolist()])


def put(folder: Path, coin: str, name: str, table: pd.DataFrame, source: str) -> Entry:
    """Store one table, unless the same content is there already, whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not len(table):
        raise DataError("a stored table must have rows", got="none", where=f"{coin} {name}")
    sink = pa.BufferOutputStream()
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(arrow, sink, compression="zstd", use_dictionary=False)
    data: bytes = sink.getvalue().to_pybytes()
    content, sha256 = content_hash(table), hashlib.sha256(data).hexdigest()
    path = folder / f"{coin}-{name}-{sha256[:20]}.parquet"
    if not path.exists() or hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        write_whole(path, data)
    return Entry(
        file=path.name,
        rows=len(table),
        first=table["time"].iloc[0].isoformat(),
        last=table["time"].iloc[-1].isoformat(),
        size=len(data),
        sha256=sha256,
        content=content,
        source=source,
    )


def read(folder: Path, entry: Entry) -> pd.DataFrame:
    """One table; the bytes that are parsed are those that were checked."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / entry.file
    hint = "import the data set again"
    try:
        data = path.read_bytes()
    except OSError as error:
        got = error.strerror
        raise StoreError("cannot read a stored file", got=got, where=str(path), hint=hint) from (
            error
        )
    if len(data) != entry.size:
        got = f"{len(data)} of {entry.size} bytes"
        raise StoreError("a stored file is cut", got=got, where=str(path), hint=hint)
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        rule = "a stored file has changed"
        raise StoreError(rule, got="another content", where=str(path), hint=hint)
    frame: pd.DataFrame = pq.read_table(pa.BufferReader(data)).to_pandas()
    return frame
