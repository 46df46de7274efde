"""A first mapping of somebody's files, for them to check: nothing is imported.

What names and values do not decide is marked `?` in the comments of the resulting TOML. Before
that the mapping is tried: the import reads the rows that were seen, and what it refuses is
mended or left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.errors import DataError, FadeFollowError
from fadefollow.market.bars import bar_size
from fadefollow.market.infer.entries import (
    InferredEntry,
    entries_of,
    with_bars,
    with_spacing,
    without_doubles,
    without_nameless,
)
from fadefollow.market.infer.files import InferredFile, look, with_reason
from fadefollow.market.infer.names import infer_names
from fadefollow.market.infer.preview import SUFFIXES, preview
from fadefollow.market.infer.reasons import LeftOut, Reason, doubt
from fadefollow.market.infer.text import doubts_of, reasons_of, text_of
from fadefollow.market.infer.trial import refusal, refusal_of, rows_of

#: largest number of files that are read, spread evenly over all
MOST_FILES = 10_000
#: zones of local times in which a file may be written, by how their clocks change
_ZONES = (
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "America/New_York",
    "America/Chicago",
    "America/Los_Angeles",
    "Australia/Sydney",
)


@dataclass(frozen=True)
class InferredMapping:
    """A mapping inferred from files, for their owner to check.

    Attributes:
        text: the data set's TOML, with comments.
        streams: coins by stream.
        doubts: what to check, worst first; also in `text`.
        left_out: files and columns that it does not map, and why.
        source: the folder to which its paths are relative.
    """

    text: str
    streams: dict[str, tuple[str, ...]]
    doubts: tuple[str, ...]
    left_out: tuple[str, ...]
    source: Path

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "streams": {name: list(coins) for name, coins in self.streams.items()},
            "doubts": list(self.doubts),
            "left_out": list(self.left_out),
            "source": str(self.source),
            "text": self.text,
        }


def infer_mapping(source: Path, *, title: str) -> InferredMapping:
    """The mapping of a file, or of all files of a folder, inferred from names and values.

    Args:
        source: a CSV, Parquet or zip file, or a folder of them. Only read.
        title: of the data set.

    Raises:
        DataError: there is nothing that could be market data; it says why, file by file.
    """
    source = Path(source)
    paths, folder = _paths_of(source)
    left: list[LeftOut] = []
    files = with_spacing(_look_at(paths, folder, left), left)
    files = without_nameless(files, left)
    with rows_of(files, folder) as root:
        # a pattern keeps out what lies beside a file that is mapped alone
        beside = [p.name for p in folder.iterdir()] if source.is_file() else paths
        entries, doubts, reasons = _tried(files, beside, root)
    left += reasons
    if len(paths) > MOST_FILES:
        few = f"only one in {_stride(paths)} of {len(paths)} files was read"
        doubts.append(doubt(f"{few}: the coins of the others may be missing"))
    if not entries:
        left = _grouped(left)
        more = f"; and {len(left) - 5} more" if len(left) > 5 else ""
        raise DataError(
            "no file looks like market data",
            got="; ".join(map(str, left[:5])) + more or "none",
            where=str(source),
            hint="a coin needs bars of its perp or spot: time, open, high, low, close",
        )
    left = _grouped(left)
    return _mapping_of(entries, doubts, left, title, folder)


def _mapping_of(
    entries: Sequence[InferredEntry],
    doubts: list[Reason],
    left: list[LeftOut],
    title: str,
    folder: Path,
) -> InferredMapping:
    whole = [*doubts, *doubts_of(entries)]
    streams: dict[str, dict[str, None]] = {}
    for entry in entries:
        streams.setdefault(entry.like.stream, {}).update(dict.fromkeys(entry.coins))
    each = [f"{e.like.stream}: {r.text}" for e in entries for r in reasons_of(e) if r.doubtful]
    return InferredMapping(
        text_of(entries, title, doubts=whole, left=left),
        {name: tuple(coins) for name, coins in streams.items()},
        tuple(dict.fromkeys([*(reason.text for reason in whole), *each])),
        tuple(map(str, left)),
        folder,
    )


def _paths_of(source: Path) -> tuple[list[str], Path]:
    """The files' paths relative to their folder, and the folder."""
    if source.is_file():
        return [source.name], source.parent
    if not source.is_dir():
        raise DataError("no such file or folder", where=str(source))
    files = (
        p.relative_to(source)
        for p in source.rglob("*")
        if p.is_file() and p.name.lower().endswith(SUFFIXES)
    )
    return sorted(
        p.as_posix() for p in files if not any(q.startswith(".") for q in p.parts)
    ), source


