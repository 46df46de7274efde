"""Data request: which data a job is asked to look at, from the command line to the opened data set.

Fetch request: which records to fetch from a venue or an archive into a data set of the store.

A new option of data is a field here, its declaration in `fadefollow.cli.options`, and what it does
where the data set is opened.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import pandas as pd

from fadefollow.core.utc import as_utc
from fadefollow.errors import ParameterError

#: in the place of `opened_by`, what a user says and a run's config.toml keeps
OPEN_HOLDOUT = "open_holdout"
#: years that times may lie in: nanoseconds since 1970 end in 2262
_FIRST_YEAR, _LAST_YEAR = 1970, 2262


@dataclass(frozen=True, kw_only=True)
class DataRequest:
    """Which data of a data set a job is asked to look at.

    Attributes:
        dataset: its name; None: the workspace's default one.
        symbols: only these coins, in this order; None: all.
        since: leave out bars that open before this day or time; UTC where it has no zone.
        until: leave out bars that close after this time, or after the end of this day.
        opened_by: the command that opens the holdout, which is recorded before anything is shown;
            None: it stays closed.
        accept: codes of findings that may pass the gate.
        universe: so many coins, the largest; or a rule in one line, such as
            `20-100,age=30-,perp_to_spot=3-`, see `market.asof.universe_rule.combined_rule`; 0 for
            all; None: what the data set's `[universe]` says. It is formed among all coins and from
            all that was known before, whatever coins and range are asked for.
        revised: take every record in its last vintage, as nobody knew it at the time, instead of
            the first, and revisions from when they were known.
        strict: stop at any coin that cannot be trusted instead of leaving it out.
    """

    dataset: str | None = None
    symbols: tuple[str, ...] | None = None
    since: str | None = None
    until: str | None = None
    opened_by: str | None = None
    accept: tuple[str, ...] | None = None
    universe: int | str | None = None
    revised: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        if self.symbols is not None:
            normal = tuple(unicodedata.normalize("NFC", coin) for coin in self.symbols)
            object.__setattr__(self, "symbols", normal)

    @classmethod
    def split(
        cls, options: Mapping[str, Any], *, command: str
    ) -> tuple[DataRequest, dict[str, Any]]:
        """The request in a job's options as a user writes them, and the options that are left.

        Args:
            options: by name; `open_holdout` stands for `opened_by`.
            command: the job's, which opens the holdout where that is asked for.
        """
        known = {name: options[name] for name in _OPTIONS if name in options}
        opened = known.pop(OPEN_HOLDOUT, False)
        others = {name: value for name, value in options.items() if name not in _OPTIONS}
        return cls(**known, opened_by=command if opened else None), others

    @property
    def start(self) -> pd.Timestamp | None:
        """`since` as a time, UTC; ParameterError where it is none."""
        return time_of(self.since, "--since")

    @property
    def end(self) -> pd.Timestamp | None:
        """`until` as a time, UTC; ParameterError where it is none."""
        return time_of(self.until, "--until")

    def record(self) -> dict[str, Any]:
        """The options as a user writes them and a run's config.toml keeps them."""
        kept = asdict(self)
        kept[OPEN_HOLDOUT] = kept.pop("opened_by") is not None
        return kept


#: the names of a request's options
_OPTIONS = tuple(
    OPEN_HOLDOUT if field.name == "opened_by" else field.name for field in fields(DataRequest)
)


@dataclass(frozen=True)
class FetchRequest:
    """Which records to fetch from a venue or an archive.

    Attributes:
        coins: names such as `BTC`.
        since: start of the range; UTC where it has no zone.
        until: end of the range, excluded; UTC where it has no zone; None: as far as the source
            goes.
        streams: only these, in any order; empty: those that the data set or the source declares.
    """

    coins: Sequence[str]
    since: pd.Timestamp
    until: pd.Timestamp | None = None
    streams: Sequence[str] = ()

    @property
    def start(self) -> pd.Timestamp:
        """`since`, UTC."""
        return as_utc(self.since).as_unit("ns")

    @property
    def end(self) -> pd.Timestamp | None:
        """`until`, UTC."""
        return None if self.until is None else as_utc(self.until).as_unit("ns")


def time_of(text: str | None, option: str) -> pd.Timestamp | None:
    """A day or a time as a user writes it, UTC; a day after `--until` is the last one that is in.

    Raises:
        ParameterError: it is neither, or in no year of which there could be data; the message
            names the option.
    """
    if text is None:
        return None
    stamp = pd.to_datetime(text, errors="coerce")
    if pd.isna(stamp):
        raise ParameterError(f"{option} must be a day or a time", got=repr(text), hint="2021-04-01")
    if option == "--until" and re.fullmatch(r"\d{4}-\d{2}-\d{2}", text.strip()):
        stamp += pd.Timedelta(days=1)  # the day named is the last one that is in
    if not _FIRST_YEAR <= stamp.year < _LAST_YEAR:
        rule = f"{option} must lie between {_FIRST_YEAR} and {_LAST_YEAR}"
        raise ParameterError(rule, got=repr(text), hint="2021-04-01")
    return as_utc(stamp).as_unit("ns")
