"""Statistics that turn trades into verdicts (docs/verdict.md).

`judge` gives the verdicts of a run and `event_study` the paths around its phases. The rest are
their parts, each in a module of its own.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fadefollow.verdict.api import (
        MIN_BLOCKS,
        EventStudy,
        JudgeSettings,
        NotTraded,
        PnlSplit,
        RunResult,
        StanceResult,
        Verdict,
        daily_pnl,
        event_study,
        judge,
        max_drawdown,
        p_error,
        sharpe,
    )

__all__ = [
    "MIN_BLOCKS",
    "EventStudy",
    "JudgeSettings",
    "NotTraded",
    "PnlSplit",
    "RunResult",
    "StanceResult",
    "Verdict",
    "daily_pnl",
    "event_study",
    "judge",
    "max_drawdown",
    "p_error",
    "sharpe",
]


def __getattr__(name: str) -> Any:
    # who needs one module of the room does not wait for all of them
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from fadefollow.verdict import api

    return getattr(api, name)
