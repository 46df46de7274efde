"""Calibration of watched claims: how often a word is wrong, how long it takes, false alarms.

`design` says which markets are made and for how long claims are watched on them; `market` makes one
of them. `worth` says what its trades were worth, `blocks` sums them by claim, `records` answers the
claims with known edges, `planted` plants such edges in the market. `log` keeps what came of it,
`calibrate` runs and resumes the work, `summary` counts.
"""

from fadefollow.verdict.calibration.watching.calibrate import calibrate_watching
from fadefollow.verdict.calibration.watching.design import WatchDesign
from fadefollow.verdict.calibration.watching.log import WATCH_NOTEBOOK, WatchNotebook
from fadefollow.verdict.calibration.watching.summary import WatchArm, WatchCalibration

__all__ = [
    "WATCH_NOTEBOOK",
    "WatchArm",
    "WatchCalibration",
    "WatchDesign",
    "WatchNotebook",
    "calibrate_watching",
]
