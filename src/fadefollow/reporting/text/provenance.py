"""How a run was made: its settings and versions as tables, the commands that make it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fadefollow.reporting.pages.coverage import plain
from fadefollow.verdict.model import RunResult


def making(run: RunResult) -> dict[str, list[tuple[str, str]]]:
    """Tables of key and value by title: how the run was made."""
    seconds = [(k, f"{v:.2f}\u202fs") for k, v in run.seconds.items()]
    apart = ("strategies", "costs")  # the costs have a table of their own
    config = {key: value for key, value in run.config.items() if key not in apart}
    given = run.config.get("strategies", {})
    named = given if isinstance(given, Mapping) else {}
    if not named:
        config = dict(run.config)
    names = dict.fromkeys([*run.strategies, *named])
    tables = {
        "Configuration": _flat(config),
        **{f"Strategy {name}": _flat(said(run, name, named.get(name, {}))) for name in names},
        "Versions": [("fadefollow", run.version), *_flat(run.versions)],
        "Time taken": seconds,
    }
    return {title: rows for title, rows in tables.items() if rows}


def said(run: RunResult, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a strategy's file said, filled in by its configuration, without its signal's story."""
    both = {**run.strategies.get(name, {}), **given}
    apart = ("signal_about", "phase_about")
    return {key: value for key, value in both.items() if key not in apart}


def not_looked_for(run: RunResult) -> tuple[str, ...]:
    """A line for each phase that could not be looked for, and what it lacked."""
    return tuple(
        f"{outer}: {inner} could not be looked for; missing: {', '.join(streams)}"
        for outer, parts in run.missing.items()
        for inner, streams in parts.items()
    )


def _flat(tree: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            rows += _flat(value, f"{name}.")
        else:
            rows.append((name, plain(value)))
    return rows
