"""Upper bounds of options; more would exhaust memory or time."""

from __future__ import annotations

#: replicates of a placebo or bootstrap
MOST_DRAWS = 1_000_000
#: smallest edge worth trading, bps
MOST_BPS = 10_000.0
#: a seed that every file and library can hold
MOST_SEED = 2**63 - 1
#: trials of a search in each fold
MOST_TRIALS = 1_000_000
#: folds, parts of the past, trials asked at once, coins of a lab
MOST_PARTS = 10_000
#: processes
MOST_JOBS = 4096
#: of each coin in a check
MOST_DAYS = 36_500
