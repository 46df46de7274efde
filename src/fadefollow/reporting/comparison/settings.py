"""What runs were made of, key by key: data, options, strategies, code and versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fadefollow.reporting.pages.coverage import plain
from fadefollow.reporting.text.formatting import when
from fadefollow.reporting.text.provenance import said
from fadefollow.verdict.model import RunResult

DATA, DATA_FILE = "Data", "The data set's file"
OPTIONS, CODE = "Options", "Signals' code"
COSTS = "Costs"
VERSIONS, LEDGER = "Versions", "Ledger"
#: what is shown where a run does not set a key, or does not have the strategy or signal
UNSET, ELSEWHERE = "not set", ""

#: of so many names that all runs have, only those beyond are shown
_MANY = 8
#: keys that only describe
_WORDS = ("title", "account", "about")

_Flat = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """One key in all runs."""

    group: str  #: e.g. "Data", "Strategy fade_doors"
    key: str
    values: tuple[str, ...]  #: as shown, one a run; empty where the key is not about the run
    differs: bool  #: between the runs that it is about

    @property
    def counted(self) -> bool:
        """Whether it is a setting that somebody chose; words about a strategy are none."""
        return self.group not in (DATA, COSTS, CODE, VERSIONS, LEDGER) and self.key not in _WORDS


def settings(
    runs: Sequence[RunResult], spans: Sequence[tuple[pd.Timestamp, pd.Timestamp] | None]
) -> tuple[Setting, ...]:
    """All keys that at least two runs could have, grouped.

    Args:
        runs: two or more.
        spans: of their bars.
    """
    told = [_told(run, span) for run, span in zip(runs, spans, strict=True)]
    groups = dict.fromkeys(group for one in told for group in one)
    return tuple(
        setting for group in groups for setting in _group(group, [one.get(group) for one in told])
    )


def _group(group: str, told: Sequence[_Flat | None]) -> Iterator[Setting]:
    if sum(one is not None for one in told) < 2:
        return
    for key in dict.fromkeys(key for one in told for key in one or {}):
        # a signal or a coin that a run does not use has no code or costs there
        about = [one is not None and (group not in (CODE, COSTS) or key in one) for one in told]
        if sum(about) < 2:
            continue
        values = [None if one is None else one.get(key) for one in told]
        known = [value for value, there in zip(values, about, strict=True) if there]
        differs = any(value != known[0] for value in known)
        shown = iter(_shown(known))
        yield Setting(group, key, tuple(next(shown) if x else ELSEWHERE for x in about), differs)


def _told(run: RunResult, span: tuple[pd.Timestamp, pd.Timestamp] | None) -> dict[str, _Flat]:
    config = dict(run.config)
    dataset, signals = _table(config, "dataset"), _table(config, "signals")
    strategies, ledger = _table(config, "strategies"), _table(config, "ledger")
    costs = _table(config, "costs")
    run_table, tune_table = _table(config, "run"), _table(config, "tune")
    options = {
        "judging": run_table.pop("settings", None) or tune_table.pop("judging", {}),
        "search": tune_table.pop("settings", {}),
        **config,
        **run_table,
        **tune_table,
    }
    options.pop("dataset", None)  # which DATA has
    found: dict[str, _Flat] = {
        DATA: {
            "data set": run.dataset.get("name"),
            "fingerprint": run.dataset.get("fingerprint"),
            "first bar": None if span is None else when(span[0]),
            "last bar": None if span is None else when(span[1]),
            "coins": list(run.prices),
        },
        OPTIONS: _flat(options),
        DATA_FILE: _flat(_table(dataset, "settings")),
    }
    if costs:
        found[COSTS] = _flat(_table(costs, "coins"))
    for name in dict.fromkeys([*run.strategies, *strategies]):
        found[f"Strategy {name}"] = _flat(said(run, name, _table(strategies, name)))
    found[CODE] = {name.removesuffix(".sha256"): str(v)[:12] for name, v in _flat(signals).items()}
    found[VERSIONS] = {**run.versions, "fadefollow": run.version}
    found[LEDGER] = _flat(ledger)
    return found


def _table(tree: dict[str, Any], key: str) -> dict[str, Any]:
    """A table taken out of a configuration; empty where there is none."""
    if not isinstance(tree.get(key), Mapping):
        return {}
    return dict(tree.pop(key))


def _flat(tree: Any, prefix: str = "") -> _Flat:
    """Leaves by dotted key; a list of tables is counted through, other lists are one value."""
    rows: _Flat = {}
    inner = tree.items() if isinstance(tree, Mapping) else enumerate(tree, start=1)
    for key, value in inner:
        name = f"{prefix}{key}"
        tables = isinstance(value, list) and any(isinstance(one, Mapping) for one in value)
        if tables or (isinstance(value, Mapping) and value):
            rows |= _flat(value, f"{name}.")
        else:
            rows[name] = value
    return rows


def _shown(values: Sequence[Any]) -> list[str]:
    """What all say of a key, so that what differs can be seen."""
    lists = [
        set(v) if isinstance(v, list) and all(isinstance(x, str) for x in v) else set()
        for v in values
    ]
    common = set.intersection(*lists)
    if len(common) >= _MANY:
        own = [[x for x in value if x not in common] for value in values]
        some = f"{len(common)} that all have"
        return [f"{some}, and {', '.join(more)}" if more else some for more in own]
    told = [UNSET if value is None else plain(value) or "empty" for value in values]
    # numbers may be the same to six digits only
    return [repr(v) for v in values] if len(set(told)) < len(set(map(repr, values))) else told
