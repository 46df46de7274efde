"""The data set that a fetch fills: a TOML in `datasets/`, written where there is none."""

from __future__ import annotations

from pathlib import Path

from fadefollow.errors import ParameterError, StoreError, unknown
from fadefollow.market.bars import bar_size, bar_text
from fadefollow.market.fetch.venues import VENUES, Venue
from fadefollow.market.spec import DatasetSpec, load_spec

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
        ParameterError: the data set is not one to fetch, or has bars of another size.
        StoreError: its TOML cannot be written.
    """
    size = None if bar is None else bar_size(bar)
    path = folder / f"{name}.toml"
    if not path.exists() and name not in VENUES:
        known = [p.stem for p in folder.glob("*.toml") if load_spec(p).source == "fetch"]
        raise unknown("data set to fetch, or venue,", name, {*known, *VENUES})
    if not path.exists():
        return name, _written(path, VENUES[name], bar_text(size) if size else "1h")
    spec = load_spec(path)
    if spec.source != "fetch":
        raise ParameterError('the data set must say source = "fetch"', got=spec.source, where=name)
    if size is None or size == spec.bar:
        return name, spec
    if name not in VENUES:
        raise ParameterError(
            "--bar must be that of the data set",
            got=f"{bar_text(size)}, it has {bar_text(spec.bar)}",
            where=name,
        )
    return _of_bar(folder, VENUES[name], bar_text(size))


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
        path.write_text(dataset_toml(venue, bar), "utf-8")
    except OSError as error:
        raise StoreError(
            "the workspace must be writable", got=error.strerror, where=str(path),
            hint="make one of your own with `fadefollow init DIR`",
        ) from error  # fmt: skip
    return load_spec(path)