def _look_at(paths: Sequence[str], folder: Path, left: list[LeftOut]) -> list[InferredFile]:
    """What each file holds; of very many, of one in a few."""
    names = infer_names(paths, folder=folder.resolve().name)
    made: list[InferredFile] = []
    for where in paths[:: _stride(paths)]:
        try:
            contents, omitted = look(preview(folder / where, where), names[where])
        except FadeFollowError as error:
            left.append(LeftOut(where, error.summary))
        else:
            made += contents
            left += omitted
    return made


def _stride(paths: Sequence[str]) -> int:
    return max(-(-len(paths) // MOST_FILES), 1)


def _tried(
    files: list[InferredFile], paths: Sequence[str], root: Path
) -> tuple[list[InferredEntry], list[Reason], list[LeftOut]]:
    """The entries that an import takes, doubts about them, and what is left out.

    The whole mapping is tried first. If the import refuses it, each file is tried by itself, and
    is mended, or left out with the reason.
    """
    kept, left = _chosen(files)
    entries = entries_of(kept, paths)
    if not entries or refusal(text_of(entries, "trial"), root) is None:
        return entries, [], left
    bar = max(bar_size(f.time.bar) for f in kept if f.is_bars and f.time.bar)
    fit, refused = _fit(files, root, bar)
    kept, left = _chosen(fit)
    entries = entries_of(kept, paths)
    error = refusal(text_of(entries, "trial"), root) if entries else None
    if error is not None:
        entries = entries_of(_joined(kept, paths, root, bar), paths)
        error = refusal(text_of(entries, "trial"), root)
    doubts = [doubt(f"an import still refuses it: {_message(error, root)}")] if error else []
    return entries, doubts, [*refused, *left]


def _chosen(files: Sequence[InferredFile]) -> tuple[list[InferredFile], list[LeftOut]]:
    """The files of which each coin takes its streams, and what is left out."""
    left: list[LeftOut] = []
    return with_bars(without_doubles(files, left), left), left


def _fit(
    files: Sequence[InferredFile], root: Path, bar: pd.Timedelta
) -> tuple[list[InferredFile], list[LeftOut]]:
    """The files that an import takes one by one, some of them mended, and what is left out."""
    fit, refused = list[InferredFile](), list[LeftOut]()
    for file in files:
        own = refusal_of(file, root, bar)
        in_doubt = own is not None and file.time.naive and own.where.endswith("column time")
        mended = file if own is None else _in_a_zone(file, root, bar) if in_doubt else None
        if mended is not None:
            fit.append(mended)
        elif own is not None:
            message = _message(own, root).replace(f"{file.where}, row", "row")
            refused.append(LeftOut(file.where, f"an import refuses it: {message}"))
    return fit, refused


def _in_a_zone(file: InferredFile, root: Path, bar: pd.Timedelta) -> InferredFile | None:
    """The file with times of a zone in which an import takes it, None if there is none."""
    for zone in _ZONES:
        mended = replace(file, timezone=zone)
        if refusal_of(mended, root, bar) is None:
            text = f"the times have no zone; their clock changes are those of {zone}"
            return with_reason(mended, doubt(text))
    return None


def _joined(
    files: Sequence[InferredFile], paths: Sequence[str], root: Path, bar: pd.Timedelta
) -> list[InferredFile]:
    """The files, those of a form that an import takes only one by one with a rule for overlaps."""
    text = 'where two files overlap and differ, the first is used: overlap = "last" changes that'
    forms: dict[object, list[InferredFile]] = {}
    for file in files:
        forms.setdefault(file.form, []).append(file)
    for form, group in forms.items():
        entries = entries_of(group, paths)
        if len(group) > 1 and refusal(text_of(entries, "trial", bar=bar), root):
            mended = [with_reason(replace(file, overlap="first"), doubt(text)) for file in group]
            if not refusal(text_of(entries_of(mended, paths), "trial", bar=bar), root):
                forms[form] = mended
    return [file for group in forms.values() for file in group]


def _message(error: FadeFollowError, root: Path) -> str:
    """An error in one line, without the place of the trial."""
    place = "" if str(root) in error.where else error.where
    return "; ".join(part for part in (error.summary, place, error.hint) if part)


def _grouped(left: Sequence[LeftOut]) -> list[LeftOut]:
    """Files that are left out, grouped by reason."""
    by_reason: dict[str, dict[str, None]] = {}
    for one in left:
        by_reason.setdefault(one.reason, {})[one.where] = None
    return [LeftOut(_few(list(names)), reason) for reason, names in by_reason.items()]


def _few(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
