"""Calibration: how often the verdict itself is right, measured on markets whose truth is known.

`design` says which markets are made, `world` judges one of them, `notebook` keeps what was judged,
`calibrate` runs and resumes the work, `summary` counts.
"""

from fadefollow.verdict.calibration.calibrate import calibrate
from fadefollow.verdict.calibration.design import STRATEGIES, Arm, Design, families_of
from fadefollow.verdict.calibration.results_log import NOTEBOOK, Notebook
from fadefollow.verdict.calibration.summary import Calibration, CalibrationError, summarise

__all__ = [
    "NOTEBOOK",
    "STRATEGIES",
    "Arm",
    "Calibration",
    "CalibrationError",
    "Design",
    "Notebook",
    "calibrate",
    "families_of",
    "summarise",
]
