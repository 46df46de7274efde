"""The options of a tuning job, checked before any data is read."""

from __future__ import annotations

from typing import Any, get_args

from fadefollow.engine.model import BOOKS
from fadefollow.engine.strategy import Strategy
from fadefollow.errors import ParameterError, unknown
from fadefollow.phases import STANCES
from fadefollow.tuning.model import OBJECTIVES, Sampler, TuneSettings, Window
from fadefollow.tuning.samplers import SEVERAL


def tune_settings(
    strategy: Strategy,
    *,
    stance: str | None = None,
    book: str = "outright",
    objective: str = "t",
    window: str = "expanding",
    sampler: str = "tpe",
    **numbers: Any,
) -> TuneSettings:
    """Checked tuning settings from the command's options.

    Args:
        strategy: whose claim is the stance unless one is given.
        stance: fade or follow.
        book: whose returns are scored, outright or hedged.
        objective: one or two names, separated by a comma.
        window, sampler: by name.
        numbers: the other fields of `TuneSettings`.

    Raises:
        UnknownNameError: a name that there is not.
        ParameterError: choices that do not go together, or a stance that must be given.
    """
    if stance is None:
        if strategy.claim == "disputed":
            raise ParameterError(
                "--stance is needed for a strategy whose claim is disputed",
                got=f"claim disputed in {strategy.name}",
                hint="--stance fade, or --stance follow",
            )
        stance = strategy.claim
    objectives = tuple(part.strip() for part in objective.split(","))
    for kind, name, known in (
        ("stance", stance, STANCES),
        ("book", book, BOOKS),
        ("window", window, get_args(Window)),
        ("sampler", sampler, get_args(Sampler)),
        *(("objective", name, tuple(OBJECTIVES)) for name in objectives),
    ):
        if name not in known:
            raise unknown(kind, name, known)
    if len(objectives) > 2 or len(set(objectives)) < len(objectives):
        raise ParameterError("--objective takes one name or two different ones", got=objective)
    if len(objectives) > 1 and sampler not in SEVERAL:
        raise ParameterError(
            f"sampler {sampler} takes one objective",
            got=objective,
            hint=f"--sampler {', '.join(sorted(SEVERAL))}",
        )
    named: dict[str, Any] = {
        "stance": stance,
        "book": book,
        "objectives": objectives,
        "window": window,
        "sampler": sampler,
    }
    return TuneSettings(**named, **numbers)
