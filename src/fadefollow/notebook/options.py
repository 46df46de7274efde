"""The options that the functions of `import fadefollow as ff` take by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

#: one name, several, or several in one text separated by commas
Names = str | Sequence[str]


class DataKeywords(TypedDict, total=False):
    """Which data of a data set; None is as if absent."""

    symbols: Names | None  #: only these coins
    since: str | None  #: first day or time, UTC
    until: str | None  #: last day or time, UTC
    universe: int | str | None  #: so many coins, the largest
    revised: bool | None  #: every record in its last vintage, a look-ahead
    accept: Names | None  #: codes of findings that may pass
    open_holdout: bool | None  #: show what is held out, which is recorded


class JudgingKeywords(TypedDict, total=False):
    """How a run is judged; None is the workspace's setting."""

    seed: int | None
    placebo_draws: int | None
    bootstrap_draws: int | None
    smallest_bps: float | None  #: the smallest edge worth trading
    missing_funding: Literal["error", "skip"] | None


class RunKeywords(DataKeywords, JudgingKeywords, total=False):
    """The options of `ff.run`."""

    fragility: bool | None  #: judge under changed assumptions, too
    params: Mapping[str, Any] | None  #: of the signals, in place of those of the strategies' files
    hold_hours: float | None  #: the longest holding time, likewise
    trade: Mapping[str, Any] | None  #: further settings of `[trade]`, likewise


class StudyKeywords(JudgingKeywords, total=False):
    """The options of `ff.study`."""

    name: str | None  #: of the study; by default `study`
    bar: str | None  #: size of a bar; by default the smallest distance between two
    trade: Mapping[str, Any] | None  #: further settings of `[trade]`: stop, target, leverage, …
    costs: Mapping[str, Any] | None  #: as a `[costs]` table: taker_fee_bps, slippage_bps, …
    built_up_hours: float | None  #: placebos are shifted by more than that; by default 24
    accept: Names | None  #: codes of findings that may pass
    report: bool | None  #: write the report below the runs


class SweepKeywords(DataKeywords, JudgingKeywords, total=False):
    """The options of `ff.sweep`."""


class TuneKeywords(DataKeywords, total=False):
    """The options of `ff.tune`, those of `fadefollow tune`."""

    stance: Literal["fade", "follow"] | None
    book: Literal["outright", "hedged"] | None
    objective: str | None
    window: Literal["expanding", "rolling"] | None
    sampler: Literal["tpe", "cmaes", "qmc", "random", "nsga2"] | None
    inner: int | None
    min_trades: int | None
    pruning: bool | None
    batch: int | None
    seed: int | None
    smallest_bps: float | None
    missing_funding: Literal["error", "skip"] | None
    storage: str | None
    study: str | None
    fresh: bool | None
    jobs: int | None
    cluster: str | None


class ScanKeywords(DataKeywords, total=False):
    """The options of `ff.scan`, those of `fadefollow scan`."""

    history: str | None
    live: bool | None
    venue: str | None
    top: int | None
    days: int | None


def names(given: Names | None) -> tuple[str, ...] | None:
    """Names as a tuple; text is cut at its commas."""
    if isinstance(given, str):  # a word is a sequence of letters, which nobody means
        return tuple(part.strip() for part in given.split(",") if part.strip())
    return None if given is None else tuple(given)


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without those that are None, lists of names as tuples."""
    found = {name: value for name, value in options.items() if value is not None}
    return {k: names(v) if k in ("symbols", "accept") else v for k, v in found.items()}
