"""What `fadefollow.verdict` offers by name; loaded when the first of them is asked for."""

from fadefollow.verdict.correction.maxt import p_error
from fadefollow.verdict.estimates.daily import daily_pnl
from fadefollow.verdict.estimates.metrics import max_drawdown, sharpe
from fadefollow.verdict.judging import judge
from fadefollow.verdict.model import (
    EventStudy,
    NotTraded,
    PnlSplit,
    RunResult,
    StanceResult,
    Verdict,
)
from fadefollow.verdict.settings import MIN_BLOCKS, JudgeSettings
from fadefollow.verdict.study import event_study

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
