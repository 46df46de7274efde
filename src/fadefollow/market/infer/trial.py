"""A mapping tried on the rows that were seen of each file: the import itself reads them."""

from __future__ import annotations

import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from fadefollow.core.toml import build
from fadefollow.errors import FadeFollowError
from fadefollow.market.datasets.spec import DatasetSpec
from fadefollow.market.importing.files import read_files
from fadefollow.market.infer.entries import InferredEntry
from fadefollow.market.infer.files import NO_COIN, InferredFile
from fadefollow.market.infer.text import text_of

#: files up to this size are tried whole, larger ones by their first rows, bytes
_WHOLE = 1 << 20
_ROWS = 5000


@contextmanager
def rows_of(files: Sequence[InferredFile], folder: Path) -> Iterator[Path]:
    """A folder with the first rows of each of the files, gone afterwards."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        for where in dict.fromkeys(file.where for file in files):
            _copy(folder / where, root / where)
        yield root


def refusal(text: str, root: Path) -> FadeFollowError | None:
    """Why an import refuses files as a mapping says; None if it does not.

    Args:
        text: the mapping as TOML.
        root: folder of the files.
    """
    try:
        read_files(_spec(text), root)
    except FadeFollowError as error:
        return error
    return None


def refusal_of(file: InferredFile, root: Path, bar: pd.Timedelta) -> FadeFollowError | None:
    """Why an import at a bar size refuses a file by itself; None if it does not."""
    path = file.where
    if file.stream == "future":  # its expiry is in its name alone
        path = file.name.pattern.replace("{coin}", file.coins[0])
    return refusal(text_of([InferredEntry(path, (file,))], "trial", bar=bar), root)


def _spec(text: str) -> DatasetSpec:
    data = tomllib.loads(text)
    for item in data["files"]:
        if item.get("coin") == NO_COIN:
            item["coin"] = "X"
    return build(DatasetSpec, data, where="the inferred mapping")


def _copy(path: Path, to: Path) -> None:
    """The file, or its first rows where it is large."""
    to.parent.mkdir(parents=True, exist_ok=True)
    suffix = path.suffix.lower()
    if path.stat().st_size > _WHOLE and suffix in (".parquet", ".pq"):
        _copy_parquet(path, to)
    elif path.stat().st_size > _WHOLE and suffix in (".csv", ".tsv", ".txt"):
        with path.open("rb") as file:
            head = file.read(_WHOLE)
        to.write_bytes(head[: head.rfind(b"\n") + 1])
    else:
        try:
            to.symlink_to(path.resolve())
        except OSError:  # not every system lets everybody make links
            shutil.copyfile(path, to)


def _copy_parquet(path: Path, to: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        batch = next(file.iter_batches(_ROWS))
        table = pa.Table.from_batches([batch]).replace_schema_metadata(file.schema_arrow.metadata)
    pq.write_table(table, to)
