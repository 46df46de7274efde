"""What a signal is and what it returns: the contract, its table of phases, shared features."""

from fadefollow.phases.detect import detect_checked, detect_coins, detect_signals
from fadefollow.phases.table import (
    COLUMNS,
    STANCES,
    Marks,
    Param,
    Phases,
    Signal,
    Stance,
)

__all__ = [
    "COLUMNS",
    "STANCES",
    "Marks",
    "Param",
    "Phases",
    "Signal",
    "Stance",
    "detect_checked",
    "detect_coins",
    "detect_signals",
]
