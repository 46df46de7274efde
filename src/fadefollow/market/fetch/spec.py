"""The data set that a fetch fills: a TOML in `datasets/`, written where there is none."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from fadefollow.core.atomic_file import write_whole
from fadefollow.errors import ParameterError, StoreError, unknown
from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.datasets.spec import DatasetSpec, load_spec
from fadefollow.market.fetch.venues import VENUES, Venue
from fadefollow.market.names import check_dataset_name

ArchiveName = Literal["binance-archive", "coinmetrics"]
#: where data comes from that is no venue
ARCHIVES: tuple[ArchiveName, ...] = ("binance-archive", "coinmetrics")
_NEW = re.compile(r"[a-z][a-z0-9_]{0,63}")

_TOML = """\
# {title} through ccxt; what it gives: docs/venues.md
#   fadefollow data fetch {venue}{option} BTC ETH --since 2021-01-01
title = "{title}, bars of {bar}"
source = "fetch"
venue = "{venue}"
bar = "{bar}"

# Venues publish the statistics of a moment some minutes later.
[publication_lag_hours]
open_interest = 0.25
long_short = 0.25
"""


def fetch_spec(folder: Path, name: str, bar: str | None = None) -> tuple[str, DatasetSpec]:
    """The data set that `data fetch NAME --bar BAR` fills.

    Args:
        folder: the workspace's `datasets/`.
        name: a data set with `source = "fetch"`, or a venue.
        bar: size of the bars; by default that of the data set. A venue's bars of another size are
            a data set of their own, as `binance_5min`, whose TOML is written if there is none.

    Returns:
        The data set's name and what its TOML says.

    Raises:
        UnknownNameError: neither a data set nor a venue.
        ParameterError: the data set is not one to fetch, or has bars of another size; a name that
            none can have.
        StoreError: its TOML cannot be written.
    """
    size = None if bar is None else bar_size(bar)
    path = folder / f"{check_dataset_name(name)}.toml"
    if not path.exists() and name not in VENUES:
        known = [p.stem for p in folder.glob("*.toml") if load_spec(p).source == "fetch"]
        raise unknown("venue, archive or data set to fetch", name, {*known, *VENUES, *ARCHIVES})
    if not path.exists():
        return name, _written(path, VENUES[name], bar_text(size) if size else "1h")
    spec = load_spec(path)
    if spec.source != "fetch":
        raise ParameterError('the data set must have source = "fetch"', got=spec.source, where=name)
    if size is None or size == spec.bar:
        return name, spec
    if name not in VENUES:
        raise ParameterError(
            f"--bar must be {bar_text(spec.bar)}, as in the data set",
            got=bar_text(size),
            where=name,
        )
    return _of_bar(folder, VENUES[name], bar_text(size))


def archive_named(name: str) -> ArchiveName:
    """The archive of that name."""
    return next(archive for archive in ARCHIVES if archive == name)


def archive_spec(
    folder: Path, archive: ArchiveName, into: str, bar: str | None = None
) -> tuple[str, DatasetSpec]:
    """The data set that an archive's data goes into.

    Args:
        folder: the workspace's `datasets/`.
        archive: Binance's archive goes into data sets of Binance; Coin Metrics' flows of coins go
            into those of any venue.
        into: its name; its TOML is written if there is none.
        bar: size of the bars; by default that of the data set.

    Returns:
        The data set's name and what its TOML says.

    Raises:
        ParameterError: the data set is not one to fetch, is of another venue, or has bars of
            another size; a name that none can have.
        StoreError: its TOML cannot be written.
    """
    path = folder / f"{check_dataset_name(into)}.toml"
    if into in VENUES or path.exists():
        name, spec = fetch_spec(folder, into, bar)
    else:
        if not _NEW.fullmatch(into):
            rule = "the name of a new data set must be lower-case letters, digits and _"
            raise ParameterError(rule, got=repr(into))
        size = bar_text(bar_size(bar)) if bar else "1h"
        name, spec = into, _written(path, VENUES["binance"], size)
    if archive == "binance-archive" and spec.venue != "binance":
        raise ParameterError(
            "the venue of a data set for Binance's archive must be binance",
            got=spec.venue,
            where=name,
            hint="choose another data set with --into",
        )
    return name, spec


def _of_bar(folder: Path, venue: Venue, bar: str) -> tuple[str, DatasetSpec]:
    """The data set of a venue's bars of one size, as `binance_5min`."""
    name = f"{venue.name}_{bar}"
    path = folder / f"{name}.toml"
    return name, load_spec(path) if path.exists() else _written(path, venue, bar)


def dataset_toml(venue: Venue, bar: str = "1h") -> str:
    """The TOML of a venue's data set."""
    option = "" if bar == "1h" else f" --bar {bar}"
    return _TOML.format(title=venue.title, venue=venue.name, bar=bar, option=option)


def _written(path: Path, venue: Venue, bar: str) -> DatasetSpec:
    try:
        write_whole(path, dataset_toml(venue, bar).encode())
    except OSError as error:
        raise StoreError(
            "cannot write to the workspace",
            got=error.strerror,
            where=str(path),
            hint="make one of your own with `fadefollow init DIR`",
        ) from error
    return load_spec(path)
