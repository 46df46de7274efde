"""Trials of a run for the ledger, and its Sharpe ratios deflated by all known trials."""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from fadefollow.core.utc import stamp
from fadefollow.engine.strategy import Strategy
from fadefollow.market.datasets.dataset import Dataset
from fadefollow.phases import Signal
from fadefollow.verdict.correction.overfit import TrackRecord, deflated_sharpe
from fadefollow.verdict.estimates.metrics import DAYS_A_YEAR
from fadefollow.verdict.model import NotTraded, StanceResult, Verdict
from fadefollow.workspace.trial_ledger import Known, Trial


def configuration(
    strategy: Strategy, signal: Signal, *, market: Mapping[str, Any], **choices: Any
) -> str:
    """A hash of everything that decides a strategy's trades.

    Args:
        strategy: its phases, trade rules, coins and costs count, its name and words do not.
        signal: its parameters count, filled in, and the code of its module, but no comment.
        market: what of the data set counts: coins and costs.
        choices: what else was chosen, as plain values: the range asked for, and the like.

    Returns:
        16 hexadecimal digits.
    """
    rules = strategy.traded()
    del rules["params"]  # those of the signal are filled in
    told = {
        "strategy": rules,
        "signal": {"code": code_of(signal), "params": signal.model_dump(mode="json")},
        "market": market,
        "choices": choices,
    }
    text = json.dumps(told, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def market_of(dataset: Dataset) -> dict[str, Any]:
    """The part of a data set that a configuration depends on: coins, costs, universe, vintages."""
    told: dict[str, Any] = {"symbols": sorted(dataset.symbols), "costs": dataset.costs}
    if dataset.universe is not None:
        told["universe"] = dataset.universe.rule.words
    if dataset.implied_funding:
        told["implied_funding"] = True
    if dataset.revised and dataset.revisions:
        told["revised"] = True
    return told


def trials_of(
    verdicts: Sequence[Verdict],
    configurations: Mapping[str, str],
    *,
    dataset: Dataset,
    command: str,
    time: pd.Timestamp,
) -> list[Trial]:
    """Trials of a run's verdicts: every stance in every book that was looked at.

    Splits are views of the same trades and count no trial.

    Args:
        verdicts: of the run.
        configurations: by strategy, see `configuration`.
        dataset: what it ran on.
        command: what asked for it.
        time: of the evaluation.
    """
    seen = max(market.index[-1] + market.bar for market in dataset.markets.values())
    return [
        Trial(
            dataset=dataset.name,
            fingerprint=dataset.fingerprint,
            configuration=configurations[verdict.strategy],
            strategy=verdict.strategy,
            phase=verdict.phase,
            stance=stance,
            book=book,
            daily_sharpe=daily_sharpe(result),
            seen_until=stamp(seen),
            time=stamp(time),
            command=command,
        )
        for verdict in verdicts
        if verdict.split is None
        for (stance, book), result in verdict.results.items()
    ]


def deflate(verdicts: Sequence[Verdict], known: Known) -> tuple[Verdict, ...]:
    """The verdicts with deflated Sharpe ratios: each stance and book, by all trials on the data."""
    return tuple(
        replace(
            v,
            fade=_deflated(v.fade, known),
            follow=_deflated(v.follow, known),
            hedged={stance: _deflated(one, known) for stance, one in v.hedged.items()},
        )
        for v in verdicts
    )


def known_by(dataset: Dataset) -> tuple[str, str | None]:
    """How the ledger recognises a data set: by its fingerprint, and if it is real by its name.

    History that was imported again and has grown has been searched before; a lab with another
    seed is another market.
    """
    return dataset.fingerprint, None if dataset.simulated else dataset.name


def daily_sharpe(result: StanceResult) -> float:
    """The stance's Sharpe ratio per day, as the ledger keeps it and deflation takes it."""
    return result.sharpe / math.sqrt(DAYS_A_YEAR)


def _deflated(result: StanceResult | NotTraded, known: Known) -> StanceResult | NotTraded:
    if isinstance(result, NotTraded):
        return result
    chance = math.nan
    if known.count and math.isfinite(result.sharpe) and math.isfinite(result.daily_kurtosis):
        record = TrackRecord(
            result.n_days, daily_sharpe(result), result.daily_skew, result.daily_kurtosis
        )
        chance = deflated_sharpe(record, n_trials=known.count, variance=known.variance)
    return replace(result, deflated_sharpe=chance, n_trials_known=known.count)


def code_of(signal: Signal) -> str:
    """The signal's module and those of its package that it imports, without comments and layout."""
    files = modules_of(signal)
    return "\n".join(_bare(files[module].read_text("utf-8")) for module in sorted(files))


def modules_of(signal: Signal) -> dict[str, Path]:
    """The files of the signal's module and of those of its package that it imports, by name."""
    name = type(signal).__module__
    package, seen, open_ = name.rpartition(".")[0] or name, dict[str, Path](), [name]
    while open_:
        module = open_.pop()
        origin = getattr(sys.modules.get(module), "__file__", None)
        if module in seen or not origin:
            continue
        seen[module] = Path(origin)
        imported = _imports(_bare(seen[module].read_text("utf-8")))
        open_.extend(found for found in imported if found.startswith(package + "."))
    return seen


@functools.lru_cache(maxsize=64)
def _imports(code: str) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.extend([node.module, *(f"{node.module}.{alias.name}" for alias in node.names)])
    return tuple(found)


@functools.lru_cache(maxsize=64)
def _bare(code: str) -> str:
    return ast.unparse(ast.parse(code))
