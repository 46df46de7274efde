"""Inputs of a repeated run that differ from the stored ones: data, code, versions, files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fadefollow.engine.costs import all_resolved, cost_settings, pinned
from fadefollow.errors import FadeFollowError, UnknownNameError
from fadefollow.jobs.provenance import CODE
from fadefollow.jobs.rerun_config import Recipe
from fadefollow.jobs.run import RunOptions, with_smallest
from fadefollow.results.diff import leaves
from fadefollow.verdict.model import RunResult
from fadefollow.workspace import Workspace

#: what there is none of
NONE = "–"
#: of a hash that is shown
_DIGITS = 12


@dataclass(frozen=True)
class Input:
    """What a run is made of, where it is another than it was."""

    what: str  #: e.g. "data fingerprint"
    then: str
    now: str
    informational: bool = False  #: it has changed in the workspace, but the repeat did not use it


def inputs_changed(recipe: Recipe, made: RunResult) -> tuple[Input, ...]:
    """What the repeat was made of and the run was not.

    Args:
        recipe: of the run.
        made: the repeat.
    """
    return tuple(_inputs(recipe, made))


def files_changed(workspace: Workspace, recipe: Recipe) -> tuple[Input, ...]:
    """Where the workspace's strategy files say something else than those that the run had."""
    return tuple(one for name in recipe.strategies for one in _file(workspace, recipe, name))


def signals_changed(workspace: Workspace, recipe: Recipe) -> tuple[str, ...]:
    """The signals whose module has changed or is gone."""
    return tuple(name for name, old in recipe.signals.items() if _code(workspace, name) != old)


def _inputs(recipe: Recipe, made: RunResult) -> Iterator[Input]:
    data, code = made.config["dataset"], made.config["signals"]
    if data["fingerprint"] != recipe.fingerprint:
        yield Input("data fingerprint", recipe.fingerprint, data["fingerprint"])
    where = f"datasets/{recipe.options.data.dataset}.toml"
    then, now = _without_costs(recipe.dataset), _without_costs(data["settings"])
    yield from _unlike(f"{where}, ", then, now)
    yield from _costs(where, recipe, data["settings"])
    for name, old in recipe.signals.items():
        new = code.get(name, {}).get("sha256", NONE)
        if new != old:
            yield Input(f"code of signals/{name}.py", old[:_DIGITS], new[:_DIGITS])
    for package in dict.fromkeys([*recipe.versions, *made.versions]):
        old, new = (side.get(package, NONE) for side in (recipe.versions, made.versions))
        if old != new:
            yield Input(package if package == CODE else f"version of {package}", old, new)
    if recipe.known is None:
        yield Input(
            "trials that Sharpe ratios are deflated by", "not in the folder", "those known now"
        )


def _costs(where: str, recipe: Recipe, settings: Mapping[str, Any]) -> Iterator[Input]:
    """Where costs are others now; a run that kept its own is repeated with those."""
    old, new = (side.get("costs", {}) for side in (recipe.dataset, settings))
    if recipe.costs is None:
        yield from _unlike(f"{where}, costs.", old, new)
        return
    coins = recipe.costs.coins
    present = all_resolved(coins, cost_settings(new, where=f"{where}, [costs]"))
    sides = (
        {coin: one.model_dump(mode="json", exclude_none=True) for coin, one in side.coins.items()}
        for side in (recipe.costs, present)
    )
    yield from _unlike("costs of ", *sides, informational=True)


def _without_costs(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key != "costs"}


def _file(workspace: Workspace, recipe: Recipe, name: str) -> Iterator[Input]:
    what = f"strategies/{name}.toml"
    try:
        present = workspace.strategy(name)
        present = present.model_copy(update={"costs": pinned(present.costs)})
    except UnknownNameError:
        gone = name not in workspace.names("strategies")
        yield Input(what, "there", "gone" if gone else "not valid", informational=True)
        return
    except FadeFollowError:
        yield Input(what, "there", "not valid", informational=True)
        return
    params = workspace.detector(present).model_dump(mode="json")
    options = recipe.options
    judging = options.settings if isinstance(options, RunOptions) else options.judging
    then, now = (
        with_smallest(one, judging, asked=options.smallest_bps).model_dump(mode="json")
        for one in (recipe.strategies[name], present)
    )
    now["params"] = params
    if isinstance(options, RunOptions):  # which searches nothing
        del now["search"], then["search"]
    yield from _unlike(f"{what}, ", then, now, informational=True)


def _unlike(
    what: str, then: Mapping[str, Any], now: Mapping[str, Any], *, informational: bool = False
) -> Iterator[Input]:
    """The values that differ, by their dotted keys."""
    old, new = ({k: _text(v) for k, v in leaves(side).items()} for side in (then, now))
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key, NONE), new.get(key, NONE)
        if before != after:
            yield Input(f"{what}{key}", before, after, informational)


def _text(value: Any) -> str:
    return NONE if value is None else str(value)


def _code(workspace: Workspace, signal: str) -> str:
    try:
        path = workspace.root.joinpath("signals", *signal.split(".")).with_suffix(".py")
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return NONE
