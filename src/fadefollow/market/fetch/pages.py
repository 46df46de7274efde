"""Pages: what came from a venue, on disk as it came, until it is folded into a table.

`<store>/<dataset>/pages/<COIN>/<part>/<from>-<to>-<asked>.parquet` holds the records of one range
of time that was asked for and answered (perhaps by none); `asked` is the time of asking, in ns. A
page appears whole or not at all, is durable before it is counted, and is never changed.
"""

from __future__ import annotations

import contextlib
import re
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fadefollow.core.atomic_file import remove_drafts, write_whole
from fadefollow.errors import StoreError
from fadefollow.market.fetch.time_ranges import Range, Times

_NAME = re.compile(r"(\d+)-(\d+)-(\d{19,20})\.parquet")

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Page:
    """One page, by its name."""

    path: Path
    window: Range
    asked: int  #: ns since 1970

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


@dataclass(frozen=True)
class Staging:
    """The pages of one part (a stream, or one contract of it) of one coin."""

    folder: Path

    def put(self, window: Range, times: Times, values: Values, columns: tuple[str, ...]) -> None:
        """Store one page; when this returns, no crash can lose it.

        Args:
            window: the range that was asked for.
            times: ms, ascending, shape (n,).
            values: shape (n, k).
            columns: names of the k columns.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.folder.mkdir(parents=True, exist_ok=True)
        named = {"time": times, **{c: values[:, i] for i, c in enumerate(columns)}}
        sink = pa.BufferOutputStream()
        pq.write_table(
            pa.table(named), sink, compression="none", use_dictionary=False, write_statistics=False
        )
        path = self.folder / f"{window[0]}-{window[1]}-{time.time_ns()}.parquet"
        try:
            write_whole(path, sink.getvalue().to_pybytes())
        except OSError as error:
            raise StoreError(
                "cannot store a fetched page",
                got=error.strerror or str(error),
                where=str(self.folder),
                hint="free some space; earlier pages are kept, rerun the same command to resume",
            ) from error

    def pages(self) -> list[Page]:
        """All pages, in the order in which they were asked for."""
        found = []
        for path in self.folder.glob("*.parquet") if self.folder.is_dir() else ():
            match = _NAME.fullmatch(path.name)
            if match:
                found.append(Page(path, (int(match[1]), int(match[2])), int(match[3])))
        return sorted(found, key=lambda p: (p.asked, p.name))

    def drop(self, names: tuple[str, ...]) -> None:
        """Remove pages that are in a table, and what killed writers left long ago."""
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        remove_drafts(self.folder)
        with contextlib.suppress(OSError):  # not empty: another fetch is at it
            self.folder.rmdir()
            self.folder.parent.rmdir()


def count(page: Page) -> int:
    """How many records a page has; one that is just being folded by another fetch has none."""
    import pyarrow.parquet as pq

    try:
        return int(pq.read_metadata(page.path).num_rows)
    except OSError:
        return 0


def read(page: Page, columns: tuple[str, ...]) -> tuple[Times, Values]:
    """The records of a page: times in ms, shape (n,), and values, shape (n, k).

    A column that earlier versions did not ask for is NaN.
    """
    import pyarrow.parquet as pq

    table = pq.read_table(page.path)
    times = table["time"].to_numpy().astype(np.int64)
    none = np.full(len(times), np.nan)
    there = set(table.column_names)
    values = np.column_stack([table[c].to_numpy() if c in there else none for c in columns])
    return times, values.astype(np.float64)
