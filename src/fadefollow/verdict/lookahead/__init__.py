"""`fadefollow check`: can what a signal says of the past be trusted?

`check_strategy` gives a `CheckReport`. Its parts: other futures (`futures`), what a signal says of
them (`answers`), look-ahead and its witness (`lookahead`), repeatability (`steady`, `elsewhere`,
`anew`), opened files (`files`), idle parameters (`idle`).
"""

from fadefollow.verdict.lookahead.check import CheckSettings, check_strategy, sample_markets
from fadefollow.verdict.lookahead.report import CheckError, CheckReport, Fault

__all__ = [
    "CheckError",
    "CheckReport",
    "CheckSettings",
    "Fault",
    "check_strategy",
    "sample_markets",
]
